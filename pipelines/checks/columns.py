"""Nested Arrow columns as arrays of numbers, so that all rows of a file are checked at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

RELATIVE = 1e-9
"""Largest relative difference of a stored product and the same product taken here."""


def close(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return np.abs(found - expected) <= RELATIVE * np.maximum(np.abs(expected), 1e-300)


def column(table: pa.Table, name: str) -> pa.Array:
    """A column of a table whose chunks are combined."""
    chunks = table[name].chunks
    return chunks[0] if chunks else pa.array([], table.schema.field(name).type)


def field(holder: pa.Table | pa.StructArray, name: str) -> pa.Array:
    return column(holder, name) if isinstance(holder, pa.Table) else pc.struct_field(holder, name)


def flatten(lists: pa.ListArray) -> tuple[pa.Array, np.ndarray]:
    """Items of all lists, and the number of the list that each is from."""
    return lists.flatten(), pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)


def numbers(holder: pa.Table | pa.StructArray, name: str, kind: type) -> np.ndarray:
    """A number column (N,); a null becomes 0, or NaN where `kind` is a float, and so fails its check."""
    missing = np.nan if kind is np.float64 else 0
    values = field(holder, name)
    return values.cast(pa.from_numpy_dtype(kind)).fill_null(missing).to_numpy(zero_copy_only=False)


def tuples(holder: pa.Table | pa.StructArray, name: str, size: int) -> np.ndarray:
    """A list column (N, size); integers as int64, so that differences may be negative."""
    flat = field(holder, name).flatten().to_numpy(zero_copy_only=False).reshape(-1, size)
    return flat.astype(np.int64) if np.issubdtype(flat.dtype, np.integer) else flat


def all_tuples(holder: pa.Table | pa.StructArray, names: tuple[str, ...], size: int) -> bool:
    """Whether every list of these columns has `size` items, none of them null."""
    for name in names:
        lists = field(holder, name)
        lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
        if not (lengths == size).all() or lists.flatten().null_count:
            return False
    return True
