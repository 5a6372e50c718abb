"""Shards: cases fall by stable hash into buckets, and a key names everything that decides a bucket's bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from medvision.schemas.case import Case
from medvision.schemas.dataset import Dataset
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import SHARD_STORE, Shard
from medvision.schemas.rows import SCHEMA_VERSION
from medvision.transforms.split import patient_side, stable_hash
from medvision.transforms.store import Store

ALGORITHM_VERSION = 1
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
    store = Store(options.out)
    if not store.exists(plan):
        store.replace(plan, text)
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
        "switches": options.shard_switches(),
        "table": _table_fields(dataset),
        "bucket": [*bucket, dataset.bucket_bits],
        "cases": case_ids,
    }
    text = json.dumps(decides, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def read_plan(store: Store, shard: Shard) -> list[Case]:
    """The ordered cases of a shard."""
    return [Case.from_json(json.loads(line)) for line in store.read(shard.plan).decode().splitlines()]


def _table_fields(dataset: Dataset) -> dict[str, Any]:
    """What of a dataset's table changes slice rows; links, licences and counts do not."""
    described = {"number", "labels", "modality", "channel", "unit", "upstream_name", "class_files", "physical_planes"}
    tasks = [{k: v for k, v in asdict(task).items() if k in described} for task in dataset.tasks]
    return {
        "tasks": [task | {"labels": list(task["labels"].items())} for task in tasks],  # their order decides overlaps
        "patient": dataset.patient,
        "lesion_tasks": [asdict(lesion) for lesion in dataset.lesion_tasks],
        "spacing_in_header": dataset.spacing_in_header,
        "suspect": sorted(dataset.suspect),
    }
