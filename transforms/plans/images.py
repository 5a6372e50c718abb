"""Rows of one image at a time, from a stream of tables of annotation rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

KEY_COLUMNS = ("case_id", "task", "landmark_path")


class ImageKey(NamedTuple):
    """What tells the images of a dataset apart: a task's number counts apart for landmarks."""

    case_id: str
    task: int
    of_landmarks: bool


def images_of(tables: Iterable[pa.Table]) -> Iterator[tuple[ImageKey, pa.Table]]:
    """Consecutive rows of one image, also where they go over from one table into the next; no table is kept longer.

    Args:
        tables: With the columns KEY_COLUMNS.
    """
    held: tuple[ImageKey, list[pa.Table]] | None = None
    for table in tables:
        for key, rows in _runs(table):
            if held is not None and held[0] == key:
                held[1].append(rows)
                continue
            if held is not None:
                yield held[0], pa.concat_tables(held[1])
            held = key, [rows]
    if held is not None:
        yield held[0], pa.concat_tables(held[1])


def keys_of(table: pa.Table) -> list[ImageKey]:
    """Key of each row of a table with the columns KEY_COLUMNS."""
    columns = [table.column(name).to_pylist() for name in KEY_COLUMNS]
    return [ImageKey(case_id, task, path != "") for case_id, task, path in zip(*columns, strict=True)]


def _runs(table: pa.Table) -> Iterator[tuple[ImageKey, pa.Table]]:
    if not table.num_rows:
        return
    names = [table.column(name).cast(pa.string()) for name in KEY_COLUMNS]
    joined = pc.binary_join_element_wise(*names, "\x00").combine_chunks()
    changed = pc.not_equal(joined[1:], joined[:-1]).to_numpy(zero_copy_only=False)
    starts = [0, *(np.flatnonzero(changed) + 1).tolist(), table.num_rows]
    for start, stop in itertools.pairwise(starts):
        rows = table.slice(start, stop - start)
        yield keys_of(rows.slice(0, 1))[0], rows
