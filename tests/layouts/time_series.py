"""A third axis that is time (CAMUS): sequences of 2D frames, single frames of them beside."""

from phantom import MR, Scan, Solid

from layouts.archive import Archive

FRAMES = 14


def write_camus(archive: Archive) -> None:
    """Two views a patient. Label 2, the muscle, lies around label 1, the cavity, on every frame."""
    template = Scan((67, 82, FRAMES), (0.308, 0.308, 1.0), axes="LPS", centred=False)
    for index in range(archive.cases):
        patient = f"patient{1 + index:04d}"
        home = f"database_nifti/{patient}"
        for view in ("2CH", "4CH"):
            case = f"{patient}_{view}"
            scan = template.step(index)
            last = scan.shape_ras[2] - 1
            x, y = archive.random(case).integers(-2, 3, 2).tolist()
            heart = (
                Solid(2, (18 + x, 10 + y, 0), (48 + x, 44 + y, last), "tube", hollow=True),
                Solid(1, (25 + x, 17 + y, 0), (41 + x, 37 + y, last), "tube"),
                Solid(3, (22 + x, 50 + y, 0), (45 + x, 70 + y, last), "box"),
            )
            scan = Scan(scan.shape_ras, scan.spacing_mm, heart, scan.axes, scan.centred)
            archive.image(f"{home}/{case}_half_sequence.nii.gz", scan, MR, "uint8")
            archive.mask(f"{home}/{case}_half_sequence_gt.nii.gz", scan)
            archive.case(case, patient, {1: f"{case}_half_sequence.nii.gz"}, scan)
            frame = Scan((*scan.shape_ras[:2], 1), scan.spacing_mm, axes=scan.axes)
            for phase in ("ED", "ES"):
                archive.image(f"{home}/{case}_{phase}.nii.gz", frame, MR, "uint8")
                archive.mask(f"{home}/{case}_{phase}_gt.nii.gz", frame)
            archive.file(f"{home}/Info_{view}.cfg", f"ED: 1\nES: {last + 1}\nNbFrame: {last + 1}\nSex: F\nAge: 56\n")
    archive.file("database_split/subgroup_training.txt", "patient0001\n")
