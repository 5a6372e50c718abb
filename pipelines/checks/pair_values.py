"""Checks on what pairs say: column for column what their slices give, under the config of their task and plane."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.checks.files import pair_kind
from medvision.pipelines.checks.findings import Findings
from medvision.pipelines.release import Release
from medvision.schemas.pairs import PAIR_SCHEMAS, config_name
from medvision.schemas.rules import Rules
from medvision.transforms.pairs import annotation_columns, pair_groups
from medvision.transforms.split import SIDES

BATCH = 1 << 15
OF_THE_PLAN = ("split_source",)
"""Columns that the split gives, not the slice; so does the side in a config's name."""
CONFIG = "config without side"


class _Stream:
    """The pairs of one config in the order of their slices, a batch of them at a time."""

    def __init__(self, release: Release, paths: Iterable[str], config: str) -> None:
        self.config = config
        self._batches = self._read(release, paths)
        self._head: pa.Table | None = None

    @staticmethod
    def _read(release: Release, paths: Iterable[str]) -> Iterator[pa.Table]:
        for path in paths:
            with release.parquet(path, stream=True) as table:
                for batch in table.iter_batches(batch_size=BATCH):
                    yield pa.Table.from_batches([batch])

    def take(self, slice_file: str, before_row: int) -> Iterator[pa.Table]:
        """The next pairs, as long as they point into `slice_file` before a row."""
        while (head := self._head or next(self._batches, None)) is not None:
            in_file = pc.equal(head["slice_file"], slice_file)
            fits = pc.and_(in_file, pc.less(head["slice_row"], before_row)).fill_null(False)
            end = pc.index(fits, False).as_py()
            self._head = None if end < 0 else head.slice(end)
            if end:
                yield head if end < 0 else head.slice(0, end)
            if end >= 0:
                return

    def rest(self) -> Iterator[pa.Table]:
        """Whatever no slice asked for."""
        if self._head is not None:
            yield self._head
        yield from self._batches


class _AnySide(dict[Any, tuple[str, str]]):
    """A split in which every image stands on one side."""

    def __missing__(self, key: Any) -> tuple[str, str]:
        return SIDES[0], ""


def check_pair_values(release: Release, dataset: str, sound: set[str], rules: Rules, findings: Findings) -> None:
    """Pairs of a dataset are those that its slice rows give, but for images that a kind leaves out altogether."""
    files = [file.path for file in release.files("pairs", dataset) if file.path in sound]
    data = {file.path for file in release.files("data", dataset)}
    annotations = [file.path for file in release.files("annotations", dataset) if file.path in sound]
    for kind, paths in groupby(sorted(files, key=pair_kind), pair_kind):
        configs = groupby(sorted(paths), lambda path: PurePosixPath(path).parent.name)
        streams = [_Stream(release, list(of_config), config) for config, of_config in configs]
        lacking: Counter[str] = Counter()
        had: set[str] = set()
        for path in annotations:
            with findings.guard("pair_values", path):
                twin = f"data{path.removeprefix('annotations')}"
                slices = _Slices(release, path, twin if twin in data else path, kind, rules)
                for expected, found in slices.compare(streams):
                    _compare(expected, found, findings)
                    missing = pc.invert(pc.is_in(expected["pair_id"], value_set=found["pair_id"].combine_chunks()))
                    lacking.update(expected["image_file"].filter(missing).to_pylist())
                    had.update(pc.unique(found["image_file"]).to_pylist())
        left = sum(table.num_rows for stream in streams for table in stream.rest())
        if left:
            findings.fail("pair_values", f"{left} pairs of {dataset} {kind} stand out of order, or of no slice")
        for image in sorted(image for image in lacking if image in had):
            findings.fail("pair_values", f"{lacking[image]} {kind} pairs of {image} are missing")


class _Slices:
    """The rows of one annotation file, a row group at a time, and the pairs that they give."""

    def __init__(self, release: Release, path: str, slice_file: str, kind: str, rules: Rules) -> None:
        self.release, self.path, self.slice_file, self.kind, self.rules = release, path, slice_file, kind, rules

    def compare(self, streams: list[_Stream]) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Pairs as they should be, and as they are, with a column CONFIG."""
        nothing = PAIR_SCHEMAS[self.kind].empty_table()
        with self.release.parquet(self.path) as parquet:
            first = 0
            for number in range(parquet.num_row_groups):
                rows = parquet.read_row_group(number, annotation_columns(self.kind))
                groups = pair_groups(rows, self.kind, self.slice_file, first, _AnySide(), self.rules)
                first += rows.num_rows
                expected = [_named(g.table, self._config(g.task, g.plane)) for g in groups]
                found = [
                    _named(table, stream.config.rsplit("_", 1)[0])
                    for stream in streams
                    for table in stream.take(self.slice_file, first)
                ]
                yield tuple(pa.concat_tables([_named(nothing, ""), *tables]) for tables in (expected, found))  # type: ignore[misc]

    def _config(self, task: int, plane: str) -> str:
        dataset = self.path.split("/")[1]
        return config_name(dataset, self.kind, task, plane, SIDES[0]).rsplit("_", 1)[0]


def _named(table: pa.Table, config: str) -> pa.Table:
    return table.append_column(CONFIG, pa.repeat(pa.scalar(config, pa.string()), table.num_rows))


def _compare(expected: pa.Table, found: pa.Table, findings: Findings) -> None:
    findings.count("pair_values", found.num_rows)
    place = pc.index_in(found["pair_id"], value_set=expected["pair_id"].combine_chunks())
    known = place.is_valid()
    for pair_id in found["pair_id"].filter(pc.invert(known)).to_pylist():
        findings.fail("pair_values", f"{pair_id}: its slice gives no such pair")
    names = [name for name in found.schema.names if name not in OF_THE_PLAN]
    one = found.filter(known).select(names)
    other = expected.take(place.drop_null()).select(names)
    if not one.equals(other):
        for row, wanted in zip(one.to_pylist(), other.to_pylist(), strict=True):
            wrong = [name for name in names if repr(row[name]) != repr(wanted[name])]
            if wrong:
                findings.fail("pair_values", f"{row['pair_id']}: {', '.join(wrong)} differ from the slice")
