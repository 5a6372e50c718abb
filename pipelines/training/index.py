"""Which row of which file a number of a dataset is, and which numbers lie together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.training.groups import OpenFiles, group_starts
from medvision.schemas.record import PublishedFile

VOLUME_OF_SLICE = r"-[a-z]+-\d+$"
"""What a slice id has beyond its volume's."""


@dataclass(frozen=True)
class Index:
    """Rows of some files, one after the other, or a choice of them.

    Attributes:
        paths: Of the files, relative to the release.
        starts: (files + 1,) number of rows before each file, and of all.
        chosen: Rows that are in the dataset, rising; None for all.
    """

    paths: tuple[str, ...]
    starts: np.ndarray
    chosen: np.ndarray | None = None

    @staticmethod
    def of(files: Sequence[PublishedFile]) -> Index:
        """All rows of files, in their order."""
        return Index(tuple(file.path for file in files), np.cumsum([0, *(file.rows for file in files)]))

    def __len__(self) -> int:
        return int(self.starts[-1]) if self.chosen is None else len(self.chosen)

    def row(self, number: int) -> int:
        """Row that a number of the dataset is, counted over all files."""
        return number if self.chosen is None else int(self.chosen[number])

    def place(self, row: int) -> tuple[int, int]:
        """File that a row is in, by its number, and the row there."""
        file = int(np.searchsorted(self.starts, row, "right")) - 1
        return file, row - int(self.starts[file])

    def where(self, found: Iterator[np.ndarray]) -> Index:
        """The rows for which `found`, batch by batch, is true."""
        start = 0
        rows: list[np.ndarray] = [np.zeros(0, np.int64)]
        for batch in found:
            rows.append(start + np.flatnonzero(batch))
            start += len(batch)
        chosen = np.concatenate(rows)
        return Index(self.paths, self.starts, chosen.astype(np.uint32) if start <= 1 << 32 else chosen)

    def bounds(self, groups: Iterator[np.ndarray]) -> np.ndarray:
        """(groups + 1,) numbers at which another group begins; `groups` has a group's number for each row of all."""
        changes: list[np.ndarray] = [np.zeros(0, np.int64)]
        last, start, total = -1, 0, 0
        for batch in groups:
            kept = batch if self.chosen is None else batch[self.within(start, start + len(batch))]
            start += len(batch)
            if len(kept):
                changes.append(total + np.flatnonzero(np.diff(kept, prepend=last)))
                last, total = int(kept[-1]), total + len(kept)
        return np.concatenate([*changes, [total]])

    def within(self, start: int, stop: int) -> np.ndarray:
        """Chosen rows from `start` to `stop`, counted from `start`."""
        assert self.chosen is not None
        low, high = np.searchsorted(self.chosen, [start, stop])
        return self.chosen[low:high].astype(np.int64) - start


def batches(files: OpenFiles, paths: Sequence[str], columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of all rows of some files, a row group at a time."""
    for path in paths:
        for group in range(files.parquet(path).num_row_groups):
            yield files.parquet(path).read_row_group(group, list(columns), use_threads=False).combine_chunks()


def group_numbers(files: OpenFiles, paths: Sequence[str]) -> list[np.ndarray]:
    """Of each file, the first rows of its row groups."""
    return [group_starts(files.parquet(path))[:-1] for path in paths]


def volume_numbers(files: OpenFiles, paths: Sequence[str]) -> list[np.ndarray]:
    """Of each file of slice rows, the rows at which another volume begins."""
    found = []
    for path in paths:
        ids = pa.concat_arrays([table["slice_id"].chunk(0) for table in batches(files, [path], ["slice_id"])])
        volumes = pc.replace_substring_regex(ids, VOLUME_OF_SLICE, "")
        changed = pc.not_equal(volumes.slice(1), volumes.slice(0, len(volumes) - 1))
        found.append(np.concatenate([[0], 1 + np.flatnonzero(changed.to_numpy(zero_copy_only=False))]))
    return found


def slice_groups(index: Index, firsts: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Group of each row of slice files, file by file, numbered through."""
    before = 0
    for number, first in enumerate(firsts):
        rows = int(index.starts[number + 1] - index.starts[number])
        yield before + np.searchsorted(first, np.arange(rows), "right") - 1
        before += len(first)


def pair_groups(
    pairs: Iterator[pa.Table], file_numbers: Mapping[str, int], firsts: Sequence[np.ndarray]
) -> Iterator[np.ndarray]:
    """Group of the slice of each pair, numbered as by `slice_groups`, a table of pairs at a time."""
    before = np.cumsum([0, *map(len, firsts)])
    for table in pairs:
        names = table["slice_file"].chunk(0).dictionary_encode()
        numbers: Any = np.array([file_numbers[name.split("/", 1)[1]] for name in names.dictionary.to_pylist()])
        file, row = numbers[names.indices.to_numpy()], table["slice_row"].chunk(0).to_numpy()
        groups = np.empty(len(row), np.int64)
        for number in np.unique(file):
            here = file == number
            groups[here] = before[number] + np.searchsorted(firsts[number], row[here], "right") - 1
        yield groups
