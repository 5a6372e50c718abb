"""Connected components of every label of a volume, in one compiled pass over the voxels."""

from __future__ import annotations

import numba
import numpy as np

from medvision.schemas.faults import DataFault
from medvision.transforms.components import MAX_COMPONENTS
from medvision.transforms.slices import labelled_range

PROVISIONAL = 8
"""Numbers that the pass may give out before parts are joined, in units of MAX_COMPONENTS."""
FIELDS = ("label", "voxel_count", "min_x", "min_y", "min_z", "max_x", "max_y", "max_z")


def label_volume(data: np.ndarray, corners: bool = False) -> np.ndarray:
    """3D components of a multi-label mask, as scipy.ndimage.label finds them label by label.

    Args:
        data: (x, y, z) uint8 or uint16 mask.
        corners: Whether voxels that share only a corner or an edge are neighbours (26-connected), else those that
            share a face (6-connected).

    Returns:
        int64 table (components, 8) with the columns FIELDS; maxima inclusive. Sorted by label, then raster order of
        the component's first voxel, x slowest.

    Raises:
        DataFault: too_many_components.
    """
    ranges = labelled_range(data)
    crop = data[ranges]
    if not crop.size:
        return np.empty((0, len(FIELDS)), np.int64)
    axes = sorted(range(3), key=lambda axis: -abs(crop.strides[axis]))  # walk as the voxels lie in memory
    weights = (crop.shape[1] * crop.shape[2], crop.shape[2], 1)
    stack = crop.transpose(axes)
    room = PROVISIONAL * MAX_COMPONENTS
    extents, first = _components(stack, corners, np.array([weights[axis] for axis in axes]), room)
    if len(extents) > MAX_COMPONENTS or (len(first) and first[0] < 0):
        raise DataFault("labels", "too_many_components", limit=MAX_COMPONENTS)
    table = np.empty((len(extents), len(FIELDS)), np.int64)
    table[:, :2] = extents[:, :2]
    for place, axis in enumerate(axes):
        table[:, 2 + axis] = extents[:, 2 + place] + ranges[axis].start
        table[:, 5 + axis] = extents[:, 5 + place] + ranges[axis].start
    return table[np.lexsort((first, table[:, 0]))]


@numba.njit(cache=True, nogil=True)
def _find(parent: np.ndarray, node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@numba.njit(cache=True, nogil=True)
def _join(parent: np.ndarray, node: int, other: int) -> int:
    """Make one component of two; returns its root (`node` may be 0, for none yet)."""
    other = _find(parent, other)
    if node == 0 or node == other:
        return other
    low, high = min(node, other), max(node, other)
    parent[high] = low
    return low


@numba.njit(cache=True, nogil=True)
def _grown(array: np.ndarray) -> np.ndarray:
    larger = np.empty((2 * array.shape[0], *array.shape[1:]), array.dtype)
    larger[: array.shape[0]] = array
    return larger


@numba.njit(cache=True, nogil=True)
def _components(stack: np.ndarray, corners: bool, weights: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray]:
    """Extents (label, count, minima, maxima) of each component of a stack, and the least weighted index in it.

    One index of -1 where more than `room` numbers would have to be given out.
    """
    planes, rows, columns = stack.shape
    parent = np.empty(1024, np.int64)
    stats = np.empty((1024, 9), np.int64)  # label, count, 3 minima, 3 maxima, first
    ids = np.zeros((2, rows + 2, columns + 2), np.int64)  # of this plane and the one before, with a border of none
    last = 0
    for p in range(planes):
        here, before = p % 2, (p + 1) % 2
        ids[here] = 0
        for r in range(rows):
            for c in range(columns):
                value = stack[p, r, c]
                if value == 0:
                    continue
                node = 0
                i, j = r + 1, c + 1
                if ids[here, i, j - 1] != 0 and stack[p, r, c - 1] == value:
                    node = _join(parent, node, ids[here, i, j - 1])
                if ids[here, i - 1, j] != 0 and stack[p, r - 1, c] == value:
                    node = _join(parent, node, ids[here, i - 1, j])
                if ids[before, i, j] != 0 and stack[p - 1, r, c] == value:
                    node = _join(parent, node, ids[before, i, j])
                if corners:
                    for dc in (-1, 1):
                        if ids[here, i - 1, j + dc] != 0 and stack[p, r - 1, c + dc] == value:
                            node = _join(parent, node, ids[here, i - 1, j + dc])
                    for dr in (-1, 0, 1):
                        for dc in (-1, 0, 1):
                            if ids[before, i + dr, j + dc] != 0 and stack[p - 1, r + dr, c + dc] == value:
                                node = _join(parent, node, ids[before, i + dr, j + dc])
                where = p * weights[0] + r * weights[1] + c * weights[2]
                if node == 0:
                    if last == room:
                        return np.empty((0, 8), np.int64), np.full(1, -1, np.int64)
                    last += 1
                    if last == parent.shape[0]:
                        parent, stats = _grown(parent), _grown(stats)
                    node = last
                    parent[node] = node
                    stats[node, 0] = value
                    stats[node, 1] = 0
                    stats[node, 2], stats[node, 3], stats[node, 4] = p, r, c
                    stats[node, 5], stats[node, 6], stats[node, 7] = p, r, c
                    stats[node, 8] = where
                ids[here, i, j] = node
                stats[node, 1] += 1
                stats[node, 3] = min(stats[node, 3], r)
                stats[node, 4] = min(stats[node, 4], c)
                stats[node, 5] = p
                stats[node, 6] = max(stats[node, 6], r)
                stats[node, 7] = max(stats[node, 7], c)
                stats[node, 8] = min(stats[node, 8], where)
    count = 0
    for node in range(1, last + 1):
        root = _find(parent, node)
        if root == node:
            count += 1
            continue
        stats[root, 1] += stats[node, 1]  # roots come before what was joined to them
        for k in range(2, 5):
            stats[root, k] = min(stats[root, k], stats[node, k])
            stats[root, k + 3] = max(stats[root, k + 3], stats[node, k + 3])
        stats[root, 8] = min(stats[root, 8], stats[node, 8])
    extents = np.empty((count, 8), np.int64)
    first = np.empty(count, np.int64)
    place = 0
    for node in range(1, last + 1):
        if parent[node] == node:
            extents[place] = stats[node, :8]
            first[place] = stats[node, 8]
            place += 1
    return extents, first
