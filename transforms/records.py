"""Records of built shards: found, adopted, committed. A file without a record that names it is garbage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from medvision.schemas.record import SHARD_STORE, Shard, ShardRecord
from medvision.transforms.store import Store


def find_record(store: Store, shard: Shard) -> ShardRecord | None:
    """The record of this key and source fingerprint, if it is complete and its files stand."""
    text = store.read_if_any(_path(shard))
    return None if text is None else _trusted(store, ShardRecord.from_json(text.decode()))


def adopt_record(store: Store, shard: Shard, digest: Callable[[], str]) -> ShardRecord | None:
    """A record of the same key with another fingerprint, if the sources' content is the same.

    Args:
        digest: Hashes the sources as they are now; called only when there is a candidate.
    """
    prefix = f"{_folder(shard)}/record-"
    candidates = [name for name in store.names(_folder(shard)) if name.startswith(prefix)]
    records = [ShardRecord.from_json(store.read(name).decode()) for name in candidates]
    trusted = [record for record in records if _trusted(store, record)]
    if not trusted:
        return None
    now = digest()
    for record in trusted:
        if record.sources_sha256 == now:
            return commit_record(store, replace(record, shard=shard))
    return None


def commit_record(store: Store, record: ShardRecord) -> ShardRecord:
    """Make an attempt count. The first to commit wins; a later attempt gets the winner's record back.

    A record with unbuilt cases gives way: it is replaced, since a later build must try those cases again.
    """
    path = _path(record.shard)
    text = record.to_json().encode()
    if store.create(path, text):
        return record
    standing = ShardRecord.from_json(store.read(path).decode())
    if _trusted(store, standing):
        return standing
    store.replace(path, text)
    return record


def _trusted(store: Store, record: ShardRecord) -> ShardRecord | None:
    if record.unbuilt or not store.all_stand(_folder(record.shard), [file.path for file in record.files]):
        return None
    return record


def _folder(shard: Shard) -> str:
    return f"{SHARD_STORE}/{shard.key}"


def _path(shard: Shard) -> str:
    return f"{_folder(shard)}/record-{shard.fingerprint}.json"
