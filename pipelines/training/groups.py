"""Row groups of Parquet files by row number: few files open, each group read whole and kept while it is in use."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from medvision.pipelines.training.recent import Recent, Sized

T = TypeVar("T", bound=Sized)


class OpenFiles:
    """Parquet files of a release, open while they are among the `limit` last used."""

    def __init__(self, fs: AbstractFileSystem, root: str, limit: int) -> None:
        self.fs, self.root, self.limit = fs, root, limit
        self._open: OrderedDict[str, pq.ParquetFile] = OrderedDict()

    def parquet(self, path: str) -> pq.ParquetFile:
        """The file at a path of the release; it may be closed once other files are asked for."""
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        while len(self._open) >= self.limit:
            self._open.popitem(last=False)[1].close(force=True)
        far = not isinstance(self.fs, LocalFileSystem)
        self._open[path] = pq.ParquetFile(f"{self.root}/{path}", filesystem=self.fs, pre_buffer=far)
        return self._open[path]

    def close(self) -> None:
        """Close all."""
        while self._open:
            self._open.popitem()[1].close(force=True)


class Groups(Generic[T]):
    """Some columns of some files, a row group at a time.

    Args:
        files: Where the files are opened.
        paths: Of the files, by their number.
        columns: Parquet paths of the columns.
        make: Makes of a group's table what is kept of it.
        kept: Holds what was made; may be shared.
    """

    def __init__(
        self,
        files: OpenFiles,
        paths: Sequence[str],
        columns: Sequence[str],
        make: Callable[[pa.Table], T],
        kept: Recent,
    ) -> None:
        self.files, self.paths, self.columns, self.make, self.kept = files, paths, list(columns), make, kept
        self.reads = 0
        self._starts: dict[int, np.ndarray] = {}

    def starts(self, number: int) -> np.ndarray:
        """(groups + 1,) first row of each group of a file, and the number of its rows."""
        if number not in self._starts:
            self._starts[number] = group_starts(self.files.parquet(self.paths[number]))
        return self._starts[number]

    def at(self, number: int, row: int) -> tuple[T, int]:
        """The group that holds row `row`, from 0, of file `number`, and the row's place in it."""
        starts = self.starts(number)
        group = int(np.searchsorted(starts, row, "right")) - 1
        found = self.kept.get((self.paths[number], group), lambda: self._read(number, group))
        return found, row - int(starts[group])

    def _read(self, number: int, group: int) -> T:
        self.reads += 1
        table = self.files.parquet(self.paths[number]).read_row_group(group, self.columns, use_threads=False)
        return self.make(table.combine_chunks())


def group_starts(file: pq.ParquetFile) -> np.ndarray:
    """(groups + 1,) first row of each row group, and the number of rows."""
    counts = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    return np.cumsum([0, *counts])
