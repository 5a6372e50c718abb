"""One mutant through the path of a real build, without Beam: listed, matched, planned, and its shard built."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from medvision.schemas.case import Case
from medvision.schemas.dataset import PLANES, Dataset
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import ShardRecord
from medvision.transforms.plan import Bucket, bucket_of, plan_shard
from medvision.transforms.select import find_cases
from medvision.transforms.shard import build_shard

Row = dict[str, Any]


@dataclass
class Built:
    """What a build made of a raw folder: slice rows with images, cut across `dim`, and the reasons of dead letters."""

    rules: str
    dim: int
    slices: list[Row] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def build(raw: Path, out: Path, dataset: Dataset, rules: str = "1.4.0", dim: int = 2) -> Built:
    """Build a plane of one dataset below `raw` as `medvision build` does, shard by shard, in this process."""
    options = BuildOptions(str(raw), str(out), (dataset.name,), rules, planes=(PLANES[dim],), formats=("parquet",))
    matched = find_cases(dataset, options)
    built = Built(rules, dim, reasons=[letter.reason for letter in matched.dead_letters])
    for bucket, cases in _buckets(matched.cases, dataset):
        record = build_shard(plan_shard(bucket, cases, dataset, options), dataset, options)
        for kind, rows in _tables(record, out):
            if kind == "data":
                built.slices += rows
            else:
                built.reasons += [row["reason"] for row in rows]
    return built


def _buckets(cases: tuple[Case, ...], dataset: Dataset) -> list[tuple[Bucket, list[Case]]]:
    found: dict[Bucket, list[Case]] = defaultdict(list)
    for case in cases:
        found[bucket_of(case, dataset.bucket_bits)].append(case)
    return list(found.items())


def _tables(record: ShardRecord, out: Path) -> Iterator[tuple[str, list[Row]]]:
    for file in record.files:
        if file.kind in ("data", "dead_letters") and file.rows:
            yield file.kind, pq.ParquetFile(out / file.path).read(use_threads=False).to_pylist()
