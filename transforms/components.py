"""Connected components of every label: of each slice on each plane, and of the volume, from the runs of a mask."""

from __future__ import annotations

import numba
import numpy as np

from medvision.schemas.faults import DataFault
from medvision.transforms.geometry import slice_axes
from medvision.transforms.label_runs import LabelRuns, MaskRuns

SLICE_FIELDS = ("slice_idx", "label", "pixel_count", "min_row", "min_column", "max_row", "max_column")
VOLUME_FIELDS = ("label", "voxel_count", "min_x", "min_y", "min_z", "max_x", "max_y", "max_z")

MAX_COMPONENTS = 500_000
"""Most parts of one plane, or of one volume: real masks have thousands; noise has millions, which fill the memory."""

LINE_BEFORE = np.array([(0, -1)])
LINE_OF_PLANE_BEFORE = np.array([(-1, 0)])
FACES = np.array([(0, -1), (-1, 0)])
FACES_AND_CORNERS = np.array([(0, -1), (-1, -1), (-1, 0), (-1, 1)])
"""Steps on the grid of lines to the lines that were there before and touch."""


def label_slices(runs: MaskRuns, slice_dim: int, corners: bool = False) -> np.ndarray:
    """2D components of a multi-label mask, as scipy.ndimage.label finds them label by label.

    Args:
        runs: Of the mask (x, y, z).
        slice_dim: Axis that is cut across.
        corners: Whether pixels that share only a corner are neighbours (8-connected), else those that share an edge
            (4-connected).

    Returns:
        int64 table (components, 7) with the columns SLICE_FIELDS; rows and columns of the table's boxes are pixels of
        the whole slice, maxima inclusive. Sorted by slice, label, then raster order of the component's first pixel.

    Raises:
        DataFault: too_many_components.
    """
    place = runs.along.axes.index(slice_dim)
    lines = runs.across if place == 2 else runs.along
    steps = LINE_BEFORE if place == 0 else LINE_OF_PLANE_BEFORE
    rows, columns = slice_axes(slice_dim)
    weights = [0, 0, 0]
    weights[rows], weights[columns] = _length(lines, columns), 1
    found, low, high = _measure(lines, steps, corners, weights)
    values = (low[slice_dim], found[:, 0], found[:, 1], low[rows], low[columns], high[rows], high[columns])
    order = np.lexsort((found[:, 2], found[:, 0], low[slice_dim]))
    return np.stack(values, axis=1)[order]


def label_volume(runs: MaskRuns, corners: bool = False) -> np.ndarray:
    """3D components of a multi-label mask, as scipy.ndimage.label finds them label by label.

    Args:
        runs: Of the mask (x, y, z).
        corners: Whether voxels that share only a corner or an edge are neighbours (26-connected), else those that
            share a face (6-connected).

    Returns:
        int64 table (components, 8) with the columns VOLUME_FIELDS; maxima inclusive. Sorted by label, then raster
        order of the component's first voxel, x slowest.

    Raises:
        DataFault: too_many_components.
    """
    lines = runs.along
    weights = [_length(lines, 1) * _length(lines, 2), _length(lines, 2), 1]
    found, low, high = _measure(lines, FACES_AND_CORNERS if corners else FACES, corners, weights)
    order = np.lexsort((found[:, 2], found[:, 0]))
    return np.stack([found[:, 0], found[:, 1], *low, *high], axis=1)[order]


def _length(lines: LabelRuns, axis: int) -> int:
    return lines.shape[lines.axes.index(axis)]


def _measure(
    lines: LabelRuns, steps: np.ndarray, corners: bool, weights_xyz: list[int]
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Label, count and least weighted index of each component; its first and last index on x, y and z."""
    signed = [
        -weights_xyz[axis] if flip else weights_xyz[axis] for axis, flip in zip(lines.axes, lines.flipped, strict=True)
    ]
    reach = 1 if corners else 0
    table = _components(
        lines.first, lines.start, lines.stop, lines.label, lines.shape, steps, reach, np.array(signed), MAX_COMPONENTS
    )
    if len(table) > MAX_COMPONENTS:
        raise DataFault("labels", "too_many_components", limit=MAX_COMPONENTS)
    low: list[np.ndarray] = [table[:, 0]] * 3
    high = low.copy()
    for place, (axis, flip) in enumerate(zip(lines.axes, lines.flipped, strict=True)):
        ends = table[:, 3 + place], table[:, 6 + place]
        last = lines.shape[place] - 1
        low[axis], high[axis] = (last - ends[1], last - ends[0]) if flip else ends
    return table, low, high


@numba.njit(cache=True, nogil=True)
def _find(root: np.ndarray, run: int) -> int:
    while root[run] != run:
        root[run] = root[root[run]]
        run = root[run]
    return run


@numba.njit(cache=True, nogil=True)
def _join(root: np.ndarray, label: np.ndarray, run: int, other: int) -> None:
    """Make one component of two runs' where they have one label; its root is its first run."""
    if label[run] == label[other]:
        a, b = _find(root, run), _find(root, other)
        if a < b:
            root[b] = a
        else:
            root[a] = b


@numba.njit(cache=True, nogil=True)
def _components(
    first: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    label: np.ndarray,
    shape: tuple[int, int, int],
    steps: np.ndarray,
    reach: int,
    weights: np.ndarray,
    limit: int,
) -> np.ndarray:
    """Label, count, least weighted index, 3 minima and 3 maxima of each component; `limit` + 1 rows for more.

    Runs of two lines that a step connects touch where they overlap, with a `reach` of 1 also where one ends at the
    other's start.
    """
    root = np.arange(start.shape[0]).astype(np.int32)
    for p in range(shape[0]):
        for r in range(shape[1]):
            line = p * shape[1] + r
            if first[line] == first[line + 1]:
                continue
            for s in range(steps.shape[0]):
                q, t = p + steps[s, 0], r + steps[s, 1]
                if q < 0 or t < 0 or t >= shape[1]:
                    continue
                before = q * shape[1] + t
                i, i_end = first[line], first[line + 1]
                j, j_end = first[before], first[before + 1]
                while i < i_end and j < j_end:
                    if stop[j] + reach <= start[i]:
                        j += 1
                    elif stop[i] + reach <= start[j]:
                        i += 1
                    else:
                        _join(root, label, i, j)
                        if stop[i] < stop[j]:
                            i += 1
                        elif stop[j] < stop[i]:
                            j += 1
                        else:  # with a reach, each may touch the other's next run too
                            if reach and i + 1 < i_end and start[i + 1] == stop[j]:
                                _join(root, label, i + 1, j)
                            if reach and j + 1 < j_end and start[j + 1] == stop[i]:
                                _join(root, label, i, j + 1)
                            i += 1
                            j += 1
    count = 0
    for run in range(root.shape[0]):
        count += root[run] == run
    if count > limit:
        return np.empty((limit + 1, 9), np.int64)
    table = np.empty((count, 9), np.int64)
    number = np.empty(root.shape[0], np.int32)  # of the component, at its root
    count = 0
    for p in range(shape[0]):
        for r in range(shape[1]):
            line = p * shape[1] + r
            for run in range(first[line], first[line + 1]):
                top = _find(root, run)
                low, high = start[run], stop[run] - 1
                index = p * weights[0] + r * weights[1] + min(low * weights[2], high * weights[2])
                if top == run:
                    number[run] = count
                    table[count, 0] = label[run]
                    table[count, 1] = 0
                    table[count, 2] = index
                    table[count, 3], table[count, 4], table[count, 5] = p, r, low
                    table[count, 6], table[count, 7], table[count, 8] = p, r, high
                    count += 1
                row = table[number[top]]
                row[1] += high - low + 1
                row[2] = min(row[2], index)
                row[4] = min(row[4], r)
                row[5] = min(row[5], low)
                row[6] = p
                row[7] = max(row[7], r)
                row[8] = max(row[8], high)
    return table
