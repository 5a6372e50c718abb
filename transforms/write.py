"""The files of one shard, streamed: data and annotation Parquet, a WebDataset tar, sources, dead letters."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from medvision.schemas.faults import DEAD_LETTER_SCHEMA, DeadLetter
from medvision.schemas.features import with_features
from medvision.schemas.record import SOURCE_SCHEMA, ShardFile, SourceHash
from medvision.schemas.rows import ANNOTATION_SCHEMA, DATA_SCHEMA, IMAGE
from medvision.transforms.columns import PlaneRows
from medvision.transforms.json_rows import json_rows
from medvision.transforms.stages import staged
from medvision.transforms.store import HashingWriter, Store
from medvision.transforms.tar_file import TarFile

DATA_GROUP_ROWS = 100
DATA_GROUP_BYTES = 64 << 20
ANNOTATION_GROUP_ROWS = 20_000
EXTENSIONS = {"data": "parquet", "annotations": "parquet", "volumes": "parquet", "webdataset": "tar"}


class ParquetFile:
    """One Parquet file with the house's settings; footers carry the Hugging Face features."""

    def __init__(self, out: HashingWriter, schema: pa.Schema) -> None:
        self.rows = 0
        self.schema, settings = _settings(schema)
        self._writer = pq.ParquetWriter(out, self.schema, **settings)

    def write(self, table: pa.Table) -> None:
        """Write a table as one row group."""
        if not table.schema.equals(self.schema):
            table = table.cast(self.schema)
        self._writer.write_table(table.combine_chunks(), row_group_size=max(1, table.num_rows))
        self.rows += table.num_rows

    def close(self) -> None:
        self._writer.close()


class ShardWriter:
    """Writes one attempt at a shard under `folder`, as a context; `files` names what was written.

    Memory held is one row group of images, which may span planes, and one of annotations.
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
        self._pictures: list[bytes] = []
        self._picture_bytes = 0
        self._pictured: list[pa.RecordBatch] = []

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self._flush_annotations()
            self._flush_data()
            for _, writer in self._open.values():
                writer.close()
        self._stack.__exit__(kind, error, trace)
        if error is None:
            self.files += [self._file(name, out, writer.rows) for name, (out, writer) in self._open.items()]

    def write(self, rows: PlaneRows) -> int:
        """Write one image's rows on one plane; returns the bytes of its pictures."""
        batch = rows.batch
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        if self._pending_rows >= ANNOTATION_GROUP_ROWS:
            self._flush_annotations()
        samples = self._samples(batch)
        if not self.with_images or self.kinds == ["annotations"]:
            for key, text in samples:
                self._writer("webdataset").write(key, text, None)
            return 0
        total, start = 0, 0
        for row, picture in enumerate(staged("encode", rows.pictures())):
            total += len(picture)
            if samples:
                self._writer("webdataset").write(*samples[row], picture)
            if "data" in self.kinds:
                self._pictures.append(picture)
                self._picture_bytes += len(picture)
                if len(self._pictures) >= DATA_GROUP_ROWS or self._picture_bytes >= DATA_GROUP_BYTES:
                    self._pictured.append(batch.slice(start, row + 1 - start))
                    start = row + 1
                    self._flush_data()
        if "data" in self.kinds:
            self._pictured.append(batch.slice(start))
        return total

    def add_table(self, kind: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
        """Write a small table beside the shard; nothing for no rows."""
        if not rows:
            return
        with self.store.writing(f"{self.folder}/{kind}.parquet") as out:
            table = ParquetFile(out, schema)
            table.write(pa.Table.from_pylist(rows, schema=schema))
            table.close()
        self.files.append(self._file(kind, out, table.rows))

    def _samples(self, batch: pa.RecordBatch) -> list[tuple[str, bytes]]:
        """Key and JSON of each row; none where no tar is asked for."""
        if "webdataset" not in self.kinds:
            return []
        return list(zip(batch.column("slice_id").to_pylist(), json_rows(batch), strict=True))

    def _flush_data(self) -> None:
        if self._pictures:
            table = pa.Table.from_batches(self._pictured, ANNOTATION_SCHEMA).combine_chunks()
            paths = pc.binary_join_element_wise(table.column("slice_id").combine_chunks(), ".png", "")
            image = pa.StructArray.from_arrays([pa.array(self._pictures, pa.binary()), paths], fields=list(IMAGE))
            self._writer("data").write(table.add_column(0, DATA_SCHEMA.field(0), image))
        self._pictures, self._picture_bytes, self._pictured = [], 0, []

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


@cache
def _settings(schema: pa.Schema) -> tuple[pa.Schema, dict[str, Any]]:
    """The schema with its features, and the options of its writer.

    Dictionaries serve columns of which a row has one value, or one list of numbers; the numbers of nested annotations
    and pictures rarely repeat.
    """
    leaves = _leaves(schema)
    options: dict[str, Any] = {
        "compression": dict.fromkeys(leaves, "zstd"),
        "use_dictionary": [leaf for leaf in leaves if leaf.removesuffix(".list.element") in schema.names],
        "write_page_index": True,
        "use_content_defined_chunking": True,
    }
    if "image.bytes" in leaves:
        options["compression"]["image.bytes"] = "none"  # PNG does not shrink further
    return with_features(schema), options


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
