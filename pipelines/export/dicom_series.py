"""The DICOM series that an image of a release was read from: its headers, and where a slice's pixels are in it."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import nibabel as nib
import numpy as np
from fsspec import AbstractFileSystem

from medvision.schemas.case import SourceFile
from medvision.schemas.faults import DataFault
from medvision.transforms.geometry import slice_axes
from medvision.transforms.readers.dicom import contents_of, read_dicom
from medvision.transforms.readers.dicom_file import damage_is, kind_of, parse_dicom
from medvision.transforms.readers.dicom_geometry import plane_of, stack_planes
from medvision.transforms.readers.opened import Opened
from medvision.transforms.readers.registry import find_reader

UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
IDENTITY = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge"),
    *("StudyDate", "StudyTime", "StudyID", "StudyDescription", "AccessionNumber", "ReferringPhysicianName"),
    *("SeriesDate", "SeriesTime", "SpecificCharacterSet"),
)
"""Read only where the identity is to be kept."""
NEEDED = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
)
"""Of type 2: a report has them, empty where nothing is known."""
SAME_MM = 1e-2
"""How far a voxel centre of the series may lie from where the release has it."""


class NotOfSeries(Exception):
    """An image that no report can be made for; the message says why."""


@dataclass(frozen=True)
class Series:
    """Headers in stack order, and the way from RAS+ voxels to the pixels of the files.

    Attributes:
        headers: One a slice of the stack, without pixels.
        raw_of_ras: (4, 4) from (x, y, z, 1) of the release to (column, row, slice of the stack, 1), whole numbers.
    """

    headers: list[Any]
    raw_of_ras: np.ndarray

    def frame_of(self, slice_dim: int, slice_idx: int) -> int | None:
        """Place in `headers` of the file that a slice is; None for a slice across files, which is no picture there."""
        if not self.raw_of_ras[2, slice_dim]:
            return None
        voxel = np.zeros(4)
        voxel[slice_dim], voxel[3] = slice_idx, 1
        return int(self.raw_of_ras[2] @ voxel)

    def pixels_xy(self, slice_dim: int, slice_idx: int, points_rc: Sequence[Sequence[float]]) -> np.ndarray:
        """(points, 2) image-relative (column, row) of DICOM: (0, 0) is the outer corner of the first pixel.

        Pixel centres, whole numbers in the release, end in .5 there (PS3.3 C.18.6.1.1).
        """
        rows_axis, columns_axis = slice_axes(slice_dim)
        voxels = np.ones((len(points_rc), 4))
        voxels[:, slice_dim] = slice_idx
        voxels[:, [rows_axis, columns_axis]] = points_rc
        return np.asarray((voxels @ self.raw_of_ras.T)[:, :2] + 0.5)


def is_dicom(source_path: str) -> bool:
    """Whether a release read this path as DICOM."""
    try:
        return find_reader(source_path) is read_dicom
    except DataFault:
        return False


def read_series(
    fs: AbstractFileSystem,
    root: str,
    dataset: str,
    source_path: str,
    sha256: str,
    shape_xyz: Sequence[int],
    affine_ras: np.ndarray,
    keep_identity: bool,
) -> Series:
    """Headers of the series of an image.

    Args:
        fs, root: The raw root.
        dataset: Its folder there.
        source_path: Of the image, relative to that.
        sha256: Of the source when the release was built, "" for unknown.
        shape_xyz, affine_ras: Grid of the image in the release.
        keep_identity: Whether IDENTITY is read.

    Raises:
        NotOfSeries: The source is missing, has changed, is no series, or lies on another grid.
    """
    for part in (dataset, source_path):
        if PurePosixPath(part).is_absolute() or ".." in PurePosixPath(part).parts:
            raise NotOfSeries("its path leaves the raw folder")
    opened = Opened(fs, f"{root.rstrip('/')}/{dataset}", SourceFile(source_path, 0, ""))
    tags = [*UIDS, *(IDENTITY if keep_identity else ())]
    planes, headers = [], []
    try:
        for _, content in contents_of(opened):
            found = parse_dicom(content)
            if kind_of(found) == "image":
                with damage_is("bad_header", format="DICOM"):
                    shape = (int(found.Columns), int(found.Rows))
                    place = found.get("ImagePositionPatient"), found.get("ImageOrientationPatient")
                planes.append(plane_of(*place, found, shape))
                headers.append(_header(content, tags))
        if not planes:
            raise NotOfSeries("no single-frame DICOM image is there")
        order, stack = stack_planes(planes)
        if sha256 and opened.digest() != sha256:
            raise NotOfSeries("its files are not those that the release was built from (sha256)")
    except FileNotFoundError:
        raise NotOfSeries("its files are not below the raw folder") from None
    except DataFault as fault:
        raise NotOfSeries(fault.message) from fault
    orientation = nib.orientations.io_orientation(stack.affine_ras)
    raw_of_ras = np.rint(nib.orientations.inv_ornt_aff(orientation, stack.shape))
    _check_grid(stack.affine_ras @ raw_of_ras, affine_ras, shape_xyz)
    return Series([headers[place] for place in order], raw_of_ras)


def _header(content: bytes, tags: list[str]) -> Any:
    import pydicom

    with damage_is("bad_header", format="DICOM"):
        header = pydicom.dcmread(io.BytesIO(content), specific_tags=tags, stop_before_pixels=True)
        missing = [name for name in UIDS[:4] if not header.get(name)]
        for name in NEEDED:
            if name not in header:
                setattr(header, name, None)
    if missing:
        raise NotOfSeries(f"a file has no {missing[0]}")
    return header


def _check_grid(found_ras: np.ndarray, stated_ras: np.ndarray, shape_xyz: Sequence[int]) -> None:
    """The release's affine and that of the files put the volume's corners in the same places."""
    sides = [(0, count - 1) for count in shape_xyz]
    corners = np.array([[*corner, 1] for corner in itertools.product(*sides)])
    apart = np.linalg.norm((corners @ (found_ras - stated_ras).T)[:, :3], axis=1).max()
    if not apart <= SAME_MM:
        raise NotOfSeries(f"its files lie {apart:.3g} mm off the release's grid")
