"""NIfTI-1 and NIfTI-2 single files (.nii, .nii.gz): header by nibabel, voxels read once, bounded, in stored dtype."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
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
SPACE_UNIT = 0x7
"""Bits of `xyzt_units` that are of space; the others are of time."""
MM_OF_UNIT = {1: 1000.0, 3: 0.001}
"""Metre and micrometre. Everything else is taken for mm: 2 says so, and 0, unknown, is what most programs write."""
EXTENDER_BYTES = 4
"""Between a single file's header and its voxels at least: they say whether extensions follow."""


@dataclass(frozen=True)
class NiftiHeader:
    """What a NIfTI file says of its voxels.

    Attributes:
        shape: (i, j, k) or (i, j, k, channel).
        dtype: As stored, in the file's byte order.
        affine: (4, 4) voxel index to RAS mm: sform if its code is positive, else qform, else the pixel sizes.
        zooms_mm: Voxel sizes as the header states them, in mm whatever its unit.
        slope, intercept: value = stored * slope + intercept.
        sha256: Of the header's bytes.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    affine: np.ndarray
    zooms_mm: tuple[float, float, float]
    slope: float
    intercept: float
    sha256: str

    @property
    def voxel_bytes(self) -> int:
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize

    def volume(self, data: np.ndarray) -> RawVolume:
        return RawVolume(data, self.affine, self.zooms_mm, self.slope, self.intercept)

    def without_voxels(self) -> RawVolume:
        """The volume with zeros for voxels, which take no memory."""
        return self.volume(np.broadcast_to(np.zeros((), self.dtype.newbyteorder("=")), self.shape))


class NiftiFile:
    """A NIfTI file, read forward once: its header at first, then the voxels, whole or part by part.

    Args:
        stream: Bytes of the file.
        size: Size of the file in bytes, against which the header's promise is checked before memory is taken.
        compressed: Whether the stream is gzip.
        max_bytes: Largest decompressed volume that is read.

    Raises:
        DataFault: stage "read", one of bad_gzip, bad_header, bad_dims, dims_exceed_file, volume_too_large,
            unsupported_dtype, bad_affine; reading the voxels, bad_gzip, truncated, trailing_data.
    """

    def __init__(self, stream: BinaryIO, size: int, compressed: bool, max_bytes: int = MAX_VOXEL_BYTES) -> None:
        self._source = Inflating(stream, compressed)
        block, self._offset = _read_header(self._source)
        self.header = _parsed(block)
        expected = self.header.voxel_bytes
        if expected > max_bytes:
            raise DataFault("read", "volume_too_large", bytes=expected, limit=max_bytes)
        if expected > size * (DEFLATE_LIMIT if compressed else 1):
            raise DataFault("read", "dims_exceed_file", expected=expected, size=size)
        self._block = block

    def volume(self) -> RawVolume:
        """Voxels in the file's axes, Fortran order, stored dtype."""
        _skip_to_voxels(self._source, self._block, self._offset)
        dtype = self.header.dtype
        data = np.empty(self.header.shape, dtype=dtype, order="F")
        got = self._source.read_into(data.reshape(-1, order="F").view(np.uint8).data)  # a view: both are Fortran order
        self._finish(got)
        if not dtype.isnative:
            data = data.byteswap(inplace=True).view(dtype.newbyteorder("="))
        return self.header.volume(data)

    def parts(self) -> Iterator[np.ndarray]:
        """The stored voxels in the file's order, some hundred kilobytes at a time, in native byte order."""
        _skip_to_voxels(self._source, self._block, self._offset)
        dtype, got = self.header.dtype, 0
        for part in self._source.parts(self.header.voxel_bytes):
            got += len(part)
            whole = len(part) - len(part) % dtype.itemsize
            yield np.frombuffer(part[:whole], dtype).astype(dtype.newbyteorder("="), copy=False)
        self._finish(got)

    def _finish(self, got: int) -> None:
        if got != self.header.voxel_bytes:
            raise DataFault("read", "truncated", got=got, expected=self.header.voxel_bytes)
        self._source.drain()


def _parsed(block: Any) -> NiftiHeader:
    shape, dtype, (slope, intercept) = _shape(block), _dtype(block), _scaling(block)
    sha256, unit_mm = hashlib.sha256(block.binaryblock).hexdigest(), _unit_mm(block)
    i, j, k = (float(zoom) * unit_mm for zoom in block.get_zooms()[:3])
    return NiftiHeader(shape, dtype, _affine(block, unit_mm), (i, j, k), slope, intercept, sha256)


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
    if not consumed + EXTENDER_BYTES <= offset <= MAX_VOXEL_OFFSET or offset != int(offset):
        raise DataFault("read", "bad_header", format="single-file NIfTI")
    if source.skip(int(offset) - consumed) != int(offset) - consumed:
        raise DataFault("read", "bad_header", format="single-file NIfTI")


def _scaling(header: Any) -> tuple[float, float]:
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0.0:
        return 1.0, 0.0
    if not np.isfinite(intercept):
        raise DataFault("read", "bad_header", format="single-file NIfTI")
    return slope, intercept


def _unit_mm(header: Any) -> float:
    return MM_OF_UNIT.get(int(header["xyzt_units"]) & SPACE_UNIT, 1.0)


def _affine(header: Any, unit_mm: float) -> np.ndarray:
    if header["pixdim"][0] >= 0:
        header["pixdim"][0] = 1  # the standard's handedness of a qform: 0 and all else that is not negative mean 1
    try:
        with np.errstate(all="ignore"):
            # Not get_best_affine, which also takes an sform or qform whose code is negative.
            if header["sform_code"] > 0:
                affine = header.get_sform()
            elif header["qform_code"] > 0:
                affine = header.get_qform()
            else:
                affine = header.get_base_affine()
            return np.asarray(affine, dtype=np.float64) * np.array([[unit_mm], [unit_mm], [unit_mm], [1.0]])
    except (HeaderDataError, ValueError) as error:
        raise DataFault("read", "bad_affine") from error
