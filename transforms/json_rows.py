"""Rows of a batch as JSON: what all rows share is written once, the rest column by column."""

from __future__ import annotations

from itertools import pairwise, repeat
from typing import Any

import numpy as np
import orjson
import pyarrow as pa


def json_rows(batch: pa.RecordBatch) -> list[bytes]:
    """A JSON object a row, in UTF-8, its keys sorted at every depth.

    Parsed, it is the row of `batch.to_pylist()`, every number of the same kind and to its last bit; NaN and
    infinities, which JSON lacks, are null.
    """
    shared = [name for name, column in zip(batch.schema.names, batch.columns, strict=True) if _is_constant(column)]
    first = batch.select(shared).slice(0, 1).to_pylist()
    parts: list[Any] = []  # alternately text of all rows and texts one a row
    text = "{"
    for name in sorted(batch.schema.names):
        text += f"{_text(name)}:"
        if name in shared:
            text += ",".join(_text(row[name]) for row in first)
        else:
            parts += [repeat(text), _texts(batch.column(name))]
            text = ""
        text += ","
    parts.append(repeat(text.removesuffix(",") + "}", batch.num_rows))
    return [row.encode() for row in map("".join, zip(*parts, strict=False))]  # `repeat` has no end


def _is_constant(column: pa.Array) -> bool:
    """Whether all values have one text: Arrow takes -0.0 for equal to 0.0, JSON writes the sign."""
    if not column.slice(1).equals(column.slice(0, max(0, len(column) - 1))):
        return False
    return len(column) < 2 or not _has_negative_zero(column)


def _has_negative_zero(array: pa.Array) -> bool:
    if pa.types.is_struct(array.type):
        return any(_has_negative_zero(field) for field in array.flatten())
    if pa.types.is_list(array.type):
        return _has_negative_zero(array.flatten())
    if not pa.types.is_floating(array.type):
        return False
    values = array.to_numpy(zero_copy_only=False)
    return bool((np.signbit(values) & (values == 0)).any())


def _text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _texts(array: pa.Array) -> list[str]:
    """JSON of each value of an array, its numbers written in one call a column."""
    kind = array.type
    if array.null_count:
        texts = iter(_texts(array.drop_null()))
        return [next(texts) if valid else "null" for valid in array.is_valid().to_pylist()]
    if pa.types.is_struct(kind):
        names = {kind.field(i).name: i for i in range(kind.num_fields)}
        form = "{" + ",".join(f'"{name}":%s' for name in sorted(names)) + "}"
        return [form % row for row in zip(*(_texts(array.field(names[name])) for name in sorted(names)), strict=True)]
    if pa.types.is_list(kind):
        return _list_texts(array)
    if _is_number(kind):
        return _number_texts(array.to_numpy())
    texts_of = {value: _text(value) for value in set(array.to_pylist())}
    return [texts_of[value] for value in array.to_pylist()]


def _list_texts(array: pa.ListArray) -> list[str]:
    values, offsets = array.flatten(), array.offsets.to_numpy()
    lengths = np.diff(offsets)
    if _is_number(values.type) and not values.null_count and len(values) and (lengths == lengths[0]).all():
        return _number_texts(values.to_numpy().reshape(len(array), -1))
    texts = _texts(values)
    return [f"[{','.join(texts[start:stop])}]" for start, stop in pairwise((offsets - offsets[0]).tolist())]


def _number_texts(values: np.ndarray) -> list[str]:
    """JSON of each number, or of each row of a table of numbers."""
    text = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY).decode()[1:-1]
    return text.replace("],[", "]\n[").split("\n") if values.ndim > 1 else text.split(",") if len(values) else []


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
