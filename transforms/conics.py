"""Axes of a lesion cluster by upstream's definition: a conic fitted to the outline through pixel CENTRES.

The outline misses half a pixel on each side, so both axes come out about one pixel short; the published numbers share
this, and a column of this definition must too. What else a version did, right or wrong, is a switch of the rules.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from medvision.schemas.rules import Rules
from medvision.transforms.shapes.ties import is_less, lower_first

Point = tuple[float, float]
Ends = tuple[Point, Point]
GATE_OUTER, GATE_INNER = 1.1, 0.9
SHORTEST_PIXELS = 1e-6

SPACING_SWAPPED = "conic_spacing_swapped"
ENDS_ROUNDED = "conic_ends_rounded"
AXES_EXCHANGED = "conic_axes_exchanged"
GATE_REJECTED = "conic_gate_rejected"


@dataclass(frozen=True)
class Ellipse:
    """Axes of one cluster; points are (row, column) in pixels of the whole slice.

    `major` and `minor` hold the two ends of an axis, that with the larger row first (tie: larger column).
    """

    pixel_count: int
    major_mm: float
    minor_mm: float
    center_rc: Point
    major: Ends
    minor: Ends


@dataclass(frozen=True)
class Frame:
    """The slice that a cluster lies on.

    Attributes:
        shape_rc: Rows and columns of the whole slice.
        pixel_mm: Pixel size of the IMAGE along rows and columns: conics are fitted with it.
        mask_pixel_mm: Pixel size of the MASK: distances of rounded ends are taken with it.
    """

    shape_rc: tuple[int, int]
    pixel_mm: tuple[float, float]
    mask_pixel_mm: tuple[float, float]


def fit_conic(
    cluster: np.ndarray, origin_rc: tuple[int, int], frame: Frame, rules: Rules
) -> tuple[Ellipse | None, frozenset[str]]:
    """Fit one cluster.

    Args:
        cluster: (rows, columns) bool, one 4-connected cluster, cropped to its bounding box.
        origin_rc: Row and column of the crop's first pixel in the slice.
        frame: Its slice.
        rules: `conic_*` switches.

    Returns:
        The ellipse, None where a floor, guard or gate rejects it; and flags of what the rules are known to do wrong.
    """
    points_xy = _outline_xy(cluster, origin_rc)
    if len(points_xy) < rules.conic_min_points:
        return None, frozenset()
    scale_xy = frame.pixel_mm if rules.conic_spacing == "swapped" else frame.pixel_mm[::-1]
    cv2.setRNGSeed(0)  # the fit shakes points that fix no conic by random offsets: the same ones each time
    (x, y), (width, height), angle = cv2.fitEllipse((points_xy * np.array(scale_xy)).astype(np.float32))
    fitted, axes = (x, y), (width, height)
    if not all(map(math.isfinite, (x, y, width, height, angle))):
        return None, frozenset()
    if _is_guarded(cluster.shape, axes, frame.pixel_mm, rules):
        return None, frozenset()
    in_pixels = _swapped_ends if rules.conic_spacing == "swapped" else _paired_ends
    center, first, second = in_pixels(fitted, axes, angle, frame.pixel_mm)
    first_is_major = axes[0] >= axes[1]
    if rules.conic_length == "rounded_ends":
        first_is_major = _length(first) >= _length(second)
    major, minor = (first, second) if first_is_major else (second, first)
    if _length(minor) < SHORTEST_PIXELS:
        return None, frozenset()
    if rules.conic_gate and not _passes_gate((*major, *minor), cluster.shape, origin_rc, frame.shape_rc):
        return None, frozenset({GATE_REJECTED})
    ellipse = Ellipse(int(np.count_nonzero(cluster)), float(max(axes)), float(min(axes)), center, major, minor)
    flags = {SPACING_SWAPPED} if scale_xy[0] != scale_xy[1] and rules.conic_spacing == "swapped" else set()
    if rules.conic_length == "rounded_ends":
        ellipse = _rounded(ellipse, frame.mask_pixel_mm)
        flags.add(ENDS_ROUNDED)
    if is_less(ellipse.major_mm, ellipse.minor_mm):
        flags.add(AXES_EXCHANGED)
    return ellipse, frozenset(flags)


def _is_guarded(shape_rc: tuple[int, ...], axes: Point, pixel_mm: tuple[float, float], rules: Rules) -> bool:
    floor_mm = max(rules.conic_floor_mm, rules.conic_floor_pixels * max(pixel_mm))
    if is_less(max(axes), floor_mm) or is_less(min(axes), rules.conic_min_minor_pixels * min(pixel_mm)):
        return True
    if rules.conic_runaway <= 0:
        return False
    diagonal_mm = float(np.hypot(shape_rc[0] * pixel_mm[0], shape_rc[1] * pixel_mm[1]))
    return is_less(rules.conic_runaway * diagonal_mm, max(axes))


def _outline_xy(cluster: np.ndarray, origin_rc: tuple[int, int]) -> np.ndarray:
    """(points, 2) int32 outer outline in (column, row) pixels of the slice, as cv2 walks it."""
    contours, _ = cv2.findContours(
        np.ascontiguousarray(cluster, dtype=np.uint8),
        cv2.RETR_EXTERNAL,
        cv2.CHAIN_APPROX_NONE,
        offset=(origin_rc[1], origin_rc[0]),
    )
    return contours[0][:, 0]


def _paired_ends(
    center_xy: Point, axes: Point, angle_deg: float, pixel_mm: tuple[float, float]
) -> tuple[Point, Ends, Ends]:
    """Centre and ends in (row, column) pixels of a conic in mm, each coordinate by its own pixel size."""
    row_mm, column_mm = pixel_mm
    cosine, sine = _direction(angle_deg)
    first = _ends(center_xy, axes[0] / 2, (cosine, sine), (column_mm, row_mm))
    second = _ends(center_xy, axes[1] / 2, (-sine, cosine), (column_mm, row_mm))
    return (center_xy[1] / row_mm, center_xy[0] / column_mm), first, second


def _swapped_ends(
    center_xy: Point, axes: Point, angle_deg: float, pixel_mm: tuple[float, float]
) -> tuple[Point, Ends, Ends]:
    """The same as upstream had it at first: columns by the row's pixel size, and axes divided as if not turned."""
    row_mm, column_mm = pixel_mm
    center = (center_xy[0] / row_mm, center_xy[1] / column_mm)
    cosine, sine = _direction(angle_deg)
    first = _ends(center, axes[0] / row_mm / 2, (cosine, sine), (1.0, 1.0))
    second = _ends(center, axes[1] / column_mm / 2, (-sine, cosine), (1.0, 1.0))
    return (center[1], center[0]), first, second


def _direction(angle_deg: float) -> Point:
    radians = float(np.deg2rad(angle_deg))
    return float(np.cos(radians)), float(np.sin(radians))


def _ends(center_xy: Point, half: float, direction_xy: Point, unit_xy: Point) -> Ends:
    """Both ends of an axis in (row, column) pixels, the larger first."""
    (x, y), (along_x, along_y) = center_xy, (half * direction_xy[0], half * direction_xy[1])
    first = ((y + along_y) / unit_xy[1], (x + along_x) / unit_xy[0])
    second = ((y - along_y) / unit_xy[1], (x - along_x) / unit_xy[0])
    return lower_first(first, second)


def _length(ends: Ends) -> float:
    """In pixels, rounded so that the last bits of a CPU never decide."""
    return round(float(np.hypot(ends[0][0] - ends[1][0], ends[0][1] - ends[1][1])), 9)


def _passes_gate(
    points: tuple[Point, ...], size_rc: tuple[int, ...], origin_rc: tuple[int, int], shape_rc: tuple[int, int]
) -> bool:
    """Whether all points lie in the grown box and on or outside the shrunk one (bounds cut off to whole pixels)."""
    rounded = [tuple(round(coordinate, 9) for coordinate in point) for point in points]
    outer = _scaled_box(GATE_OUTER, size_rc, origin_rc, shape_rc)
    inner = _scaled_box(GATE_INNER, size_rc, origin_rc, shape_rc)
    inside = all(low <= value <= high for point in rounded for value, (low, high) in zip(point, outer, strict=True))
    return inside and all(
        any(value <= low or value >= high for value, (low, high) in zip(point, inner, strict=True)) for point in rounded
    )


def _scaled_box(
    factor: float, size_rc: tuple[int, ...], origin_rc: tuple[int, int], shape_rc: tuple[int, int]
) -> list[tuple[int, int]]:
    bounds = []
    for size, start, sides in zip(size_rc, origin_rc, shape_rc, strict=True):
        center = (start + start + size - 1) / 2
        scaled = int(size * factor)
        bounds.append((max(0, int(center - scaled / 2)), min(sides - 1, int(center + scaled / 2))))
    return bounds


def _rounded(ellipse: Ellipse, pixel_mm: tuple[float, float]) -> Ellipse:
    """Ends as whole pixels (halves to even), and lengths as distances between those."""
    major, minor = _whole(ellipse.major), _whole(ellipse.minor)
    return replace(
        ellipse, major=major, minor=minor, major_mm=_apart(major, pixel_mm), minor_mm=_apart(minor, pixel_mm)
    )


def _whole(ends: Ends) -> Ends:
    """Rounded to 1e-9 before, so that a half is a half whatever the last bits of the cosine."""
    (a, b), (c, d) = (tuple(float(round(round(coordinate, 9))) for coordinate in end) for end in ends)
    return (a, b), (c, d)


def _apart(ends: Ends, pixel_mm: tuple[float, float]) -> float:
    (a, b), (c, d) = ends
    return float(np.hypot((a - c) * pixel_mm[0], (b - d) * pixel_mm[1]))
