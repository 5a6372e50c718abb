"""NIfTI-1 and NIfTI-2 single files (.nii, .nii.gz): header by nibabel, voxels read once, bounded, in stored dtype."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume
from medvision.transforms.streams import DEFLATE_LIMIT, Inflating

HEADER_BYTES = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
MAX_VOXEL_BYTES = 16 << 30
MAX_VOXEL_OFFSET = 1 << 26


def read_nifti(stream: BinaryIO, size: int, compressed: bool, max_bytes: int = MAX_VOXEL_BYTES) -> RawVolume:
    """Read one NIfTI file from a forward-only stream.

    Args:
        stream: Bytes of the file.
        size: Size of the file in bytes, against which the header's promise is checked before memory is taken.
        compressed: Whether the stream is gzip.
        max_bytes: Largest decompressed volume that is read.

    Returns:
        Voxels in the file's axes; sform is used if its code is positive, else qform, else the pixel sizes.

    Raises:
        DataFault: stage "read", one of bad_gzip, bad_header, bad_dims, truncated, dims_exceed_file,
            volume_too_large, unsupported_dtype, trailing_data, bad_affine.
    """
    source = Inflating(stream, compressed)
    header, consumed = _read_header(source)
    shape = _shape(header)
    dtype = _dtype(header)
    expected = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if expected > max_bytes:
        raise DataFault("read", "volume_too_large", bytes=expected, limit=max_bytes)
    if expected > size * (DEFLATE_LIMIT if compressed else 1):
        raise DataFault("read", "dims_exceed_file", expected=expected, size=size)
    _skip_to_voxels(source, header, consumed)
    data = np.empty(shape, dtype=dtype, order="F")
    got = source.read_into(data.reshape(-1, order="F").view(np.uint8).data)  # a view: both are Fortran order
    if got != expected:
        raise DataFault("read", "truncated", got=got, expected=expected)
    source.drain()
    if not dtype.isnative:
        data = data.byteswap(inplace=True).view(dtype.newbyteorder("="))
    slope, intercept = _scaling(header)
    zooms = tuple(float(zoom) for zoom in header.get_zooms()[:3])
    return RawVolume(data, _affine(header), zooms, slope, intercept)  # type: ignore[arg-type]


@dataclass(frozen=True)
class NiftiHeader:
    """Where a NIfTI file's voxels lie: shape (i, j, k[, channel]), affine to RAS mm, header voxel sizes."""

    shape: tuple[int, ...]
    affine: np.ndarray
    zooms_mm: tuple[float, float, float]


def read_nifti_header(stream: BinaryIO, compressed: bool) -> NiftiHeader:
    """The header alone; no voxel is read. Raises DataFault bad_gzip, bad_header, bad_dims or bad_affine."""
    header, _ = _read_header(Inflating(stream, compressed))
    shape = _shape(header)
    i, j, k = (float(zoom) for zoom in header.get_zooms()[:3])
    return NiftiHeader(shape, _affine(header), (i, j, k))


def _read_header(source: Inflating) -> tuple[Any, int]:
    start = source.read(4)
    for order in ("little", "big"):
        length = int.from_bytes(start, order)  # type: ignore[arg-type]
        if len(start) == 4 and length in HEADER_BYTES:
            block = start + source.read(length - 4)
            if len(block) == length:
                header = HEADER_BYTES[length](block, endianness="<" if order == "little" else ">", check=False)
                if bytes(header["magic"]).startswith((b"n+1", b"n+2")):
                    return header, length
    raise DataFault("read", "bad_header", format="single-file NIfTI")


def _shape(header: Any) -> tuple[int, ...]:
    count = int(header["dim"][0])
    dims = [int(n) for n in header["dim"][1 : 1 + max(0, min(count, 7))]]
    while len(dims) > 3 and dims[-1] == 1:
        dims.pop()
    if not 1 <= count <= 7 or len(dims) not in (3, 4) or min(dims) < 1:
        raise DataFault("read", "bad_dims", dims=dims)
    return tuple(dims)


def _dtype(header: Any) -> np.dtype:
    try:
        dtype = np.dtype(header.get_data_dtype())
    except (HeaderDataError, KeyError, TypeError) as error:
        raise DataFault("read", "unsupported_dtype", dtype=int(header["datatype"])) from error
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise DataFault("read", "unsupported_dtype", dtype=str(dtype))
    return dtype


def _skip_to_voxels(source: Inflating, header: Any, consumed: int) -> None:
    offset = float(header["vox_offset"])
    if not consumed <= offset <= MAX_VOXEL_OFFSET or offset != int(offset):
        raise DataFault("read", "bad_header", format="single-file NIfTI")
    if source.skip(int(offset) - consumed) != int(offset) - consumed:
        raise DataFault("read", "bad_header", format="single-file NIfTI")


def _scaling(header: Any) -> tuple[float, float]:
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0.0:
        return 1.0, 0.0
    return slope, intercept if np.isfinite(intercept) else 0.0


def _affine(header: Any) -> np.ndarray:
    try:
        with np.errstate(all="ignore"):
            # Not get_best_affine, which also takes an sform or qform whose code is negative.
            if header["sform_code"] > 0:
                affine = header.get_sform()
            elif header["qform_code"] > 0:
                affine = header.get_qform()
            else:
                affine = header.get_base_affine()
            return np.asarray(affine, dtype=np.float64)
    except (HeaderDataError, ValueError) as error:
        raise DataFault("read", "bad_affine") from error
