"""Feret diameters through pixel-edge midpoints: PyRadiomics' MaximumDiameter, and the smallest caliper width.

Points are integers in half pixels, as `edges` gives them. Nothing asks that a diameter stays within the mask; the
chords of `chords` do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numba
import numpy as np

from medvision.transforms.shapes.hull import convex_hull

HalfPixels = tuple[int, ...]
TIE = 1e9  # lengths are compared as whole multiples of 1e-9 mm
FEW = 500  # points that are compared pair by pair without more ado
PER_CELL = 10.0  # sets the points of a cell, in the search among more


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
    axes = ordered.shape[1]
    corners = convex_hull(ordered) if axes == 2 else ordered
    solid, half_mm = np.zeros((len(corners), 3), np.int64), [float(mm) / 2 for mm in spacing_mm]
    solid[:, :axes] = corners
    half = np.array([*half_mm, 0.0][:3])
    grouped, starts = _grouped(solid, half)
    first, second = _farthest_pair(grouped, starts, half)
    one, other = tuple(grouped[first, :axes].tolist()), tuple(grouped[second, :axes].tolist())
    end, start = (one, other) if one <= other else (other, one)
    steps = [(a - b) * mm for a, b, mm in zip(start, end, half_mm, strict=False)]
    return math.sqrt(sum([step * step for step in steps])), start, end


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
    half_mm = np.array(spacing_rc_mm, np.float64) / 2
    corner, width_mm = _narrowest(hull, half_mm)
    row_mm, column_mm = ((hull[(corner + 1) % len(hull)] - hull[corner]) * half_mm).tolist()
    side_mm = math.sqrt(row_mm * row_mm + column_mm * column_mm)
    return float(width_mm), _upright(-column_mm / side_mm, row_mm / side_mm) if side_mm else (1.0, 0.0)


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


def _grouped(points: np.ndarray, half_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points sorted into cells, and where each cell starts: most cells lie too close to hold the farthest pair."""
    if len(points) < FEW:
        return points, np.array([0, len(points)])
    low = points.min(axis=0)
    cells_along = math.sqrt(len(points)) / PER_CELL  # a surface: as many points as cells along it squared
    cell_mm = float(((points.max(axis=0) - low) * half_mm).max()) / cells_along
    cells = (points - low) // np.array([max(1, math.ceil(cell_mm / mm)) if mm else 1 for mm in half_mm.tolist()])
    key = np.ravel_multi_index(tuple(cells.T), tuple(cells.max(axis=0) + 1))
    order = np.argsort(key, kind="stable")
    starts = np.concatenate(([0], np.flatnonzero(np.diff(key[order])) + 1, [len(points)]))
    return np.ascontiguousarray(points[order]), starts


@numba.njit(cache=True, nogil=True)
def _narrowest(hull: np.ndarray, half_mm: np.ndarray) -> tuple[int, float]:
    """First corner of the hull's side across which the hull is narrowest, and the width there in mm."""
    count = hull.shape[0]
    best, width = 0, np.inf
    for k in range(count):
        row, column = hull[(k + 1) % count, 0] - hull[k, 0], hull[(k + 1) % count, 1] - hull[k, 1]
        area = 0  # of the largest parallelogram on this side, in squared half pixels
        for j in range(count):
            area = max(area, abs(row * (hull[j, 1] - hull[k, 1]) - column * (hull[j, 0] - hull[k, 0])))
        side = math.sqrt((row * half_mm[0]) ** 2 + (column * half_mm[1]) ** 2)
        here = area * (half_mm[0] * half_mm[1]) / side if side > 0 else 0.0
        if np.rint(here * TIE) < np.rint(width * TIE):
            best, width = k, here
    return best, width


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
    """Indices of the farthest pair of (n, 3); `starts` bounds the groups of neighbours that `points` stands in."""
    groups = starts.shape[0] - 1
    low, high = np.empty((groups, 3), np.int64), np.empty((groups, 3), np.int64)
    for g in range(groups):
        for axis in range(3):
            low[g, axis] = points[starts[g] : starts[g + 1], axis].min()
            high[g, axis] = points[starts[g] : starts[g + 1], axis].max()
    # Calls that take arrays would count references, which costs more than the arithmetic.
    x_mm, y_mm, z_mm = half_mm
    first, second, tick, floor = 0, 0, 0.0, 0.0
    for _ in range(4):  # from a point to the one farthest from it, and on: nearly the answer already
        first = second
        x, y, z = points[first]
        for j in range(points.shape[0]):
            squared = _squared((points[j, 0] - x) * x_mm, (points[j, 1] - y) * y_mm, (points[j, 2] - z) * z_mm)
            if squared > floor:
                second, floor = j, squared
    first, second, floor = 0, 0, _slack(floor)
    for g in range(groups):
        for h in range(g, groups):
            dx = max(high[g, 0] - low[h, 0], high[h, 0] - low[g, 0])
            dy = max(high[g, 1] - low[h, 1], high[h, 1] - low[g, 1])
            dz = max(high[g, 2] - low[h, 2], high[h, 2] - low[g, 2])
            if _squared(dx * x_mm, dy * y_mm, dz * z_mm) < floor:
                continue
            for i in range(starts[g], starts[g + 1]):
                x, y, z = points[i]
                dx, dy = max(high[h, 0] - x, x - low[h, 0]), max(high[h, 1] - y, y - low[h, 1])
                dz = max(high[h, 2] - z, z - low[h, 2])
                if _squared(dx * x_mm, dy * y_mm, dz * z_mm) < floor:
                    continue
                for j in range(starts[h], starts[h + 1]):
                    squared = _squared((points[j, 0] - x) * x_mm, (points[j, 1] - y) * y_mm, (points[j, 2] - z) * z_mm)
                    if squared < floor:
                        continue
                    here = np.rint(math.sqrt(squared) * TIE)
                    if here > tick or (
                        here == tick and _pair_before(points[i], points[j], points[first], points[second])
                    ):
                        first, second, tick = i, j, here
                        floor = max(floor, _slack(squared))
    return first, second


@numba.njit(cache=True, nogil=True)
def _slack(squared: float) -> float:
    """Squared length that no pair equal to this one, at 1e-9 mm, is below."""
    return max(0.0, math.sqrt(squared) - 2.0 / TIE) ** 2


@numba.njit(cache=True, nogil=True)
def _squared(x: float, y: float, z: float) -> float:
    return x * x + y * y + z * z
