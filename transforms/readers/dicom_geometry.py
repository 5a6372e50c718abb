"""Slices in space: from single positions to one even stack, or the fault that forbids it.

Lengths in mm in DICOM's patient frame (LPS). A stack is ordered along the slices' normal, row direction x column
direction; nothing is resampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medvision.schemas.faults import DataFault
from medvision.transforms.readers.dicom_file import damage_is

SAME_PLACE_MM = 1e-4
DIRECTION_TOLERANCE = 1e-3
SPACING_TOLERANCE = 1e-3
UNEVEN_TOLERANCE = 0.1
"""Of the spacing: how far a slice may lie from its place in an even stack. The limit of a grid mismatch, too."""
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Plane:
    """Where one slice lies.

    Attributes:
        position_mm: (3,) centre of its first pixel.
        directions: (2, 3) unit vectors along a row (column index grows) and along a column (row index grows).
        spacing_mm: (2,) between columns and between rows.
        shape: Columns, rows.
        thickness_mm: Spacing between slices as the header has it, else slice thickness, else 0; counts only where
            a slice has no neighbour.
    """

    position_mm: np.ndarray
    directions: np.ndarray
    spacing_mm: np.ndarray
    shape: tuple[int, int]
    thickness_mm: float = 0.0

    @property
    def normal(self) -> np.ndarray:
        return np.cross(self.directions[0], self.directions[1])


@dataclass(frozen=True)
class Stack:
    """An even grid of slices: `shape` (columns, rows, slices), `affine_lps` (4, 4) from (i, j, k) to LPS mm."""

    shape: tuple[int, int, int]
    affine_lps: np.ndarray

    @property
    def affine_ras(self) -> np.ndarray:
        return np.asarray(LPS_TO_RAS @ self.affine_lps)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        return tuple(float(n) for n in np.linalg.norm(self.affine_lps[:3, :3], axis=0))  # type: ignore[return-value]


def plane_of(position: Any, orientation: Any, measures: Any, shape: tuple[int, int]) -> Plane:
    """A plane from DICOM values.

    Args:
        position, orientation: ImagePositionPatient (3) and ImageOrientationPatient (6).
        measures: Dataset with PixelSpacing (rows, columns) and perhaps SpacingBetweenSlices or SliceThickness.
        shape: Columns, rows.

    Raises:
        DataFault: dicom_no_position, bad_spacing, bad_affine.
    """
    with damage_is("dicom_no_position"):
        place = np.array([float(value) for value in position])
        directions = np.array([float(value) for value in orientation]).reshape(2, 3)
        between_rows, between_columns = (float(value) for value in measures.PixelSpacing)
        thickness = abs(float(measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 0.0))
        if place.shape != (3,):
            raise DataFault("read", "dicom_no_position")
    lengths = np.linalg.norm(directions, axis=1)
    skew = abs(float(directions[0] @ directions[1]))
    if not np.isfinite(place).all() or not (np.abs(lengths - 1) < DIRECTION_TOLERANCE).all():
        raise DataFault("read", "bad_affine")
    if skew > DIRECTION_TOLERANCE:
        raise DataFault("read", "bad_affine")
    spacing = np.array([between_columns, between_rows])
    if not np.isfinite(spacing).all() or spacing.min() <= 0 or not np.isfinite(thickness):
        raise DataFault("read", "bad_spacing", spacing_mm=[between_columns, between_rows, thickness])
    return Plane(place, directions / lengths[:, np.newaxis], spacing, shape, thickness)


def stack_planes(planes: Sequence[Plane]) -> tuple[list[int], Stack]:
    """Order slices along their normal.

    Returns:
        Indices of `planes` in stack order, and the stack.

    Raises:
        DataFault: dicom_mixed_orientation, dicom_mixed_shape, dicom_mixed_spacing, dicom_duplicate_slice,
            dicom_missing_slices, dicom_uneven_spacing, dicom_gantry_tilt, bad_spacing.
    """
    first = check_alike(planes)
    positions = np.array([plane.position_mm for plane in planes])
    heights = (positions - first.position_mm) @ first.normal
    order = [int(index) for index in np.argsort(heights, kind="stable")]
    positions, heights = positions[order], heights[order]
    if len(planes) == 1:
        if first.thickness_mm <= 0:
            raise DataFault("read", "bad_spacing", spacing_mm=[*first.spacing_mm.tolist(), 0.0])
        return order, stack_from(first, first.position_mm, first.normal * first.thickness_mm, 1)
    _check_even(heights)
    step = (positions[-1] - positions[0]) / (len(planes) - 1)
    drifts = positions - positions[0] - np.outer(heights - heights[0], first.normal)
    drift = float(np.linalg.norm(drifts, axis=1).max())
    limit = UNEVEN_TOLERANCE * float(first.spacing_mm.min())
    if drift > limit:
        raise DataFault("read", "dicom_gantry_tilt", drift_mm=round(drift, 3), limit_mm=round(limit, 3))
    return order, stack_from(first, positions[0], step, len(planes))


def stack_from(plane: Plane, origin_mm: np.ndarray, step_mm: np.ndarray, count: int) -> Stack:
    """The stack of `count` slices like `plane` from `origin_mm` on, `step_mm` (3,) apart."""
    affine = np.eye(4)
    affine[:3, :2] = (plane.directions * plane.spacing_mm[:, np.newaxis]).T
    affine[:3, 2] = step_mm
    affine[:3, 3] = origin_mm
    return Stack((*plane.shape, count), affine)


def check_alike(planes: Sequence[Plane]) -> Plane:
    """The first of planes that all have one orientation, shape and pixel spacing. Raises dicom_mixed_*."""
    first = planes[0]
    for plane in planes:
        if np.abs(plane.directions - first.directions).max() > DIRECTION_TOLERANCE:
            raise DataFault("read", "dicom_mixed_orientation")
        if plane.shape != first.shape:
            raise DataFault("read", "dicom_mixed_shape")
        if np.abs(plane.spacing_mm / first.spacing_mm - 1).max() > SPACING_TOLERANCE:
            raise DataFault("read", "dicom_mixed_spacing")
    return first


def _check_even(heights: np.ndarray) -> None:
    """Sorted places along the normal must be those of an even stack."""
    steps = np.diff(heights)
    doubles = int((steps < SAME_PLACE_MM).sum())
    if doubles:
        raise DataFault("read", "dicom_duplicate_slice", count=doubles)
    usual = float(np.median(steps))
    ratios = steps / usual
    missing = int((np.rint(ratios) - 1).sum())
    if missing > 0 and np.abs(ratios - np.rint(ratios)).max() <= UNEVEN_TOLERANCE:
        raise DataFault("read", "dicom_missing_slices", count=missing, found=len(heights), spacing_mm=round(usual, 3))
    even = np.linspace(heights[0], heights[-1], len(heights))
    if np.abs(ratios - 1).max() > UNEVEN_TOLERANCE or np.abs(heights - even).max() > UNEVEN_TOLERANCE * usual:
        smallest, largest = round(float(steps.min()), 3), round(float(steps.max()), 3)
        raise DataFault("read", "dicom_uneven_spacing", smallest_mm=smallest, largest_mm=largest)
