"""A small mask as run lengths, so that a row carries what its lesion measures were taken from."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np


def run_lengths(mask: np.ndarray) -> list[int]:
    """Run lengths of a (rows, columns) bool mask read row by row: background first (perhaps 0), then in turn."""
    lengths: list[int] = _lengths(np.ascontiguousarray(mask, dtype=np.bool_)).tolist()
    return lengths


def from_run_lengths(runs: Sequence[int], size_rc: Sequence[int]) -> np.ndarray:
    """The (rows, columns) bool mask of `run_lengths`. Raises ValueError where they do not fill it."""
    values = np.zeros(len(runs), bool)
    values[1::2] = True
    flat = np.repeat(values, runs)
    if len(flat) != size_rc[0] * size_rc[1]:
        raise ValueError(f"runs of {len(flat)} pixels for a mask of {size_rc[0]} x {size_rc[1]}")
    return flat.reshape(size_rc[0], size_rc[1])


@numba.njit(cache=True, nogil=True)
def _lengths(mask: np.ndarray) -> np.ndarray:
    rows, columns = mask.shape
    lengths = np.empty(rows * columns + 1, np.int64)
    count, length, value = 0, 0, False
    for r in range(rows):
        for c in range(columns):
            if mask[r, c] != value:
                lengths[count] = length
                count, length, value = count + 1, 0, not value
            length += 1
    lengths[count] = length
    return lengths[: count + 1].copy()
