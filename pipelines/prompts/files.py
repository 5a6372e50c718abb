"""Where rows go: Parquet shards with the pictures inside, or JSON lines beside a folder of PNG files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, BinaryIO, Protocol

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from medvision.pipelines.export.folder import ExportFolder, safe_name
from medvision.schemas.prompts import PROMPT_SCHEMA, prompt_file_schema

GROUP_ROWS = 100
GROUP_BYTES = 64 << 20
"""Of a row group as a reader unpacks it, where each row has its own picture."""
SHARD_BYTES = 500 << 20
DICTIONARY_BYTES = 1 << 30
"""Above any row group: a picture stands in the group's dictionary once, however many rows show it."""


class Sink(Protocol):
    """Takes the rows of one slice and split at a time; a context."""

    def add(self, split: str, rows: Sequence[dict[str, Any]]) -> None: ...

    def __enter__(self) -> Sink: ...

    def __exit__(self, *error: object) -> None: ...


class ParquetShards:
    """`data/<split>-00000.parquet` and so on; a slice's rows are never parted."""

    def __init__(self, folder: ExportFolder) -> None:
        self.folder = folder
        self._splits: dict[str, _Shards] = {}

    def __enter__(self) -> ParquetShards:
        return self

    def __exit__(self, *error: object) -> None:
        for shards in self._splits.values():
            shards.close(finish=error[0] is None)

    def add(self, split: str, rows: Sequence[dict[str, Any]]) -> None:
        if split not in self._splits:
            self._splits[split] = _Shards(self.folder, split)
        self._splits[split].add(rows)


class _Shards:
    def __init__(self, folder: ExportFolder, split: str) -> None:
        self.folder, self.split = folder, split
        self.schema = prompt_file_schema()
        self._count = 0
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        self._stack = ExitStack()
        self._out: BinaryIO | None = None
        self._writer: pq.ParquetWriter | None = None

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        added = sum(len(row["image"]["bytes"]) for row in rows)
        if self._rows and (len(self._rows) + len(rows) > GROUP_ROWS or self._bytes + added > GROUP_BYTES):
            self._flush()
        self._rows += rows
        self._bytes += added

    def close(self, finish: bool) -> None:
        if finish:
            self._flush()
        self._end()

    def _flush(self) -> None:
        if not self._rows:
            return
        if self._writer is None or self._out is None:
            self._out = self._stack.enter_context(self.folder.open("data", f"{self.split}-{self._count:05d}.parquet"))
            self._writer = pq.ParquetWriter(
                self._out,
                self.schema,
                compression={leaf: "none" if leaf == "image.bytes" else "zstd" for leaf in _leaves()},
                dictionary_pagesize_limit=DICTIONARY_BYTES,
                write_page_index=True,
            )
            self._count += 1
        table = pa.Table.from_pylist(self._rows, self.schema)
        self._writer.write_table(table, row_group_size=len(self._rows))
        self._rows, self._bytes = [], 0
        if self._out.tell() >= SHARD_BYTES:
            self._end()

    def _end(self) -> None:
        writer, self._writer = self._writer, None
        try:
            if writer is not None:
                writer.close()
        finally:
            self._stack.close()


class JsonLines:
    """`<split>.jsonl`, and `images/<volume>/<picture>.png`, which the splits share; `image` is that path."""

    def __init__(self, folder: ExportFolder) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self._open: dict[str, BinaryIO] = {}
        self._slice = ""
        self._written: set[str] = set()

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def add(self, split: str, rows: Sequence[dict[str, Any]]) -> None:
        if split not in self._open:
            self._open[split] = self._stack.enter_context(self.folder.open(f"{split}.jsonl"))
        for row in rows:
            path = self._picture(row)
            self._open[split].write(orjson.dumps({**row, "image": path}) + b"\n")

    def _picture(self, row: dict[str, Any]) -> str:
        if row["slice_id"] != self._slice:
            self._slice, self._written = row["slice_id"], set()
        parts = ("images", row["slice_id"].rsplit("-", 2)[0], row["image"]["path"])
        path = "/".join(map(safe_name, parts))
        if path not in self._written:
            self._written.add(path)
            with self.folder.open(*parts) as out:
                out.write(row["image"]["bytes"])
        return path


def _leaves() -> list[str]:
    """Parquet paths of the leaves of PROMPT_SCHEMA."""
    lists = {field.name: ".list.element" if pa.types.is_list(field.type) else "" for field in PROMPT_SCHEMA}
    return ["image.bytes", "image.path", *(name + end for name, end in lists.items() if name != "image")]


SINKS: dict[str, Callable[[ExportFolder], Sink]] = {"parquet": ParquetShards, "jsonl": JsonLines}
