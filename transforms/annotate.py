"""From a mask to annotation columns: one row a labelled slice, every kind of annotation nested in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from medvision.schemas.dataset import LesionTask
from medvision.schemas.rows import BOX, ELLIPSE, INSTANCE, LESION, PAIR_U16, SEGMENT
from medvision.schemas.rules import Rules
from medvision.transforms.columns import empty_lists
from medvision.transforms.components import Components, label_slices
from medvision.transforms.conics import Ellipse, Frame
from medvision.transforms.geometry import slice_axes
from medvision.transforms.lesion_columns import ShownLesion, lesion_array
from medvision.transforms.lesion_volumes import LesionVolume
from medvision.transforms.lesions import measure_clusters
from medvision.transforms.runs import run_lengths

Spacing = tuple[float, float]
"""Along rows and columns, mm."""


@dataclass(frozen=True)
class PlaneLabels:
    """What a mask shows on one plane.

    Attributes:
        slice_dim: Axis cut across.
        shape_rc: Rows and columns of a slice.
        components: Table of `label_slices`, 4-connected.
        instances: The same, 8-connected.
        slice_idx: Indices of the labelled slices, rising.
    """

    slice_dim: int
    shape_rc: tuple[int, int]
    components: np.ndarray
    instances: np.ndarray
    slice_idx: np.ndarray


def survey_plane(found: Components, slice_dim: int) -> PlaneLabels:
    """Components and labelled slices of a (x, y, z) mask on one plane."""
    rows, columns = (found.runs.shape_xyz[axis] for axis in slice_axes(slice_dim))
    table, instances = label_slices(found, slice_dim)
    return PlaneLabels(slice_dim, (rows, columns), table, instances, np.unique(table[:, 0]))


def segments_column(
    plane: PlaneLabels, spacing_rc_mm: Spacing, exact_rc_mm: Spacing, names: dict[int, str]
) -> pa.ListArray:
    """Segments, boxes and instances of every labelled slice.

    Args:
        plane: Components of the plane.
        spacing_rc_mm: Pixel size of the MASK along rows and columns, by the rules.
        exact_rc_mm: The same by the mask's affine: for instances.
        names: Label value to name; values without one get "".
    """
    table = plane.components
    starts = _group_starts(table[:, :2])
    labels = table[starts, 1]
    counts = np.add.reduceat(table[:, 2], starts)
    instances = plane.instances
    instance_starts = _group_starts(instances[:, :2])
    segments = pa.StructArray.from_arrays(
        [
            pa.array(labels.astype(np.uint16)),
            pa.array([names.get(label, "") for label in labels.tolist()], pa.string()),
            pa.array(counts.astype(np.uint32)),
            pa.array(counts * (spacing_rc_mm[0] * spacing_rc_mm[1])),
            pa.ListArray.from_arrays(_offsets(starts, len(table)), _boxes(plane, spacing_rc_mm)),
            pa.ListArray.from_arrays(_offsets(instance_starts, len(instances)), _instances(plane, exact_rc_mm)),
        ],
        fields=list(SEGMENT),
    )
    return pa.ListArray.from_arrays(_offsets(_group_starts(table[starts, :1]), len(starts)), segments)


def lesions_column(
    mask: np.ndarray,
    plane: PlaneLabels,
    tasks: Sequence[LesionTask],
    volumes: Mapping[int, LesionVolume],
    frame: Frame,
    names: dict[int, str],
    rules: Rules,
) -> pa.ListArray:
    """Lesions of every labelled slice; a slice lists each lesion task whose target it shows.

    Args:
        mask: (x, y, z) labels.
        volumes: Lesions of each task by its number, for those whose target the mask shows.
        frame: Size and pixel sizes of the plane's slices.
    """
    found: list[ShownLesion] = []
    stack = np.moveaxis(mask, plane.slice_dim, 0)
    for task in sorted(tasks, key=lambda task: task.number):
        table = plane.components[plane.components[:, 1] == task.target]
        if not len(table):
            continue
        starts = _group_starts(table[:, :1])
        low = np.minimum.reduceat(table[:, 3:5], starts)
        high = np.maximum.reduceat(table[:, 5:7], starts) + 1
        boxes = np.column_stack([table[starts, 0], low, high]).tolist()
        for index, top, left, bottom, right in boxes:
            crop = np.ascontiguousarray(stack[index, top:bottom, left:right] == task.target)
            origin_rc, size_rc = (top, left), (bottom - top, right - left)
            axes = measure_clusters(crop, origin_rc, frame, rules)
            volume = volumes[task.number]
            regions = volume.regions(plane.slice_dim, index)
            found.append(ShownLesion(task, volume, index, axes, regions, origin_rc, size_rc, run_lengths(crop)))
    if not found:
        return empty_lists(pa.list_(LESION), len(plane.slice_idx))
    found.sort(key=lambda lesion: lesion.slice_idx)  # stable: of a slice, tasks stay in order
    starts = np.searchsorted([lesion.slice_idx for lesion in found], plane.slice_idx)
    return pa.ListArray.from_arrays(_offsets(starts, len(found)), lesion_array(found, plane.slice_dim, names))


def pair_column(first: np.ndarray, second: np.ndarray, kind: pa.DataType) -> pa.ListArray:
    """Lists [first[i], second[i]] of type PAIR_U16 or PAIR_F64."""
    flat = np.empty((len(first), 2), np.uint16 if kind == PAIR_U16 else np.float64)
    flat[:, 0], flat[:, 1] = first, second
    return _pairs(flat, _pair_offsets(len(first)))


def _boxes(plane: PlaneLabels, spacing_rc_mm: Spacing) -> pa.StructArray:
    table = plane.components
    corners = table[:, 3:7].astype(np.uint16)  # `height` and `width` of the rows hold them in range
    low, high = corners[:, :2], corners[:, 2:]
    center = (table[:, 3:5] + table[:, 5:7]) // 2
    size = high - low + 1
    offsets = _pair_offsets(len(table))
    columns = [
        _pairs(low, offsets),
        _pairs(high, offsets),
        _pairs(center.astype(np.uint16), offsets),
        _pairs(size, offsets),
        _pairs(size * np.array(spacing_rc_mm), offsets),
        pa.array(table[:, 2].astype(np.uint32)),
        pa.array(table[:, 2] / (plane.shape_rc[0] * plane.shape_rc[1])),
    ]
    return pa.StructArray.from_arrays(columns, fields=list(BOX))


def _instances(plane: PlaneLabels, spacing_rc_mm: Spacing) -> pa.StructArray:
    table = plane.instances
    start, stop = table[:, 3:5].astype(np.uint16), (table[:, 5:7] + 1).astype(np.uint16)
    offsets = _pair_offsets(len(table))
    columns = [
        _pairs(start, offsets),
        _pairs(stop, offsets),
        _pairs(start * np.array(spacing_rc_mm), offsets),
        _pairs(stop * np.array(spacing_rc_mm), offsets),
        pa.array(table[:, 2].astype(np.uint32)),
        pa.array(table[:, 2] * (spacing_rc_mm[0] * spacing_rc_mm[1])),
    ]
    return pa.StructArray.from_arrays(columns, fields=list(INSTANCE))


def _pairs(values: np.ndarray, offsets: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(offsets, pa.array(values.reshape(-1)))


def _pair_offsets(count: int) -> pa.Array:
    return pa.array(np.arange(0, 2 * count + 1, 2, dtype=np.int32))


def ellipse_row(ellipse: Ellipse) -> dict[str, object]:
    """A value of ELLIPSE."""
    values = (
        ellipse.pixel_count,
        ellipse.major_mm,
        ellipse.minor_mm,
        list(ellipse.center_rc),
        *(list(end) for end in (*ellipse.major, *ellipse.minor)),
    )
    return {field.name: value for field, value in zip(ELLIPSE, values, strict=True)}


def _group_starts(keys: np.ndarray) -> np.ndarray:
    """First row of each run of equal keys in a sorted (rows, columns) table."""
    if not len(keys):
        return np.empty(0, np.int64)
    return np.flatnonzero(np.concatenate([[True], (keys[1:] != keys[:-1]).any(axis=1)]))


def _offsets(starts: np.ndarray, total: int) -> pa.Array:
    return pa.array(np.append(starts, total).astype(np.int32))
