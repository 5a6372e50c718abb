"""Attempts at shards without a runner: planned, built, made to write other bytes, and raced."""

from collections.abc import Iterator
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest

from medvision.schemas.options import BuildOptions
from medvision.schemas.record import Shard, ShardRecord
from medvision.sources.registry import find_dataset
from medvision.transforms import shard as shard_module
from medvision.transforms.listing import list_sources
from medvision.transforms.match import match_cases
from medvision.transforms.plan import Bucket, bucket_of, plan_shard
from medvision.transforms.store import Store


def plan(options: BuildOptions, name: str) -> list[Shard]:
    """The shards of one dataset, planned without a runner."""
    dataset, store = find_dataset(name), Store(options.raw)
    buckets: dict[Bucket, list[Any]] = {}
    for case in match_cases(dataset, list_sources(store.fs, f"{store.root}/{name}")).cases:
        buckets.setdefault(bucket_of(case, dataset.bucket_bits), []).append(case)
    return [plan_shard(bucket, cases, dataset, options) for bucket, cases in sorted(buckets.items())]


def build(shard: Shard, options: BuildOptions) -> ShardRecord:
    return shard_module.build_shard(shard, find_dataset(shard.dataset), options)


def write_other_bytes(patch: pytest.MonkeyPatch) -> None:
    """Make attempts leave out the first plane of every image."""
    image_rows = shard_module.image_rows

    def without_first(*arguments: Any) -> Iterator[Any]:
        yield from list(image_rows(*arguments))[1:]

    patch.setattr(shard_module, "image_rows", without_first)


def see_no_record(patch: pytest.MonkeyPatch) -> None:
    """Make attempts begin as they do before any other has committed."""
    patch.setattr(shard_module, "find_record", lambda *_: None)
    patch.setattr(shard_module, "adopt_record", lambda *_: None)


def race(options: BuildOptions, shards: list[Shard], start: Barrier, out: "Queue[Any]", other: bool) -> None:
    """One of two processes: build every shard, and commit each at the same moment as the other process."""
    with pytest.MonkeyPatch.context() as patch:
        if other:
            write_other_bytes(patch)
        see_no_record(patch)
        commit = shard_module.commit_record

        def commit_together(*arguments: Any) -> ShardRecord:
            start.wait(60)
            return commit(*arguments)

        patch.setattr(shard_module, "commit_record", commit_together)
        out.put([build(shard, options) for shard in shards])
