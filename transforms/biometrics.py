"""Distances and angles between landmarks: upstream's folded convention, and the field's own signed measures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medvision.schemas.dataset import Measure
from medvision.transforms import cephalometry

Point3 = tuple[float, float, float]
ANGLE_FOLDED = "angle_folded"
"""The lines open by more than 90 degrees and upstream gives the supplement."""


@dataclass(frozen=True)
class Biometric:
    """One measured value, NaN where a line has no length. `slice_dim` and `first_point` say which slice shows it."""

    definition: str
    metric_type: str
    key: str
    name: str
    value: float
    unit: str
    slice_dim: int
    first_point: int
    points: tuple[int, ...]
    flags: tuple[str, ...] = ()


def upstream_biometrics(
    points_xyz: Mapping[int, Point3], spacing_xyz_mm: Point3, measures: Sequence[Measure]
) -> list[Biometric]:
    """Upstream's measures: points in voxels times the spacing; angles always acute, the direction of lines ignored.

    Args:
        points_xyz: Point number to voxel index; measures with a missing point are left out.
        spacing_xyz_mm: Voxel size.
        measures: In upstream's order.
    """
    found = []
    flags: tuple[str, ...]
    for measure in measures:
        if any(number not in points_xyz for number in measure.points):
            continue
        placed = [_scaled(points_xyz[number], spacing_xyz_mm) for number in measure.points]
        if measure.kind == "distance":
            value, unit = math.dist(placed[0], placed[1]), "mm"
            flags = ()
        else:
            value, unit = folded_angle_deg(placed), "degree"
            flags = (ANGLE_FOLDED,) if _is_obtuse(placed) else ()
        found.append(
            Biometric(
                "upstream",
                measure.kind,
                measure.key,
                measure.name,
                value,
                unit,
                measure.slice_dim,
                measure.points[0],
                measure.points,
                flags,
            )
        )
    return found


def folded_angle_deg(placed: Sequence[Point3]) -> float:
    """Acute angle between the lines 0-1 and 2-3, in degrees."""
    dot, lengths = _product(placed)
    return math.degrees(math.acos(min(1.0, abs(dot) / lengths))) if lengths else math.nan


def _is_obtuse(placed: Sequence[Point3]) -> bool:
    """Whether the directed lines open by more than 90 degrees, so that folding changes the angle."""
    dot, lengths = _product(placed)
    return bool(lengths) and round(dot / lengths, 9) < 0


def _product(placed: Sequence[Point3]) -> tuple[float, float]:
    """Scalar product of the directed lines 0-1 and 2-3, and the product of their lengths."""
    first = [end - start for start, end in zip(placed[0], placed[1], strict=True)]
    second = [end - start for start, end in zip(placed[2], placed[3], strict=True)]
    return sum(a * b for a, b in zip(first, second, strict=True)), math.hypot(*first) * math.hypot(*second)


def cephalometric_biometrics(film_points_mm: Mapping[int, tuple[float, float]], slice_dim: int) -> list[Biometric]:
    """The challenge's eight measures, signed and full range; one with a missing point is left out.

    Args:
        film_points_mm: Point number to (x, y) in mm on the native film, x to the right and y DOWN.
        slice_dim: Plane they are shown on.
    """
    found = []
    for name, (metric_type, unit, function) in cephalometry.MEASURES.items():
        used = cephalometry.POINTS_OF[name]
        if any(number not in film_points_mm for number in used):
            continue
        value = function(film_points_mm)
        flags = ("incisors_level",) if name == "MW" and value == 0.0 else ()
        found.append(Biometric("exact", metric_type, name, name, value, unit, slice_dim, used[0], used, flags))
    return found


def exact_distances(upstream: Sequence[Biometric]) -> list[Biometric]:
    """Distances have one definition: the exact ones of a task are upstream's under their own names."""
    return [
        Biometric("exact", m.metric_type, m.key, m.name, m.value, m.unit, m.slice_dim, m.first_point, m.points)
        for m in upstream
        if m.metric_type == "distance"
    ]


def numbers_of(definition: str, metric_type: str, key: str) -> tuple[int, ...]:
    """Points of a measure by its key, () for a key that names none."""
    if definition == "exact" and key in cephalometry.MEASURES:
        return cephalometry.POINTS_OF[key] if cephalometry.MEASURES[key][0] == metric_type else ()
    kind, *rest = key.replace("L_", "").replace("_", "-").split("-")
    known = {("L", "distance"): 2, ("A", "angle"): 4}.get((kind, metric_type))
    return tuple(map(int, rest)) if len(rest) == known and all(text.isdigit() for text in rest) else ()


def _scaled(point: Point3, spacing_mm: Point3) -> Point3:
    return point[0] * spacing_mm[0], point[1] * spacing_mm[1], point[2] * spacing_mm[2]
