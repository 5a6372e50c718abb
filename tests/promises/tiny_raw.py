"""Raw archives of a few hundred voxels a case, in the layouts of three datasets; a case takes a millisecond."""

from pathlib import Path

import numpy as np
from miniature import random_of, stored_affine, write_nifti

DATASETS = ("ACDC", "KiTS23", "MSD")
SHAPE = (12, 10, 6)
SPACING_MM = (1.5, 1.25, 4.0)


def write_tiny_archive(root: Path, cases: int = 6) -> Path:
    """`cases` patients or cases of each of DATASETS below `root`; adding cases leaves the others as they were."""
    for index in range(cases):
        write_acdc_case(root, index)
        write_kits_case(root, index)
        write_msd_case(root, index)
    return root


def write_acdc_case(root: Path, index: int, seed: int = 0) -> None:
    """Both frames of a patient."""
    patient = f"patient{index + 1:03d}"
    for frame in (1, 7):
        stem = root / f"ACDC/database/training/{patient}/{patient}_frame{frame:02d}"
        _write(Path(f"{stem}.nii.gz"), Path(f"{stem}_gt.nii.gz"), "LPS", seed)


def write_kits_case(root: Path, index: int, seed: int = 0) -> None:
    case = root / f"KiTS23/dataset/case_{index:05d}"
    _write(case / "imaging.nii.gz", case / "segmentation.nii.gz", "IPL", seed)


def write_msd_case(root: Path, index: int, seed: int = 0) -> None:
    task, name = root / "MSD/Task04_Hippocampus", f"hippocampus_{index + 1:03d}.nii.gz"
    _write(task / "imagesTr" / name, task / "labelsTr" / name, "RAS", seed)


def _write(image: Path, mask: Path, axcodes: str, seed: int) -> None:
    rng = random_of(seed, f"{image.parent.name}/{image.name}")
    affine = stored_affine(axcodes, SPACING_MM)
    labels = np.zeros(SHAPE, np.uint8)
    x, y, z = rng.integers(1, 4, 3)
    labels[x : x + 6, y : y + 5, z : z + 3] = 1
    labels[x + 1 : x + 4, y + 1 : y + 4, z : z + 2] = 2
    write_nifti(image, rng.integers(0, 900, SHAPE).astype(np.int16), affine, zooms_mm=_stored_zooms(affine))
    write_nifti(mask, labels, affine, zooms_mm=_stored_zooms(affine))


def _stored_zooms(affine: np.ndarray) -> np.ndarray:
    return np.abs(affine[:3, :3]).sum(axis=0)
