"""Raw archives for the benchmarks, in the layout of a public dataset each: made once, the same bytes every time.

Synthetic volumes have what decides speed: correlated noise (it compresses as scans do), air around a body, organs with
uneven surfaces, anisotropic voxels. The real ones are those beside the checkout.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

VERSION = "2"
"""Raise when a case changes: what stands on the disk is then made anew."""
Triple = tuple[int, int, int]


@dataclass(frozen=True)
class BenchCase:
    """A raw archive of one dataset.

    Attributes:
        name: Folder of the archive, and how it is asked for.
        title: What the tables say.
        dataset: Name of the dataset table that it follows.
        write: Fills the dataset's folder; returns False where real files are absent.
        with_naive: Whether the naive build is worth its time: not where it only repeats another case.
    """

    name: str
    title: str
    dataset: str
    write: Callable[[Path], bool]
    with_naive: bool = True


def prepare(case: BenchCase, root: Path) -> Path | None:
    """Raw root that holds the case's archive, None where it needs real files that are absent."""
    raw = root / f"{case.name}-{VERSION}"
    done = raw / "DONE"
    if not done.exists():
        shutil.rmtree(raw, ignore_errors=True)
        folder = raw / case.dataset
        folder.mkdir(parents=True)
        if not case.write(folder):
            return None
        done.touch()
    return raw


def save(path: Path, data: np.ndarray, spacing_mm: tuple[float, float, float]) -> None:
    """A .nii.gz in LPS, as most publishers have it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, np.diag([-spacing_mm[0], -spacing_mm[1], spacing_mm[2], 1.0]))
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def smooth_field(shape: Triple, step: int, rng: np.random.Generator) -> np.ndarray:
    """Noise without detail below `step` voxels, of deviation about 1."""
    coarse = rng.normal(size=[max(2, n // step + 2) for n in shape])
    zoom = [n / (c - 1) for n, c in zip(shape, coarse.shape, strict=True)]
    return ndimage.zoom(coarse, zoom, order=1)[tuple(slice(0, n) for n in shape)].astype(np.float32)


def texture(shape: Triple, blur: float, rng: np.random.Generator) -> np.ndarray:
    """Correlated noise of deviation 1, as a reconstruction has it."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    for z in range(shape[2]):
        noise[:, :, z] = ndimage.gaussian_filter(noise[:, :, z], blur)
    return noise / noise.std()


def body(shape: Triple) -> np.ndarray:
    """(x, y) ellipse that a scan shows in air."""
    x, y = np.ogrid[: shape[0], : shape[1]]
    return ((x - shape[0] / 2) / (0.46 * shape[0])) ** 2 + ((y - shape[1] / 2) / (0.36 * shape[1])) ** 2 < 1


def blobs(shape: Triple, count: int, radii: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """Mask of `count` ellipsoids with uneven surfaces, radii as parts of the volume's sides; later ones lie on top."""
    mask = np.zeros(shape, np.uint8)
    bumps = smooth_field(shape, 12, rng) * 0.12
    for label in range(1, count + 1):
        radius = rng.uniform(*radii, 3) * shape
        center = (0.5 + rng.uniform(-0.26, 0.26, 3)) * shape
        low = np.maximum(0, np.floor(center - 1.5 * radius)).astype(int)
        high = np.minimum(shape, np.ceil(center + 1.5 * radius) + 1).astype(int)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        axes = np.ogrid[box]
        distance = sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, center, radius, strict=True))
        mask[box][distance < 1 + bumps[box]] = label
    return mask


def ct(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """int16 HU of a body in air with organs of their own densities."""
    inside = body(mask.shape)[:, :, None]
    levels = rng.uniform(-80, 160, 256).astype(np.float32)
    levels[0] = 30
    soft = levels[mask] + 14 * texture(mask.shape, 0.8, rng)
    air = -1000 + np.abs(4 * rng.standard_normal(mask.shape, dtype=np.float32))
    return np.asfortranarray(np.rint(np.where(inside, soft, air)).astype(np.int16))


def mri(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """float32 of a head: zero outside, bias field and texture inside."""
    inside = body(mask.shape)[:, :, None]
    levels = rng.uniform(200, 900, 256).astype(np.float32)
    values = levels[mask] * (1 + 0.1 * smooth_field(mask.shape, 60, rng)) + 30 * texture(mask.shape, 0.7, rng)
    return np.asfortranarray(np.where(inside, np.maximum(values, 1), 0).astype(np.float32))


def _ct15(folder: Path) -> bool:
    rng = np.random.default_rng(15)
    mask = blobs((512, 512, 150), 15, (0.05, 0.13), rng)
    save(folder / "imagesTr/amos_0001.nii.gz", ct(mask, rng), (0.8, 0.8, 3.0))
    save(folder / "labelsTr/amos_0001.nii.gz", mask, (0.8, 0.8, 3.0))
    return True


def _ct15_shard(folder: Path) -> bool:
    """Six patients in a shard, as AMOS22 has them on average: the same volume under six names."""
    _ct15(folder)
    for number in range(2, 7):
        for part in ("imagesTr", "labelsTr"):
            shutil.copy(folder / part / "amos_0001.nii.gz", folder / part / f"amos_{number:04d}.nii.gz")
    return True


def _classes(folder: Path) -> bool:
    """A file a class, as many as the publisher ships; 104 of them hold voxels."""
    from medvision.sources.registry import find_dataset

    names = find_dataset("TotalSegmentator").tasks[0].class_files
    rng = np.random.default_rng(104)
    mask = blobs((280, 240, 320), 104, (0.03, 0.08), rng)
    case = folder / "s0001"
    save(case / "ct.nii.gz", ct(mask, rng), (1.5, 1.5, 1.5))
    for label, name in enumerate(names, 1):
        voxels = np.asfortranarray((mask == label).astype(np.uint8))
        save(case / f"segmentations/{name}.nii.gz", voxels, (1.5, 1.5, 1.5))
    return True


def _brain(folder: Path) -> bool:
    """Four sequences that share a mask of tumour parts."""
    rng = np.random.default_rng(155)
    mask = blobs((240, 240, 155), 9, (0.03, 0.09), rng)
    mask = np.array([0, 2, 1, 3, 4, 3, 3, 1, 3, 3], np.uint8)[mask]
    name = "BraTS-GLI-00001-000"
    for sequence in ("t1c", "t1n", "t2f", "t2w"):
        save(folder / f"{name}/{name}-{sequence}.nii.gz", mri(mask, rng), (1.0, 1.0, 1.0))
    save(folder / f"{name}/{name}-seg.nii.gz", mask, (1.0, 1.0, 1.0))
    return True


def _tumour(folder: Path) -> bool:
    """Kidneys with tumours and cysts: lesions on hundreds of slices."""
    rng = np.random.default_rng(23)
    mask = np.array([0, 1, 1, 2, 3, 2, 3], np.uint8)[blobs((512, 512, 150), 6, (0.04, 0.1), rng)]
    turned = np.asfortranarray(mask.transpose(2, 1, 0)[::-1])
    image = np.asfortranarray(ct(mask, rng).transpose(2, 1, 0)[::-1])
    affine = np.array([[0, 0, -0.8, 0], [0, -0.8, 0, 0], [-3.0, 0, 0, 0], [0, 0, 0, 1.0]])  # IPL, as the publisher's
    for name, data in (("imaging", image), ("segmentation", turned)):
        path = folder / f"case_00000/{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(data, affine), path)
    return True


def _heart(folder: Path) -> bool:
    rng = np.random.default_rng(10)
    for number in range(1, 11):
        shape = (216 + 8 * (number % 3), 256, 9 + number % 2)
        for frame in (1, 12):
            mask = np.minimum(blobs(shape, 3, (0.06, 0.12), rng), 3)
            image = np.rint(200 + 100 * mask + 20 * texture(shape, 0.8, rng)).astype(np.int16)
            stem = folder / f"patient{number:03d}/patient{number:03d}_frame{frame:02d}"
            save(stem.with_name(f"{stem.name}.nii.gz"), np.asfortranarray(image), (1.5, 1.5, 10.0))
            save(stem.with_name(f"{stem.name}_gt.nii.gz"), mask, (1.5, 1.5, 10.0))
    return True


def _real(part: str, target: str = "") -> Callable[[Path], bool]:
    """A copy of real files beside the checkout."""

    def write(folder: Path) -> bool:
        source = Path(__file__).resolve().parents[2] / "shared" / "realdata" / part
        if not source.is_dir():
            return False
        shutil.copytree(source, folder / target, dirs_exist_ok=True)
        return True

    return write


def _real_kidneys(folder: Path) -> bool:
    """Real masks, of which the publisher's CT is not at hand: a synthetic one stands beside each."""
    if not _real("KiTS23-masks")(folder):
        return False
    rng = np.random.default_rng(148)
    for path in sorted(folder.glob("case_*/segmentation.nii.gz")):
        if path.parent.name not in ("case_00004", "case_00148", "case_00440"):
            shutil.rmtree(path.parent)  # hundreds of slices more of the same
            continue
        shutil.rmtree(path.parent / "instances", ignore_errors=True)
        stored = nib.load(path)
        mask = np.asarray(stored.dataobj).astype(np.uint8).transpose(2, 1, 0)
        image = np.asfortranarray(ct(mask, rng).transpose(2, 1, 0))
        nib.save(nib.Nifti1Image(image, stored.affine), path.with_name("imaging.nii.gz"))
    return True


CASES = (
    BenchCase("ct15", "CT 512x512x150, 15 labels", "AMOS22", _ct15),
    BenchCase("ct15-shard", "six such CTs in a shard", "AMOS22", _ct15_shard, with_naive=False),
    BenchCase("classes", "CT 280x240x320, 117 binary files", "TotalSegmentator", _classes),
    BenchCase("brain", "MRI 240x240x155, 4 sequences, lesions", "BraTS24", _brain),
    BenchCase("tumour", "CT 512x512x150, kidneys with lesions", "KiTS23", _tumour),
    BenchCase("heart", "cine MRI 224x256x10, 20 frames", "ACDC", _heart),
    BenchCase("real-kidneys", "real masks of KiTS23, 3 cases", "KiTS23", _real_kidneys),
    BenchCase("real-hearts", "ACDC, real frames", "ACDC", _real("ACDC")),
    BenchCase("real-hippocampus", "MSD hippocampus, real", "MSD", _real("MSD")),
)
