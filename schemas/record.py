"""What a built shard leaves behind, and what a published release says of itself (columns: definitions/)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa


@dataclass(frozen=True, order=True)
class ShardFile:
    """One file of a built shard. `path` is relative to the release root; `kind` says where it is published.

    kind: "data", "annotations", "volumes", "webdataset", "sources" or "dead_letters".
    """

    kind: str
    path: str
    bytes: int
    sha256: str
    rows: int


@dataclass(frozen=True)
class Shard:
    """A bucket of cases to build: small, since the cases stand in a plan file.

    Attributes:
        dataset, side, bucket: Where it falls; bucket counts from 0 below `buckets`.
        key: Hash of everything but the source bytes that decides the shard's bytes.
        fingerprint: Hash of sizes and stamps of the sources.
        plan: Path of the plan file (JSON lines of cases), relative to the release root.
        cases: Number of cases.
    """

    dataset: str
    side: str
    bucket: int
    buckets: int
    key: str
    fingerprint: str
    plan: str
    cases: int

    @property
    def name(self) -> str:
        return f"{self.side}-{self.bucket:05d}-of-{self.buckets:05d}"


@dataclass(frozen=True)
class ShardRecord:
    """The committed result of one attempt at a shard; only what it names counts.

    Attributes:
        shard: What was built.
        sources_sha256: Hash over (path, SourceHash) of every source read.
        files: The attempt's files.
        counts: Cases, slices, pairs by kind, dead letters by reason ("dead.<reason>"), image bytes, ...
        unbuilt: Ids of cases given up because their worker died; such a record is not trusted by a later build.
        reused: True when an earlier build had already made it (never part of the release).
    """

    shard: Shard
    sources_sha256: str
    files: tuple[ShardFile, ...]
    counts: dict[str, int] = field(default_factory=dict)
    unbuilt: tuple[str, ...] = ()
    reused: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> ShardRecord:
        data: dict[str, Any] = json.loads(text)
        return ShardRecord(
            shard=Shard(**data["shard"]),
            sources_sha256=data["sources_sha256"],
            files=tuple(ShardFile(**item) for item in data["files"]),
            counts=data["counts"],
            unbuilt=tuple(data["unbuilt"]),
            reused=data["reused"],
        )


@dataclass(frozen=True, order=True)
class PublishedFile:
    """A row of `files.parquet`."""

    path: str
    kind: str
    dataset: str
    bytes: int
    rows: int
    sha256: str


class SourceHash(NamedTuple):
    """Hex sha256 of a raw file, or where only its header was read, of that; the other is ""."""

    sha256: str
    header_sha256: str


SOURCE_SCHEMA = pa.schema(
    [
        ("dataset", pa.string()),
        ("case_id", pa.string()),
        ("path", pa.string()),
        ("bytes", pa.uint64()),
        ("sha256", pa.string()),
        ("header_sha256", pa.string()),
    ]
)
"""One row a raw file read: `sources.parquet`."""

FILE_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("kind", pa.string()),
        ("dataset", pa.string()),
        ("bytes", pa.uint64()),
        ("rows", pa.uint64()),
        ("sha256", pa.string()),
    ]
)
"""One row a published file: `files.parquet`. It does not list itself, the manifest or the card."""

MANIFEST = "manifest.json"
FILES_TABLE = "files.parquet"
SOURCES_TABLE = "sources.parquet"
CARD = "README.md"
CROISSANT = "croissant.json"
PUBLISHING = ".publishing"
"""Present while a publish is under way or was interrupted: such a folder is no release."""
PUBLISHED_KINDS = ("annotations", "data", "volumes", "webdataset")
"""Kinds of a shard's files that have a place of their own in a release."""
SHARD_STORE = ".shards"
