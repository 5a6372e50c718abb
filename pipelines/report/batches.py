"""Annotation rows of a release, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from medvision.pipelines.release import Release
from medvision.pipelines.report.sample import ranks

ROWS = 4096


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows `first` and following of an annotation file."""

    dataset: str
    path: str
    first: int
    rows: pa.RecordBatch

    def numbers(self, column: str) -> np.ndarray:
        """A column of numbers."""
        return np.asarray(self.rows[column].to_numpy(zero_copy_only=False))

    def pairs(self, column: str) -> np.ndarray:
        """(rows, n) of a column of lists of n numbers."""
        return np.asarray(self.rows[column].flatten().to_numpy(zero_copy_only=False)).reshape(self.rows.num_rows, -1)

    def ranks(self, what: str, rows: np.ndarray) -> np.ndarray:
        """A rank for each of the row numbers, which ascend; equal ones differ by their place among these."""
        turn = np.arange(len(rows)) - np.searchsorted(rows, rows, side="left")
        of_rows = ranks(f"{self.path} {what}", self.first, self.rows.num_rows)[rows]
        return np.asarray(of_rows ^ ranks(what, 0, int(turn.max(initial=0)) + 1)[turn])


def batches(release: Release, columns: Sequence[str]) -> Iterator[Batch]:
    """Rows in order of file and place, with some of the columns of ANNOTATION_SCHEMA or leaves below them."""
    for file in release.files("annotations"):
        with release.parquet(file.path, stream=True) as table:
            first = 0
            for rows in table.iter_batches(batch_size=ROWS, columns=list(columns)):
                yield Batch(file.dataset, file.path, first, rows)
                first += rows.num_rows
