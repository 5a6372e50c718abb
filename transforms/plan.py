"""Shards: cases fall by stable hash into buckets, and a key names everything that decides a bucket's bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from medvision.schemas.case import Case
from medvision.schemas.dataset import Dataset
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import SHARD_STORE, Shard
from medvision.schemas.rows import SCHEMA_VERSION
from medvision.transforms.split import patient_side, stable_hash
from medvision.transforms.store import Store

ALGORITHM_VERSION = 3
"""Raise when the same input gives other bytes; the golden-hash test fails until it is."""

Bucket = tuple[str, str, int]
"""Dataset, side of the patient-level split, bucket number."""


def bucket_of(case: Case, bucket_bits: int) -> Bucket:
    """Where a case falls; depends on its dataset and patient alone."""
    bucket = stable_hash("bucket", case.dataset, case.patient) % (1 << bucket_bits)
    return case.dataset, patient_side(case.dataset, case.patient), bucket


def plan_shard(bucket: Bucket, cases: Iterable[Case], dataset: Dataset, options: BuildOptions) -> Shard:
    """Name a bucket's shard and store its ordered cases in a plan file, so that the shard itself stays small."""
    ordered = sorted(cases, key=lambda case: case.case_id)
    key = shard_key(bucket, [case.case_id for case in ordered], dataset, options)
    lines = [json.dumps(case.to_json(), sort_keys=True) for case in ordered]
    text = "\n".join(lines).encode()
    fingerprint = hashlib.sha256(text).hexdigest()[:32]
    plan = f"{SHARD_STORE}/{key}/cases-{fingerprint}.jsonl"
    Store(options.out).create(plan, text)  # its name is that of its content: one that stands is the same
    return Shard(
        dataset=bucket[0],
        side=bucket[1],
        bucket=bucket[2],
        buckets=1 << dataset.bucket_bits,
        key=key,
        fingerprint=fingerprint,
        plan=plan,
        cases=len(ordered),
    )


def shard_key(bucket: Bucket, case_ids: list[str], dataset: Dataset, options: BuildOptions) -> str:
    """Hash of schema and algorithm versions, switches, the table's fields and the ordered case ids."""
    decides = {
        "schema": SCHEMA_VERSION,
        "algorithm": ALGORITHM_VERSION,
        "switches": options.of(dataset.name).shard_switches(),
        "table": _table_fields(dataset),
        "bucket": [*bucket, dataset.bucket_bits],
        "cases": case_ids,
    }
    text = json.dumps(decides, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def read_plan(store: Store, shard: Shard) -> list[Case]:
    """The ordered cases of a shard."""
    return [Case.from_json(json.loads(line)) for line in store.read(shard.plan).decode().splitlines()]


NOT_IN_ROWS = {
    *("licence", "spdx", "redistribute", "access", "homepage", "data_urls", "papers", "citation", "package"),
    "origin",
    *("images_published", "masks_published", "known_bad", "late_cases", "drop_empty_masks", "patient_files"),
    *("read_patients", "read_axes", "bucket_bits", "Dataset.name", "description", "excluded_upstream"),
    *("image", "mask", "case", "sources", "transform", "table"),
    *("upstream_images", "upstream_masks", "upstream_landmarks"),
    *("upstream_title", "upstream_case", "upstream_mask_name", "upstream_modality", "Measure.upstream_name"),
}
"""Fields of a table that no slice row shows: what they decide stands in the cases, or elsewhere in the key.

"Class.field" names the field of that class alone.
"""


def _table_fields(dataset: Dataset) -> dict[str, Any]:
    """What of a dataset's table changes slice rows."""
    return dict(_fields(dataset))


def _fields(table: Any) -> Any:
    """Dataclasses as dictionaries, mappings as lists (the order of labels decides overlaps)."""
    if is_dataclass(table):
        kind: Any = type(table)
        named = {name: getattr(table, name) for name in _shown(kind)}
        return {name: _fields(value) for name, value in named.items()}
    if isinstance(table, dict):
        return [[key, value] for key, value in table.items()]
    if isinstance(table, tuple):
        return [_fields(value) for value in table]
    return table


@cache
def _shown(table: Any) -> tuple[str, ...]:
    """Names of a dataclass's fields that slice rows show; looked up once, not for each of thousands of shards."""
    kind = table.__name__
    return tuple(f.name for f in fields(table) if not {f.name, f"{kind}.{f.name}"} & NOT_IN_ROWS)
