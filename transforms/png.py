"""Greyscale PNG files: every row less the one above it ("Up"), then deflate at the fastest level that still packs.

A library that tries several filters a row and searches long matches spends three to five times as long for the same
size: noise of a scan leaves nothing for either to find. The bytes depend on the pixels alone.
"""

from __future__ import annotations

import struct

import numba
import numpy as np
from isal import isal_zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
UP = 2
"""Filter type of the PNG specification, section 9.2: each byte less the byte above it, modulo 256."""
LEVEL = 1


class PngWriter:
    """Writes pictures of one shape; holds the filtered rows of one, so each thread needs a writer of its own."""

    def __init__(self, height: int, width: int, bits: int) -> None:
        """`bits` is 8 or 16."""
        header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)  # greyscale, deflate, not interlaced
        self._start = SIGNATURE + _chunk(b"IHDR", header)
        self._rows = np.empty((height, 1 + width * bits // 8), np.uint8)

    def write(self, pixels: np.ndarray) -> bytes:
        """A whole PNG file of C-contiguous (rows, columns) uint8 or uint16 of the writer's shape."""
        (_up_rows16 if pixels.dtype == np.uint16 else _up_rows8)(pixels, self._rows)
        return self._start + _chunk(b"IDAT", isal_zlib.compress(self._rows, LEVEL)) + _END


def _chunk(name: bytes, content: bytes) -> bytes:
    check = isal_zlib.crc32(content, isal_zlib.crc32(name))
    return b"".join((struct.pack(">I", len(content)), name, content, struct.pack(">I", check)))


_END = _chunk(b"IEND", b"")


@numba.njit(cache=True, nogil=True)
def _up_rows16(pixels: np.ndarray, filtered: np.ndarray) -> None:
    """Filter type and big-endian samples of each row; the row above the first is zero."""
    height, width = pixels.shape
    for row in range(height):
        filtered[row, 0] = UP
        target, here, above = filtered[row, 1:], pixels[row], pixels[max(row, 1) - 1]
        if row == 0:
            for column in range(width):
                target[2 * column] = here[column] >> 8
                target[2 * column + 1] = here[column]
        else:
            for column in range(width):
                target[2 * column] = (here[column] >> 8) - (above[column] >> 8)
                target[2 * column + 1] = here[column] - above[column]


@numba.njit(cache=True, nogil=True)
def _up_rows8(pixels: np.ndarray, filtered: np.ndarray) -> None:
    height, width = pixels.shape
    for row in range(height):
        filtered[row, 0] = UP
        target, here, above = filtered[row, 1:], pixels[row], pixels[max(row, 1) - 1]
        for column in range(width):
            target[column] = here[column] - (above[column] if row else 0)
