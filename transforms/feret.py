"""Feret diameters through pixel-edge midpoints: PyRadiomics' MaximumDiameter, and the smallest caliper width.

Points are integers in half pixels, as `edges` gives them. Nothing asks that a diameter stays within the mask; the
chords of `chords` do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numba
import numpy as np

from medvision.transforms.hull import convex_hull

HalfPixels = tuple[int, ...]
TIE = 1e9  # lengths are compared as whole multiples of 1e-9 mm
CELLS = 24  # along the longest side, in the search among many points


def max_feret(points: np.ndarray, spacing_mm: Sequence[float]) -> tuple[float, HalfPixels, HalfPixels]:
    """Greatest distance between two points.

    Args:
        points: (n, d) int, d 2 or 3, in half pixels along the mask's axes.
        spacing_mm: Pixel size along the same axes.

    Returns:
        Length in mm, and its ends in half pixels, that with the larger first coordinate first (tie: the next). Of
        equal lengths, the pair first in raster order of (start, end).

    Raises:
        ValueError: no points, or not of 2 or 3 coordinates.
    """
    ordered = _ordered(points, (2, 3))
    half_mm = np.array(spacing_mm, np.float64) / 2
    start, end = (
        _farthest(convex_hull(ordered), half_mm) if ordered.shape[1] == 2 else _farthest_cells(ordered, half_mm)
    )
    return _length_mm(start, end, half_mm), start, end


def min_feret(points: np.ndarray, spacing_rc_mm: tuple[float, float]) -> tuple[float, tuple[float, float]]:
    """Smallest distance of two parallel lines that hold all points between them.

    Args:
        points: (n, 2) int (row, column) in half pixels.
        spacing_rc_mm: Pixel size along rows and columns.

    Returns:
        Width in mm, and the unit vector (row, column, in mm) across which it is measured, its first component that
        is not zero positive. Points on one line have width 0.

    Raises:
        ValueError: no points, or not of 2 coordinates.
    """
    hull = convex_hull(_ordered(points, (2,)))
    row_mm, column_mm = spacing_rc_mm[0] / 2, spacing_rc_mm[1] / 2
    best_mm, across = math.inf, (1.0, 0.0)
    for corner, step in zip(hull, np.roll(hull, -1, axis=0) - hull, strict=True):
        area = int(np.abs(step[0] * (hull[:, 1] - corner[1]) - step[1] * (hull[:, 0] - corner[0])).max())
        along_r, along_c = int(step[0]) * row_mm, int(step[1]) * column_mm
        side_mm = math.sqrt(along_r * along_r + along_c * along_c)
        width_mm = area * (row_mm * column_mm) / side_mm if side_mm else 0.0
        if round(width_mm, 9) < round(best_mm, 9):
            best_mm = width_mm
            across = _upright(-along_c / side_mm, along_r / side_mm) if side_mm else across
    return best_mm, across


def _ordered(points: np.ndarray, dimensions: tuple[int, ...]) -> np.ndarray:
    if points.ndim != 2 or points.shape[1] not in dimensions or not len(points):
        raise ValueError(f"a diameter wants (n, {' or '.join(map(str, dimensions))}) points, got shape {points.shape}")
    ordered = np.ascontiguousarray(points, dtype=np.int64)
    if _in_raster_order(ordered):
        return ordered
    return np.ascontiguousarray(ordered[np.lexsort(ordered.T[::-1])])


def _upright(row: float, column: float) -> tuple[float, float]:
    sign = -1.0 if row < 0 or (row == 0 and column < 0) else 1.0
    return (sign * row + 0.0, sign * column + 0.0)


def _length_mm(start: HalfPixels, end: HalfPixels, half_mm: np.ndarray) -> float:
    steps = [(a - b) * float(mm) for a, b, mm in zip(start, end, half_mm, strict=True)]
    return math.sqrt(sum(step * step for step in steps))


def _ends(first: np.ndarray, second: np.ndarray) -> tuple[HalfPixels, HalfPixels]:
    low, high = sorted((tuple(map(int, first)), tuple(map(int, second))))
    return high, low


def _farthest(points: np.ndarray, half_mm: np.ndarray) -> tuple[HalfPixels, HalfPixels]:
    first, second = _farthest_pair(points, np.array([0, len(points)]), half_mm)
    return _ends(points[first], points[second])


def _farthest_cells(points: np.ndarray, half_mm: np.ndarray) -> tuple[HalfPixels, HalfPixels]:
    """As `_farthest`, with the points sorted into cells: most pairs of cells lie too close to hold the answer."""
    low = points.min(axis=0)
    cell_mm = float(((points.max(axis=0) - low) * half_mm).max()) / CELLS
    sides = [max(1, math.ceil(cell_mm / float(mm))) for mm in half_mm]
    cells = (points - low) // np.array(sides)
    key = np.ravel_multi_index(tuple(cells.T), tuple(cells.max(axis=0) + 1))
    order = np.argsort(key, kind="stable")
    starts = np.concatenate(([0], np.flatnonzero(np.diff(key[order])) + 1, [len(points)]))
    grouped = np.ascontiguousarray(points[order])
    first, second = _farthest_pair(grouped, starts, half_mm)
    return _ends(grouped[first], grouped[second])


@numba.njit(cache=True, nogil=True)
def _in_raster_order(points: np.ndarray) -> bool:
    for i in range(1, points.shape[0]):  # noqa: SIM110 - numba compiles no generator here
        if _before(points[i], points[i - 1]):
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _before(point: np.ndarray, other: np.ndarray) -> bool:
    """Whether a point stands before another in raster order."""
    for axis in range(point.shape[0]):
        if point[axis] != other[axis]:
            return point[axis] < other[axis]
    return False


@numba.njit(cache=True, nogil=True)
def _pair_before(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> bool:
    """Whether the pair {a, b} stands before {c, d}, each with its later point first."""
    if _before(a, b):
        a, b = b, a
    if _before(c, d):
        c, d = d, c
    return _before(a, c) or (not _before(c, a) and _before(b, d))


@numba.njit(cache=True, nogil=True)
def _farthest_pair(points: np.ndarray, starts: np.ndarray, half_mm: np.ndarray) -> tuple[int, int]:
    """Indices of the farthest pair; `starts` bounds the groups of neighbours that `points` stands in."""
    groups, axes = starts.shape[0] - 1, points.shape[1]
    low = np.empty((groups, axes), np.int64)
    high = np.empty((groups, axes), np.int64)
    for g in range(groups):
        for axis in range(axes):
            low[g, axis] = points[starts[g] : starts[g + 1], axis].min()
            high[g, axis] = points[starts[g] : starts[g + 1], axis].max()
    best, floor, first, second = -1.0, -1.0, 0, 0
    for g in range(groups):
        for back in range(groups - g):
            h = groups - 1 - back  # far groups first
            bound = 0.0
            for axis in range(axes):
                step = max(high[g, axis] - low[h, axis], high[h, axis] - low[g, axis]) * half_mm[axis]
                bound += step * step
            if bound < floor:
                continue
            for i in range(starts[g], starts[g + 1]):
                for j in range(starts[h], starts[h + 1]):
                    squared = 0.0
                    for axis in range(axes):
                        step = (points[i, axis] - points[j, axis]) * half_mm[axis]
                        squared += step * step
                    if squared < floor:
                        continue
                    length = math.sqrt(squared)
                    tick = np.rint(length * TIE)
                    if tick > best or (
                        tick == best and _pair_before(points[i], points[j], points[first], points[second])
                    ):
                        best, first, second = tick, i, j
                        floor = max(0.0, length - 2.0 / TIE) ** 2
    return first, second
