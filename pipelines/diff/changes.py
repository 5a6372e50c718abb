"""How much a changed pair changed: one number a quantity, in mm, mm2, degrees or pixels."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from medvision.pipelines.diff.meaning import BOX_SIZES, SLICE, Meaning, close, ranges
from medvision.schemas.pairs import LANDMARK_KINDS

UNITS = {"mm": "value_mm", "degree": "value_deg", "": "value"}
COUNTED = {"BoxSize": "boxes", "TumorLesionSize": "ellipses", "LesionDiameter": "regions"}
LENGTHS = {
    "TumorLesionSize": ("major_mm", "minor_mm"),
    "LesionDiameter": ("longest_mm", "perpendicular_mm", "measure_mm"),
}
TEXT_QUANTITIES = {"excluded_reason": "single_instance", "side": "patient_side"}
"""Texts by the name that a report gives them; a change of text has no number."""
Changes = dict[str, tuple[np.ndarray, np.ndarray]]
"""Quantity to (rows that it changed in, B minus A; NaN for texts)."""


def changes_of(first: Meaning, second: Meaning) -> Changes:
    """What changed between aligned pairs; of several boxes or ellipses the largest change counts."""
    found: Changes = {}
    for name in first.texts.column_names:
        equal = pc.equal(first.texts[name], second.texts[name]).fill_null(False).to_numpy()
        _add(found, TEXT_QUANTITIES.get(name, name), ~equal, np.full(len(first), np.nan))
    if first.kind == SLICE:
        return found
    _add_numbers(found, "spacing_mm", first.scalars[:, :5], second.scalars[:, :5])
    if first.kind == "MaskSize":
        _add_numbers(found, "pixels", first.scalars[:, 5:6], second.scalars[:, 5:6])
        _add_numbers(found, "area_mm2", first.scalars[:, 6:7], second.scalars[:, 6:7])
    elif first.kind in LANDMARK_KINDS:
        units = np.array([UNITS.get(unit, "value") for unit in first.texts["metric_unit"].to_pylist()])
        differ = ~close(first.scalars[:, 5], second.scalars[:, 5])
        for name in np.unique(units):
            _add(found, str(name), differ & (units == name), second.scalars[:, 5] - first.scalars[:, 5])
    else:
        _add_items(found, first, second)
    return found


def _add_items(found: Changes, first: Meaning, second: Meaning) -> None:
    of_boxes = first.kind == "BoxSize"
    if not of_boxes:
        _add_numbers(found, "clusters", first.scalars[:, 5:6], second.scalars[:, 5:6])
    other = first.counts != second.counts
    _add(found, COUNTED[first.kind], other, (second.counts - first.counts).astype(np.float64))
    rows = np.flatnonzero(~other & (first.counts > 0))
    if not len(rows):
        return
    counts = first.counts[rows]
    left, right = first.items[ranges(first.starts[rows], counts)], second.items[ranges(second.starts[rows], counts)]
    if of_boxes:
        pixel_mm = np.repeat(np.tile(first.scalars[rows, :2], 4), counts, axis=0)
        parts = {
            "box_size_mm": (left[:, BOX_SIZES], right[:, BOX_SIZES]),
            "box_place_mm": (left[:, :8] * pixel_mm, right[:, :8] * pixel_mm),
        }
    else:
        parts = {name: (left[:, k : k + 1], right[:, k : k + 1]) for k, name in enumerate(LENGTHS[first.kind])}
    owner = np.repeat(np.arange(len(rows)), counts)
    for name, (before, after) in parts.items():
        largest = np.zeros(len(rows))
        changed = np.zeros(len(rows), bool)
        change = _largest(before, after)
        order = np.argsort(np.abs(change), kind="stable")  # the last written of an owner is its largest
        largest[owner[order]] = change[order]
        np.logical_or.at(changed, owner, change != 0.0)
        _add(found, name, changed, largest, rows)


def _add_numbers(found: Changes, name: str, before: np.ndarray, after: np.ndarray) -> None:
    change = _largest(before, after)
    _add(found, name, change != 0.0, change)


def _largest(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(rows,) the change of largest magnitude in each row; exactly 0 where all are equal within tolerance."""
    change = np.where(close(before, after), 0.0, after - before)
    place = np.argmax(np.abs(np.nan_to_num(change, nan=np.inf)), axis=1)
    return np.take_along_axis(change, place[:, None], axis=1)[:, 0]


def _add(found: Changes, name: str, changed: np.ndarray, values: np.ndarray, rows: np.ndarray | None = None) -> None:
    chosen = np.flatnonzero(changed)
    if len(chosen):
        found[name] = (chosen if rows is None else rows[chosen], values[chosen])
