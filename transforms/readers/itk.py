"""MetaImage (.mha, .mhd) and NRRD (.nrrd) through SimpleITK, which is imported on use."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any

import numpy as np

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume
from medvision.transforms.readers.itk_header import (
    META_HEADER_BYTES,
    NRRD_HEADER_BYTES,
    Packing,
    check_packed,
    meta_data_file,
    meta_packing,
    nrrd_packing,
)
from medvision.transforms.readers.opened import Opened
from medvision.transforms.streams import DEFLATE_LIMIT

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
MAX_VOXEL_BYTES = 16 << 30


def read_itk(opened: Opened, max_bytes: int = MAX_VOXEL_BYTES) -> RawVolume:
    """Read a MetaImage or NRRD volume.

    Directions that are not orthonormal are kept: the affine then has a shear, which the geometry step flags.

    Returns:
        Voxels (i, j, k) or (i, j, k, channel) as a read-only view of ITK's own memory, and the affine in RAS+ mm.

    Raises:
        DataFault: bad_header, bad_dims, bad_affine, bad_voxels, dims_exceed_file, external_file, data_file_missing,
            truncated, trailing_data, unsupported_dtype, unsupported_encoding, volume_too_large.
    """
    import SimpleITK as sitk  # noqa: N813

    is_nrrd = opened.source.path.lower().endswith(".nrrd")
    format_name = "NRRD" if is_nrrd else "MetaImage"
    with opened.local_copy() as path:
        data_path, packing = _voxel_place(path, is_nrrd)
        reader = sitk.ImageFileReader()
        reader.SetImageIO("NrrdImageIO" if is_nrrd else "MetaImageIO")
        reader.SetFileName(str(path))
        try:
            reader.ReadImageInformation()
        except RuntimeError as error:
            raise DataFault("read", "bad_header", format=format_name) from error
        expected = _promised_bytes(reader, sitk)
        if expected > max_bytes:
            raise DataFault("read", "volume_too_large", bytes=expected, limit=max_bytes)
        size = data_path.stat().st_size
        if expected > size * DEFLATE_LIMIT:
            raise DataFault("read", "dims_exceed_file", expected=expected, size=size)
        with data_path.open("rb") as file:
            check_packed(file, packing, expected)
        try:
            image = reader.Execute()
        except RuntimeError as error:
            if "allocat" in str(error):
                raise MemoryError(f"{expected} bytes of voxels") from error
            raise DataFault("read", "bad_voxels", format=format_name) from error
    return RawVolume(_voxels(image, sitk), _affine(image), tuple(image.GetSpacing()[:3]))


def _voxel_place(path: Path, is_nrrd: bool) -> tuple[Path, Packing]:
    """The file that holds the voxels, and how."""
    with path.open("rb") as file:
        start = file.read(NRRD_HEADER_BYTES if is_nrrd else META_HEADER_BYTES)
    if is_nrrd:
        return path, nrrd_packing(start)
    name = meta_data_file(start)
    if name and path.suffix.lower() != ".mhd":
        raise DataFault("read", "external_file")
    return Path(posixpath.normpath(path.parent / name)) if name else path, meta_packing(start)


def _promised_bytes(reader: Any, sitk: Any) -> int:
    size = list(reader.GetSize())
    while len(size) > 3 and size[-1] == 1:
        size.pop()
    if len(size) not in (3, 4) or min(size) < 1 or (len(size) == 4 and reader.GetNumberOfComponents() > 1):
        raise DataFault("read", "bad_dims", dims=size)
    name = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    scalar = name.removeprefix("vector of ")
    kinds = {f"{bits}-bit {kind} integer": bits // 8 for bits in (8, 16, 32, 64) for kind in ("signed", "unsigned")}
    width = (kinds | {"32-bit float": 4, "64-bit float": 8}).get(scalar)
    if width is None:
        raise DataFault("read", "unsupported_dtype", dtype=name)
    return int(np.prod(size, dtype=object)) * width * int(reader.GetNumberOfComponents())


class _Held:
    """ITK's memory for numpy, with the image kept alive as long as an array looks at it."""

    def __init__(self, image: Any, view: np.ndarray) -> None:
        self.image = image
        self.__array_interface__ = view.__array_interface__


def _voxels(image: Any, sitk: Any) -> np.ndarray:
    array = np.asarray(_Held(image, sitk.GetArrayViewFromImage(image)))
    if image.GetNumberOfComponentsPerPixel() > 1:
        return array.transpose(2, 1, 0, 3)
    array = array.T
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    return array


def _affine(image: Any) -> np.ndarray:
    """(4, 4) voxel to RAS+ mm, of the first three axes."""
    count = image.GetDimension()
    direction = np.array(image.GetDirection()).reshape(count, count)[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = direction * np.array(image.GetSpacing()[:3])
    affine[:3, 3] = image.GetOrigin()[:3]
    return np.asarray(LPS_TO_RAS @ affine)
