"""Content identity of a release: a hash of its decoded rows that no file layout, compressor or CPU changes.

Pixels, integers and strings count exactly. Floats count to 6 significant digits, since functions such as
arctan2 differ in the last bits between CPU families.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

SIGNIFICANT_DIGITS = 6
ZERO_BELOW = 1e-12
"""Smaller magnitudes are rounding noise around 0: the smallest meaningful value of a row is about 1e-9."""
EDGE_SHIFT = 1.0 + 1e-6 / math.pi
"""Moves the edges of rounding off the values that real data sits on: a spacing of 0.8203125 mm is exactly
half-way between two 6-digit numbers, so one bit of noise would decide. Too small to move a 6-digit number off
its own text."""


def row_digest(row: dict[str, Any], pixels: np.ndarray | None) -> bytes:
    """SHA-256 of one slice row, 32 bytes.

    Args:
        row: Columns of the row, nested as pyarrow's `to_pylist` gives them, in any order. `image` is left
            out, since the same pixels can be compressed in many ways.
        pixels: Decoded image, (rows, columns) of any integer dtype; None for a row without an image.

    Raises:
        TypeError: A value that no Arrow column of a row yields.
    """
    columns = {name: value for name, value in row.items() if name != "image"}
    digest = hashlib.sha256(canonical_text(columns).encode())
    if pixels is None:
        digest.update(b"\nno pixels")
    else:
        stored = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<"))
        digest.update(f"\npixels {stored.shape} {stored.dtype.str}\n".encode())
        digest.update(stored.tobytes())
    return digest.digest()


def combine(digests: Iterable[bytes]) -> str:
    """Hash of a collection of digests as 64 hexadecimal digits: their sum modulo 2^256.

    A sum is the same for every order of rows and every way of cutting them into shards, takes the memory of
    one number, and (unlike exclusive or) still sees a row that is there twice. It tells honest releases
    apart; against someone who crafts rows to collide, only the SHA-256 of the files serve.
    """
    total = sum(int.from_bytes(digest, "big") for digest in digests) % (1 << 256)
    return f"{total:064x}"


def canonical_text(value: Any) -> str:
    """One text for a value and its nested parts; different kinds of value never share a text.

    Examples:
        >>> canonical_text({"b": [1, -0.0, None], "a": "x"})
        '{"a":"x","b":[i1,f0,null]}'
    """
    if isinstance(value, float | np.floating):
        return "f" + _float_text(float(value))
    if isinstance(value, dict):
        return "{" + ",".join([f"{_quoted(key)}:{canonical_text(value[key])}" for key in sorted(value)]) + "}"
    if isinstance(value, list | tuple | np.ndarray):
        return "[" + ",".join([canonical_text(item) for item in value]) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return f"i{int(value)}"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bytes):
        return "b" + value.hex()
    raise TypeError(f"a row holds no {type(value).__name__}")


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return json.dumps(text)


def _float_text(value: float) -> str:
    if math.isnan(value):
        return "nan"
    if abs(value) < ZERO_BELOW:
        return "0"
    return f"{value * EDGE_SHIFT:.{SIGNIFICANT_DIGITS - 1}e}"
