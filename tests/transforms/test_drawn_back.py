"""Annotations drawn back on the picture that stands beside them hit what they speak of: every reader, every plane.

The image holds 100 times the label of each voxel, and a number below 100 that depends on the place.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import h5py
import highdicom
import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from pydicom.sr.codedict import codes
from raw_sources import FLAT, OTHER_SERIES, read_ras, slice_dataset, source_file, write_dicom
from scipy.ndimage import gaussian_filter

from medvision.schemas.case import Case, CaseImage, SourceFile
from medvision.schemas.options import BuildOptions
from medvision.schemas.volume import Volume
from medvision.sources.registry import DATASETS
from medvision.transforms.read import Mask
from medvision.transforms.rows import image_rows, lesion_volumes, measure_case
from medvision.transforms.runs import from_run_lengths

SHAPE = (23, 31, 18)
SPACING = (0.75, 0.5, 2.5)
TILTED = (0.9541666, -0.2080757, 0.2151061, 0.2785886, 0.880128, -0.3843997)
KITS = DATASETS["KiTS23"]
Pair = tuple[Volume, Volume]


def labels() -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(5).normal(size=SHAPE), 2.0)
    mask = np.digitize(noise, np.quantile(noise, [0.6, 0.85, 0.95])).astype(np.uint8)
    mask[:, :2] = mask[:3] = mask[..., :1] = 0
    return mask


def picture(mask: np.ndarray) -> np.ndarray:
    x, y, z = np.indices(mask.shape)
    return (100 * mask.astype(np.int16) + (7 * x + 3 * y + 5 * z) % 97).astype(np.int16)


def by_simpleitk(ending: str, direction: tuple[float, ...] = (1, 0, 0, 0, 1, 0, 0, 0, 1)) -> Callable[[Path], Pair]:
    def write(root: Path) -> Pair:
        mask = labels()
        for name, data in (("image", picture(mask)), ("mask", mask)):
            image = SimpleITK.GetImageFromArray(np.ascontiguousarray(data.transpose(2, 1, 0)))
            image.SetSpacing(SPACING)
            image.SetDirection(direction)
            image.SetOrigin((11.0, -7.0, 3.0))
            SimpleITK.WriteImage(image, str(root / f"{name}{ending}"))
        return read_ras(root, f"image{ending}"), read_ras(root, f"mask{ending}")

    return write


def by_nibabel(root: Path) -> Pair:
    mask = labels()
    affine = np.array([[0, 0, -2.5, 9], [0.75, 0, 0, -4], [0, -0.5, 0, 2], [0, 0, 0, 1.0]])
    for name, data in (("image", picture(mask)), ("mask", mask)):
        nib.save(nib.Nifti1Image(data, affine), root / f"{name}.nii.gz")
    return read_ras(root, "image.nii.gz"), read_ras(root, "mask.nii.gz")


def by_dicom(orientation: tuple[float, ...]) -> Callable[[Path], Pair]:
    def write(root: Path) -> Pair:
        mask = labels()
        stack = picture(mask)
        normal = np.cross(orientation[:3], orientation[3:])
        normal /= np.linalg.norm(normal)
        about = dict.fromkeys(
            ("PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"), ""
        )
        about |= {"StudyInstanceUID": "1.2.3", "FrameOfReferenceUID": "1.2.4", "Modality": "CT"}
        about |= {"ReferringPhysicianName": "", "PixelSpacing": [SPACING[1], SPACING[0]]}
        slices = [
            slice_dataset(
                np.ascontiguousarray(stack[:, :, k].T), normal * 2.5 * k, orientation, InstanceNumber=k + 1, **about
            )
            for k in range(SHAPE[2])
        ]
        for number, part in enumerate(slices):
            write_dicom(root / "image" / f"{97 * number % 18}", part)
        segments = [
            highdicom.seg.SegmentDescription(
                n, f"segment {n}", codes.SCT.Organ, codes.SCT.Liver, highdicom.seg.SegmentAlgorithmTypeValues.MANUAL
            )
            for n in (1, 2, 3)
        ]
        claims = np.stack([mask.transpose(2, 1, 0) == n for n in (1, 2, 3)], axis=3).astype(np.uint8)
        seg = highdicom.seg.Segmentation(
            slices, claims, "BINARY", segments, OTHER_SERIES, 1, "1.2.9", 1, "M", "M", "1", "1"
        )
        (root / "seg").mkdir()
        seg.save_as(root / "seg/label.dcm")
        return read_ras(root, "image/"), read_ras(root, "seg/", is_mask=True, reference=source_file(root, "image/"))

    return write


def by_hdf5(root: Path) -> Pair:
    mask = labels()
    with h5py.File(root / "case.h5", "w") as file:
        file["echo1"] = picture(mask)
        file["seg"] = np.stack([mask == n for n in (1, 2, 3)], axis=3)
    return read_ras(root, "case.h5", member="echo1"), read_ras(root, "case.h5", member="seg", is_mask=True)


WRITERS: dict[str, Callable[[Path], Pair]] = {
    "nii.gz": by_nibabel,
    "nii": by_simpleitk(".nii"),
    "mha": by_simpleitk(".mha"),
    "mhd": by_simpleitk(".mhd", (0, -1, 0, 1, 0, 0, 0, 0, -1)),
    "nrrd": by_simpleitk(".nrrd", (0, 0, 1, -1, 0, 0, 0, 1, 0)),
    "DICOM and DICOM-SEG": by_dicom(FLAT),
    "DICOM and DICOM-SEG, oblique": by_dicom(TILTED),
    "h5": by_hdf5,
}


@pytest.mark.parametrize("rules", ["1.4.0", "exact"])
@pytest.mark.parametrize("name", WRITERS)
def test_annotations_hit_what_the_picture_shows(tmp_path, name, rules):
    image, mask = WRITERS[name](tmp_path)
    assert sorted(image.data.shape) == sorted(SHAPE)
    seen = set()
    for row, shown in rows_with_pictures(image, mask, rules):
        seen.add(row["plane"])
        for segment in row["segments"]:
            here = shown // 100 == segment["label"]
            assert here.sum() == segment["pixel_count"]
            covered = np.zeros(shown.shape, bool)
            for box in segment["boxes"]:
                (top, left), (bottom, right) = box["min_rc"], box["max_rc"]
                inside = here[top : bottom + 1, left : right + 1]
                assert inside.any(axis=1)[[0, -1]].all()
                assert inside.any(axis=0)[[0, -1]].all()
                covered[top : bottom + 1, left : right + 1] = True
            assert covered[here].all()
            assert sum(i["pixel_count"] for i in segment["instances"]) == here.sum()
        for lesion in row["lesions"]:
            check_lesion(lesion, shown)
    assert seen == {"sagittal", "coronal", "axial"}


def rows_with_pictures(image: Volume, mask: Volume, rules: str):
    """Each row with its decoded picture, as intensities."""
    source = SourceFile("case_00000/imaging.nii.gz", 1, "")
    entry = CaseImage(1, source, None, "case_00000.nii.gz")
    case = Case("KiTS23", "case_00000", "case_00000", (entry,), (source,))
    options = BuildOptions("", "", ("KiTS23",), rules=rules)
    measured = measure_case(case, Mask(Volume(mask.data.astype(np.uint8), mask.grid, 1.0, 0.0), 0), KITS, options)
    lesions = lesion_volumes(measured, entry, KITS)
    for plane in image_rows(measured, entry, image, lesions, KITS, options, "train"):
        for row, png in zip(plane.batch.to_pylist(), plane.pictures(), strict=True):
            stored = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
            assert stored.shape == (row["height"], row["width"])
            yield row, stored.astype(np.int64) * int(row["intensity_scale"]) + int(row["intensity_offset"])


def check_lesion(lesion: dict[str, Any], shown: np.ndarray) -> None:
    here = shown // 100 == lesion["label"]
    (top, left), (rows, columns) = lesion["origin_rc"], lesion["size_rc"]
    drawn = np.zeros(shown.shape, bool)
    drawn[top : top + rows, left : left + columns] = from_run_lengths(lesion["runs"], lesion["size_rc"])
    np.testing.assert_array_equal(drawn, here)
    padded = np.pad(here, 1)
    assert sum(region["pixel_count"] for region in lesion["regions"]) == here.sum()
    for region in lesion["regions"]:
        for line in (region["longest"], region["perpendicular"], region["feret"]):
            for row, column in (line["start_rc"], line["end_rc"]) if line else ():
                sides = {(f(row), g(column)) for f in (np.floor, np.ceil) for g in (np.floor, np.ceil)}
                touched = [padded[int(r) + 1, int(c) + 1] for r, c in sides]
                assert sorted(touched) == [False, True], "a midpoint of an edge between lesion and background"
        line = region["longest"]
        if line:
            steps = np.linspace(0.02, 0.98, 49)[:, np.newaxis]
            places = np.array(line["start_rc"]) * (1 - steps) + np.array(line["end_rc"]) * steps
            # On the line between two pixels, or where four meet, either side will do.
            sides = [np.rint(places + 1e-6 * np.array(s)).astype(int) + 1 for s in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            assert np.any([padded[at[:, 0], at[:, 1]] for at in sides], axis=0).all()
