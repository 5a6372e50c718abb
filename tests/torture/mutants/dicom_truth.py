"""What pydicom alone says of a series and of a segmentation."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from torture.mutants.dicom_scene import LPS
from torture.mutants.truth import Truth, truth_of


def read_series(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Values (i, j, k) and the affine of the images of a folder, in the order of their positions."""
    slices = [parsed(path) for path in sorted(folder.iterdir()) if path.is_file() and not _aside(path.name)]
    slices = [part for part in slices if "PixelData" in part and _is_image(part)]
    first = slices[0]
    directions = np.array(first.ImageOrientationPatient, float).reshape(2, 3)
    along_row, along_column = directions / np.linalg.norm(directions, axis=1)[:, np.newaxis]
    normal = np.cross(along_row, along_column)
    slices.sort(key=lambda part: float(np.array(part.ImagePositionPatient, float) @ normal))
    values = [
        part.pixel_array.T * float(part.get("RescaleSlope", 1)) + float(part.get("RescaleIntercept", 0))
        for part in slices
    ]
    positions = np.array([part.ImagePositionPatient for part in slices], float)
    between_rows, between_columns = (float(n) for n in first.PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = along_row * between_columns, along_column * between_rows
    thickness = float(first.get("SpacingBetweenSlices") or first.get("SliceThickness") or 0)
    several = len(slices) > 1
    affine[:3, 2] = (positions[-1] - positions[0]) / (len(slices) - 1) if several else normal * thickness
    affine[:3, 3] = positions[0]
    return np.stack(values, axis=2), LPS @ affine


def parsed(path: Path) -> Dataset:
    """A file as pydicom reads it; elements over a mebibyte are left where they are, and without a transfer syntax the
    encoding that it found is that of the pixels."""
    found = pydicom.dcmread(path, defer_size=1 << 20)
    if "TransferSyntaxUID" not in found.file_meta:
        implicit, little = found.original_encoding
        plain = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        found.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else plain
    return found


def _aside(name: str) -> bool:
    return name.lower().startswith((".", "dicomdir", "license")) or name.lower().endswith((".txt", ".pdf"))


def _is_image(part: Dataset) -> bool:
    uid = UID(str(part.get("SOPClassUID", "")))
    return uid.type != "SOP Class" or "Image Storage" in uid.name


def read_segmentation(path: Path, image: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Labels (i, j, k) on the image's grid; where segments overlap the lowest keeps the voxel."""
    made = parsed(path)
    frames = np.atleast_3d(made.pixel_array).reshape(-1, int(made.Rows), int(made.Columns))
    labels, to_voxel = np.zeros(image[0].shape, int), np.linalg.inv(LPS @ image[1])
    shared = made.SharedFunctionalGroupsSequence[0] if "SharedFunctionalGroupsSequence" in made else Dataset()
    placed = []
    for frame, groups in zip(frames, made.PerFrameFunctionalGroupsSequence, strict=True):
        own = groups if "PlanePositionSequence" in groups else shared
        place = to_voxel @ [*map(float, own.PlanePositionSequence[0].ImagePositionPatient), 1.0]
        if np.abs(place - np.rint(place)).max() > 0.3 or np.rint(place)[:2].any():
            raise ValueError("off the grid")
        number = 0
        if made.SegmentationType == "BINARY":
            named = groups if "SegmentIdentificationSequence" in groups else shared
            number = int(named.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        placed.append((number, int(np.rint(place[2])), frame))
    for number, k, frame in sorted(placed, key=lambda part: part[:2]):
        part = frame.T.astype(int) if number == 0 else (frame.T != 0) * number
        if number == 0 and made.get("PixelPaddingValue") is not None:
            part[part == made.PixelPaddingValue] = 0
        labels[:, :, k] = np.where(labels[:, :, k] == 0, part, labels[:, :, k])
    return labels


def truth_by_nifti(folder: Path) -> Truth:
    mask = nib.load(next(iter(sorted(folder.rglob("mask.nii")))))
    return truth_of(read_series(next(iter(sorted(folder.rglob("ct"))))), (np.asarray(mask.dataobj), mask.affine))


def truth_by_seg(folder: Path) -> Truth:
    image = read_series(next(iter(sorted(folder.rglob("ct")))))
    return truth_of(image, (read_segmentation(next(iter(sorted(folder.rglob("seg/*.dcm")))), image), image[1]))
