"""Grids of raw files from their headers alone: NIfTI, MetaImage, HDF5 and BMP. No voxel is unpacked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from medvision.schemas.faults import DataFault
from medvision.transforms.readers.film import film_size
from medvision.transforms.readers.hdf5 import AFFINE as HDF5_AFFINE
from medvision.transforms.readers.hdf5 import SPACING_MM as HDF5_SPACING_MM
from medvision.transforms.readers.meta_header import META_HEADER_BYTES, meta_data_file, parse_meta
from medvision.transforms.readers.nifti import NiftiFile
from medvision.transforms.streams import DEFLATE_LIMIT

HDF5_DAMAGE = (OSError, ValueError, RuntimeError, KeyError, TypeError)
FILM_BYTES = 1 << 10
"""More than the headers of a film."""


@dataclass(frozen=True)
class Header:
    """Shape (i, j, k) or (i, j, k, channel), affine (4, 4) to RAS+ mm, and voxel sizes in mm as stated."""

    shape: tuple[int, ...]
    affine: np.ndarray
    zooms_mm: tuple[float, float, float]


def read_header(stream: BinaryIO, path: str, size: int, member: str = "", film_mm: float = 0.0) -> Header | None:
    """The header of a raw file, None for a format whose header is not read on its own (NRRD, DICOM).

    Args:
        stream: The file at its start; seekable for HDF5 and BMP.
        path: Tells the format by its ending.
        size: Of the file, in bytes.
        member: Name of the array inside an HDF5 file.
        film_mm: Pixel size of a film, which carries none; 0 for unknown.

    Raises:
        DataFault: bad_gzip, bad_header, bad_dims, bad_affine, member_missing, external_file, dims_exceed_file.
    """
    lowered = path.lower()
    readers: dict[str, Callable[[], Header]] = {
        ".nii.gz": lambda: _nifti(stream, size, True),
        ".nii": lambda: _nifti(stream, size, False),
        ".mha": lambda: _meta(stream, detached=False),
        ".mhd": lambda: _meta(stream, detached=True),
        ".h5": lambda: _hdf5(stream, member),
        ".hdf5": lambda: _hdf5(stream, member),
        ".bmp": lambda: _film(stream, film_mm or 1.0),
    }
    for ending, read in readers.items():
        if lowered.endswith(ending):
            header = read()
            voxels = int(np.prod(header.shape, dtype=object))
            limit = size * (1 if ending == ".nii" else DEFLATE_LIMIT)
            if voxels > limit and ending != ".mhd":  # at one byte a voxel, the least there is
                raise DataFault("read", "dims_exceed_file", expected=voxels, size=size)
            return header
    return None


def _nifti(stream: BinaryIO, size: int, compressed: bool) -> Header:
    header = NiftiFile(stream, size, compressed, max_bytes=sys.maxsize).header
    return Header(header.shape, header.affine, header.zooms_mm)


def _meta(stream: BinaryIO, detached: bool) -> Header:
    start = stream.read(META_HEADER_BYTES)
    if meta_data_file(start) and not detached:
        raise DataFault("read", "external_file")
    header, _ = parse_meta(start)
    shape = header.place(np.broadcast_to(np.uint8(0), header.shape)).shape
    return Header(shape, header.affine, header.zooms_mm)


def _hdf5(stream: BinaryIO, member: str) -> Header:
    import h5py

    try:
        with h5py.File(stream, "r") as file:
            if isinstance(file.get(member, getlink=True), h5py.ExternalLink):
                raise DataFault("read", "external_file")
            array: Any = file.get(member)
            if not isinstance(array, h5py.Dataset):
                raise DataFault("read", "member_missing", member=member or "(no name given)")
            shape = tuple(int(side) for side in array.shape or ())
    except HDF5_DAMAGE as error:
        raise DataFault("read", "bad_header", format="HDF5") from error
    if len(shape) not in (3, 4) or min(shape) < 1:
        raise DataFault("read", "bad_dims", dims=list(shape))
    return Header(shape, HDF5_AFFINE.copy(), HDF5_SPACING_MM)


def _film(stream: BinaryIO, pixel_mm: float) -> Header:
    width, height, _, _ = film_size(stream.read(FILM_BYTES))
    return Header((1, width, height), np.diag([pixel_mm] * 3 + [1.0]), (pixel_mm, pixel_mm, pixel_mm))
