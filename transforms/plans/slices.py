"""Slice profiles of one image as upstream's plans have them: boxes, masks, lesion axes, landmark measures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.schemas.plans import AXES
from medvision.transforms.plans.tasks import LESION_LINES, METRIC_MAPS, PlanTask

Profiles = dict[int, list[dict[str, Any]]]
"""slice_dim to the entries of its plane, in upstream's order."""

BOX_FIELDS = {
    2: ("min_rc", "max_rc", "center_rc", "size_px", "size_mm"),
    3: ("min_xyz", "max_xyz", "center_xyz", "size_voxels", "size_mm"),
}
MAJOR, MINOR = LESION_LINES
BOX_KEYS = ("min_coords", "max_coords", "center_coords", "dimensions", "sizes", "mask_image_ratio")


def box_profiles(rows: pa.Table) -> Profiles:
    """Boxes of each label of each slice.

    Args:
        rows: Of one image, planes and slices rising; columns slice_dim, slice_idx, segments (label, boxes).
    """
    offsets, segments = _lists(rows, "segments")
    per_segment = labelled_boxes(segments, 2)
    return _entries(rows, lambda row: per_segment[offsets[row] : offsets[row + 1]])


def mask_profiles(rows: pa.Table) -> Profiles:
    """Pixel count and area in mm^2 of each label of each slice; `segments` needs label, pixel_count, area_mm2."""
    offsets, segments = _lists(rows, "segments")
    columns = [segments.field(name).to_pylist() for name in ("label", "pixel_count", "area_mm2")]
    records = [
        {"label": float(label), "pixel_count": count, "ROI_area": area}
        for label, count, area in zip(*columns, strict=True)
    ]
    return _entries(rows, lambda row: records[offsets[row] : offsets[row + 1]])


def lesion_profiles(lesions: Sequence[dict[str, Any]], counts_clusters: bool) -> Profiles:
    """Axes of each measured cluster; a slice without any is left out, as upstream lists slices of landmark files.

    Args:
        lesions: Of one lesion task of one image: slice_dim, slice_idx, n_total_clusters, ellipses.
        counts_clusters: Whether this version has `n_total_clusters`.
    """
    profiles = empty_profiles()
    for lesion in lesions:
        dim = lesion["slice_dim"]
        entry: dict[str, Any] = {"slice_idx": lesion["slice_idx"]}
        if counts_clusters:
            entry["n_total_clusters"] = lesion["n_total_clusters"]
        axes = [((MAJOR, e["major_mm"]), (MINOR, e["minor_mm"])) for e in lesion["ellipses"]]
        entry["slice_profile"] = [[_metric("distance", key, value, "mm", dim) for key, value in pair] for pair in axes]
        profiles[dim].append(entry)
    return profiles


def landmark_profiles(rows: Sequence[dict[str, Any]], task: PlanTask, definition: str) -> Profiles:
    """An entry a measure, in the order of the task's measures, so that a slice may come several times.

    Args:
        rows: Of one image: slice_dim, slice_idx, biometrics.
        definition: Convention of the measures: that of the rules.
    """
    found = {
        (measure["key"], row["slice_dim"]): (row["slice_idx"], measure)
        for row in rows
        for measure in row["biometrics"]
        if measure["primary"] and measure["definition"] == definition
    }
    profiles = empty_profiles()
    for measure in task.measures:
        if (measure.key, measure.slice_dim) not in found:
            continue
        index, value = found[measure.key, measure.slice_dim]
        metric = _metric(measure.kind, measure.key, value["value"], value["unit"], measure.slice_dim)
        profiles[measure.slice_dim].append({"slice_idx": index, "slice_profile": [metric]})
    return profiles


def labelled_boxes(segments: pa.StructArray, axes: int) -> list[dict[str, Any]]:
    """`{label, bboxes}` of each segment, or of each structure of a volume.

    Args:
        segments: Structs with `label` and `boxes` (BOX or BOX3D).
        axes: 2 or 3.
    """
    labels = segments.field("label").to_pylist()
    nested = segments.field("boxes")
    offsets, flat = _flat(nested)
    columns = [_tuples(flat.field(name), axes) for name in BOX_FIELDS[axes]]
    ratios = flat.field("mask_image_ratio").to_pylist()
    boxes = [dict(zip(BOX_KEYS, values, strict=True)) for values in zip(*columns, ratios, strict=True)]
    return [
        {"label": float(label), "bboxes": boxes[start:stop]}
        for label, start, stop in zip(labels, offsets[:-1], offsets[1:], strict=True)
    ]


def empty_profiles() -> Profiles:
    return {dim: [] for dim in range(len(AXES))}


def _metric(kind: str, key: str, value: float, unit: str, slice_dim: int) -> dict[str, Any]:
    return {
        "metric_type": kind,
        "metric_map_name": METRIC_MAPS[kind],
        "metric_key": key,
        "metric_value": value,
        "metric_unit": unit,
        "slice_dim": slice_dim,
    }


def _entries(rows: pa.Table, profile_of: Any) -> Profiles:
    """An entry for each row that has a profile."""
    profiles = empty_profiles()
    dims, indices = (rows.column(name).to_pylist() for name in ("slice_dim", "slice_idx"))
    for row, (dim, index) in enumerate(zip(dims, indices, strict=True)):
        profile = profile_of(row)
        if profile:
            profiles[dim].append({"slice_idx": index, "slice_profile": profile})
    return profiles


def _lists(rows: pa.Table, column: str) -> tuple[list[int], pa.StructArray]:
    return _flat(rows.column(column).combine_chunks())


def _flat(lists: pa.ListArray) -> tuple[list[int], pa.StructArray]:
    """Offsets of each list in the values of all, and those values."""
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    return [0, *np.cumsum(lengths).tolist()], pc.list_flatten(lists)


def _tuples(lists: pa.ListArray, length: int) -> list[list[Any]]:
    return pc.list_flatten(lists).to_numpy(zero_copy_only=False).reshape(-1, length).tolist()
