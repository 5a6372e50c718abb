"""Ellipse axes of lesion clusters by upstream's definition (rules 1.4.0): a conic fitted in mm to the outline.

The outline runs through the CENTRES of the cluster's border pixels, so both axes come out about one pixel short; the
published numbers share this, and a column of this definition must too.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from medvision.schemas.rules import Rules

Point = tuple[float, float]


@dataclass(frozen=True)
class Ellipse:
    """Fitted axes of one cluster; points are (row, column) in pixels of the whole slice.

    `major` and `minor` hold the two ends of an axis, that with the larger row first (tie: larger column).
    """

    pixel_count: int
    major_mm: float
    minor_mm: float
    center_rc: Point
    major: tuple[Point, Point]
    minor: tuple[Point, Point]


def measure_clusters(
    target: np.ndarray, origin_rc: tuple[int, int], spacing_rc_mm: tuple[float, float], rules: Rules
) -> tuple[int, list[Ellipse]]:
    """Fit every 4-connected cluster of one lesion on one slice.

    Args:
        target: (rows, columns) bool crop that holds all pixels of the lesion on this slice.
        origin_rc: Row and column of the crop's first pixel in the slice.
        spacing_rc_mm: Pixel size of the IMAGE along rows and columns.
        rules: Floor and guards.

    Returns:
        Number of clusters before any floor or guard, and the ellipses kept, in order of falling pixel count
        (ties in raster order; upstream's order of ties is that of an unstable sort).
    """
    labelled, count = ndimage.label(target)
    boxes = ndimage.find_objects(labelled)
    sizes = np.bincount(labelled.ravel(), minlength=count + 1)[1:]
    kept = []
    for index in np.argsort(-sizes, kind="stable"):
        rows, columns = boxes[index]
        cluster = labelled[rows, columns] == index + 1
        corner = (origin_rc[0] + rows.start, origin_rc[1] + columns.start)
        ellipse = fit_ellipse(cluster, corner, spacing_rc_mm, rules)
        if ellipse is not None:
            kept.append(ellipse)
    return count, kept


def fit_ellipse(
    cluster: np.ndarray, origin_rc: tuple[int, int], spacing_rc_mm: tuple[float, float], rules: Rules
) -> Ellipse | None:
    """Fit one cluster; None where the floor or a guard rejects it.

    Args:
        cluster: (rows, columns) bool, one 4-connected cluster, cropped to its bounding box.
        origin_rc: Row and column of the crop's first pixel in the slice.
        spacing_rc_mm: Pixel size along rows and columns.
        rules: `ellipse_*` switches.
    """
    row_mm, column_mm = spacing_rc_mm
    points_xy = _outline_xy(cluster, origin_rc)
    if len(points_xy) < rules.ellipse_min_points:
        return None
    scaled = (points_xy * np.array([column_mm, row_mm])).astype(np.float32)
    cv2.setRNGSeed(0)  # the fit shakes points that fix no conic by random offsets: the same ones each time
    fitted, axes, angle = cv2.fitEllipse(scaled)
    center = (float(fitted[0]), float(fitted[1]))
    values = np.array([*center, *axes, angle], dtype=np.float64)
    if not np.isfinite(values).all():
        return None
    major_mm, minor_mm = max(axes), min(axes)
    diagonal_mm = float(np.hypot(cluster.shape[0] * row_mm, cluster.shape[1] * column_mm))
    floor_mm = max(rules.ellipse_floor_mm, rules.ellipse_floor_pixels * max(spacing_rc_mm))
    too_small = _under(major_mm, floor_mm) or _under(minor_mm, min(spacing_rc_mm))
    if too_small or _under(rules.ellipse_runaway * diagonal_mm, major_mm):
        return None
    radians = float(np.deg2rad(angle))
    cosine, sine = float(np.cos(radians)), float(np.sin(radians))
    first = _ends(center, axes[0] / 2, (cosine, sine), spacing_rc_mm)
    second = _ends(center, axes[1] / 2, (-sine, cosine), spacing_rc_mm)
    major, minor = (first, second) if axes[0] >= axes[1] else (second, first)
    return Ellipse(
        pixel_count=int(np.count_nonzero(cluster)),
        major_mm=float(major_mm),
        minor_mm=float(minor_mm),
        center_rc=(center[1] / row_mm, center[0] / column_mm),
        major=major,
        minor=minor,
    )


def _under(value_mm: float, limit_mm: float) -> bool:
    """value < limit, decided on numbers rounded to 1e-9 so that the last bits of a CPU never decide."""
    return round(value_mm, 9) < round(limit_mm, 9)


def _outline_xy(cluster: np.ndarray, origin_rc: tuple[int, int]) -> np.ndarray:
    """(points, 2) outer outline in (column, row) pixels of the slice, as cv2 walks it."""
    contours, _ = cv2.findContours(
        np.ascontiguousarray(cluster, dtype=np.uint8),
        cv2.RETR_EXTERNAL,
        cv2.CHAIN_APPROX_NONE,
        offset=(origin_rc[1], origin_rc[0]),
    )
    return contours[0].reshape(-1, 2).astype(np.float64)


def _ends(
    center_xy_mm: Point, half_mm: float, direction_xy: Point, spacing_rc_mm: tuple[float, float]
) -> tuple[Point, Point]:
    """Both ends of an axis in (row, column) pixels, the larger first."""
    ends = []
    for sign in (1.0, -1.0):
        x_mm = center_xy_mm[0] + sign * half_mm * direction_xy[0]
        y_mm = center_xy_mm[1] + sign * half_mm * direction_xy[1]
        ends.append((y_mm / spacing_rc_mm[0], x_mm / spacing_rc_mm[1]))
    # Rounded: the ends of an axis along the columns lie on one row, but for the last bits of the cosine.
    first, second = (tuple(round(coordinate, 9) for coordinate in end) for end in ends)
    return (ends[0], ends[1]) if first >= second else (ends[1], ends[0])
