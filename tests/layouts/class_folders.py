"""One binary mask file a class, most of them empty (TotalSegmentator)."""

from dataclasses import replace

import numpy as np
from phantom import CT, MR, Look, Scan, Solid

from layouts.archive import Archive
from medvision.sources.totalsegmentator import CT_CLASSES, MR_CLASSES

PRESENT = (
    *("spleen", "kidney_right", "kidney_left", "liver", "stomach", "pancreas", "aorta"),
    *("autochthon_left", "autochthon_right", "vertebrae", "vertebrae_L1"),
)
"""Class files that are not empty, where the release has them; the pancreas file runs on into the stomach's."""
SHARED_SLICES = 2
META = "image_id;age;gender;institute;study_type;split;manufacturer;scanner_model;kvp;pathology;pathology_location"


def write_totalsegmentator(archive: Archive) -> None:
    """The CT and MR zips, each unpacked into a folder of its name; subject ids of both overlap."""
    ct = Scan((62, 59, 36), (1.5, 1.5, 1.5))
    mr = Scan((58, 55, 31), (1.7, 1.7, 3.0), axes="LPS")
    _write_part(archive, "CT", 1, "Totalsegmentator_dataset_v201", "ct.nii.gz", tuple(CT_CLASSES), ct, CT)
    _write_part(archive, "MR", 2, "TotalsegmentatorMRI_dataset_v200", "mri.nii.gz", tuple(MR_CLASSES), mr, MR)


def _write_part(
    archive: Archive,
    group: str,
    task: int,
    release: str,
    image: str,
    classes: tuple[str, ...],
    template: Scan,
    look: Look,
) -> None:
    rows = [META]
    for index in range(archive.cases):
        case = f"s{index:04d}"
        home = f"{release}/{case}"
        labels = [label for label, stem in enumerate(classes, 1) if stem in PRESENT]
        scan = archive.fill(template, index, f"{group} {case}", labels)
        scan, second, shared = _touching(scan, 1 + classes.index("stomach"), 1 + classes.index("pancreas"))
        archive.image(f"{home}/{image}", scan, look)
        merged = scan.labels() if archive.folder is not None else np.zeros(0)
        for label, stem in enumerate(classes, 1):
            binary = merged == label
            if archive.folder is not None and label == second.label:
                binary |= second.mask(scan.shape_ras)
            archive.nifti(f"{home}/segmentations/{stem}.nii.gz", binary.astype(np.uint8), scan)
        flags = ["mask_overlap", *(["suspect"] if (group, index) == ("CT", 1) else [])]
        archive.case(f"{group}/{case}", f"{group}/{case}", {task: f"{case}.nii.gz"}, scan, flags, shared)
        rows.append(f"{case};{50 + index};m;C;abdomen;{'test' if index % 3 == 2 else 'train'};;;;;")
    archive.file(f"{release}/meta.csv", ("\n".join(rows) + "\n").encode("utf-8-sig"))


def _touching(scan: Scan, first: int, second: int) -> tuple[Scan, Solid, int]:
    """The scan with `second` as a box on top of the box `first`; what its own file holds; voxels in both files."""
    by_label = {solid.label: solid for solid in scan.solids}
    below = by_label[first]
    cut = (below.low[2] + below.high[2]) // 2
    lower = replace(below, high=(*below.high[:2], cut), kind="box")
    upper = Solid(second, (*below.low[:2], cut + 1), below.high, "box")
    in_file = replace(upper, low=(*upper.low[:2], cut + 1 - SHARED_SLICES))
    kept = tuple(solid for solid in scan.solids if solid.label not in (first, second))
    shared = SHARED_SLICES * lower.size(0) * lower.size(1)
    return replace(scan, solids=(*kept, lower, upper)), in_file, shared
