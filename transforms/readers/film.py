"""Radiographic films as BMP (Ceph-Biometrics-400)."""

from __future__ import annotations

import struct

import numpy as np

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume
from medvision.transforms.readers.opened import Opened
from medvision.transforms.streams import read_bounded

MAX_FILM_BYTES = 1 << 30
HEADER_BYTES = (40, 52, 56, 108, 124)
"""Of the versions that begin alike."""
FILE_HEADER_BYTES = 14


def read_film(opened: Opened) -> RawVolume:
    """Read a film as upstream stores it: gray, rows flipped, axes swapped.

    Pixel (column x, row y) of a film W wide and H high is voxel [0, x, H - 1 - y]. Unpacked pixels of 8 bits with a
    palette, or of 24 or 32 in colour, which becomes gray by ITU-R 601 as Pillow rounds it.

    Returns:
        uint8 (1, W, H); the affine is diagonal, `opened.spacing_mm` on all axes (1 where it is 0).

    Raises:
        DataFault: not_a_file, bad_header, bad_voxels, truncated, unsupported_encoding, volume_too_large.
    """
    with opened.stream() as stream:
        content = read_bounded(stream, MAX_FILM_BYTES)
    gray = _gray(content)
    spacing = opened.spacing_mm or 1.0
    affine = np.diag([spacing, spacing, spacing, 1.0])
    return RawVolume(gray[::-1].T[np.newaxis], affine, (spacing, spacing, spacing))


def film_size(start: bytes) -> tuple[int, int, int, bool]:
    """Width, height, bits a pixel, and whether the first row stored is the top one; `start` holds the headers.

    Raises:
        DataFault: bad_header, unsupported_encoding.
    """
    if len(start) < FILE_HEADER_BYTES + HEADER_BYTES[0] or start[:2] != b"BM":
        raise DataFault("read", "bad_header", format="BMP")
    size, width, height, planes, bits, packing = struct.unpack_from("<IiiHHI", start, FILE_HEADER_BYTES)
    if size not in HEADER_BYTES or width < 1 or height == 0 or planes != 1:
        raise DataFault("read", "bad_header", format="BMP")
    if bits not in (8, 24, 32) or packing != 0:
        raise DataFault("read", "unsupported_encoding", encoding=f"{bits} bits, packing {packing}")
    return width, abs(height), bits, height < 0


def _gray(content: bytes) -> np.ndarray:
    """(rows, columns) uint8, the top row first."""
    width, height, bits, top_down = film_size(content)
    (start,) = struct.unpack_from("<I", content, 10)
    row_bytes = -(-width * bits // 32) * 4
    got, expected = max(0, len(content) - start), row_bytes * height
    if got < expected:
        raise DataFault("read", "truncated", got=got, expected=expected)
    palette = _palette(content, start) if bits == 8 else None
    rows = np.frombuffer(content, np.uint8, expected, start).reshape(height, row_bytes)[:, : width * bits // 8]
    rows = rows if top_down else rows[::-1]
    if palette is None:
        return _luma(rows.reshape(height, width, bits // 8))
    if rows.max() >= len(palette):
        raise DataFault("read", "bad_voxels", format="BMP")
    return palette[rows]


def _palette(content: bytes, end: int) -> np.ndarray:
    """Gray values of a film's colour table, which lies between the headers and the pixels."""
    (size,) = struct.unpack_from("<I", content, FILE_HEADER_BYTES)
    (count,) = struct.unpack_from("<I", content, FILE_HEADER_BYTES + 32)
    count, start = count or 256, FILE_HEADER_BYTES + size
    if count > 256 or start + 4 * count > end:
        raise DataFault("read", "bad_header", format="BMP")
    return _luma(np.frombuffer(content, np.uint8, 4 * count, start).reshape(count, 4))


def _luma(colours: np.ndarray) -> np.ndarray:
    """Gray (...) uint8 of blue, green, red and perhaps more along the last axis."""
    blue, green, red = (colours[..., channel].astype(np.uint32) for channel in range(3))
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)
