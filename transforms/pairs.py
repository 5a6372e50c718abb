"""From annotation rows to pairs: one row an image-annotation pair, columnar, in upstream's fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.schemas.pairs import (
    LANDMARK_KINDS,
    LESION_KINDS,
    PAIR_SCHEMAS,
    TASK_TYPES,
)
from medvision.schemas.rules import Rules
from medvision.transforms.pair_columns import kind_columns, landmark_profile
from medvision.transforms.split import SIDES, NumberedSplit

ANNOTATION_KEY = {"BoxSize": "box", "MaskSize": "mask", "TumorLesionSize": "lesion", "LesionDiameter": "diameter"}
_SHARED = (
    *("slice_id", "dataset", "task", "upstream_name", "source_path", "mask_path", "landmark_path", "side", "plane"),
    *("slice_dim", "slice_idx", "height", "width", "shape_xyz", "spacing_xyz_mm", "flags"),
    *("pixel_spacing_mm", "mask_pixel_spacing_mm"),
)
_OF_SEGMENTS = {"BoxSize": ("boxes", "instances"), "MaskSize": ("pixel_count", "area_mm2")}


def annotation_columns(kind: str) -> list[str]:
    """Columns of annotation files that pairs of a kind are made of, nested ones by their Parquet paths."""
    if kind in _OF_SEGMENTS:
        nested = [f"segments.list.element.{name}" for name in ("label", "name", *_OF_SEGMENTS[kind])]
    else:
        nested = ["biometrics" if kind in LANDMARK_KINDS else "lesions"]
    return [*_SHARED, *nested]


@dataclass(frozen=True)
class PairGroup:
    """Pairs of one config: same task, plane and numbered side."""

    task: int
    plane: str
    side: str
    table: pa.Table


def pair_groups(
    rows: pa.Table, kind: str, slice_file: str, first_row: int, splits: NumberedSplit, rules: Rules
) -> Iterator[PairGroup]:
    """Pairs of one annotation kind in a table of annotation rows.

    Args:
        rows: Consecutive rows of one annotation file, at least its `annotation_columns`.
        kind: Annotation kind, a key of TASK_TYPES.
        slice_file: Published file that holds the slices, row for row as `rows`.
        first_row: Row of `slice_file` that the first of `rows` is.
        splits: Numbered side of each image file.
        rules: Single-instance filters.

    Yields:
        Groups in order of task, plane, side; rows keep the order of `rows`.
    """
    rows = rows.combine_chunks()
    parents, items = _items(rows, kind, rules)
    if not len(items):
        return
    number_field = "landmark_task" if kind in LANDMARK_KINDS else "lesion_task"
    has_own_number = kind in LANDMARK_KINDS or kind in LESION_KINDS
    tasks = items.field(number_field) if has_own_number else _one(rows.column("task")).take(parents)
    names = _one(rows.column("upstream_name")).take(parents)
    sides, sources = _sides(kind, tasks, names, splits)
    special = kind_columns(kind, items, rules)
    if kind in LANDMARK_KINDS:
        planes_of = _one(rows.column("slice_dim")).take(parents)
        special["biometric_profile"] = landmark_profile(items, planes_of)
        special["landmark_file"] = _one(rows.column("landmark_path")).take(parents)
    reasons = _reasons(kind, special, rules)
    slice_ids = _one(rows.column("slice_id")).take(parents)
    numbers = pc.utf8_lpad(tasks.cast(pa.string()), 2, "0")
    if kind in LANDMARK_KINDS:
        labels, target = _repeat_number(0, len(items)), items.field("key")
    else:
        labels = items.field("label")
        target = labels.cast(pa.string())
    columns: dict[str, pa.Array] = {
        "pair_id": pc.binary_join_element_wise(
            slice_ids, pa.scalar(ANNOTATION_KEY.get(kind, "landmark")), numbers, target, "-"
        ),
        "slice_id": slice_ids,
        "slice_file": _repeat(slice_file, len(items), pa.string()),
        "slice_row": pc.add(parents.cast(pa.int64()), first_row).cast(pa.uint32()),
        "taskID": numbers,
        "taskType": _repeat(TASK_TYPES[kind], len(items), pa.string()),
        "image_size_2d": _zip(_one(rows.column("height")), _one(rows.column("width"))).take(parents),
        "label": labels,
        "label_name": items.field("name"),
        "split_source": sources,
        "single_instance": pc.equal(reasons, ""),
        "excluded_reason": reasons,
        **special,
    }
    spacing = "pixel_spacing_mm" if has_own_number else "mask_pixel_spacing_mm"
    for name, source in {**_RENAMED, "pixel_size": spacing}.items():
        columns[name] = _one(rows.column(source)).take(parents)
    if has_own_number:
        columns["flags"] = _joined(columns["flags"], items.field("flags"))
    schema = PAIR_SCHEMAS[kind]
    table = pa.Table.from_arrays([columns[name].cast(schema.field(name).type) for name in schema.names], schema=schema)
    planes = _one(rows.column("plane")).take(parents)
    for task in sorted(pc.unique(tasks).to_pylist()):
        for plane in sorted(pc.unique(planes).to_pylist()):
            for side in SIDES:
                chosen = pc.and_(pc.and_(pc.equal(tasks, task), pc.equal(planes, plane)), pc.equal(sides, side))
                part = table.filter(chosen)
                if part.num_rows:
                    yield PairGroup(task, plane, side, part)


_RENAMED = {
    "dataset_name": "dataset",
    "image_file": "source_path",
    "mask_file": "mask_path",
    "slice_dim": "slice_dim",
    "slice_idx": "slice_idx",
    "image_size_3d": "shape_xyz",
    "voxel_size": "spacing_xyz_mm",
    "patient_side": "side",
    "flags": "flags",
}
"""Pair columns that are columns of the slice row under another name."""


def _items(rows: pa.Table, kind: str, rules: Rules) -> tuple[pa.Array, pa.StructArray]:
    """Row number and annotation of each pair."""
    column = "biometrics" if kind in LANDMARK_KINDS else "lesions" if kind in LESION_KINDS else "segments"
    nested = _one(rows.column(column))
    parents, items = pc.list_parent_indices(nested), pc.list_flatten(nested)
    if kind == "TumorLesionSize":
        measured = "ellipses" if rules.lesion_axes == "conic" else "regions"
        keep = pc.greater(pc.list_value_length(items.field(measured)), 0)
    elif kind == "LesionDiameter":
        regions = items.field("regions")  # all of a slice have a diameter, or none: it is the acquisition plane or not
        first = pc.list_element(regions.filter(pc.greater(pc.list_value_length(regions), 0)), 0)
        keep = pc.greater(pc.list_value_length(regions), 0).to_numpy(zero_copy_only=False).copy()
        keep[keep] = first.field("longest").is_valid().to_numpy(zero_copy_only=False)
        keep &= rules.lesion_axes == "moments"  # upstream has none
        keep = pa.array(keep)
    elif kind in LANDMARK_KINDS:
        keep = pc.and_(items.field("primary"), pc.equal(items.field("definition"), rules.biometrics))
        if LANDMARK_KINDS[kind]:
            keep = pc.and_(keep, pc.equal(items.field("metric_type"), LANDMARK_KINDS[kind]))
    else:
        return parents, items
    return parents.filter(keep), items.filter(keep)


def _sides(kind: str, tasks: pa.Array, names: pa.Array, splits: NumberedSplit) -> tuple[pa.Array, pa.Array]:
    """Numbered side of each pair and where it is from."""
    keys = pc.binary_join_element_wise(tasks.cast(pa.string()), names, "/").dictionary_encode()
    found = []
    for key in keys.dictionary.to_pylist():
        task, name = key.split("/", 1)
        found.append(splits[kind, int(task), name])
    return (
        pa.array([side for side, _ in found], pa.string()).take(keys.indices),
        pa.array([source for _, source in found], pa.string()).take(keys.indices),
    )


def _reasons(kind: str, special: dict[str, pa.Array], rules: Rules) -> pa.Array:
    """Why upstream's single-instance set leaves a pair out; "" where it does not."""
    nothing = pa.scalar("")
    if kind in LANDMARK_KINDS:
        return _repeat("", len(special["definition"]), pa.string())
    if kind == "MaskSize":
        small = pc.less(special["pixel_count"], rules.min_mask_pixels)
        return pc.if_else(small, pa.scalar("mask_too_small"), nothing)
    if kind in LESION_KINDS:
        measured = kind == "TumorLesionSize" and rules.counted_clusters == "measured"
        count = pc.list_value_length(special["biometric_profile"]) if measured else special["n_total_clusters"]
        return pc.if_else(pc.greater(count, 1), pa.scalar("multiple_clusters"), nothing)
    boxes = special["bounding_boxes"]
    several = pc.greater(pc.list_value_length(boxes), 1)
    dimensions = pc.list_element(boxes, 0).field("dimensions")
    smallest = pc.min_element_wise(pc.list_element(dimensions, 0), pc.list_element(dimensions, 1))
    small = pc.less(smallest, rules.min_box_pixels)
    return pc.if_else(several, pa.scalar("multiple_boxes"), pc.if_else(small, pa.scalar("box_too_small"), nothing))


def _joined(of_rows: pa.ListArray, of_items: pa.ListArray) -> pa.ListArray:
    """Flags of each pair's slice and of its own measure together, sorted."""
    if not len(of_items.flatten()):
        return of_rows
    both = zip(of_rows.to_pylist(), of_items.to_pylist(), strict=True)
    return pa.array([sorted({*row, *own}) for row, own in both], of_rows.type)


def _zip(first: pa.Array, second: pa.Array) -> pa.ListArray:
    flat = np.stack([first.to_numpy(), second.to_numpy()], axis=1).reshape(-1)
    return pa.ListArray.from_arrays(np.arange(0, len(flat) + 1, 2, dtype=np.int32), pa.array(flat))


def _repeat(value: str, count: int, kind: pa.DataType) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), count)


def _repeat_number(value: int, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.uint16()), count)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
