"""Volumes as blocks of slices in array order: rows are the first remaining axis, columns the second."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BLOCK_BYTES = 32 << 20


def slice_blocks(data: np.ndarray, slice_dim: int) -> Iterator[tuple[int, np.ndarray]]:
    """Cut a volume across one axis, a bounded block at a time.

    Args:
        data: (x, y, z).
        slice_dim: Axis that is cut across: 0 sagittal, 1 coronal, 2 axial.

    Yields:
        First slice index, and the C-contiguous block (slices, rows, columns).
    """
    stack = np.moveaxis(data, slice_dim, 0)
    step = max(1, BLOCK_BYTES // max(1, data.nbytes // max(1, stack.shape[0])))
    for start in range(0, stack.shape[0], step):
        yield start, np.ascontiguousarray(stack[start : start + step])


def labelled_range(data: np.ndarray) -> tuple[slice, slice, slice]:
    """Smallest index range on each axis that holds every non-zero voxel (empty slices for an empty mask)."""
    ranges = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        hit = np.flatnonzero(data.any(axis=others))
        ranges.append(slice(int(hit[0]), int(hit[-1]) + 1) if len(hit) else slice(0, 0))
    return ranges[0], ranges[1], ranges[2]
