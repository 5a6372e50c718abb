"""A small mask as run lengths, so that a row carries what its lesion measures were taken from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def run_lengths(mask: np.ndarray) -> list[int]:
    """Run lengths of a (rows, columns) bool mask read row by row: background first (perhaps 0), then in turn."""
    flat = mask.reshape(-1)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate([[0], changes, [len(flat)]])
    lengths: list[int] = np.diff(bounds).tolist()
    return [0, *lengths] if flat[0] else lengths


def from_run_lengths(runs: Sequence[int], size_rc: Sequence[int]) -> np.ndarray:
    """The (rows, columns) bool mask of `run_lengths`. Raises ValueError where they do not fill it."""
    values = np.zeros(len(runs), bool)
    values[1::2] = True
    flat = np.repeat(values, runs)
    if len(flat) != size_rc[0] * size_rc[1]:
        raise ValueError(f"runs of {len(flat)} pixels for a mask of {size_rc[0]} x {size_rc[1]}")
    return flat.reshape(size_rc[0], size_rc[1])
