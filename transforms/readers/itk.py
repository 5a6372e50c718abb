"""MetaImage (.mha, .mhd) and NRRD (.nrrd), the formats of ITK: a text header, then voxels raw or packed.

Not read by ITK itself: its parsers end the process on some damaged headers, and guess at others.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import numpy as np

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume
from medvision.transforms.readers.meta_header import META_HEADER_BYTES, meta_data_file, parse_meta
from medvision.transforms.readers.nrrd_header import NRRD_HEADER_BYTES, parse_nrrd
from medvision.transforms.readers.opened import Opened
from medvision.transforms.readers.text_header import TextHeader
from medvision.transforms.streams import DEFLATE_LIMIT, Unpacking

MAX_VOXEL_BYTES = 16 << 30


def read_itk(opened: Opened, max_bytes: int = MAX_VOXEL_BYTES) -> RawVolume:
    """Read a MetaImage or NRRD volume, its packed voxels to their checksum.

    Returns:
        Voxels (i, j, k) or (i, j, k, channel) in stored dtype, and the affine in RAS+ mm.

    Raises:
        DataFault: bad_header, bad_dims, bad_spacing, bad_gzip, bad_voxels, dims_exceed_file, external_file,
            data_file_missing, truncated, trailing_data, unsupported_dtype, unsupported_encoding, volume_too_large.
    """
    with _open(opened) as (header, stream, size):
        expected = header.voxel_bytes
        if expected > max_bytes:
            raise DataFault("read", "volume_too_large", bytes=expected, limit=max_bytes)
        if expected > size * DEFLATE_LIMIT:
            raise DataFault("read", "dims_exceed_file", expected=expected, size=size)
        if header.packing == "raw" and size < expected:
            raise DataFault("read", "truncated", got=size, expected=expected)
        if header.packed_bytes not in (-1, size):
            raise DataFault("read", "truncated", got=size, expected=header.packed_bytes)
        voxels = _voxels(Unpacking(stream, header.packing), header)
    return RawVolume(header.place(voxels), header.affine, header.zooms_mm)


@contextmanager
def _open(opened: Opened) -> Iterator[tuple[TextHeader, BinaryIO, int]]:
    """Header, the stream of the voxels as packed, and how many bytes those are."""
    path = opened.source.path.lower()
    if path.endswith(".mhd"):
        with opened.start() as stream:
            start = stream.read(META_HEADER_BYTES)
        (header, offset), name = parse_meta(start), opened.data_file()
        if name:
            with opened.part(name) as (stream, size):
                yield header, stream, size
            return
    is_nrrd = path.endswith(".nrrd")
    with opened.stream() as stream:
        start = stream.read(NRRD_HEADER_BYTES if is_nrrd else META_HEADER_BYTES)
        if not is_nrrd and not path.endswith(".mhd") and meta_data_file(start):
            raise DataFault("read", "external_file")
        header, offset = parse_nrrd(start) if is_nrrd else parse_meta(start)
        rest = io.BufferedReader(_Rest(start[offset:], stream))
        yield header, cast(BinaryIO, rest), opened.source.size - offset


class _Rest(io.RawIOBase):
    """Bytes that were read ahead, then the stream that they are of."""

    def __init__(self, ahead: bytes, stream: BinaryIO) -> None:
        self.ahead, self.stream = ahead, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = len(buffer)
        data = self.ahead[:count] or self.stream.read(count)
        self.ahead = self.ahead[count:]
        buffer[: len(data)] = data
        return len(data)


def _voxels(source: Unpacking, header: TextHeader) -> np.ndarray:
    """All voxels in the file's order, in native byte order."""
    voxels = np.empty(header.voxel_bytes // header.dtype.itemsize, header.dtype)
    got = source.read_into(voxels.view(np.uint8).data)
    if got != header.voxel_bytes:
        raise DataFault("read", "truncated", got=got, expected=header.voxel_bytes)
    if header.packing != "raw" and source.read(1):  # to the stream's end, where its checksum stands
        raise DataFault("read", "trailing_data")
    if not header.dtype.isnative:
        voxels = voxels.byteswap(inplace=True).view(header.dtype.newbyteorder("="))
    return voxels
