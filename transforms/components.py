"""Connected components of every label on every slice, in one compiled pass over the pixels."""

from __future__ import annotations

import numba
import numpy as np

from medvision.schemas.faults import DataFault
from medvision.transforms.slices import labelled_range, slice_blocks

FIELDS = ("slice_idx", "label", "pixel_count", "min_row", "min_column", "max_row", "max_column")

MAX_COMPONENTS = 500_000
"""Most parts of one plane, or of one volume: real masks have thousands; noise has millions, which fill the memory."""


def label_slices(data: np.ndarray, slice_dim: int, corners: bool = False) -> np.ndarray:
    """2D components of a multi-label mask, as scipy.ndimage.label finds them label by label.

    Args:
        data: (x, y, z) uint8 or uint16 mask.
        slice_dim: Axis that is cut across.
        corners: Whether pixels that share only a corner are neighbours (8-connected), else those that share an edge
            (4-connected).

    Returns:
        int64 table (components, 7) with the columns FIELDS; rows and columns of the table's boxes are pixels of the
        whole slice, maxima inclusive. Sorted by slice, label, then raster order of the component's first pixel.

    Raises:
        DataFault: too_many_components.
    """
    ranges = labelled_range(data)
    rows_axis, columns_axis = (axis for axis in range(3) if axis != slice_dim)
    tables, count = [], 0
    for start, block in slice_blocks(data[ranges], slice_dim):
        table = _components(block, corners)
        count += len(table)
        if count > MAX_COMPONENTS:
            raise DataFault("labels", "too_many_components", limit=MAX_COMPONENTS)
        table[:, 0] += start + ranges[slice_dim].start
        table[:, [3, 5]] += ranges[rows_axis].start
        table[:, [4, 6]] += ranges[columns_axis].start
        tables.append(table)
    if not tables:
        return np.empty((0, len(FIELDS)), np.int64)
    table = np.concatenate(tables)
    order = np.lexsort((table[:, 1], table[:, 0]))  # stable, so raster order stays within (slice, label)
    return table[order]


@numba.njit(cache=True, nogil=True)
def _find(parent: np.ndarray, node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@numba.njit(cache=True, nogil=True)
def _join(parent: np.ndarray, stats: np.ndarray, node: int, other: int) -> int:
    """Make one component of two; returns its root (`node` may be 0, for none yet)."""
    other = _find(parent, other)
    if node == 0 or node == other:
        return other
    low, high = min(node, other), max(node, other)
    parent[high] = low
    stats[low, 1] += stats[high, 1]
    for k in range(2, 4):
        stats[low, k] = min(stats[low, k], stats[high, k])
    for k in range(4, 6):
        stats[low, k] = max(stats[low, k], stats[high, k])
    return low


@numba.njit(cache=True, nogil=True)
def _components(stack: np.ndarray, corners: bool) -> np.ndarray:
    """Components of each slice of (slices, rows, columns), in raster order of their first pixel."""
    slices, rows, columns = stack.shape
    most = rows * columns + 1  # every pixel its own component, where all neighbours differ
    parent = np.empty(most, np.int32)
    stats = np.empty((most, 6), np.int32)  # label, count, min row, min column, max row, max column
    above = np.zeros(columns, np.int32)  # provisional id of each pixel of the row above, 0 for background
    found = np.empty((1024, 7), np.int64)
    total = 0
    for s in range(slices):
        last = 0
        above[:] = 0
        for r in range(rows):
            left = 0
            before = 0  # provisional id above and to the left
            for c in range(columns):
                value = stack[s, r, c]
                over = above[c]
                if value == 0:
                    above[c] = 0
                    left = 0
                    before = over
                    continue
                node = 0
                if left != 0 and stack[s, r, c - 1] == value:
                    node = _find(parent, left)
                if over != 0 and stack[s, r - 1, c] == value:
                    node = _join(parent, stats, node, over)
                elif corners:  # where the pixel above is one of these, it joins both its sides already
                    if before != 0 and stack[s, r - 1, c - 1] == value:
                        node = _join(parent, stats, node, before)
                    if c + 1 < columns and above[c + 1] != 0 and stack[s, r - 1, c + 1] == value:
                        node = _join(parent, stats, node, above[c + 1])
                before = over
                if node == 0:
                    last += 1
                    node = last
                    parent[node] = node
                    stats[node, 0] = value
                    stats[node, 1] = 0
                    stats[node, 2] = r
                    stats[node, 3] = c
                    stats[node, 4] = r
                    stats[node, 5] = c
                stats[node, 1] += 1
                stats[node, 3] = min(stats[node, 3], c)
                stats[node, 4] = r
                stats[node, 5] = max(stats[node, 5], c)
                above[c] = node
                left = node
        for node in range(1, last + 1):
            if parent[node] != node:
                continue
            if total == found.shape[0]:
                larger = np.empty((2 * total, 7), np.int64)
                larger[:total] = found
                found = larger
            found[total, 0] = s
            found[total, 1] = stats[node, 0]
            found[total, 2] = stats[node, 1]
            found[total, 3] = stats[node, 2]
            found[total, 4] = stats[node, 3]
            found[total, 5] = stats[node, 4]
            found[total, 6] = stats[node, 5]
            total += 1
    return found[:total].copy()
