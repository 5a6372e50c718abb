"""Ends of a lesion's axes and points of a measure: what a pair's slice row holds of them, in pixels of the slice."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medvision.pipelines.training.pair_targets import PairGroup
from medvision.pipelines.training.slice_groups import SliceGroup
from medvision.schemas.pairs import LANDMARK_KINDS
from medvision.schemas.rules import Rules

_ELLIPSE_ENDS = ("major_end_rc", "major_start_rc", "minor_end_rc", "minor_start_rc")
"""P1 to P4 of upstream: P1 and P3 have the larger row."""
_ENDS = ("start_rc", "end_rc")
_LESIONS = "lesions.list.element"


@dataclass(frozen=True)
class PointSource:
    """Columns of slice rows that hold a kind's points, and how a pair's are found there."""

    columns: tuple[str, ...]
    points: Callable[[SliceGroup, int, PairGroup, int], np.ndarray]


def point_source(kind: str, rules: Rules) -> PointSource | None:
    """Of an annotation kind; None where pairs have no points, or have them themselves, or their keys name none."""
    if kind == "TumorLesionSize" and rules.lesion_axes == "conic":
        ends = [f"{_LESIONS}.ellipses.list.element.{end}" for end in _ELLIPSE_ENDS]
        return PointSource((f"{_LESIONS}.lesion_task", *ends), _conic_points)
    if kind == "TumorLesionSize":
        ends = [f"{_LESIONS}.regions.list.element.{axis}_axis.{end}" for axis in ("major", "minor") for end in _ENDS]
        return PointSource((f"{_LESIONS}.lesion_task", *ends), _region_points)
    if kind in LANDMARK_KINDS and rules.biometrics == "upstream":
        columns = tuple(f"landmarks.list.element.{name}" for name in ("source", "number", "position_rc"))
        return PointSource(columns, _measure_points)
    return None


def _conic_points(group: SliceGroup, row: int, pairs: PairGroup, pair: int) -> np.ndarray:
    """(clusters, 4, 2)."""
    found = [[ellipse[end] for end in _ELLIPSE_ENDS] for ellipse in _lesion(group, row, pairs, pair)["ellipses"]]
    return np.array(found, np.float64).reshape(-1, 4, 2)


def _region_points(group: SliceGroup, row: int, pairs: PairGroup, pair: int) -> np.ndarray:
    """(regions, 4, 2)."""
    regions = _lesion(group, row, pairs, pair)["regions"]
    found = [[region[axis][end] for axis in ("major_axis", "minor_axis") for end in _ENDS] for region in regions]
    return np.array(found, np.float64).reshape(-1, 4, 2)


def _lesion(group: SliceGroup, row: int, pairs: PairGroup, pair: int) -> dict[str, Any]:
    number = int(pairs.text("taskID", pair))
    return next(lesion for lesion in group.value("lesions", row) if lesion["lesion_task"] == number)


def _measure_points(group: SliceGroup, row: int, pairs: PairGroup, pair: int) -> np.ndarray:
    """(points of the measure, 2), in the order of its key."""
    source = pairs.text("landmark_source", pair)
    landmarks = group.value("landmarks", row)
    places = {mark["number"]: mark["position_rc"] for mark in landmarks if mark["source"] == source}
    numbers = point_numbers(str(pairs.cut(pair)["key"]))
    return np.array([places[number] for number in numbers], np.float64).reshape(-1, 2)


def point_numbers(key: str) -> Sequence[int]:
    """Of upstream's key of a measure: `L-1-2` is 1, 2, and `A-L_1_2-L_2_5` is 1, 2, 2, 5."""
    return [int(number) for number in re.findall(r"\d+", key)]
