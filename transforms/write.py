"""The files of one shard, streamed: data and annotation Parquet, a WebDataset tar, sources, dead letters."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medvision.schemas.faults import DEAD_LETTER_SCHEMA, DeadLetter
from medvision.schemas.features import with_features
from medvision.schemas.record import SOURCE_SCHEMA, ShardFile, SourceHash
from medvision.schemas.rows import ANNOTATION_SCHEMA, DATA_SCHEMA, IMAGE
from medvision.transforms.columns import PlaneRows
from medvision.transforms.store import HashingWriter, Store

DATA_GROUP_ROWS = 100
DATA_GROUP_BYTES = 64 << 20
ANNOTATION_GROUP_ROWS = 20_000
EXTENSIONS = {"data": "parquet", "annotations": "parquet", "volumes": "parquet", "webdataset": "tar"}


class ParquetFile:
    """One Parquet file with the house's settings; footers carry the Hugging Face features."""

    def __init__(self, out: HashingWriter, schema: pa.Schema) -> None:
        self.schema = with_features(schema)
        self.rows = 0
        compression: Any = dict.fromkeys(_leaves(schema), "zstd")
        if "image.bytes" in compression:
            compression["image.bytes"] = "none"  # PNG does not shrink further
        self._writer = pq.ParquetWriter(
            out,
            self.schema,
            compression=compression,
            write_page_index=True,
            use_content_defined_chunking=True,
        )

    def write(self, table: pa.Table) -> None:
        """Write a table as one row group."""
        self._writer.write_table(table.cast(self.schema), row_group_size=max(1, table.num_rows))
        self.rows += table.num_rows

    def close(self) -> None:
        self._writer.close()


class TarFile:
    """One WebDataset tar: members of a sample adjacent and sorted, no clock and no owner in their headers."""

    def __init__(self, out: HashingWriter) -> None:
        self.rows = 0
        self._tar = tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT)  # noqa: SIM115

    def write(self, row: dict[str, Any], picture: bytes | None) -> None:
        key = row["slice_id"]
        self._add(f"{key}.json", json.dumps(row, sort_keys=True).encode())
        if picture is not None:
            self._add(f"{key}.png", picture)
        self.rows += 1

    def close(self) -> None:
        self._tar.close()

    def _add(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        member.mode = 0o644
        self._tar.addfile(member, io.BytesIO(data))


class ShardWriter:
    """Writes one attempt at a shard under `folder`, as a context; `files` names what was written.

    Memory held is one row group of images and one of annotations.
    """

    def __init__(self, store: Store, folder: str, formats: tuple[str, ...], with_images: bool) -> None:
        self.store = store
        self.folder = folder
        self.with_images = with_images
        self.kinds = ["annotations"]
        self.kinds += ["data"] if with_images and "parquet" in formats else []
        self.kinds += ["webdataset"] if "webdataset" in formats else []
        self.files: list[ShardFile] = []
        self._stack = ExitStack()
        self._open: dict[str, tuple[HashingWriter, Any]] = {}
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self._flush_annotations()
            for _, writer in self._open.values():
                writer.close()
        self._stack.__exit__(kind, error, trace)
        if error is None:
            self.files += [self._file(name, out, writer.rows) for name, (out, writer) in self._open.items()]

    def write(self, rows: PlaneRows) -> int:
        """Write one image's rows on one plane; returns the bytes of its pictures."""
        self._pending.append(rows.batch)
        self._pending_rows += rows.batch.num_rows
        if self._pending_rows >= ANNOTATION_GROUP_ROWS:
            self._flush_annotations()
        total, start = 0, 0
        group: list[bytes] = []
        group_bytes = 0
        if self.with_images and ("data" in self.kinds or "webdataset" in self.kinds):
            for picture in rows.pictures():
                group.append(picture)
                group_bytes += len(picture)
                if len(group) >= DATA_GROUP_ROWS or group_bytes >= DATA_GROUP_BYTES:
                    start = self._write_group(rows.batch, start, group)
                    total, group, group_bytes = total + group_bytes, [], 0
            if group:
                self._write_group(rows.batch, start, group)
        elif "webdataset" in self.kinds:
            for row in rows.batch.to_pylist():
                self._writer("webdataset").write(row, None)
        return total + group_bytes

    def add_table(self, kind: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
        """Write a small table beside the shard; nothing for no rows."""
        if not rows:
            return
        with self.store.writing(f"{self.folder}/{kind}.parquet") as out:
            table = ParquetFile(out, schema)
            table.write(pa.Table.from_pylist(rows, schema=schema))
            table.close()
        self.files.append(self._file(kind, out, table.rows))

    def _write_group(self, batch: pa.RecordBatch, start: int, group: list[bytes]) -> int:
        part = batch.slice(start, len(group))
        if "data" in self.kinds:
            paths = pa.array([f"{name}.png" for name in part.column("slice_id").to_pylist()], pa.string())
            image = pa.StructArray.from_arrays([pa.array(group, pa.binary()), paths], fields=list(IMAGE))
            table = pa.Table.from_arrays([image, *part.columns], schema=DATA_SCHEMA)
            self._writer("data").write(table)
        if "webdataset" in self.kinds:
            for row, picture in zip(part.to_pylist(), group, strict=True):
                self._writer("webdataset").write(row, picture)
        return start + len(group)

    def _flush_annotations(self) -> None:
        if self._pending:
            self._writer("annotations").write(pa.Table.from_batches(self._pending, ANNOTATION_SCHEMA))
        self._pending, self._pending_rows = [], 0

    def _writer(self, kind: str) -> Any:
        if kind not in self._open:
            out = self._stack.enter_context(self.store.writing(f"{self.folder}/{kind}.{EXTENSIONS[kind]}"))
            schema = DATA_SCHEMA if kind == "data" else ANNOTATION_SCHEMA
            self._open[kind] = (out, TarFile(out) if kind == "webdataset" else ParquetFile(out, schema))
        return self._open[kind][1]

    def _file(self, kind: str, out: HashingWriter, rows: int) -> ShardFile:
        extension = EXTENSIONS.get(kind, "parquet")
        path = f"{self.folder}/{kind}.{extension}"
        return ShardFile(kind, path, out.count, out.digest.hexdigest(), rows)


def dead_letter_rows(letters: Iterable[DeadLetter]) -> list[dict[str, Any]]:
    """Dead letters as sorted rows of DEAD_LETTER_SCHEMA."""
    return [{name: getattr(letter, name) for name in DEAD_LETTER_SCHEMA.names} for letter in sorted(letters)]


def source_rows(
    dataset: str, case_id: str, sizes: dict[str, int], hashes: dict[str, SourceHash]
) -> list[dict[str, Any]]:
    """Raw files of a case as rows of SOURCE_SCHEMA, by path."""
    return [
        dict(zip(SOURCE_SCHEMA.names, (dataset, case_id, path, sizes[path], *hashes[path]), strict=True))
        for path in sorted(sizes)
    ]


def _leaves(schema: pa.Schema) -> list[str]:
    """Parquet column paths of every leaf."""

    def walk(kind: pa.DataType, path: str) -> list[str]:
        if pa.types.is_struct(kind):
            return [
                leaf
                for i in range(kind.num_fields)
                for leaf in walk(kind.field(i).type, f"{path}.{kind.field(i).name}")
            ]
        if pa.types.is_list(kind):
            return walk(kind.value_type, f"{path}.list.element")
        return [path]

    return [leaf for field in schema for leaf in walk(field.type, field.name)]
