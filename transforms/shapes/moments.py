"""Axes by second moments, of a cloud of points in mm or of a mask.

Three conventions of length, by name:
- `second_moment_axes`: 4 sqrt(eigenvalue of the covariance), in 2D and 3D alike, as PyRadiomics (divides by N) and
  IBSI (by N - 1; Zwanenburg et al., Radiology 295 (2020), 328-338) define MajorAxisLength.
- `ellipsoid_axes`: 2 sqrt((d + 2) eigenvalue), the true full axes of a solid ellipse (4) or ellipsoid (2 sqrt 5).
- `pixel_mm`: each pixel is an area and not a point, which adds its own variance, size^2 / 12, along each axis.

Only + - * / and square roots are used, in a fixed order, so that every CPU gives the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from medvision.transforms.shapes.eigen import eigen_axes

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Moments:
    """Centre and axes in mm, along the input's axes; `lengths_mm` fall, `directions` are their unit vectors."""

    center: Vector
    lengths_mm: Vector
    directions: tuple[Vector, ...]


@dataclass(frozen=True)
class RegionMoments:
    """Exact ellipse of a mask: centre in pixels (centres at integers), axes and their unit vectors in mm."""

    pixel_count: int
    center_rc: tuple[float, float]
    lengths_mm: tuple[float, float]
    directions: tuple[Vector, ...]


def second_moment_axes(points_mm: np.ndarray, pixel_mm: Sequence[float] | None = None, ddof: int = 0) -> Moments:
    """Axes of 4 sqrt(eigenvalue) in full length, in 3D too.

    Args:
        points_mm: (n, d) in mm, d 2 or 3, more than `ddof` of them.
        pixel_mm: Pixel size along each axis, to count the points as pixels; None to count them as points.
        ddof: The covariance is divided by n - ddof: 0 as PyRadiomics, 1 as IBSI.

    Raises:
        ValueError: too few points, or not of 2 or 3 coordinates.
    """
    return _axes(points_mm, 4.0, pixel_mm, ddof)


def ellipsoid_axes(points_mm: np.ndarray, pixel_mm: Sequence[float] | None = None, ddof: int = 0) -> Moments:
    """Full axes of the solid ellipse (2D) or ellipsoid (3D) of the same second moments; arguments as above."""
    return _axes(points_mm, 2.0 * math.sqrt(points_mm.shape[-1] + 2.0), pixel_mm, ddof)


def region_moments(mask: np.ndarray, spacing_rc_mm: tuple[float, float]) -> RegionMoments:
    """Exact ellipse of a mask: `second_moment_axes` of its pixel centres with the pixel term, from integer sums.

    Args:
        mask: (rows, columns) bool with at least one pixel.
        spacing_rc_mm: Pixel size along rows and columns.

    Raises:
        ValueError: the mask is empty or not two-dimensional.
    """
    if mask.ndim != 2:
        raise ValueError(f"moments want a mask of (rows, columns), got shape {mask.shape}")
    n, r, c, rr, rc, cc = _sums(np.ascontiguousarray(mask, dtype=np.bool_)).tolist()
    if n == 0:
        raise ValueError("moments want at least one pixel, got an empty mask")
    row_mm, column_mm = spacing_rc_mm
    # Python's integers: no sum of squares is too large, and each quotient is rounded once.
    variance_r = (12 * (n * rr - r * r) + n * n) / (12 * n * n) * (row_mm * row_mm)
    variance_c = (12 * (n * cc - c * c) + n * n) / (12 * n * n) * (column_mm * column_mm)
    shared = (n * rc - r * c) / (n * n) * (row_mm * column_mm)
    values, directions = eigen_axes(((variance_r, shared), (shared, variance_c)))
    return RegionMoments(n, (r / n, c / n), (4.0 * math.sqrt(values[0]), 4.0 * math.sqrt(values[1])), directions)


def _axes(points_mm: np.ndarray, factor: float, pixel_mm: Sequence[float] | None, ddof: int) -> Moments:
    if points_mm.ndim != 2 or points_mm.shape[1] not in (2, 3):
        raise ValueError(f"moments want (n, 2) or (n, 3) points, got shape {points_mm.shape}")
    if len(points_mm) <= ddof:
        raise ValueError(f"moments want more than {ddof} points, got {len(points_mm)}")
    center, covariance = _covariance(np.ascontiguousarray(points_mm, dtype=np.float64), ddof)
    for axis, size_mm in enumerate(pixel_mm or ()):
        covariance[axis, axis] += size_mm * size_mm / 12.0
    values, directions = eigen_axes(covariance.tolist())
    lengths_mm = tuple(factor * math.sqrt(value) for value in values)
    return Moments(tuple(center.tolist()), lengths_mm, directions)


@numba.njit(cache=True, nogil=True)
def _covariance(points: np.ndarray, ddof: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance, summed in the order of the points."""
    count, axes = points.shape
    center = np.zeros(axes)
    for i in range(count):
        for a in range(axes):
            center[a] += points[i, a]
    center /= count
    covariance = np.zeros((axes, axes))
    for i in range(count):
        for a in range(axes):
            for b in range(axes):
                covariance[a, b] += (points[i, a] - center[a]) * (points[i, b] - center[b])
    return center, covariance / (count - ddof)


@numba.njit(cache=True, nogil=True)
def _sums(mask: np.ndarray) -> np.ndarray:
    """Count, and the sums of r, c, r^2, rc, c^2 over the pixels of the mask."""
    n, row, column, row_row, row_column, column_column = 0, 0, 0, 0, 0, 0
    for r in range(mask.shape[0]):
        here, sum_c, sum_cc = 0, 0, 0
        for c in range(mask.shape[1]):
            if mask[r, c]:
                here += 1
                sum_c += c
                sum_cc += c * c
        n += here
        row += here * r
        row_row += here * r * r
        row_column += sum_c * r
        column += sum_c
        column_column += sum_cc
    return np.array([n, row, column, row_row, row_column, column_column])
