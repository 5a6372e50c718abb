"""Find and read single rows of a Parquet file without holding others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def rows_holding(table: pq.ParquetFile, column: str, value: str) -> Iterator[int]:
    """Row numbers, from 0, whose string `column` equals `value`; statistics pick the row groups to read."""
    leaves = [table.metadata.schema.column(i).path for i in range(table.metadata.num_columns)]
    leaf, start = leaves.index(column), 0
    for number in range(table.num_row_groups):
        group = table.metadata.row_group(number)
        bounds = group.column(leaf).statistics
        if bounds is None or not bounds.has_min_max or bounds.min <= value <= bounds.max:
            found = pc.equal(table.read_row_group(number, [column])[column], value)
            yield from (start + int(row) for row in pc.indices_nonzero(found).to_pylist())
        start += group.num_rows


def read_row(table: pq.ParquetFile, row: int) -> dict[str, Any]:
    """Row `row`, from 0; others are not kept when `table` is streamed. Raises IndexError past the end."""
    for number in range(table.num_row_groups):
        rows = table.metadata.row_group(number).num_rows
        if row < rows:
            batches: Iterator[pa.RecordBatch] = table.iter_batches(batch_size=1, row_groups=[number])
            return next(islice(batches, row, None)).to_pylist()[0]
        row -= rows
    raise IndexError("the file has fewer rows")
