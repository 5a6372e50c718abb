"""Names, areas and sizes of the segments of slice rows under other rules: what needs no pixel again."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.schemas.dataset import Dataset
from medvision.schemas.rows import BOX, PAIR_F64, PAIR_U16, SEGMENT
from medvision.schemas.rules import Rules
from medvision.transforms.annotate import pair_column
from medvision.transforms.rows import label_names


def measured_segments(rows: pa.Table, mask_pixel_mm: np.ndarray, dataset: Dataset, rules: Rules) -> pa.ListArray:
    """Segments of rows of masks, without labels that the rules ignore.

    Args:
        rows: Rows of one dataset.
        mask_pixel_mm: (rows, 2) pixel size of the mask, mm.
    """
    nested = rows["segments"].combine_chunks()
    row_of = pc.list_parent_indices(nested).to_numpy()
    segments = pc.list_flatten(nested)
    tasks = rows["task"].combine_chunks().to_numpy()[row_of]
    labels = segments.field("label").to_numpy()
    keep = ~ignored(tasks, labels, dataset, rules)
    if not keep.all():
        segments, row_of, tasks, labels = segments.filter(pa.array(keep)), row_of[keep], tasks[keep], labels[keep]
    pixel_mm = mask_pixel_mm[row_of]
    boxes = segments.field("boxes")
    flat_mm = pixel_mm[pc.list_parent_indices(boxes).to_numpy()]
    columns = {
        "name": names_of(tasks, labels, dataset, rules),
        "area_mm2": pa.array(
            segments.field("pixel_count").to_numpy() * (pixel_mm[:, 0] * pixel_mm[:, 1]), pa.float64()
        ),
        "boxes": pa.ListArray.from_arrays(offsets_of(boxes), _boxes(pc.list_flatten(boxes), flat_mm)),
    }
    arrays = [columns.get(field.name, segments.field(field.name)) for field in SEGMENT]
    counts = np.bincount(row_of, minlength=rows.num_rows)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(arrays, fields=list(SEGMENT)))


def ignored(tasks: np.ndarray, labels: np.ndarray, dataset: Dataset, rules: Rules) -> np.ndarray:
    """Which (task, label) count as background under the rules."""
    found = np.zeros(len(labels), bool)
    if rules.label_names == "exact":
        for number in np.unique(tasks):
            found |= (tasks == number) & np.isin(labels, dataset.task(int(number)).ignored_labels)
    return found


def names_of(tasks: np.ndarray, labels: np.ndarray, dataset: Dataset, rules: Rules) -> pa.Array:
    """Name of each (task, label) under the rules, "" for a value without one."""
    keys, inverse = np.unique(tasks.astype(np.int64) << 16 | labels.astype(np.int64), return_inverse=True)
    names = [label_names(dataset.task(int(key >> 16)), rules).get(int(key & 0xFFFF), "") for key in keys]
    return pa.array(names, pa.string()).take(pa.array(inverse))


def offsets_of(lists: pa.ListArray) -> np.ndarray:
    """Offsets from 0 over the flattened lists."""
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)


def _boxes(boxes: pa.StructArray, pixel_mm: np.ndarray) -> pa.StructArray:
    """The same corners and pixel counts; the rest follows from them."""
    low, high = (
        pc.list_flatten(boxes.field(name)).to_numpy().astype(np.int64).reshape(-1, 2) for name in ("min_rc", "max_rc")
    )
    size, center = high - low + 1, (low + high) // 2
    columns = {
        "center_rc": pair_column(center[:, 0], center[:, 1], PAIR_U16),
        "size_px": pair_column(size[:, 0], size[:, 1], PAIR_U16),
        "size_mm": pair_column(size[:, 0] * pixel_mm[:, 0], size[:, 1] * pixel_mm[:, 1], PAIR_F64),
    }
    arrays = [columns.get(field.name, boxes.field(field.name)) for field in BOX]
    return pa.StructArray.from_arrays(arrays, fields=list(BOX))
