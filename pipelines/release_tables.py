"""Tables of a release by config name, streamed: what `Release.batches`, `table` and `rows` do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from medvision.pipelines.card.configs import configs
from medvision.schemas.record import PublishedFile

if TYPE_CHECKING:
    from medvision.pipelines.release import Release

BATCH_ROWS = 1024
IMAGE_ROWS = 32
"""Rows of a batch with images: a CT slice of 512 x 512 is about 0.3 MB."""


def row_counts(release: Release) -> dict[str, dict[str, int]]:
    """Config name to rows by split."""
    return {
        config.name: {name: split.rows for name, split in config.splits.items()} for config in configs(release.files())
    }


def batches(
    release: Release, config: str, split: str | None, columns: Sequence[str] | None
) -> Iterator[pa.RecordBatch]:
    """Batches of a config's files in order of path, read page by page: one batch is in memory at a time."""
    for file in _files(release, config, split):
        with release.parquet(file.path, stream=True) as table:
            kept = None if columns is None else _kept(columns, table.schema_arrow, config)
            rows = IMAGE_ROWS if "image" in (kept or table.schema_arrow.names) else BATCH_ROWS
            yield from table.iter_batches(batch_size=rows, columns=kept)


def table(release: Release, config: str, split: str | None, columns: Sequence[str] | None) -> pa.Table:
    """All rows of a config as one table in memory."""
    found = list(batches(release, config, split, columns))
    if found:
        return pa.Table.from_batches(found)
    with release.parquet(_files(release, config, split)[0].path) as empty:
        names = empty.schema_arrow.names if columns is None else columns
        return empty.schema_arrow.empty_table().select(list(names))


def rows(release: Release, config: str, split: str | None, columns: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    """Rows of a config as dicts, in the order of its files."""
    for batch in batches(release, config, split, columns):
        for i in range(batch.num_rows):
            yield batch.slice(i, 1).to_pylist()[0]


def _files(release: Release, config: str, split: str | None) -> list[PublishedFile]:
    from medvision.pipelines.release import ReleaseError

    known = {found.name: found.splits for found in configs(release.files())}
    if config not in known:
        close = get_close_matches(config, known) or sorted(known)[:3]
        raise ReleaseError(f"{release.url} has no config {config!r}; configs() lists them, such as {', '.join(close)}")
    splits = known[config]
    if split not in (None, *splits):
        raise ReleaseError(f"config {config} has no split {split!r}; it has {' and '.join(splits)}")
    return [file for name, found in splits.items() if split in (None, name) for file in found.files]


def _kept(columns: Sequence[str], schema: pa.Schema, config: str) -> list[str]:
    """The asked columns in the order of the file. Raises ReleaseError for one that it lacks."""
    from medvision.pipelines.release import ReleaseError

    missing = sorted(set(columns) - set(schema.names))
    if missing:
        raise ReleaseError(f"config {config} has no column {missing[0]!r}; its columns are {', '.join(schema.names)}")
    return [name for name in schema.names if name in columns]
