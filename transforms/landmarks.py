"""Landmark files to points in voxels of a RAS+ volume."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from medvision.schemas.dataset import LandmarkTask, Measure
from medvision.schemas.faults import DataFault
from medvision.schemas.volume import Volume

Point3 = tuple[float, float, float]
ISBI_POINTS = 19
TABLE_TOLERANCE = 0.1
"""Largest relative difference between a measured distance and its entry in the publisher's table."""


@dataclass(frozen=True)
class PointSet:
    """Landmarks of one source.

    Attributes:
        source: Who set them.
        voxels_xyz: Point number to index in the RAS+ volume; whole numbers are voxel centres.
        film_mm: Point number to (x, y) on a native film, x to the right and y DOWN; empty for volumes.
        flags: Doubts.
    """

    source: str
    voxels_xyz: dict[int, Point3]
    film_mm: dict[int, tuple[float, float]] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


def read_isbi_text(data: bytes) -> dict[int, tuple[float, float]]:
    """Points of an ISBI 2014/2015 film: 19 lines "x,y" in pixels counted from 1, then class lines that are left out.

    Raises:
        DataFault: bad_landmarks.
    """
    points: dict[int, tuple[float, float]] = {}
    try:
        lines = [line for line in re.split(r"\r\n|\r|\n", data.decode("ascii")) if line.strip()]
        for number, line in enumerate(lines[:ISBI_POINTS], start=1):
            x_text, y_text = line.split(",")
            points[number] = (_decimal(x_text), _decimal(y_text))
    except (UnicodeDecodeError, ValueError) as error:
        raise DataFault("landmarks", "bad_landmarks", expected="19 lines of x,y") from error
    if len(points) < ISBI_POINTS or not all(math.isfinite(value) for point in points.values() for value in point):
        raise DataFault("landmarks", "bad_landmarks", expected="19 lines of x,y")
    return points


def _decimal(text: str) -> float:
    if "_" in text:  # Python's own way of writing numbers, no publisher's
        raise ValueError(f"not a number: {text[:40]!r}")
    return float(text)


def film_points(source: str, pixels: Mapping[int, tuple[float, float]], height: int, spacing_mm: float) -> PointSet:
    """Points of a film that is stored as the volume (1, width, height) with its rows flipped."""
    voxels = {number: (0.0, x - 1.0, height - y) for number, (x, y) in pixels.items()}
    film_mm = {number: (x * spacing_mm, y * spacing_mm) for number, (x, y) in pixels.items()}
    return PointSet(source, voxels, film_mm)


def mean_pixels(readings: Sequence[Mapping[int, tuple[float, float]]]) -> dict[int, tuple[float, float]]:
    """Mean of several readers' points."""
    return {
        number: (
            sum(reading[number][0] for reading in readings) / len(readings),
            sum(reading[number][1] for reading in readings) / len(readings),
        )
        for number in readings[0]
    }


def read_voxel_pairs(source: str, marks: Volume, task: LandmarkTask) -> PointSet:
    """Points of a mask that marks each measure by two voxels of one label: measure k has label k, points 2k-1 and 2k.

    Measures without exactly two voxels are left out, and flagged where they have some.

    Raises:
        DataFault: bad_landmarks where no measure has two voxels.
    """
    values = np.rint(marks.data * marks.slope + marks.intercept)
    voxels: dict[int, Point3] = {}
    flags: set[str] = set()
    for label, measure in enumerate(task.measures, start=1):
        found = np.argwhere(values == label)
        if len(found) != 2:
            flags |= {"landmarks_incomplete"} if len(found) else set()
            continue
        first, second = sorted((tuple(map(float, point)) for point in found), key=lambda p: -p[measure.larger_axis])
        voxels[measure.points[0]], voxels[measure.points[1]] = first, second  # type: ignore[assignment]
    if not voxels:
        raise DataFault("landmarks", "bad_landmarks", expected="a mask with two voxels a measure")
    return PointSet(source, voxels, flags=tuple(sorted(flags)))


def order_by_table(
    points: PointSet, spacing_xyz_mm: Point3, table: bytes, subject: str, measures: Sequence[Measure]
) -> PointSet:
    """Points whose first two measures are exchanged where the publisher's table says so.

    The README of FeTA's biometry contradicts itself on which of labels 1 and 2 is the corpus callosum and which the
    vermis; its table of lengths does not.

    Args:
        table: Tab-separated; the subject in the first column, lengths in mm in columns named like the measures. What
            cannot be read of it decides nothing.
        subject: Start of the case's name, such as "sub-001".
    """
    row = _table_row(table, subject)
    first, second = measures[0], measures[1]
    if row is None or not {*first.points, *second.points} <= set(points.voxels_xyz):
        return PointSet(points.source, points.voxels_xyz, flags=(*points.flags, "label_order_unchecked"))
    lengths = [_length_mm(points, measure, spacing_xyz_mm) for measure in (first, second)]
    expected = [_number(row.get(measure.name, "")) for measure in (first, second)]
    if _close(lengths, expected):
        return points
    if _close(lengths[::-1], expected):
        moved = dict(points.voxels_xyz)
        for measure, other in ((first, second), (second, first)):
            ends = sorted((points.voxels_xyz[n] for n in other.points), key=lambda p: -p[measure.larger_axis])
            moved[measure.points[0]], moved[measure.points[1]] = ends
        return PointSet(points.source, moved, flags=(*points.flags, "label_order_exchanged"))
    return PointSet(points.source, points.voxels_xyz, flags=(*points.flags, "label_order_unchecked"))


def _table_row(table: bytes, subject: str) -> dict[str, str] | None:
    names, *rows = [
        [text.strip() for text in line.split("\t")]
        for line in table.decode("utf-8-sig", errors="replace").splitlines() or [""]
    ]
    return next((dict(zip(names, row, strict=False)) for row in rows if row[0] == subject), None)


def _length_mm(points: PointSet, measure: Measure, spacing_xyz_mm: Point3) -> float:
    ends = [points.voxels_xyz[number] for number in measure.points]
    return math.hypot(*((a - b) * mm for a, b, mm in zip(*ends, spacing_xyz_mm, strict=True)))


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _close(lengths: Sequence[float], expected: Sequence[float]) -> bool:
    return all(abs(a - b) <= TABLE_TOLERANCE * b for a, b in zip(lengths, expected, strict=True))
