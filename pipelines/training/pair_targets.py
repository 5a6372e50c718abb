"""Targets of pairs: arrays of one shape for a whole config, so that a batch of them can be stacked.

Of each annotation kind stand here the columns that are read, and how they become arrays. A pair shows one annotation
or several (boxes of a label, clusters of a lesion): arrays have a row for each of the most that a pair of the config
has, zeros behind the last, and `count` says how many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.schemas.pairs import LANDMARK_KINDS
from medvision.transforms.move import Move

Arrays = dict[str, np.ndarray]
Target = dict[str, Any]
LINES = ("longest", "perpendicular")


@dataclass(frozen=True)
class PairKind:
    """One annotation kind.

    Attributes:
        columns: Parquet paths of what is read beside the columns of all pairs.
        listed: Path of a leaf of the list that has a value an annotation; "" where a pair has exactly one.
        arrays: The kind's columns of a row group as arrays; those of a list follow `offsets`.
        target: Of one pair: its arrays cut out, moved to the image.
    """

    columns: tuple[str, ...]
    listed: str
    arrays: Callable[[pa.Table], Arrays]
    target: Callable[[Arrays, Move], Target]


class PairGroup:
    """The pairs of a row group: where their slices are, what they are of, and their targets as arrays."""

    COLUMNS = ("pair_id", "slice_file", "slice_row", "taskID", "label", "label_name")

    def __init__(self, table: pa.Table, kind: PairKind, file_numbers: Mapping[str, int]) -> None:
        names = table["slice_file"].chunk(0).dictionary_encode()
        numbers = np.array([file_numbers[name.split("/", 1)[1]] for name in names.dictionary.to_pylist()], np.int64)
        self.slice_file = numbers[names.indices.to_numpy()]
        self.slice_row = table["slice_row"].chunk(0).to_numpy()
        self.label = table["label"].chunk(0).to_numpy()
        self._texts = {
            "pair_id": table["pair_id"].chunk(0),
            **{name: table[name].chunk(0).dictionary_encode() for name in ("label_name", "taskID")},
        }
        self._landmarks = {
            name: table[name].chunk(0).dictionary_encode() for name in table.column_names if name == "landmark_source"
        }
        self._arrays = kind.arrays(table)
        self._kind = kind
        held = [self.slice_file, self.slice_row, self.label, *self._arrays.values(), *self._texts.values()]
        self.nbytes = sum(int(array.nbytes) for array in held)

    def text(self, column: str, row: int) -> str:
        """A text of a pair: pair_id, label_name, taskID, and of landmarks their source."""
        return str((self._texts.get(column) or self._landmarks[column])[row].as_py())

    def cut(self, row: int) -> Arrays:
        """The kind's arrays of one pair: those of a list as (annotations, ...), others as single values."""
        if "offsets" not in self._arrays:
            return {name: values[row] for name, values in self._arrays.items()}
        start, stop = self._arrays["offsets"][row : row + 2]
        return {
            name: values[row] if name.startswith("pair_") else values[start:stop]
            for name, values in self._arrays.items()
            if name != "offsets"
        }

    def target(self, row: int, move: Move, most: int, points: np.ndarray | None) -> Target:
        """The pair's target; arrays of a list have `most` rows. `points` are in pixels of the slice array."""
        found = self._kind.target(self.cut(row), move)
        if points is not None:
            found["points_rc"] = moved_points(points, move)
        if self._kind.listed:
            count = len(next(iter(found.values())))
            found = {"count": count, **{name: padded(values, most) for name, values in found.items()}}
        texts = {name: self.text(name, row) for name in ("pair_id", "label_name")}
        return {**texts, "label": int(self.label[row]), **found}


def padded(values: np.ndarray, most: int) -> np.ndarray:
    """(most, ...) float32: the first `most` of (N, ...) values, zeros behind the last."""
    out = np.zeros((most, *values.shape[1:]), np.float32)
    kept = values[:most]
    out[: len(kept)] = kept
    return out


def moved_points(points: np.ndarray, move: Move) -> np.ndarray:
    """(..., 2) points of the slice array, (row, column), in pixels of the image."""
    flat = [move.point(point) for point in points.reshape(-1, 2).tolist()]
    return np.array(flat, np.float32).reshape(points.shape)


def _offsets(lists: pa.ListArray) -> np.ndarray:
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _pairs_of(lists: pa.Array) -> np.ndarray:
    """(N, 2) of lists of two numbers; NaN for a null."""
    if lists.null_count:
        found = [value or (np.nan, np.nan) for value in lists.to_pylist()]
        return np.array(found, np.float64).reshape(-1, 2)
    return np.asarray(pc.list_flatten(lists).to_numpy(zero_copy_only=False)).reshape(-1, 2)


def _box_arrays(table: pa.Table) -> Arrays:
    boxes = table["bounding_boxes"].chunk(0)
    flat = pc.list_flatten(boxes)
    low, high, sizes = (_pairs_of(flat.field(name)) for name in ("min_coords", "max_coords", "sizes"))
    return {"offsets": _offsets(boxes), "low": low, "high": high, "sizes_mm": sizes.astype(np.float32)}


def _box_target(pair: Arrays, move: Move) -> Target:
    edges = np.concatenate([pair["low"].astype(np.int64), pair["high"].astype(np.int64) + 1], axis=1)
    return {"boxes": move.edges(edges), "sizes_mm": pair["sizes_mm"][:, :: -1 if move.turned else 1]}


def _mask_arrays(table: pa.Table) -> Arrays:
    area = table["ROI_area"].chunk(0).to_numpy().astype(np.float32)
    return {"pixel_count": table["pixel_count"].chunk(0).to_numpy(), "area_mm2": area}


def _mask_target(pair: Arrays, move: Move) -> Target:
    return {"pixel_count": int(pair["pixel_count"]), "area_mm2": np.array(pair["area_mm2"])}


def _lesion_arrays(table: pa.Table) -> Arrays:
    profile = table["biometric_profile"].chunk(0)
    flat = pc.list_flatten(profile)
    axes = [flat.field(f"metric_value_{name}_axis").to_numpy(zero_copy_only=False) for name in ("major", "minor")]
    return {"offsets": _offsets(profile), "axes_mm": np.stack(axes, axis=1).astype(np.float32)}


def _diameter_arrays(table: pa.Table) -> Arrays:
    diameters = table["diameters"].chunk(0)
    flat = pc.list_flatten(diameters)
    lines = {name: flat.field(name) for name in LINES}
    axes, points = [], []
    for line in lines.values():
        valid = line.is_valid()
        axes.append(pc.if_else(valid, line.field("length_mm"), None).to_numpy(zero_copy_only=False))
        points += [_pairs_of(pc.if_else(valid, line.field(end), None)) for end in ("start_rc", "end_rc")]
    return {
        "offsets": _offsets(diameters),
        "axes_mm": np.stack(axes, axis=1).astype(np.float32),
        "measure_mm": flat.field("measure_mm").to_numpy(zero_copy_only=False).astype(np.float32),
        "points_rc": np.stack(points, axis=1),
    }


def _diameter_target(pair: Arrays, move: Move) -> Target:
    points = moved_points(pair["points_rc"], move)
    return {"axes_mm": pair["axes_mm"], "measure_mm": pair["measure_mm"], "points_rc": points}


def _landmark_arrays(table: pa.Table) -> Arrays:
    profile = table["biometric_profile"].chunk(0)
    texts = {name: np.array(profile.field(f"metric_{name}").to_pylist(), object) for name in ("key", "unit")}
    return {"value": profile.field("metric_value").to_numpy(zero_copy_only=False).astype(np.float32), **texts}


def _landmark_target(pair: Arrays, move: Move) -> Target:
    return {"value": np.array(pair["value"]), "unit": str(pair["unit"]), "key": str(pair["key"])}


_BOX = tuple(f"bounding_boxes.list.element.{name}" for name in ("min_coords", "max_coords", "sizes"))
_AXES = tuple(f"biometric_profile.list.element.metric_value_{name}_axis" for name in ("major", "minor"))
_DIAMETER = "diameters.list.element."
_LINE_COLUMNS = [f"{_DIAMETER}{line}.{name}" for line in LINES for name in ("length_mm", "start_rc", "end_rc")]
_LANDMARK = PairKind(
    ("landmark_source", *(f"biometric_profile.metric_{name}" for name in ("key", "value", "unit"))),
    "",
    _landmark_arrays,
    _landmark_target,
)
PAIR_KINDS: dict[str, PairKind] = {
    "BoxSize": PairKind(_BOX, _BOX[0], _box_arrays, _box_target),
    "MaskSize": PairKind(("pixel_count", "ROI_area"), "", _mask_arrays, _mask_target),
    "TumorLesionSize": PairKind(_AXES, _AXES[0], _lesion_arrays, lambda pair, move: {"axes_mm": pair["axes_mm"]}),
    "LesionDiameter": PairKind(
        (*_LINE_COLUMNS, f"{_DIAMETER}measure_mm"), f"{_DIAMETER}measure_mm", _diameter_arrays, _diameter_target
    ),
    **dict.fromkeys(LANDMARK_KINDS, _LANDMARK),
}
"""By annotation kind, as config names have it."""
