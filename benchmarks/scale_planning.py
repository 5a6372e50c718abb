"""How long a build plans before it reads: 30,000 cases in about 315,000 empty files, step by step and in the pipeline.

python benchmarks/scale_planning.py
python benchmarks/scale_planning.py --share 0.25 --workers 2 --json planning.json
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path

import apache_beam as beam
import fsspec
from figures import Row, seconds, show
from raw_trees import write_trees

from medvision.pipelines.preflight import check_build
from medvision.pipelines.steps import CASES, AssignSplits, MatchCases, PlanShards, Tables
from medvision.runners.direct import direct_options
from medvision.schemas.case import Case
from medvision.schemas.dataset import Dataset
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import find_dataset
from medvision.transforms.listing import list_sources
from medvision.transforms.match import match_cases
from medvision.transforms.plan import Bucket, bucket_of, plan_shard
from medvision.transforms.select import select_cases
from medvision.transforms.split import numbered_splits


def steps(datasets: Tables, options: BuildOptions) -> list[Row]:
    """Seconds of each step, called as the pipeline's steps call it, dataset by dataset."""
    total: dict[str, float] = defaultdict(float)
    rows = []
    for dataset in datasets:
        taken: dict[str, float] = {}
        fs, root = fsspec.core.url_to_fs(options.raw)
        taken["list"], files = seconds(list_sources, fs, f"{root}/{dataset.name}")
        taken["match"], matched = seconds(match_cases, dataset, files)
        taken["select"], kept = seconds(select_cases, matched, dataset, options.rule_table)
        taken["split"], sides = seconds(numbered_splits, dataset, kept.cases, options.rule_table)
        taken["plan and name"], shards = seconds(_plan, kept.cases, dataset, options)
        for name, value in taken.items():
            total[name] += value
        about = {
            "dataset": dataset.name,
            "files": len(files),
            "cases": len(kept.cases),
            "shards": shards,
            "sides": len(sides),
        }
        rows.append({**about, **taken})
    counts = {name: sum(row[name] for row in rows) for name in ("files", "cases", "shards", "sides")}
    return [*rows, {"dataset": "all", **counts, **total}]


def _plan(cases: tuple[Case, ...], dataset: Dataset, options: BuildOptions) -> int:
    buckets: dict[Bucket, list[Case]] = defaultdict(list)
    for case in cases:
        buckets[bucket_of(case, dataset.bucket_bits)].append(case)
    for bucket, inside in buckets.items():
        plan_shard(bucket, inside, dataset, options)
    return len(buckets)


def pipeline(datasets: Tables, options: BuildOptions, workers: int) -> None:
    """The pipeline's own steps up to the shards."""
    with beam.Pipeline(options=direct_options(workers)) as planned:
        matched = planned | "Match cases" >> MatchCases(datasets, options)
        assigned = matched[CASES] | "Assign splits" >> AssignSplits(datasets, options)
        _ = assigned[CASES] | "Plan shards" >> PlanShards(datasets, options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="part of the 30,000 cases (default all)")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of the pipeline (default 1)")
    parser.add_argument("--work", default="", metavar="DIR", help="where the trees stay (default: a temporary folder)")
    parser.add_argument("--json", default="", metavar="PATH")
    arguments = parser.parse_args()
    work = Path(arguments.work or tempfile.mkdtemp(prefix="planning-"))
    made = write_trees(work / "raw", arguments.share)
    datasets = tuple(find_dataset(name) for name in sorted(made))
    options = BuildOptions(str(work / "raw"), str(work / "out"), tuple(sorted(made)))
    try:
        rows = steps(datasets, options)
        show("Steps of planning, seconds", rows)
        shutil.rmtree(work / "out", ignore_errors=True)
        checked, _ = seconds(check_build, datasets, options)
        run, _ = seconds(pipeline, datasets, options, arguments.workers)
        again, _ = seconds(pipeline, datasets, options, arguments.workers)
        whole = {"cases": rows[-1]["cases"], "files": rows[-1]["files"], "shards": rows[-1]["shards"]}
        whole |= {"preflight s": checked, "pipeline s": run, "pipeline again s": again, "in all s": checked + run}
        show(f"Planning in the pipeline, {arguments.workers} workers", [whole], arguments.json)
    finally:
        shutil.rmtree(work / "out", ignore_errors=True)
        if not arguments.work:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
