"""Sizes that the rows of a batch state: of boxes, masks, lesions and landmarks, by label or measure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.report.batches import Batch
from medvision.schemas.rules import Rules

BOX, AREA, MAJOR, MINOR = "box, longer side", "area", "major axis", "minor axis"
LONGEST, PERPENDICULAR = "longest diameter", "perpendicular diameter"
LENGTHS = (BOX, MAJOR, MINOR, LONGEST, PERPENDICULAR)
LINES = {MAJOR: "major_axis", MINOR: "minor_axis", LONGEST: "longest", PERPENDICULAR: "perpendicular"}


class Key(NamedTuple):
    """A quantity: `name` is a label's ("" where it has none), or of a landmark measure its key."""

    dataset: str
    name: str
    quantity: str
    unit: str


@dataclass(frozen=True, eq=False)
class Values:
    """(n,) values of a quantity with the row of each, ascending."""

    key: Key
    values: np.ndarray
    rows: np.ndarray


def columns_of(rules: Rules) -> list[str]:
    """Leaves of annotation rows that `quantities` reads."""
    boxes = ("start_mm", "stop_mm") if rules.connectivity == "corners" else ("size_mm",)
    kind = "instances" if rules.connectivity == "corners" else "boxes"
    lines = [f"regions.list.element.{name}.length_mm" for name in LINES.values()]
    lesions = lines if rules.lesion_axes == "moments" else [f"ellipses.list.element.{a}_mm" for a in ("major", "minor")]
    return [
        *(f"segments.list.element.{name}" for name in ("name", "pixel_count", "area_mm2")),
        *(f"segments.list.element.{kind}.list.element.{name}" for name in boxes),
        *(f"lesions.list.element.{name}" for name in ("name", *lesions)),
        "biometrics",
    ]


def quantities(batch: Batch, rules: Rules) -> Iterator[Values]:
    """Every quantity of a batch, in order of kind, then name."""
    rows, labels = flat(batch.rows["segments"])
    names = labels.field("name")
    yield from grouped(batch.dataset, AREA, "mm²", names, labels.field("area_mm2"), rows)
    of_box, boxes = flat(labels.field("instances" if rules.connectivity == "corners" else "boxes"))
    longer_mm = pa.array(box_sizes_mm(boxes, rules).max(axis=1, initial=0.0))
    yield from grouped(batch.dataset, BOX, "mm", names.take(pa.array(of_box)), longer_mm, rows[of_box])
    yield from _lesions(batch, rules)
    yield from _measures(batch, rules)


def flat(lists: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Place of the list that each item is in, and the items."""
    return pc.list_parent_indices(lists).to_numpy(zero_copy_only=False).astype(np.int64), pc.list_flatten(lists)


def box_sizes_mm(boxes: pa.StructArray, rules: Rules) -> np.ndarray:
    """(boxes, 2) sizes in mm."""

    def pair(name: str) -> np.ndarray:
        return np.asarray(pc.list_flatten(boxes.field(name)).to_numpy(zero_copy_only=False)).reshape(-1, 2)

    return pair("stop_mm") - pair("start_mm") if rules.connectivity == "corners" else pair("size_mm")


def grouped(
    dataset: str, quantity: str, unit: str, names: pa.Array, values: pa.Array, rows: np.ndarray
) -> Iterator[Values]:
    """Values by name; missing ones and NaN are left out."""
    numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
    found = names.fill_null("").dictionary_encode()
    places = found.indices.to_numpy(zero_copy_only=False)
    for name in sorted(found.dictionary.to_pylist()):
        mine = (places == found.dictionary.index(name).as_py()) & np.isfinite(numbers)
        if mine.any():
            yield Values(Key(dataset, name, quantity, unit), numbers[mine], rows[mine])


def _lesions(batch: Batch, rules: Rules) -> Iterator[Values]:
    rows, lesions = flat(batch.rows["lesions"])
    of_lesion, shapes = flat(lesions.field("ellipses" if rules.lesion_axes == "conic" else "regions"))
    names = lesions.field("name").take(pa.array(of_lesion))
    for quantity, line in LINES.items():
        if rules.lesion_axes == "conic":
            if quantity not in (MAJOR, MINOR):
                continue
            values = shapes.field(line.replace("_axis", "_mm"))
        else:
            values = pc.struct_field(shapes.field(line), "length_mm")
        yield from grouped(batch.dataset, quantity, "mm", names, values, rows[of_lesion])


def _measures(batch: Batch, rules: Rules) -> Iterator[Values]:
    rows, measures = flat(batch.rows["biometrics"])
    keep = pc.and_(measures.field("primary"), pc.equal(measures.field("definition"), rules.biometrics))
    rows, measures = rows[keep.to_numpy(zero_copy_only=False).astype(bool)], measures.filter(keep)
    for unit in sorted(pc.unique(measures.field("unit")).to_pylist()):
        mine = pc.equal(measures.field("unit"), unit)
        some, places = measures.filter(mine), mine.to_numpy(zero_copy_only=False).astype(bool)
        for metric in sorted(pc.unique(some.field("metric_type")).to_pylist()):
            is_metric = pc.equal(some.field("metric_type"), metric)
            part = some.filter(is_metric)
            its_rows = rows[places][is_metric.to_numpy(zero_copy_only=False).astype(bool)]
            yield from grouped(batch.dataset, metric, unit, part.field("key"), part.field("value"), its_rows)
