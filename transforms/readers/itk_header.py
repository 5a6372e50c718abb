"""Text headers of MetaImage and NRRD, as far as they say where the voxels are and how they are packed.

ITK opens whatever file a header names, and takes a damaged compressed stream for a volume: both are looked at here,
before ITK sees the file.
"""

from __future__ import annotations

import bz2
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO

from medvision.schemas.faults import DataFault
from medvision.transforms.streams import CHUNK

META_HEADER_BYTES = 1 << 16
NRRD_HEADER_BYTES = 1 << 20
ZLIB_OR_GZIP = 47
"""zlib's wbits for a stream of either kind."""
NRRD_PACKED = {"raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}


@dataclass(frozen=True)
class Packing:
    """Where a volume's bytes start in its file and how they are packed: "raw", "zlib", "gzip" or "bzip2"."""

    offset: int
    encoding: str


def meta_fields(start: bytes) -> tuple[dict[str, str], int]:
    """Fields of a MetaImage header by lower-case key, and the offset of what follows. Raises DataFault bad_header."""
    fields: dict[str, str] = {}
    place = 0
    while (end := start.find(b"\n", place)) >= 0 or place < len(start):
        end = end if end >= 0 else len(start)
        key, equals, value = start[place:end].decode("latin-1").partition("=")
        place = end + 1
        if not equals and key.strip():
            break
        fields[key.strip().lower()] = value.strip()
        if key.strip().lower() == "elementdatafile":
            return fields, place
    raise DataFault("read", "bad_header", format="MetaImage")


def meta_data_file(start: bytes) -> str:
    """Name of the file that holds the voxels, "" if they follow the header.

    Raises:
        DataFault: bad_header, or external_file for a list or a pattern of files.
    """
    name = meta_fields(start)[0]["elementdatafile"]
    if name.upper() == "LOCAL":
        return ""
    if not name or "%" in name or "\\" in name or ":" in name or name.upper().split()[0] == "LIST":
        raise DataFault("read", "external_file")
    return name


def meta_packing(start: bytes) -> Packing:
    """Packing of a MetaImage file's voxels; the offset is 0 where they are in a file of their own."""
    fields, offset = meta_fields(start)
    compressed = fields.get("compresseddata", "").lower() in ("true", "1", "t")
    return Packing(0 if meta_data_file(start) else offset, "zlib" if compressed else "raw")


def nrrd_packing(start: bytes) -> Packing:
    """Packing of an NRRD file with attached voxels.

    Raises:
        DataFault: bad_header, external_file for a detached header, unsupported_encoding.
    """
    place = 0
    fields: dict[str, str] = {}
    while (end := start.find(b"\n", place)) >= 0:
        line = start[place:end].decode("latin-1").rstrip("\r")
        if place == 0 and not line.startswith("NRRD"):
            break
        place = end + 1
        if not line:
            break
        key, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            fields[key.strip().lower()] = value.strip()
    if not start.startswith(b"NRRD") or "encoding" not in fields:
        raise DataFault("read", "bad_header", format="NRRD")
    if {"data file", "datafile"} & set(fields):
        raise DataFault("read", "external_file")
    encoding = NRRD_PACKED.get(fields["encoding"].lower(), "")
    skips = any(fields.get(key, "0") != "0" for key in ("line skip", "lineskip", "byte skip", "byteskip"))
    if not encoding or skips:
        raise DataFault("read", "unsupported_encoding", encoding="text or with skipped bytes")
    return Packing(place, encoding)


def check_packed(file: BinaryIO, packing: Packing, expected: int) -> None:
    """Read a volume's packed bytes to their checksum.

    Args:
        file: At its start; seekable.
        expected: Bytes of the unpacked volume.

    Raises:
        DataFault: truncated, trailing_data, or bad_voxels for a damaged stream.
    """
    size = file.seek(0, 2)
    file.seek(packing.offset)
    if packing.encoding == "raw":
        got = max(0, size - packing.offset)
    else:
        got = _unpacked_bytes(file, packing.encoding, expected)
        if got > expected:
            raise DataFault("read", "trailing_data")
    if got < expected:
        raise DataFault("read", "truncated", got=got, expected=expected)


def _unpacked_bytes(file: BinaryIO, encoding: str, expected: int) -> int:
    """Unpacked bytes of the stream, counted until it ends or exceeds `expected`."""
    unpacker: Any = bz2.BZ2Decompressor() if encoding == "bzip2" else zlib.decompressobj(ZLIB_OR_GZIP)
    got, data, ended = 0, b"", False
    try:
        while not unpacker.eof and got <= expected:
            if not data and not ended and getattr(unpacker, "needs_input", True):
                data = file.read(CHUNK)
                ended = not data
            part = len(unpacker.decompress(data, CHUNK))
            got += part
            data = b"" if encoding == "bzip2" else unpacker.unconsumed_tail
            if ended and not part:
                break
    except (zlib.error, OSError) as error:
        raise DataFault("read", "bad_voxels", format=encoding) from error
    if not unpacker.eof and got == expected:  # the voxels are there, their checksum is not
        raise DataFault("read", "bad_voxels", format=encoding)
    return got
