"""Publish: shards get their names, pairs, plans and tables are written, the manifest comes last.

Each function is one step of the pipeline and may be run again after an interruption.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq

from medvision.pipelines.card.write import card_text
from medvision.pipelines.croissant.write import croissant_text
from medvision.pipelines.garbage import collect_garbage
from medvision.pipelines.lock import PublishLock, PublishLocked
from medvision.pipelines.publish_note import PublishNote
from medvision.pipelines.standing import FORMAT, ReleaseStands, check_standing, identity
from medvision.schemas.dataset import Dataset
from medvision.schemas.faults import DEAD_LETTER_SCHEMA, DeadLetter
from medvision.schemas.options import BuildOptions
from medvision.schemas.pairs import kind_of_config
from medvision.schemas.plans import PLANS
from medvision.schemas.record import (
    CARD,
    CROISSANT,
    FILE_SCHEMA,
    FILES_TABLE,
    MANIFEST,
    PUBLISHED_KINDS,
    PUBLISHING,
    SHARD_STORE,
    SOURCE_SCHEMA,
    SOURCES_TABLE,
    PublishedFile,
    ShardRecord,
)
from medvision.schemas.rows import SCHEMA_VERSION
from medvision.transforms.pair_files import PairFiles
from medvision.transforms.pairs import annotation_columns, pair_groups
from medvision.transforms.plan import ALGORITHM_VERSION
from medvision.transforms.retries import working
from medvision.transforms.split import NumberedSplit
from medvision.transforms.store import Store
from medvision.transforms.write import EXTENSIONS, ParquetFile, dead_letter_rows


def begin(records: list[ShardRecord], options: BuildOptions) -> list[ShardRecord]:
    """Take the lock and mark the folder as being published; returns the records in order of shard.

    Raises:
        PublishLocked: Another build is publishing, or has published since this one began, what this one may not
            replace.
    """
    store = Store(options.out)
    PublishLock(store, options.run_id).take()
    try:
        check_standing(options)
    except ReleaseStands as error:
        raise PublishLocked(f"another build was first: {error}") from error
    _check_shards(store, records)
    PublishNote(store, options.run_id).mark_publishing(json.dumps(identity(options), sort_keys=True))
    return sorted(records, key=lambda r: (r.shard.dataset, r.shard.side, r.shard.bucket))


def _check_shards(store: Store, records: list[ShardRecord]) -> None:
    """A build that published meanwhile, from changed raw files, has cleared away the shards that it had no use for."""
    names = set(store.names(SHARD_STORE))
    gone = [record.shard.name for record in records if not {file.path for file in record.files} <= names]
    if gone:
        raise PublishLocked(
            f"another build has published into {store.url} and cleared away {len(gone)} shards of this one; run this "
            "one again if its raw files are the newer ones"
        )


def publish_shard(record: ShardRecord, options: BuildOptions) -> list[PublishedFile]:
    """Give a shard's files their published names."""
    store = Store(options.out)
    PublishLock(store, options.run_id).check()
    shard = record.shard
    published = []
    for file in record.files:
        if file.kind not in PUBLISHED_KINDS:
            continue
        path = shard_path(record, file.kind)
        store.link(file.path, path)
        published.append(PublishedFile(path, file.kind, shard.dataset, file.bytes, file.rows, file.sha256))
    return published


def shard_path(record: ShardRecord, kind: str) -> str:
    """Published path of a shard's file."""
    return f"{kind}/{record.shard.dataset}/{record.shard.name}.{EXTENSIONS[kind]}"


def write_pairs(
    kind: str, records: list[ShardRecord], splits: NumberedSplit, options: BuildOptions
) -> list[PublishedFile]:
    """Pairs of one annotation kind of one dataset: one streaming pass over its annotation files."""
    store, columns = Store(options.out), annotation_columns(kind)
    PublishLock(store, options.run_id).check()
    return working(lambda: _write_pairs(store, kind, columns, records, splits, options))


def _write_pairs(
    store: Store,
    kind: str,
    columns: list[str],
    records: list[ShardRecord],
    splits: NumberedSplit,
    options: BuildOptions,
) -> list[PublishedFile]:
    dataset = records[0].shard.dataset
    with PairFiles(store, dataset, kind) as files:
        for record in sorted(records, key=lambda r: (r.shard.side, r.shard.bucket)):
            kinds = {file.kind: file for file in record.files}
            if "annotations" not in kinds:
                continue
            slice_file = shard_path(record, "data" if "data" in kinds else "annotations")
            with store.open(kinds["annotations"].path, kinds["annotations"].bytes) as raw:
                parquet, first = pq.ParquetFile(raw), 0
                for group in range(parquet.num_row_groups):
                    rows = parquet.read_row_group(group, columns)
                    for pairs in pair_groups(rows, kind, slice_file, first, splits, options.rule_table):
                        files.add(pairs)
                    first += rows.num_rows
    return files.published


def finish(
    records: list[ShardRecord],
    files: list[PublishedFile],
    letters: list[DeadLetter],
    datasets: tuple[Dataset, ...],
    options: BuildOptions,
) -> dict[str, object]:
    """Write the tables, the card and, last, the manifest; collect garbage; returns the manifest."""
    store = Store(options.out)
    if (standing := PublishNote(store, options.run_id).published()) is not None:
        PublishLock(store, options.run_id).release()
        return dict(json.loads(standing))  # an engine runs this step again where it lost the answer
    PublishLock(store, options.run_id).check()
    records = sorted(records, key=lambda r: (r.shard.dataset, r.shard.side, r.shard.bucket))
    files = sorted([*files, *_write_dead_letters(store, records, letters)])
    tables = {SOURCES_TABLE: _write_sources(store, records), FILES_TABLE: _write_files(store, files)}
    summary = {d.name: _summary(d.name, records, files, letters) for d in datasets}
    unbuilt = sorted(f"{r.shard.dataset}/{case}" for r in records for case in r.unbuilt)
    documents = {CARD: _write(store, CARD, card_text(datasets, files, summary, options))}
    described = croissant_text(datasets, files, {**tables, **documents}, summary, options)
    documents[CROISSANT] = _write(store, CROISSANT, described)
    manifest: dict[str, object] = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "algorithm_version": ALGORITHM_VERSION,
        "complete": not unbuilt,
        "unbuilt": unbuilt,
        "rules": options.rules,
        "switches": options.shard_switches(),
        "annotations_only": options.annotations_only,
        "plans": PLANS in options.formats,
        "limit": options.limit,
        "datasets": summary,
        "tables": tables,
        "documents": documents,
    }
    text = (json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode()
    PublishLock(store, options.run_id).check()
    PublishNote(store, options.run_id).leave(text)
    store.replace(MANIFEST, text)
    store.remove(PUBLISHING)
    collect_garbage(store, {file.path for file in files}, records, options.run_id)
    PublishLock(store, options.run_id).release()
    return manifest


def _write(store: Store, path: str, text: str) -> dict[str, object]:
    """Size and sha256 of a document, written whole."""
    data = text.encode()
    store.replace(path, data)
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _write_dead_letters(store: Store, records: list[ShardRecord], letters: list[DeadLetter]) -> list[PublishedFile]:
    rows: dict[str, list[dict[str, object]]] = {}
    for row in dead_letter_rows(letters):
        rows.setdefault(row["dataset"], []).append(row)
    for table in _shard_tables(store, records, "dead_letters"):
        for row in table.to_pylist():
            rows.setdefault(row["dataset"], []).append(row)
    published = []
    for dataset, found in sorted(rows.items()):
        path = f"dead_letters/{dataset}.parquet"
        found.sort(key=lambda row: tuple(str(value) for value in row.values()))
        with store.writing(path) as out:
            file = ParquetFile(out, DEAD_LETTER_SCHEMA)
            file.write(pa.Table.from_pylist(found, schema=DEAD_LETTER_SCHEMA))
            file.close()
        published.append(PublishedFile(path, "dead_letters", dataset, out.count, len(found), out.digest.hexdigest()))
    return published


def _write_sources(store: Store, records: list[ShardRecord]) -> dict[str, object]:
    with store.writing(SOURCES_TABLE) as out:
        file = ParquetFile(out, SOURCE_SCHEMA)
        for table in _shard_tables(store, records, "sources"):
            file.write(table)
        file.close()
    return {"bytes": out.count, "rows": file.rows, "sha256": out.digest.hexdigest()}


def _write_files(store: Store, files: list[PublishedFile]) -> dict[str, object]:
    rows = [{name: getattr(item, name) for name in FILE_SCHEMA.names} for item in files]
    with store.writing(FILES_TABLE) as out:
        file = ParquetFile(out, FILE_SCHEMA)
        file.write(pa.Table.from_pylist(rows, schema=FILE_SCHEMA))
        file.close()
    return {"bytes": out.count, "rows": len(rows), "sha256": out.digest.hexdigest()}


def _shard_tables(store: Store, records: list[ShardRecord], kind: str) -> Iterable[pa.Table]:
    for record in records:
        for file in record.files:
            if file.kind == kind:
                with store.open(file.path, file.bytes) as raw:
                    yield pq.ParquetFile(raw).read()


def _summary(
    name: str, records: list[ShardRecord], files: list[PublishedFile], letters: list[DeadLetter]
) -> dict[str, object]:
    total: Counter[str] = Counter()
    mine = [record for record in records if record.shard.dataset == name]
    for record in mine:
        total.update(record.counts)
    for letter in letters:
        if letter.dataset == name:
            total[f"dead.{letter.reason}"] += 1
    return {
        "cases": total["cases"],
        "slices": total["slices"],
        "boxes": total["boxes"],
        "ellipses": total["ellipses"],
        "landmarks": total["landmarks"],
        "shards": len(mine),
        "bytes": sum(file.bytes for file in files if file.dataset == name),
        "pairs": _pair_counts(name, files),
        "dead_letters": {k.removeprefix("dead."): v for k, v in sorted(total.items()) if k.startswith("dead.")},
    }


def _pair_counts(dataset: str, files: list[PublishedFile]) -> dict[str, int]:
    """Pairs of each annotation kind that has any."""
    counts: Counter[str] = Counter()
    for file in files:
        if file.kind == "pairs" and file.dataset == dataset:
            counts[kind_of_config(file.path.split("/")[1])] += file.rows
    return dict(sorted(counts.items()))
