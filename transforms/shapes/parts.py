"""Connected parts of a small mask, with their boxes, in one compiled call."""

from __future__ import annotations

import numba
import numpy as np

FIELDS = ("pixel_count", "start_row", "start_column", "stop_row", "stop_column", "first_column")
"""Boxes are half-open; a part's first pixel in raster order is (start_row, first_column)."""


def label_parts(mask: np.ndarray, corners: bool) -> tuple[np.ndarray, list[list[int]]]:
    """Number the parts of a mask as scipy.ndimage.label does, and measure them.

    Args:
        mask: (rows, columns) bool.
        corners: Whether pixels that share only a corner are neighbours (8-connected), else those that share an edge
            (4-connected).

    Returns:
        (rows, columns) int32, 0 for background, else the part's number from 1 on, in raster order of first pixels; and
        a list [FIELDS] of each part in this order.

    Raises:
        ValueError: the mask is not two-dimensional.
    """
    if mask.ndim != 2:
        raise ValueError(f"parts want a mask of (rows, columns), got shape {mask.shape}")
    numbers, table = _parts(np.ascontiguousarray(mask, dtype=np.bool_), corners)
    return numbers, table.tolist()


@numba.njit(cache=True, nogil=True)
def _find(parent: np.ndarray, node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@numba.njit(cache=True, nogil=True)
def _join(parent: np.ndarray, node: int, other: int) -> int:
    """Make one part of two; returns its root, the lower one: numbers rise in raster order."""
    node, other = _find(parent, node), _find(parent, other)
    low = min(node, other)
    parent[max(node, other)] = low
    return low


@numba.njit(cache=True, nogil=True)
def _parts(mask: np.ndarray, corners: bool) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = mask.shape
    numbers = np.zeros((rows, columns), np.int32)
    parent = np.empty((rows * columns + 1) // 2 + 1, np.int32)  # of two neighbours at most one starts a number
    last = 0
    for r in range(rows):
        for c in range(columns):
            if not mask[r, c]:
                continue
            left = numbers[r, c - 1] if c > 0 else 0
            over = numbers[r - 1, c] if r > 0 else 0
            if corners and over == 0 and r > 0:  # where the pixel above is set, it joins both its sides already
                if left == 0 and c > 0:
                    left = numbers[r - 1, c - 1]
                over = numbers[r - 1, c + 1] if c + 1 < columns else 0
            if left != 0 and over != 0:
                numbers[r, c] = left if left == over else _join(parent, left, over)
            elif left != 0 or over != 0:
                numbers[r, c] = max(left, over)
            else:
                last += 1
                parent[last] = last
                numbers[r, c] = last
    count = 0
    final = np.zeros(last + 1, np.int32)
    for node in range(1, last + 1):  # roots come before what was joined to them
        root = _find(parent, node)
        if root == node:
            count += 1
            final[node] = count
        else:
            final[node] = final[root]
    table = np.zeros((count, 6), np.int64)
    for r in range(rows):
        for c in range(columns):
            if numbers[r, c] == 0:
                continue
            number = final[numbers[r, c]]
            numbers[r, c] = number
            part = number - 1
            if table[part, 0] == 0:
                table[part, 1], table[part, 2], table[part, 4], table[part, 5] = r, c, c + 1, c
            table[part, 0] += 1
            table[part, 2] = min(table[part, 2], c)
            table[part, 3] = r + 1
            table[part, 4] = max(table[part, 4], c + 1)
    return numbers, table
