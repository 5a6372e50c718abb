"""Editions and domains of a challenge beside each other, of which one part is labelled (CrossMoDA)."""

from phantom import MR, Scan

from layouts.archive import Archive


def write_crossmoda(archive: Archive) -> None:
    """Contrast-enhanced T1 with labels, other patients' T2 without, and a case of the next edition."""
    template = Scan((57, 62, 26), (0.41, 0.41, 1.5), axes="LAS", tilt_deg=5.0)
    for index in range(archive.cases):
        case = f"crossmoda2021_ldn_{1 + 9 * index}"
        scan = archive.fill(template, index, case, (2, 1))
        archive.image(f"source_training/{case}_ceT1.nii.gz", scan, MR, "float32")
        archive.mask(f"source_training/{case}_Label.nii.gz", scan, "float32")
        archive.case(case, case, {1: f"{case}_ceT1.nii.gz"}, scan)
    archive.image("target_training/crossmoda2021_ldn_106_hrT2.nii.gz", template)
    later = archive.fill(template, 0, "2022", (1, 2))
    archive.image("training_source/crossmoda2022_etz_0_ceT1.nii.gz", later)
    archive.mask("training_source/crossmoda2022_etz_0_Label.nii.gz", later)
