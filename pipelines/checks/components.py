"""Checks on the boxes and instances of labels, on slices and in volumes alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.checks.columns import all_tuples, close, flatten, numbers, tuples
from medvision.pipelines.checks.findings import Findings


@dataclass(frozen=True)
class Kind:
    """What the fields and checks of components are called.

    Attributes:
        checks: Name that the checks begin with.
        axes: Suffix of fields in pixels or voxels.
        sides: Number of axes.
        size, count, content: Field of the box's size, of its pixels, and of an instance's area or volume.
    """

    checks: str
    axes: str
    sides: int
    size: str
    count: str
    content: str


PLANAR = Kind("", "rc", 2, "size_px", "pixel_count", "area_mm2")
SOLID = Kind("volume_", "xyz", 3, "size_voxels", "voxel_count", "volume_mm3")


@dataclass(frozen=True)
class Labels:
    """Labels of all rows of a file.

    Attributes:
        items: Structs with `boxes`, `instances` and the pixel or voxel count, one a label of a row.
        row: (N,) number of the row that each is from.
        shape: (rows, axes) sides of each row's slice or volume.
        by_rules_mm: (rows, axes) pixel or voxel size of the mask by the rules: boxes follow it.
        exact_mm: (rows, axes) by the mask's affine, NaN where that is not known: instances follow it.
        ids: Name of each row.
    """

    items: pa.StructArray
    row: np.ndarray
    shape: np.ndarray
    by_rules_mm: np.ndarray
    exact_mm: np.ndarray
    ids: pa.ChunkedArray


def check_components(kind: Kind, labels: Labels, findings: Findings) -> None:
    """Boxes and instances lie inside, agree with their sizes, and hold all pixels of their label."""
    _check_boxes(kind, labels, findings)
    _check_instances(kind, labels, findings)


def _check_boxes(kind: Kind, labels: Labels, findings: Findings) -> None:
    boxes, label_of_box = flatten(pc.struct_field(labels.items, "boxes"))
    row = labels.row[label_of_box]
    names = (*(f"{name}_{kind.axes}" for name in ("min", "max", "center")), kind.size, "size_mm")
    if not all_tuples(boxes, names, kind.sides):
        findings.fail(f"{kind.checks}boxes_inside", f"a field of a box is not {kind.sides} numbers")
        return
    low, high, center, size, size_mm = (tuples(boxes, name, kind.sides) for name in names)
    shape = labels.shape[row]
    inside = (low >= 0) & (low <= high) & (high < shape)
    findings.rows(f"{kind.checks}boxes_inside", inside.all(axis=1), labels.ids, row)
    count = numbers(boxes, kind.count, np.int64)
    ratio = numbers(boxes, "mask_image_ratio", np.float64)
    agree = (size == high - low + 1) & (center == (low + high) // 2) & close(size_mm, size * labels.by_rules_mm[row])
    agree = agree.all(axis=1) & close(ratio, count / np.maximum(shape.prod(axis=1), 1))
    findings.rows(f"{kind.checks}box_sizes", agree, labels.ids, row)
    _check_counts(kind, "box", labels, label_of_box, count, findings)


def _check_instances(kind: Kind, labels: Labels, findings: Findings) -> None:
    instances, label_of_instance = flatten(pc.struct_field(labels.items, "instances"))
    row = labels.row[label_of_instance]
    names = (f"start_{kind.axes}", f"stop_{kind.axes}", "start_mm", "stop_mm")
    if not all_tuples(instances, names, kind.sides):
        findings.fail(f"{kind.checks}instances_inside", f"a field of an instance is not {kind.sides} numbers")
        return
    start, stop, start_mm, stop_mm = (tuples(instances, name, kind.sides) for name in names)
    inside = (start >= 0) & (start < stop) & (stop <= labels.shape[row])
    findings.rows(f"{kind.checks}instances_inside", inside.all(axis=1), labels.ids, row)
    count = numbers(instances, kind.count, np.int64)
    size_mm = labels.exact_mm[row]
    agree = (close(start_mm, start * size_mm) & close(stop_mm, stop * size_mm)).all(axis=1)
    agree &= close(numbers(instances, kind.content, np.float64), count * size_mm.prod(axis=1))
    findings.rows(f"{kind.checks}instance_mm", agree | np.isnan(size_mm).any(axis=1), labels.ids, row)
    _check_counts(kind, "instance", labels, label_of_instance, count, findings)


def _check_counts(
    kind: Kind, what: str, labels: Labels, label_of_part: np.ndarray, count: np.ndarray, findings: Findings
) -> None:
    stated = numbers(labels.items, kind.count, np.int64)
    total = np.zeros(len(stated), np.int64)
    np.add.at(total, label_of_part, count)
    unit = kind.count.removesuffix("_count")
    findings.rows(f"{kind.checks}{what}_{unit}s", total == stated, labels.ids, labels.row)
