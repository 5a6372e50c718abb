"""Convex hull of integer points in the plane, decided in integers alone."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def convex_hull(points: np.ndarray) -> np.ndarray:
    """Corners of the hull by Andrew's monotone chain (Information Processing Letters 9 (1979), 216-219).

    Args:
        points: (n, 2) int64 in raster order (by first coordinate, then second), at least one.

    Returns:
        (corners, 2) int64 around the hull, no three on one line; one or two for points without an area.
    """
    count = points.shape[0]
    hull = np.empty((2 * count + 1, 2), np.int64)
    size = 0
    for i in range(count):
        size = _push(hull, size, 0, points[i, 0], points[i, 1])
    turn = size - 1
    for i in range(count - 2, -1, -1):
        size = _push(hull, size, turn, points[i, 0], points[i, 1])
    if size > 1 and hull[size - 1, 0] == hull[0, 0] and hull[size - 1, 1] == hull[0, 1]:
        size -= 1
    return hull[:size].copy()


@numba.njit(cache=True, nogil=True)
def _push(hull: np.ndarray, size: int, floor: int, row: int, column: int) -> int:
    """Put a point on the chain that starts at `floor`, after taking off whatever no longer turns left."""
    if size > 0 and hull[size - 1, 0] == row and hull[size - 1, 1] == column:
        return size
    while size - floor >= 2:
        edge_row, edge_column = hull[size - 1, 0] - hull[size - 2, 0], hull[size - 1, 1] - hull[size - 2, 1]
        if edge_row * (column - hull[size - 2, 1]) - edge_column * (row - hull[size - 2, 0]) > 0:
            break
        size -= 1
    hull[size, 0] = row
    hull[size, 1] = column
    return size + 1
