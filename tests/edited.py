"""Copies of releases with something changed by hand."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]


def copy_of(release: Path, folder: Path) -> Path:
    """A copy of a release below `folder`, without its store."""
    return Path(shutil.copytree(release, folder / "copy", ignore=shutil.ignore_patterns(".shards")))


def edit_rows(release: Path, pattern: str, edit: Callable[[Row], Row | None], most: int = 1) -> list[Row]:
    """Let `edit` change rows of Parquet files: it returns the row to put in place, {} to take it out, None to keep it.

    Returns the changed rows as they were.
    """
    before: list[Row] = []
    for path in sorted(release.glob(pattern)):
        table = pq.read_table(path, partitioning=None)
        rows = []
        for row in table.to_pylist():
            changed = edit(row) if len(before) < most else None
            if changed is not None:
                before.append(row)
            rows += [row] if changed is None else [changed] if changed else []
        pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
        if len(before) >= most:
            break
    assert len(before) == most, "nothing to edit"
    return before
