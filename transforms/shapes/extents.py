"""Boxes of numbered solids, and of what each slice of them shows, in one compiled pass over the voxels."""

from __future__ import annotations

import numba
import numpy as np


def solid_extents(ids: np.ndarray) -> tuple[list[list[int]], tuple[list[list[int]], ...]]:
    """Where the solids of a numbered volume lie.

    Args:
        ids: (x, y, z) int32, 0 for background, else the solid's number from 1 on, none left out.

    Returns:
        Half-open box [start x, y, z, stop x, y, z] of each solid; and for each axis the half-open box
        [start row, start column, stop row, stop column] of each slice across it, zeros where a slice shows nothing.
    """
    solids, x, y, z = _extents(np.ascontiguousarray(ids, dtype=np.int32))
    return solids.tolist(), (x.tolist(), y.tolist(), z.tolist())


@numba.njit(cache=True, nogil=True)
def _extents(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    sides = ids.shape
    solids = np.zeros((ids.max() if ids.size else 0, 6), np.int64)
    across_x = np.zeros((sides[0], 4), np.int64)
    across_y = np.zeros((sides[1], 4), np.int64)
    across_z = np.zeros((sides[2], 4), np.int64)
    for x in range(sides[0]):
        for y in range(sides[1]):
            for z in range(sides[2]):
                if ids[x, y, z] == 0:
                    continue
                _widen(across_x, x, y, z)
                _widen(across_y, y, x, z)
                _widen(across_z, z, x, y)
                k = ids[x, y, z] - 1
                if solids[k, 3] == 0:
                    solids[k, 0], solids[k, 1], solids[k, 2] = x, y, z
                solids[k, 1], solids[k, 2] = min(solids[k, 1], y), min(solids[k, 2], z)
                solids[k, 3] = x + 1
                solids[k, 4], solids[k, 5] = max(solids[k, 4], y + 1), max(solids[k, 5], z + 1)
    return solids, across_x, across_y, across_z


@numba.njit(cache=True, nogil=True)
def _widen(boxes: np.ndarray, place: int, row: int, column: int) -> None:
    if boxes[place, 2] == 0:
        boxes[place, 0], boxes[place, 1] = row, column
    boxes[place, 0], boxes[place, 1] = min(boxes[place, 0], row), min(boxes[place, 1], column)
    boxes[place, 2], boxes[place, 3] = max(boxes[place, 2], row + 1), max(boxes[place, 3], column + 1)
