"""Connected components of every label: of each slice on each plane, and of the volume, from the runs of a mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np

from medvision.schemas.faults import DataFault
from medvision.transforms.geometry import slice_axes
from medvision.transforms.label_runs import LabelRuns, MaskRuns, find_runs

SLICE_FIELDS = ("slice_idx", "label", "pixel_count", "min_row", "min_column", "max_row", "max_column")
VOLUME_FIELDS = ("label", "voxel_count", "min_x", "min_y", "min_z", "max_x", "max_y", "max_z")

MAX_COMPONENTS = 500_000
"""Most parts of one plane, or of one volume: real masks have thousands; noise has millions, which fill the memory."""

EDGES, CORNERS = 0, 1
"""Rows of `roots`: which runs are one component where those that overlap are, and where corners are enough too."""


@dataclass(frozen=True)
class Components:
    """The components of a mask on all planes, and in the volume, as the root of each run: (2, runs) for EDGES, CORNERS.

    Attributes:
        runs: Of the mask.
        by_line, by_plane: Of slices across the first and the second axis of `runs.along`.
        across: Of slices across its third axis, by `runs.across`.
        volume: Of the volume.
    """

    runs: MaskRuns
    by_line: np.ndarray
    by_plane: np.ndarray
    across: np.ndarray
    volume: np.ndarray

    def slices(self, slice_dim: int) -> tuple[LabelRuns, np.ndarray]:
        """Runs and roots of the slices across an axis."""
        place = self.runs.along.axes.index(slice_dim)
        if place == 2:
            return self.runs.across, self.across
        return self.runs.along, self.by_plane if place else self.by_line


def find_components(mask: np.ndarray) -> Components:
    """Components of each label of a (x, y, z) uint8 or uint16 mask, of every plane and the volume at once.

    Raises:
        DataFault: too_many_components.
    """
    runs = find_runs(mask)
    along, crossing = runs.along, runs.across
    roots = np.tile(np.arange(len(along.start), dtype=np.int32), (6, 1))
    line, plane, volume = roots[0:2], roots[2:4], roots[4:6]
    across = np.tile(np.arange(len(crossing.start), dtype=np.int32), (2, 1))
    _join_lines(*_lines(along), 0, -1, roots, np.array([0, 4]), np.array([1, 5]))
    _join_lines(*_lines(along), -1, 0, roots, np.array([2, 4]), np.array([3, 5]))
    for step in (-1, 1):  # lines that meet at corners alone
        _join_lines(*_lines(along), -1, step, roots, np.empty(0, np.int64), np.array([5]))
    _join_lines(*_lines(crossing), -1, 0, across, np.array([0]), np.array([1]))
    return Components(runs, line, plane, across, volume)


def label_slices(found: Components, slice_dim: int) -> tuple[np.ndarray, np.ndarray]:
    """2D components of a multi-label mask, as scipy.ndimage.label finds them label by label.

    Args:
        found: Of the mask (x, y, z).
        slice_dim: Axis that is cut across.

    Returns:
        Those whose pixels share edges (4-connected) and those whose pixels share an edge or a corner (8-connected):
        int64 tables (components, 7) with the columns SLICE_FIELDS; rows and columns of the table's boxes are pixels of
        the whole slice, maxima inclusive. Sorted by slice, label, then raster order of the component's first pixel.

    Raises:
        DataFault: too_many_components.
    """
    lines, roots = found.slices(slice_dim)
    rows, columns = slice_axes(slice_dim)
    weights = [0, 0, 0]
    weights[rows], weights[columns] = _length(lines, columns), 1

    def table(kind: int) -> np.ndarray:
        measured, low, high = _measure(lines, roots[kind], weights)
        label, count, place = measured[:, 0], measured[:, 1], measured[:, 2]
        order = np.lexsort((place, label, low[slice_dim]))
        values = (low[slice_dim], label, count, low[rows], low[columns], high[rows], high[columns])
        return np.stack(values, axis=1)[order]

    return _both(roots, table)


def label_volume(found: Components) -> tuple[np.ndarray, np.ndarray]:
    """3D components of a multi-label mask, as scipy.ndimage.label finds them label by label.

    Returns:
        Those whose voxels share faces (6-connected) and those whose voxels share a face, an edge or a corner
        (26-connected): int64 tables (components, 8) with the columns VOLUME_FIELDS; maxima inclusive. Sorted by label,
        then raster order of the component's first voxel, x slowest.

    Raises:
        DataFault: too_many_components.
    """
    lines, roots = found.runs.along, found.volume
    weights = [_length(lines, 1) * _length(lines, 2), _length(lines, 2), 1]

    def table(kind: int) -> np.ndarray:
        measured, low, high = _measure(lines, roots[kind], weights)
        order = np.lexsort((measured[:, 2], measured[:, 0]))
        return np.stack([measured[:, 0], measured[:, 1], *low, *high], axis=1)[order]

    return _both(roots, table)


def _both(roots: np.ndarray, table: Callable[[int], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Both tables; one for both where corners join nothing that edges do not."""
    edges = table(EDGES)
    same = _count_roots(roots[CORNERS]) == len(edges)
    return edges, edges if same else table(CORNERS)


def _lines(lines: LabelRuns) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[int, int, int]]:
    return lines.first, lines.start, lines.stop, lines.label, lines.shape


def _length(lines: LabelRuns, axis: int) -> int:
    return lines.shape[lines.axes.index(axis)]


def _measure(
    lines: LabelRuns, root: np.ndarray, weights_xyz: list[int]
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Label, count and least weighted index of each component; its first and last index on x, y and z."""
    if _count_roots(root) > MAX_COMPONENTS:
        raise DataFault("labels", "too_many_components", limit=MAX_COMPONENTS)
    signed = [
        -weights_xyz[axis] if flip else weights_xyz[axis] for axis, flip in zip(lines.axes, lines.flipped, strict=True)
    ]
    table = _extents(*_lines(lines), root, np.array(signed))
    low: list[np.ndarray] = [table[:, 0]] * 3
    high = low.copy()
    for place, (axis, flip) in enumerate(zip(lines.axes, lines.flipped, strict=True)):
        ends = table[:, 3 + place], table[:, 6 + place]
        last = lines.shape[place] - 1
        low[axis], high[axis] = (last - ends[1], last - ends[0]) if flip else ends
    return table, low, high


def _count_roots(root: np.ndarray) -> int:
    return int(np.count_nonzero(root == np.arange(len(root), dtype=np.int32)))


@numba.njit(cache=True, nogil=True)
def _find(root: np.ndarray, run: int) -> int:
    while root[run] != run:
        root[run] = root[root[run]]
        run = root[run]
    return run


@numba.njit(cache=True, nogil=True)
def _join(roots: np.ndarray, which: np.ndarray, run: int, other: int) -> None:
    """Make one component of two runs' in some of the rows; its root is its first run."""
    for k in which:
        root = roots[k]
        a, b = _find(root, run), _find(root, other)
        if a < b:
            root[b] = a
        else:
            root[a] = b


@numba.njit(cache=True, nogil=True)
def _join_lines(
    first: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    label: np.ndarray,
    shape: tuple[int, int, int],
    plane_step: int,
    line_step: int,
    roots: np.ndarray,
    overlapping: np.ndarray,
    touching: np.ndarray,
) -> None:
    """Join runs of each line with those of one label on the line a step away.

    Where they overlap, they are joined in the rows `overlapping` and `touching` of `roots`; where one starts at the
    other's end, in those of `touching` alone.
    """
    for p in range(max(0, -plane_step), shape[0]):
        for r in range(max(0, -line_step), shape[1] - max(0, line_step)):
            line = p * shape[1] + r
            other = line + plane_step * shape[1] + line_step
            i, i_end = first[line], first[line + 1]
            j, j_end = first[other], first[other + 1]
            while i < i_end and j < j_end:
                if stop[j] < start[i]:
                    j += 1
                elif stop[i] < start[j]:
                    i += 1
                else:
                    if label[i] == label[j]:
                        if start[i] < stop[j] and start[j] < stop[i]:
                            _join(roots, overlapping, i, j)
                        _join(roots, touching, i, j)
                    if stop[i] < stop[j]:
                        i += 1
                    elif stop[j] < stop[i]:
                        j += 1
                    else:  # each may meet the other's next run at a corner
                        if i + 1 < i_end and start[i + 1] == stop[j] and label[i + 1] == label[j]:
                            _join(roots, touching, i + 1, j)
                        if j + 1 < j_end and start[j + 1] == stop[i] and label[j + 1] == label[i]:
                            _join(roots, touching, i, j + 1)
                        i += 1
                        j += 1


@numba.njit(cache=True, nogil=True)
def _extents(
    first: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    label: np.ndarray,
    shape: tuple[int, int, int],
    root: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    """Label, count, least weighted index, 3 minima and 3 maxima of each component, in the order of roots."""
    count = 0
    number = np.empty(root.shape[0], np.int32)  # of the component, at its root
    for run in range(root.shape[0]):
        if root[run] == run:
            number[run] = count
            count += 1
    table = np.empty((count, 9), np.int64)
    for p in range(shape[0]):
        for r in range(shape[1]):
            line = p * shape[1] + r
            for run in range(first[line], first[line + 1]):
                top = _find(root, run)
                row = table[number[top]]
                low, high = start[run], stop[run] - 1
                index = p * weights[0] + r * weights[1] + min(low * weights[2], high * weights[2])
                if top == run:
                    row[0], row[1], row[2] = label[run], high - low + 1, index
                    row[3], row[4], row[5] = p, r, low
                    row[6], row[7], row[8] = p, r, high
                    continue
                row[1] += high - low + 1
                row[2] = min(row[2], index)
                row[4] = min(row[4], r)
                row[5] = min(row[5], low)
                row[6] = p
                row[7] = max(row[7], r)
                row[8] = max(row[8], high)
    return table
