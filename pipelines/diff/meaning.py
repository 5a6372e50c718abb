"""What a user sees of the pairs of one kind, as flat arrays that compare at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.schemas.pairs import LANDMARK_KINDS, LESION_KINDS, PAIR_SCHEMAS
from medvision.schemas.rules import Rules
from medvision.transforms.pairs import pair_groups
from medvision.transforms.split import NumberedSplit

SLICE = "Slice"
"""In place of an annotation kind: the slice rows themselves, which have no values, only presence."""
TOLERANCE = 1e-9
"""Relative: numbers that are closer are equal."""
BOX_CORNERS = slice(0, 4)
BOX_SIZES = slice(8, 10)
TEXTS = ["label_name", "excluded_reason", "patient_side"]
ITEM_FIELDS = {
    "BoxSize": ("min_coords", "max_coords", "center_coords", "dimensions", "sizes"),
    "TumorLesionSize": ("metric_value_major_axis", "metric_value_minor_axis"),
    "LesionDiameter": ("longest", "perpendicular", "measure_mm"),
}
LISTS = {"BoxSize": "bounding_boxes", "TumorLesionSize": "biometric_profile", "LesionDiameter": "diameters"}


@dataclass(frozen=True)
class Meaning:
    """Pairs of one kind, a row each.

    Attributes:
        ids: pair_id, or slice_id for SLICE.
        keys: Columns `slice_id`, `plane`, `target` (label name, or key of a measure) and `task`.
        texts: Columns compared as text.
        scalars: (pairs, numbers) float64: spacing in mm, then what the kind has one of.
        counts: (pairs,) number of boxes, ellipses or diameters; 0 for other kinds.
        items: (sum of counts, numbers) float64, one row a box, ellipse or pair of diameters.
    """

    kind: str
    ids: pa.Array
    keys: pa.Table
    texts: pa.Table
    scalars: np.ndarray
    counts: np.ndarray
    items: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def starts(self) -> np.ndarray:
        """First item of each pair."""
        return np.concatenate([[0], np.cumsum(self.counts)])[:-1]

    def take(self, rows: np.ndarray) -> Meaning:
        chosen, counts = pa.array(rows, pa.int64()), self.counts[rows]
        items = self.items[ranges(self.starts[rows], counts)]
        keys, texts = self.keys.take(chosen), self.texts.take(chosen)
        return Meaning(self.kind, self.ids.take(chosen), keys, texts, self.scalars[rows], counts, items)

    def find(self, ids: pa.Array) -> np.ndarray:
        """Row of each id, -1 where there is none."""
        return pc.index_in(ids, value_set=self.ids).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)


class _AnySplit(dict):  # type: ignore[type-arg]
    """Every image on one side: where numbered splits do not matter."""

    def __missing__(self, key: object) -> tuple[str, str]:
        return "train", ""


ANY_SPLIT: NumberedSplit = _AnySplit()


def meaning_of(rows: pa.Table, kind: str, rules: Rules) -> Meaning:
    """Meaning of the pairs of `kind` that the rules make of annotation rows; of the rows themselves for SLICE."""
    if kind == SLICE:
        return _slices(rows)
    found = list(pair_groups(rows, kind, "", 0, ANY_SPLIT, rules)) if rows.num_rows else []
    planes = [pa.array(np.full(group.table.num_rows, group.plane)).cast(pa.string()) for group in found]
    schema = PAIR_SCHEMAS[kind]
    table = pa.concat_tables([group.table for group in found]) if found else schema.empty_table()
    return meaning_of_pairs(table, pa.chunked_array(planes, pa.string()), kind)


def meaning_of_pairs(pairs: pa.Table, planes: pa.ChunkedArray, kind: str) -> Meaning:
    """Meaning of rows of a pairs file."""
    pairs = pairs.combine_chunks()
    count = pairs.num_rows
    scalars = [_flat(pairs["pixel_size"], 2), _flat(pairs["voxel_size"], 3)]
    texts = {name: pairs[name] for name in TEXTS}
    counts, items = np.zeros(count, np.int64), np.zeros((0, 1))
    target = pairs["label_name"]
    if kind == "MaskSize":
        scalars += [_flat(pairs["pixel_count"], 1), _flat(pairs["ROI_area"], 1)]
    elif kind in LANDMARK_KINDS:
        profile = _one(pairs["biometric_profile"])
        scalars.append(_numbers(profile.field("metric_value")).reshape(-1, 1))
        texts |= {name: profile.field(name) for name in ("metric_type", "metric_key", "metric_unit")}
        texts |= {name: pairs[name] for name in ("landmark_source", "definition")}
        target = profile.field("metric_key")
    else:
        lists = _one(pairs[LISTS[kind]])
        counts = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
        flat = pc.list_flatten(lists)
        columns = [flat.field(name) for name in ITEM_FIELDS[kind]]
        items = np.concatenate([_item_numbers(column) for column in columns], axis=1)
        if kind in LESION_KINDS:
            scalars.append(_flat(pairs["n_total_clusters"], 1))
    keys = {"slice_id": pairs["slice_id"], "plane": planes, "target": target, "task": pairs["taskID"]}
    ids = _one(pairs["pair_id"])
    return Meaning(kind, ids, pa.table(keys), pa.table(texts), np.concatenate(scalars, axis=1), counts, items)


def same(first: Meaning, second: Meaning) -> np.ndarray:
    """(pairs,) bool: which pairs mean the same; both have the same pairs in the same order."""
    found = (first.counts == second.counts) & close(first.scalars, second.scalars).all(axis=1)
    for name in first.texts.column_names:
        equal = pc.equal(first.texts[name], second.texts[name]).combine_chunks()
        found &= equal.fill_null(False).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(found & (first.counts > 0))
    if len(rows):
        counts = first.counts[rows]
        left = first.items[ranges(first.starts[rows], counts)]
        right = second.items[ranges(second.starts[rows], counts)]
        starts = np.concatenate([[0], np.cumsum(counts)])[:-1]
        found[rows] = np.logical_and.reduceat(close(left, right).all(axis=1), starts)
    return found


def close(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Whether numbers are equal within TOLERANCE; NaN equals NaN."""
    apart = np.abs(first - second) > TOLERANCE * np.maximum(np.abs(first), np.abs(second))
    return np.asarray(~apart & (np.isnan(first) == np.isnan(second)))


def ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """start, start + 1, ... for each start, `counts` of them, in one array."""
    total = int(counts.sum())
    before = np.concatenate([[0], np.cumsum(counts)])[:-1]
    return np.repeat(starts - before, counts) + np.arange(total)


def _slices(rows: pa.Table) -> Meaning:
    count = rows.num_rows
    nothing = pa.array(np.full(count, "")).cast(pa.string())
    keys = {"slice_id": rows["slice_id"], "plane": rows["plane"], "target": nothing}
    keys["task"] = pc.utf8_lpad(rows["task"].cast(pa.string()), 2, "0")
    texts = pa.table({"side": rows["side"]})
    ids = _one(rows["slice_id"])
    return Meaning(SLICE, ids, pa.table(keys), texts, np.zeros((count, 0)), np.zeros(count, np.int64), np.zeros((0, 1)))


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _item_numbers(column: pa.Array) -> np.ndarray:
    """(items, numbers) float64 of numbers, of pairs of numbers, or of the lengths of lines; NaN for none."""
    if pa.types.is_struct(column.type):
        lengths = column.field("length_mm")
        column = pc.if_else(column.is_valid(), lengths, pa.scalar(None, lengths.type))
    return _flat(column, 2 if pa.types.is_list(column.type) else 1)


def _flat(column: pa.Array | pa.ChunkedArray, width: int) -> np.ndarray:
    """(rows, width) float64 of numbers, or of lists of `width` numbers."""
    column = _one(column) if isinstance(column, pa.ChunkedArray) else column
    return _numbers(pc.list_flatten(column) if pa.types.is_list(column.type) else column).reshape(-1, width)


def _numbers(column: pa.Array) -> np.ndarray:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)
