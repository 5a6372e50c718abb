"""Midpoints of the pixel edges that bound a mask, and of the voxel faces, as integers in half pixels.

Pixel (r, c) covers [2r-1, 2r+1] x [2c-1, 2c+1] and its centre is (2r, 2c): an edge midpoint has one odd coordinate,
and geometry on these points can be decided in integers. Everything outside the array counts as background.
"""

from __future__ import annotations

import numba
import numpy as np


def edge_midpoints(mask: np.ndarray) -> np.ndarray:
    """Midpoints of the edges between a pixel of the mask and one that is not, holes included.

    Args:
        mask: (rows, columns) bool.

    Returns:
        (edges, 2) int64 (row, column) in half pixels, in raster order: by row, then column. Empty for an empty mask.

    Raises:
        ValueError: the mask is not two-dimensional.
    """
    if mask.ndim != 2:
        raise ValueError(f"edges want a mask of (rows, columns), got shape {mask.shape}")
    return _found_edges(np.ascontiguousarray(mask, dtype=np.bool_))


def face_midpoints(mask: np.ndarray) -> np.ndarray:
    """Midpoints of the faces between a voxel of the mask and one that is not, holes included.

    Args:
        mask: Bool along three axes.

    Returns:
        (faces, 3) int64 in half voxels along the mask's axes, in raster order. Empty for an empty mask.

    Raises:
        ValueError: the mask is not three-dimensional.
    """
    if mask.ndim != 3:
        raise ValueError(f"faces want a mask of three axes, got shape {mask.shape}")
    voxels = np.ascontiguousarray(mask, dtype=np.bool_)
    found = np.empty((_faces(voxels, np.empty((0, 3), np.int64)), 3), np.int64)
    _faces(voxels, found)
    return found


@numba.njit(cache=True, nogil=True)
def _edges(mask: np.ndarray, found: np.ndarray) -> int:
    """Fill `found` if it has room for anything; count in any case."""
    rows, columns = mask.shape
    fill = found.shape[0] > 0
    count = 0
    for half_row in range(-1, 2 * rows):
        row = (half_row + 1) // 2  # of an odd half row: the pixels below it
        if half_row & 1:
            for column in range(columns):
                above = row > 0 and mask[row - 1, column]
                below = row < rows and mask[row, column]
                if above != below:
                    if fill:
                        found[count, 0] = half_row
                        found[count, 1] = 2 * column
                    count += 1
        else:
            row = half_row // 2
            left = False
            for column in range(columns + 1):
                right = column < columns and mask[row, column]
                if left != right:
                    if fill:
                        found[count, 0] = half_row
                        found[count, 1] = 2 * column - 1
                    count += 1
                left = right
    return count


@numba.njit(cache=True, nogil=True)
def _found_edges(mask: np.ndarray) -> np.ndarray:
    found = np.empty((_edges(mask, np.empty((0, 2), np.int64)), 2), np.int64)
    _edges(mask, found)
    return found


@numba.njit(cache=True, nogil=True)
def _faces(mask: np.ndarray, found: np.ndarray) -> int:
    """Fill `found` if it has room for anything; count in any case."""
    planes, rows, columns = mask.shape
    fill = found.shape[0] > 0
    count = 0
    for half_plane in range(-1, 2 * planes):
        if half_plane & 1:
            plane = (half_plane + 1) // 2
            for row in range(rows):
                for column in range(columns):
                    before = plane > 0 and mask[plane - 1, row, column]
                    behind = plane < planes and mask[plane, row, column]
                    if before != behind:
                        if fill:
                            found[count, 0] = half_plane
                            found[count, 1] = 2 * row
                            found[count, 2] = 2 * column
                        count += 1
        else:
            plane = half_plane // 2
            within = _edges(mask[plane], found[count:, 1:])
            if fill:
                found[count : count + within, 0] = half_plane
            count += within
    return count
