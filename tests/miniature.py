"""Miniature raw archives: every supported dataset in its publisher's layout, orientation and data types.

    python tests/miniature.py ROOT [--cases N] [DATASET ...]

The same arguments give the same bytes, and adding cases or datasets leaves the other cases as they were.
Images are smooth phantoms with noise, masks are ellipsoids; a blob's place and size are fractions of the
volume's sides along (R, A, S).
"""

import argparse
import gzip
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, ornt_transform
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter

from medvision.sources.registry import DATASETS, find_dataset
from medvision.sources.totalsegmentator import CT_CLASSES, MR_CLASSES

Triple = tuple[float, float, float]

APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "
CT_FLOOR_HU = -1024.0


@dataclass(frozen=True)
class Blob:
    """A tilted ellipsoid of one intensity. Label 0 is anatomy without a label."""

    label: int
    center: Triple
    radii: Triple
    level: float
    tilt_deg: Triple = (0.0, 0.0, 0.0)

    def scaled(self, factor: float) -> "Blob":
        x, y, z = self.radii
        return replace(self, radii=(factor * x, factor * y, factor * z))


@dataclass(frozen=True)
class Scan:
    """What one image looks like. `gains` holds one factor a channel; more than one makes the image 4D."""

    shape_ras: tuple[int, int, int]
    spacing_ras_mm: Triple
    blobs: tuple[Blob, ...]
    air: float = -1000.0
    body: float = 40.0
    noise: float = 12.0
    dtype: str = "int16"
    axcodes: str = "RAS"
    gains: tuple[float, ...] = (1.0,)

    def case(self, index: int) -> "Scan":
        """The scan of the case with that index: the first three cases differ in shape."""
        x, y, z = self.shape_ras
        step = index % 3
        return replace(self, shape_ras=(x + 2 * step, y + 3 * step, z + step))


def ellipsoid(shape: Sequence[int], center: ArrayLike, radii: ArrayLike, rotation_deg: ArrayLike = 0.0) -> np.ndarray:
    """Bool volume, true inside an ellipsoid.

    Args:
        shape: Sides in voxels.
        center: Voxel index of the centre, need not be whole.
        radii: Semi-axes in voxels.
        rotation_deg: Turn in degrees within the plane of axes 0 and 1, or three turns about axes 0, 1 and 2,
            applied in this order.
    """
    turns = np.radians(rotation_deg)
    turns = np.array([0.0, 0.0, turns]) if turns.ndim == 0 else turns
    rotation = np.eye(3)
    for axis, turn in enumerate(turns):
        step = np.eye(3)
        first, second = (axis + 1) % 3, (axis + 2) % 3
        step[[first, second], [first, second]] = np.cos(turn)
        step[first, second], step[second, first] = -np.sin(turn), np.sin(turn)
        rotation = step @ rotation
    offsets = np.indices(shape).reshape(3, -1) - np.reshape(center, (3, 1))
    scaled = (rotation.T @ offsets) / np.reshape(radii, (3, 1))
    return ((scaled**2).sum(axis=0) <= 1.0).reshape(shape)


def write_bytes(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def write_nifti(
    path: Path,
    array: np.ndarray,
    affine: np.ndarray,
    sform_code: int = 2,
    qform_code: int = 0,
    zooms_mm: Sequence[float] | None = None,
) -> Path:
    """Write a NIfTI-1 file, gzipped when the name ends in `.gz`, without a clock or a name in its bytes.

    Args:
        path: Target; missing folders are made.
        array: (x, y, z) or (x, y, z, channel), in the data type to store.
        affine: (4, 4), voxel index to RAS+ mm.
        sform_code: Code of the sform, 0 for none.
        qform_code: Code of the qform, 0 for none.
        zooms_mm: Voxel sizes of the header where they are to differ from the affine's.
    """
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, sform_code)
    image.set_qform(affine, qform_code)
    if zooms_mm is not None:
        image.header.set_zooms((*zooms_mm, *(1.0,) * (array.ndim - 3)))
    content = image.to_bytes()
    if path.name.endswith(".gz"):
        packed = io.BytesIO()
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=packed, mtime=0) as stream:
            stream.write(content)
        content = packed.getvalue()
    return write_bytes(path, content)


def stored(array_ras: np.ndarray, axcodes: str) -> np.ndarray:
    """A RAS+ array (trailing axes allowed) in the voxel order of `axcodes`."""
    return apply_orientation(array_ras, ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(axcodes)))


def stored_affine(axcodes: str, spacing_ras_mm: Triple, shape_ras: Sequence[int] | None = None) -> np.ndarray:
    """Affine of an array in the voxel order of `axcodes`; origin 0, or centred on a volume of `shape_ras`."""
    affine = np.diag([0.0, 0.0, 0.0, 1.0])
    for axis, (world, sign) in enumerate(axcodes2ornt(axcodes)):
        affine[int(world), axis] = sign * spacing_ras_mm[int(world)]
        if shape_ras is not None:
            affine[int(world), 3] = -sign * spacing_ras_mm[int(world)] * (shape_ras[int(world)] - 1) / 2
    return affine


def random_of(seed: int, name: str) -> np.random.Generator:
    """A generator of that name's own."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def phantom(scan: Scan, rng: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray]]:
    """Image in the scan's data type and one bool volume a blob, all in RAS+."""
    sides = np.array(scan.shape_ras)
    body = ellipsoid(scan.shape_ras, sides / 2, sides * (0.46, 0.44, 0.9))
    levels = np.where(body, scan.body, scan.air)
    masks = []
    for blob in scan.blobs:
        center = sides * (blob.center + rng.uniform(-0.015, 0.015, 3))
        radii = sides * blob.radii * rng.uniform(0.95, 1.08, 3)
        masks.append(ellipsoid(scan.shape_ras, center, radii, blob.tilt_deg + rng.uniform(-8.0, 8.0, 3)))
        levels[masks[-1]] = blob.level
    smooth = gaussian_filter(levels, 0.7)
    floor = CT_FLOOR_HU if scan.air < 0 else 0.0
    channels = [gain * smooth + rng.normal(0.0, scan.noise, scan.shape_ras) for gain in scan.gains]
    image = np.maximum(np.stack(channels, axis=-1) if len(channels) > 1 else channels[0], floor)
    return (np.rint(image) if np.dtype(scan.dtype).kind in "iu" else image).astype(scan.dtype), masks


def label_map(scan: Scan, masks: Sequence[np.ndarray], dtype: str = "uint8") -> np.ndarray:
    """Multi-label mask in RAS+; the later blob lies on top."""
    labels = np.zeros(scan.shape_ras, dtype)
    for blob, mask in zip(scan.blobs, masks, strict=True):
        labels[mask] = blob.label
    return labels


def lesions(label: int, level: float) -> tuple[Blob, Blob]:
    """A large tilted lesion and a small one, apart from each other in the same axial slices."""
    return (
        Blob(label, (0.62, 0.55, 0.5), (0.16, 0.11, 0.24), level, (8.0, 0.0, 35.0)),
        Blob(label, (0.27, 0.45, 0.5), (0.055, 0.075, 0.15), level, (0.0, 0.0, 20.0)),
    )


def organ(label: int, level: float, radii: Triple = (0.3, 0.24, 0.38)) -> Blob:
    return Blob(label, (0.55, 0.52, 0.5), radii, level, (0.0, 0.0, -20.0))


def mri(shape_ras: tuple[int, int, int], spacing_ras_mm: Triple, dtype: str, *blobs: Blob) -> Scan:
    return Scan(shape_ras, spacing_ras_mm, blobs, air=0.0, body=220.0, noise=15.0, dtype=dtype)


HEART = mri(
    (64, 72, 12),
    (1.5625, 1.5625, 10.0),
    "int16",
    Blob(1, (0.66, 0.56, 0.5), (0.17, 0.2, 0.4), 480.0),
    Blob(2, (0.42, 0.5, 0.5), (0.2, 0.18, 0.4), 180.0),
    Blob(3, (0.42, 0.5, 0.5), (0.13, 0.115, 0.36), 520.0),
)


def write_acdc(folder: Path, cases: int, seed: int) -> Iterator[Path]:
    """Two labelled frames and the unlabelled cine of each patient; every third patient is a testing one.

    The publisher's affines are diag(-1, -1, 1): only the header's zooms hold the true voxel size.
    """
    affine = stored_affine("LPS", (1.0, 1.0, 1.0))
    for index in range(cases):
        part, number = ("testing", 101 + index) if index % 3 == 2 else ("training", 1 + index)
        patient = f"patient{number:03d}"
        home = folder / "ACDC/database" / part / patient
        heart = replace(HEART.case(index), axcodes="LPS", dtype=("int16", "float32")[index % 2])
        zooms = heart.spacing_ras_mm
        end_systole = 5 + index
        for frame, squeeze in ((1, 1.0), (end_systole, 0.8)):
            scan = replace(heart, blobs=tuple(blob.scaled(squeeze) for blob in heart.blobs))
            stem = f"{patient}_frame{frame:02d}"
            image, masks = phantom(scan, random_of(seed, stem))
            truth = stored(label_map(scan, masks), "LPS")
            yield write_nifti(home / f"{stem}.nii.gz", stored(image, "LPS"), affine, zooms_mm=zooms)
            yield write_nifti(home / f"{stem}_gt.nii.gz", truth, affine, zooms_mm=zooms)
        cine = np.stack([stored(image, "LPS")] * (end_systole + 2), axis=-1)
        yield write_nifti(home / f"{patient}_4d.nii.gz", cine, affine, zooms_mm=zooms)
        group = ("DCM", "HCM", "MINF", "NOR", "RV")[index % 5]
        info = {"ED": 1, "ES": end_systole, "Group": group, "Height": 171.0, "NbFrame": end_systole + 2}
        lines = "".join(f"{key}: {value}\n" for key, value in {**info, "Weight": 70.0}.items())
        yield write_bytes(home / "Info.cfg", lines.encode())


KIDNEYS = Scan(
    (78, 64, 34),
    (0.8203125, 0.8203125, 3.0),
    (
        Blob(1, (0.7, 0.47, 0.5), (0.14, 0.16, 0.4), 150.0, (0.0, 0.0, 15.0)),
        Blob(1, (0.3, 0.47, 0.5), (0.14, 0.16, 0.4), 150.0, (0.0, 0.0, -15.0)),
        *lesions(2, 85.0),
        Blob(3, (0.29, 0.58, 0.66), (0.06, 0.06, 0.1), 8.0),
    ),
    axcodes="IPL",
)


def write_kits23(folder: Path, cases: int, seed: int) -> Iterator[Path]:
    """Slices on the first axis, from the top down; one annotator's tumour beside the merged segmentation."""
    clinical = []
    for index in range(cases):
        case, scan = f"case_{index:05d}", KIDNEYS.case(index)
        home = folder / "dataset" / case
        affine = stored_affine(scan.axcodes, scan.spacing_ras_mm)
        image, masks = phantom(scan, random_of(seed, case))
        labels = stored(label_map(scan, masks), scan.axcodes)
        yield write_nifti(home / "imaging.nii.gz", stored(image, scan.axcodes), affine)
        yield write_nifti(home / "segmentation.nii.gz", labels, affine)
        tumor = home / "instances/tumor_instance-1_annotation-1.nii.gz"
        yield write_nifti(tumor, stored(masks[2], scan.axcodes).astype(np.float64), affine)
        clinical.append({"case_id": case, "radiographic_size": 2.1 + 0.1 * index, "pathology_t_stage": "1a"})
    yield write_bytes(folder / "dataset/kits23.json", json.dumps(clinical, indent=2).encode())


@dataclass(frozen=True)
class Decathlon:
    """One Decathlon task. Case i is `stem` filled with `first` + i `step`; labels count from 1."""

    stem: str
    first: int
    step: int
    channels: tuple[str, ...]
    labels: tuple[str, ...]


CT = ("CT",)
MRI = ("MRI",)
MODALITIES = ("FLAIR", "T1w", "t1gd", "T2w")
DECATHLON = {
    "Task01_BrainTumour": Decathlon(
        "BRATS_{:03d}", 1, 1, MODALITIES, ("edema", "non-enhancing tumor", "enhancing tumour")
    ),
    "Task02_Heart": Decathlon("la_{:03d}", 3, 1, MRI, ("left atrium",)),
    "Task03_Liver": Decathlon("liver_{}", 0, 5, CT, ("liver", "cancer")),
    "Task04_Hippocampus": Decathlon("hippocampus_{:03d}", 1, 2, MRI, ("Anterior", "Posterior")),
    "Task05_Prostate": Decathlon("prostate_{:02d}", 0, 2, ("T2", "ADC"), ("PZ", "TZ")),
    "Task06_Lung": Decathlon("lung_{:03d}", 1, 2, CT, ("cancer",)),
    "Task07_Pancreas": Decathlon("pancreas_{:03d}", 1, 3, CT, ("pancreas", "cancer")),
    "Task08_HepaticVessel": Decathlon("hepaticvessel_{:03d}", 1, 1, CT, ("Vessel", "Tumour")),
    "Task09_Spleen": Decathlon("spleen_{}", 2, 4, CT, ("spleen",)),
    "Task10_Colon": Decathlon("colon_{:03d}", 1, 5, CT, ("colon cancer primaries",)),
}
BRAIN = (
    Blob(1, (0.62, 0.55, 0.5), (0.23, 0.19, 0.36), 420.0, (8.0, 0.0, 35.0)),
    Blob(1, (0.27, 0.45, 0.5), (0.09, 0.11, 0.22), 420.0),
    *lesions(3, 600.0),
    Blob(2, (0.62, 0.55, 0.5), (0.1, 0.07, 0.15), 300.0, (8.0, 0.0, 35.0)),
)
HIPPOCAMPUS = (
    Blob(1, (0.5, 0.66, 0.5), (0.2, 0.17, 0.22), 340.0, (0.0, 0.0, 25.0)),
    Blob(2, (0.47, 0.36, 0.52), (0.16, 0.2, 0.2), 320.0, (12.0, 0.0, 10.0)),
)
PROSTATE = (organ(1, 420.0), organ(2, 300.0, (0.17, 0.14, 0.26)))
LUNGS = (
    Blob(0, (0.7, 0.52, 0.5), (0.2, 0.32, 0.6), -840.0),
    Blob(0, (0.28, 0.52, 0.5), (0.19, 0.32, 0.6), -840.0),
    *lesions(1, 35.0),
)
LIVER = (organ(1, 110.0, (0.36, 0.3, 0.42)), *lesions(2, 65.0))
PANCREAS = (organ(1, 95.0, (0.32, 0.15, 0.3)), *lesions(2, 60.0))
VESSELS = (organ(1, 170.0, (0.34, 0.06, 0.14)), *lesions(2, 70.0))
SPLEEN = (organ(1, 120.0, (0.22, 0.2, 0.34)),)
ATRIUM = organ(1, 500.0, (0.2, 0.16, 0.3))
DECATHLON_SCANS = {
    "Task01_BrainTumour": replace(mri((60, 71, 25), (1.0, 1.0, 1.0), "float32", *BRAIN), gains=(1.0, 0.7, 1.3, 1.1)),
    "Task02_Heart": mri((66, 58, 28), (1.25, 1.25, 1.37), "uint16", ATRIUM),
    "Task03_Liver": Scan((72, 63, 26), (0.75, 0.75, 4.0), LIVER),
    "Task04_Hippocampus": mri((42, 51, 35), (1.0, 1.0, 1.0), "float32", *HIPPOCAMPUS),
    "Task05_Prostate": replace(mri((64, 70, 15), (0.625, 0.625, 3.6), "uint16", *PROSTATE), gains=(1.0, 2.4)),
    "Task06_Lung": Scan((75, 61, 30), (0.7, 0.7, 2.5), LUNGS),
    "Task07_Pancreas": Scan((70, 62, 24), (0.8, 0.8, 2.5), PANCREAS),
    "Task08_HepaticVessel": Scan((68, 60, 22), (0.8, 0.8, 5.0), VESSELS),
    "Task09_Spleen": Scan((65, 57, 21), (0.79, 0.79, 5.0), SPLEEN),
    "Task10_Colon": Scan((73, 64, 27), (0.78, 0.78, 5.0), lesions(1, 75.0)),
}


def write_msd(folder: Path, cases: int, seed: int) -> Iterator[Path]:
    """Of every task: `cases` labelled images, one test image without a label, AppleDouble litter."""
    for task_name, task in DECATHLON.items():
        home = folder / task_name
        names = [f"{task.stem.format(task.first + task.step * index)}.nii.gz" for index in range(cases + 1)]
        for index, name in enumerate(names):
            scan = DECATHLON_SCANS[task_name].case(index)
            affine = stored_affine("RAS", scan.spacing_ras_mm, scan.shape_ras)
            image, masks = phantom(scan, random_of(seed, name))
            part = "imagesTr" if index < cases else "imagesTs"
            yield write_nifti(home / part / name, image, affine, sform_code=1, qform_code=1)
            if index == cases:
                continue
            # The Decathlon's hippocampus labels are a mix of uint8 and float32.
            dtype = "float32" if task_name == "Task04_Hippocampus" and index == 1 else "uint8"
            labels = label_map(scan, masks, dtype)
            yield write_nifti(home / "labelsTr" / name, labels, affine, sform_code=1, qform_code=1)
        for part in ("imagesTr", "labelsTr"):
            yield write_bytes(home / part / f"._{names[0]}", APPLE_DOUBLE)
        description = {
            "name": task_name.partition("_")[2].upper(),
            "licence": "CC-BY-SA 4.0",
            "tensorImageSize": "4D" if len(task.channels) > 1 else "3D",
            "modality": {str(index): name for index, name in enumerate(task.channels)},
            "labels": {str(index): name for index, name in enumerate(("background", *task.labels))},
            "numTraining": cases,
            "numTest": 1,
            "training": [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in names[:cases]],
            "test": [f"./imagesTs/{names[cases]}"],
        }
        yield write_bytes(home / "dataset.json", json.dumps(description, indent=1).encode())


# By class file; stomach and pancreas overlap.
TRUNK: dict[str, tuple[Triple, Triple, float]] = {
    "spleen": ((0.15, 0.45, 0.62), (0.07, 0.1, 0.2), 110.0),
    "kidney_right": ((0.7, 0.33, 0.4), (0.08, 0.08, 0.22), 150.0),
    "kidney_left": ((0.3, 0.33, 0.42), (0.08, 0.08, 0.22), 150.0),
    "liver": ((0.75, 0.62, 0.66), (0.15, 0.18, 0.28), 105.0),
    "stomach": ((0.34, 0.7, 0.6), (0.13, 0.12, 0.2), 60.0),
    "pancreas": ((0.43, 0.61, 0.52), (0.12, 0.07, 0.12), 90.0),
    "aorta": ((0.47, 0.44, 0.5), (0.04, 0.045, 0.7), 170.0),
    "autochthon_left": ((0.37, 0.13, 0.5), (0.08, 0.06, 0.7), 55.0),
    "autochthon_right": ((0.63, 0.13, 0.5), (0.08, 0.06, 0.7), 55.0),
    "vertebrae": ((0.5, 0.27, 0.5), (0.08, 0.075, 0.16), 300.0),
    "vertebrae_L1": ((0.5, 0.27, 0.5), (0.08, 0.075, 0.16), 300.0),
}
META_COLUMNS = (
    *("image_id", "age", "gender", "institute", "study_type", "split"),
    *("manufacturer", "scanner_model", "kvp", "pathology", "pathology_location"),
)


def trunk(classes: Sequence[str]) -> tuple[Blob, ...]:
    """The organs of TRUNK that are among the classes, labelled by position from 1."""
    return tuple(Blob(label, *TRUNK[stem]) for label, stem in enumerate(classes, 1) if stem in TRUNK)


def write_totalsegmentator(folder: Path, cases: int, seed: int) -> Iterator[Path]:
    """The CT and MR zips, each unpacked into a folder of its name; every class has a file, most are empty."""
    ct, mr = tuple(CT_CLASSES), tuple(MR_CLASSES)
    body = Scan((62, 47, 36), (1.5, 1.5, 1.5), trunk(ct))
    turned = replace(mri((58, 49, 31), (1.7, 1.7, 3.0), "int16", *trunk(mr)), axcodes="LPS")
    for release, file_name, classes, template in (
        ("Totalsegmentator_dataset_v201", "ct.nii.gz", ct, body),
        ("TotalsegmentatorMRI_dataset_v200", "mri.nii.gz", mr, turned),
    ):
        rows = [";".join(META_COLUMNS)]
        for index in range(cases):
            case, scan = f"s{index:04d}", template.case(index)
            home = folder / release / case
            affine = stored_affine(scan.axcodes, scan.spacing_ras_mm, scan.shape_ras)
            image, masks = phantom(scan, random_of(seed, f"{release}/{case}"))
            yield write_nifti(home / file_name, stored(image, scan.axcodes), affine)
            organs = {blob.label: mask for blob, mask in zip(scan.blobs, masks, strict=True)}
            nothing = np.zeros(scan.shape_ras, bool)
            for label, stem in enumerate(classes, 1):
                mask = stored(organs.get(label, nothing), scan.axcodes).astype(np.uint8)
                yield write_nifti(home / f"segmentations/{stem}.nii.gz", mask, affine)
            rows.append(f"{case};{50 + index};m;C;abdomen;{'test' if index % 3 == 2 else 'train'};;;;;")
        meta = "\n".join(rows) + "\n"
        yield write_bytes(folder / release / "meta.csv", meta.encode("utf-8-sig"))


WRITERS: dict[str, Callable[[Path, int, int], Iterator[Path]]] = {
    "ACDC": write_acdc,
    "KiTS23": write_kits23,
    "MSD": write_msd,
    "TotalSegmentator": write_totalsegmentator,
}


def write_miniature(root: Path, datasets: Sequence[str] | None = None, cases: int = 3, seed: int = 7) -> list[Path]:
    """Write miniature archives below `root/<dataset>`.

    Args:
        root: Raw root; missing folders are made.
        datasets: Dataset names, None for every supported one.
        cases: Patients of ACDC (two frames each), cases of KiTS23, of each MSD task and of both parts of
            TotalSegmentator.
        seed: Moves every organ, lesion and noise sample.

    Returns:
        Every file written, sorted.

    Raises:
        ValueError: A name that no supported dataset has.
    """
    names = [find_dataset(name).name for name in (DATASETS if datasets is None else datasets)]
    return sorted(path for name in names for path in WRITERS[name](root / name, cases, seed))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write miniature raw archives in their publishers' layouts.")
    parser.add_argument("root", type=Path, metavar="ROOT")
    parser.add_argument("datasets", nargs="*", metavar="DATASET", help="default: every supported dataset")
    parser.add_argument("--cases", type=int, default=3, metavar="N", help="per dataset or part (default 3)")
    options = parser.parse_intermixed_args(arguments)
    written = write_miniature(options.root, options.datasets or None, options.cases)
    sys.stdout.write(f"{len(written)} files, {sum(path.stat().st_size for path in written):,} bytes\n")


if __name__ == "__main__":
    main()
