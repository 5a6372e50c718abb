"""What a publish clears away: leftovers of older releases, unfinished files, attempts that came to nothing."""

from __future__ import annotations

import time

from medvision.schemas.plans import PLANS
from medvision.schemas.record import PUBLISHED_KINDS, SHARD_STORE, ShardRecord
from medvision.transforms.notes import attempts_under_way
from medvision.transforms.store import Store

GARBAGE_SECONDS = 24 * 3600


def collect_garbage(store: Store, published: set[str], records: list[ShardRecord], run_id: str) -> None:
    """Remove what an older release left under published folders, unfinished files beside the manifest, and attempts
    that no record of this build names.

    Shards of other builds stay for a day, since another build may be using them; so do attempts whose case is in hand.
    """
    garbage = [
        name
        for folder in (*PUBLISHED_KINDS, "pairs", PLANS, "dead_letters")
        for name in store.names(folder, partial=True)
        if name not in published
    ]
    garbage += store.unfinished()
    live_keys = {record.shard.key for record in records}
    live = {file.path for record in records for file in record.files}
    live |= {record.shard.plan for record in records}
    live |= {f"{SHARD_STORE}/{r.shard.key}/record-{r.shard.fingerprint}.json" for r in records}
    oldest = time.time() - GARBAGE_SECONDS
    names = store.names(SHARD_STORE, partial=True)
    under_way = attempts_under_way(store, names, run_id)
    for name in names:
        if name in live:
            continue
        key, _, rest = name.removeprefix(f"{SHARD_STORE}/").partition("/")
        ours = key in live_keys and rest.partition("/")[0] not in under_way
        if ours or _is_older(store, name, oldest):
            garbage.append(name)
    for name in garbage:
        store.remove(name)
    for folder in sorted({name.rpartition("/")[0] for name in garbage}, reverse=True):
        store.remove_empty(folder)


def _is_older(store: Store, name: str, oldest: float) -> bool:
    """Whether a file of another build is garbage by its time; one that its build has removed meanwhile is none."""
    try:
        return store.modified(name) < oldest
    except FileNotFoundError:
        return False
