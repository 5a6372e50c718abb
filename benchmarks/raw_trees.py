"""Raw trees of empty files under their publishers' names, as large as a full release: for listing and planning alone.

Datasets whose masks planning itself must read (`drop_empty_masks`) are not among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from medvision.sources.totalsegmentator import CT_CLASSES, MR_CLASSES

ORGANS = ("aorta", "gall_bladder", "kidney_left", "kidney_right", "liver", "pancreas", "postcava", "spleen", "stomach")


def _totalsegmentator(count: int) -> Iterator[str]:
    """Two in three are CT, as published."""
    for index in range(count):
        part = index % 3 < 2
        case = (
            f"Totalsegmentator_dataset_v201/s{index:04d}" if part else f"TotalsegmentatorMRI_dataset_v200/s{index:04d}"
        )
        yield f"{case}/{'ct' if part else 'mri'}.nii.gz"
        yield from (f"{case}/segmentations/{name}.nii.gz" for name in (CT_CLASSES if part else MR_CLASSES))


def _abdomenatlas(count: int) -> Iterator[str]:
    for index in range(count):
        case = f"AbdomenAtlas1.0Mini/BDMAP_{index:08d}"
        yield from (f"{case}/ct.nii.gz", f"{case}/combined_labels.nii.gz")
        yield from (f"{case}/segmentations/{name}.nii.gz" for name in ORGANS)


def _abdomenct1k(count: int) -> Iterator[str]:
    """Images and masks in archives apart, which pair by the case alone."""
    for index in range(count):
        yield f"AbdomenCT-1K-ImagePart{1 + index % 3}/Case_{index:05d}_0000.nii.gz"
        yield f"Mask/Case_{index:05d}.nii.gz"


def _brats24(count: int) -> Iterator[str]:
    for index in range(count):
        kind = ("GLI", "GLI", "MET", "PED")[index % 4]
        case = f"BraTS-{kind}-{index:05d}-{100 + index % 3}"
        yield from (f"training/{case}/{case}-{name}.nii.gz" for name in ("t1c", "t1n", "t2f", "t2w", "seg"))


def _kits23(count: int) -> Iterator[str]:
    for index in range(count):
        yield from (f"case_{index:05d}/imaging.nii.gz", f"case_{index:05d}/segmentation.nii.gz")


def _camus(count: int) -> Iterator[str]:
    for index in range(count // 2):
        for view in ("2CH", "4CH"):
            stem = f"database_nifti/patient{index:04d}/patient{index:04d}_{view}"
            yield from (f"{stem}_half_sequence.nii.gz", f"{stem}_half_sequence_gt.nii.gz", f"{stem}_ED.nii.gz")


def _msd(count: int) -> Iterator[str]:
    """Liver and spleen, the parts whose case numbers have no fixed length."""
    for index in range(count):
        folder, stem = (("Task03_Liver", "liver"), ("Task09_Spleen", "spleen"))[index % 2]
        yield f"{folder}/imagesTr/{stem}_{index}.nii.gz"
        yield f"{folder}/labelsTr/{stem}_{index}.nii.gz"
        yield f"{folder}/imagesTr/._{stem}_{index}.nii.gz"


TREES: dict[str, tuple[int, Callable[[int], Iterator[str]]]] = {
    "TotalSegmentator": (1_844, _totalsegmentator),
    "AbdomenAtlas1.0Mini": (9_300, _abdomenatlas),
    "AbdomenCT-1K": (4_000, _abdomenct1k),
    "BraTS24": (5_000, _brats24),
    "CAMUS": (2_000, _camus),
    "KiTS23": (4_000, _kits23),
    "MSD": (3_856, _msd),
}
"""Cases of each dataset, 30,000 together: larger than published, to stand for those left out."""


def write_trees(raw: Path, share: float = 1.0) -> dict[str, tuple[int, int]]:
    """Make the trees below `raw`, unless they stand; cases and files of each dataset.

    Args:
        share: Part of the cases to make.
    """
    made = {}
    for name, (cases, paths) in TREES.items():
        wanted = max(4, int(cases * share) // 4 * 4)
        files = [raw / name / path for path in paths(wanted)]
        for folder in {file.parent for file in files}:
            folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            file.touch()
        made[name] = wanted, len(files)
    return made
