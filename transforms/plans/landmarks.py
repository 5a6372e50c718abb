"""Upstream's landmark files: ends of lesion axes, and set landmarks, as voxel indices of one image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from medvision.schemas.plans import AXES
from medvision.transforms.geometry import slice_axes
from medvision.transforms.plans.tasks import PlanTask

Landmarks = dict[str, list[dict[str, Any]]]
"""`slice_landmarks_x`, `_y`, `_z` to the entries of that plane."""

ENDS = {"P1": "major_end_rc", "P2": "major_start_rc", "P3": "minor_end_rc", "P4": "minor_start_rc"}


def lesion_landmarks(lesions: Sequence[dict[str, Any]], with_measurements: bool) -> Landmarks:
    """P1 to P4 of each measured cluster of each slice.

    Args:
        lesions: Of one lesion task of one image: slice_dim, slice_idx, ellipses.
        with_measurements: Whether this version stores the axes beside their rounded ends.
    """
    found = _empty()
    for lesion in lesions:
        dim, index = lesion["slice_dim"], lesion["slice_idx"]
        entries = []
        for ellipse in lesion["ellipses"]:
            entry: dict[str, Any] = {name: _voxel(ellipse[end], index, dim) for name, end in ENDS.items()}
            entry["ROI_pixels_count"] = ellipse["pixel_count"]
            if with_measurements:
                entry["measurements"] = {"L-1-2": ellipse["major_mm"], "L-3-4": ellipse["minor_mm"]}
            entries.append(entry)
        found[_key(dim)].append({"slice_idx": index, "landmarks": entries})
    return found


def set_landmarks(rows: Sequence[dict[str, Any]], task: PlanTask) -> Landmarks:
    """Points of the measures that the rows show: an entry a slice, or, where a file sets each measure's points by
    themselves, an entry a measure in the order of the task's measures.

    Args:
        rows: Of one image: slice_dim, slice_idx, landmarks, biometrics.
    """
    found = _empty()
    for row, numbers in _by_measure(rows, task) if task.points_by_measure else ((row, None) for row in rows):
        dim = row["slice_dim"]
        points = {
            point["number"]: _voxel(point["position_rc"], point["slice_position"], dim)
            for point in row["landmarks"]
            if point["source"] == task.source
        }
        landmarks = {f"P{number}": points[number] for number in numbers or sorted(points)}
        found[_key(dim)].append({"slice_idx": row["slice_idx"], "landmarks": landmarks})
    return found


def _by_measure(rows: Sequence[dict[str, Any]], task: PlanTask) -> Iterator[tuple[dict[str, Any], tuple[int, ...]]]:
    """The row that shows each measure, with the measure's points."""
    shown = {m["key"]: row for row in rows for m in row["biometrics"] if m["source"] == task.source}
    return ((shown[measure.key], measure.points) for measure in task.measures if measure.key in shown)


def _voxel(position_rc: Sequence[float], across: float, slice_dim: int) -> list[int]:
    """Voxel index (x, y, z), rounded as upstream does (half to even)."""
    rows_axis, columns_axis = slice_axes(slice_dim)
    voxel = [0, 0, 0]
    voxel[slice_dim] = round(across)
    voxel[rows_axis], voxel[columns_axis] = (round(place) for place in position_rc)
    return voxel


def _empty() -> Landmarks:
    return {_key(dim): [] for dim in range(len(AXES))}


def _key(slice_dim: int) -> str:
    return f"slice_landmarks_{AXES[slice_dim]}"
