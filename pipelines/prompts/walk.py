"""Slices with the pairs that are asked of them, in the order of the release; memory holds some batches of each file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet as pq

from medvision.pipelines.prompts.choose import PairsFile, chosen_rows
from medvision.pipelines.prompts.options import PromptOptions
from medvision.pipelines.release import Release, ReleaseError

PAIR_BATCH_ROWS = 256
SLICE_BATCH_ROWS = 16
SLICE_COLUMNS = (
    *("image", "slice_id", "dataset", "task", "modality", "plane", "height", "width", "pixel_spacing_mm"),
    *("intensity_scale", "intensity_offset", "intensity_invalid"),
    *("segments.list.element.label", "segments.list.element.name"),
    *("landmarks.list.element.number", "landmarks.list.element.name"),
)
AXES_COLUMNS = tuple(
    f"lesions.list.element.{name}"
    for name in (
        "lesion_task",
        "regions.list.element.major_axis.length_mm",
        "regions.list.element.minor_axis.length_mm",
    )
)
Key = tuple[str, int]


@dataclass
class SliceAsked:
    """A slice row of `data/` and its chosen pairs, each with the file it is from."""

    row: dict[str, Any]
    pairs: list[tuple[PairsFile, dict[str, Any]]] = field(default_factory=list)


def slices_asked(
    release: Release, files: list[PairsFile], limits: dict[str, set[str]] | None, options: PromptOptions
) -> Iterator[SliceAsked]:
    """Slices of ONE dataset in the order of its data files.

    Raises:
        ReleaseError: Pairs out of order, or one that points at another slice.
    """
    streams = [_PairStream(release, item, limits, options) for item in files]
    images: _Slices | None = None
    while any(stream.key for stream in streams):
        path, number = min(stream.key for stream in streams if stream.key)
        if images is None or images.path != path:
            if images is not None:
                images.close()
            images = _Slices(release, path, options)
        asked = SliceAsked(images.row(number))
        for stream in streams:
            for pair in stream.take((path, number)):
                if pair["slice_id"] != asked.row["slice_id"]:
                    raise ReleaseError(f"{pair['pair_id']} points at {asked.row['slice_id']}; run `medvision validate`")
                asked.pairs.append((stream.item, pair))
        yield asked
    if images is not None:
        images.close()


class _PairStream:
    """Chosen pairs of one file; `key` is where the next one points, None at the end."""

    def __init__(
        self, release: Release, item: PairsFile, limits: dict[str, set[str]] | None, options: PromptOptions
    ) -> None:
        self.item = item
        self._rows = self._read(release, None if limits is None else limits[item.config], options)
        self.key: Key | None = None
        self._next: dict[str, Any] = {}
        self._advance()

    def take(self, key: Key) -> Iterator[dict[str, Any]]:
        while self.key == key:
            yield self._next
            self._advance()

    def _advance(self) -> None:
        before = self.key
        self._next = next(self._rows, {})
        self.key = (self._next["slice_file"], self._next["slice_row"]) if self._next else None
        if before and self.key and self.key < before:
            raise ReleaseError(f"{self.item.file.path} is not in the order of its slices; run `medvision validate`")

    def _read(self, release: Release, ids: set[str] | None, options: PromptOptions) -> Iterator[dict[str, Any]]:
        with release.parquet(self.item.file.path, stream=True) as table:
            for batch in table.iter_batches(batch_size=PAIR_BATCH_ROWS):
                for pair in batch.filter(chosen_rows(batch, self.item, options)).to_pylist():
                    if ids is None or pair["pair_id"] in ids:
                        yield pair


class _Slices:
    """Rows of one data file, asked for in rising order; row groups and batches without one are passed by."""

    def __init__(self, release: Release, path: str, options: PromptOptions) -> None:
        self.path = path
        self._file: pq.ParquetFile = release.parquet(path, stream=True)
        self._columns = [*SLICE_COLUMNS, *(AXES_COLUMNS if options.targets == "exact" else ())]
        sizes = [self._file.metadata.row_group(i).num_rows for i in range(self._file.metadata.num_row_groups)]
        self._starts = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
        self._group, self._start, self._stop = -1, 0, 0
        self._batches: Iterator[Any] = iter(())
        self._batch: Any = None

    def close(self) -> None:
        self._file.close()

    def row(self, number: int) -> dict[str, Any]:
        """Row `number`, from 0."""
        if not number < self._starts[-1]:
            raise ReleaseError(f"a pair points at row {number} of {self.path}; run `medvision validate`")
        group = next(i for i, stop in enumerate(self._starts[1:]) if number < stop)
        if group != self._group:
            self._group, self._stop = group, self._starts[group]
            options = {"batch_size": SLICE_BATCH_ROWS, "row_groups": [group], "columns": self._columns}
            self._batches = self._file.iter_batches(**options)
        while number >= self._stop:
            self._batch = next(self._batches)
            self._start, self._stop = self._stop, self._stop + self._batch.num_rows
        found: dict[str, Any] = self._batch.slice(number - self._start, 1).to_pylist()[0]
        return found
