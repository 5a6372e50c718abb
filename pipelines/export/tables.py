"""CSV tables: what a slice row nests, flat, with units in the names of the columns."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.csv as pa_csv

from medvision.pipelines.export.flat import boxes, landmarks, lesions, masks, measures, safe_cells, slices
from medvision.pipelines.export.job import ExportJob
from medvision.schemas.rows import ANNOTATION_SCHEMA
from medvision.schemas.rules import Rules

TABLES: dict[str, Callable[[pa.RecordBatch, Rules], pa.Table]] = {
    "slices": slices,
    "boxes": boxes,
    "masks": masks,
    "lesions": lesions,
    "landmarks": landmarks,
    "measures": measures,
}
"""Name of a table to what makes it of a batch of annotation rows."""
GZIP_LEVEL = 6


def write_csv(job: ExportJob) -> None:
    """Write every table, batch by batch: UTF-8, lines end in LF, text quoted by RFC 4180, missing values empty."""
    with ExitStack() as stack:
        writers: dict[str, Any] = {}
        for name, make in TABLES.items():
            empty = safe_cells(make(pa.RecordBatch.from_pylist([], ANNOTATION_SCHEMA), job.rules))
            writers[name] = stack.enter_context(pa_csv.CSVWriter(_open(job, name, stack), empty.schema))
        for file in job.selection.files(job.release):
            for batch in job.selection.batches(job.release, file, ANNOTATION_SCHEMA.names):
                for name, make in TABLES.items():
                    table = safe_cells(make(batch, job.rules))
                    writers[name].write_table(table)
                    job.counts[name] += table.num_rows
                job.advance(batch.num_rows)


def _open(job: ExportJob, name: str, stack: ExitStack) -> BinaryIO:
    if not job.options.gzip:
        return stack.enter_context(job.folder.open(f"{name}.csv"))
    raw = stack.enter_context(job.folder.open(f"{name}.csv.gz"))
    packed = gzip.GzipFile("", "wb", GZIP_LEVEL, raw, mtime=0)  # no name and no clock: equal rows, equal bytes
    return cast(BinaryIO, stack.enter_context(packed))
