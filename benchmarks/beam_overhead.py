"""What Beam adds to plain processes: the same shards by a multiprocessing pool and by `run_build`, one and two workers.

python benchmarks/beam_overhead.py
python benchmarks/beam_overhead.py --cases 120 --repeats 5 --json overhead.json

Building is from the first shard's start to the last one's end, as the processes that build them note it. Start-up
stands before (interpreter, imports, planning, compiled code), publishing after; a pool does not publish.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cases import blobs, mri, save
from figures import Row, show

from medvision.schemas.options import BuildOptions
from medvision.schemas.record import Shard
from medvision.sources.registry import find_dataset

SHAPE = (96, 110, 60)
DATASET = "MSD"
DIFFERENT = 6
WAYS = ("pool 1", "pool 2", "build 1", "build 2")


@dataclass(frozen=True)
class Run:
    """Seconds of one way to build all shards: `busy` is the sum of the shards' own, `idle_end` how long the first
    worker to finish waited for the last.
    """

    startup: float
    building: float
    after: float
    busy: float
    idle_end: float
    shards: int

    @property
    def whole(self) -> float:
        return self.startup + self.building + self.after


def write_cases(raw: Path, count: int) -> None:
    """MRI of 96 x 110 x 60 voxels with two labels, one of them a lesion; a case a shard or hardly more."""
    home = raw / DATASET / "Task03_Liver"
    for number in range(count):
        image, mask = (home / f"{part}/liver_{number}.nii.gz" for part in ("imagesTr", "labelsTr"))
        if number < DIFFERENT:
            rng = np.random.default_rng(number)
            labels = np.minimum(blobs(SHAPE, 4, (0.08, 0.15), rng), 2)
            save(image, mri(labels, rng), (1.0, 1.0, 2.0))
            save(mask, labels, (1.0, 1.0, 2.0))
        else:
            for path in (image, mask):
                shutil.copy(path.with_name(f"liver_{number % DIFFERENT}.nii.gz"), path)


def run(way: str, raw: Path, out: Path) -> Run:
    """Build everything one way in a fresh interpreter."""
    notes = out.with_name("times.txt")
    notes.unlink(missing_ok=True)
    here = Path(__file__).resolve().parent
    paths = os.pathsep.join([str(here / "timed"), str(here)])
    environment = {**os.environ, "PYTHONPATH": paths, "MEDVISION_BENCH_TIMES": str(notes), "OMP_NUM_THREADS": "1"}
    environment["OPENBLAS_NUM_THREADS"] = "1"
    start = time.time()
    subprocess.run([sys.executable, __file__, "--way", way, str(raw), str(out)], env=environment, check=True)
    end = time.time()
    times = [line.split() for line in notes.read_text().splitlines()]
    spans = [(int(pid), float(first), float(last)) for pid, first, last in times]
    first, last = min(span[1] for span in spans), max(span[2] for span in spans)
    ends: dict[int, float] = defaultdict(float)
    for pid, _, stop in spans:
        ends[pid] = max(ends[pid], stop)
    shutil.rmtree(out)
    busy = sum(stop - begun for _, begun, stop in spans)
    return Run(first - start, last - first, end - last, busy, last - min(ends.values()), len(spans))


def one_way(way: str, raw: str, out: str) -> None:
    """What the fresh interpreter does."""
    logging.getLogger().addHandler(logging.NullHandler())  # as the command line has it: Beam's log is no figure
    kind, workers = way.split()
    options = BuildOptions(raw=raw, out=out, datasets=(DATASET,))
    if kind == "build":
        from medvision.pipelines.run import run_build

        run_build(options, workers=int(workers))
        return
    shards = plan(options)
    with multiprocessing.get_context("spawn").Pool(int(workers), begin, (options,)) as pool:
        for _ in pool.imap_unordered(build, [(shard, options) for shard in shards], chunksize=1):
            pass


def plan(options: BuildOptions) -> list[Shard]:
    from medvision.transforms.plan import bucket_of, plan_shard
    from medvision.transforms.select import find_cases

    dataset = find_dataset(DATASET)
    buckets = defaultdict(list)
    for case in find_cases(dataset, options).cases:
        buckets[bucket_of(case, dataset.bucket_bits)].append(case)
    return [plan_shard(bucket, inside, dataset, options) for bucket, inside in sorted(buckets.items())]


def begin(options: BuildOptions) -> None:
    from medvision.transforms.threads import limit_threads
    from medvision.transforms.warm import warm_up

    limit_threads()
    warm_up(options)


def build(job: tuple[Shard, BuildOptions]) -> None:
    from medvision.transforms.shard import build_shard

    build_shard(job[0], find_dataset(DATASET), job[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=80)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--work", default="", metavar="DIR")
    parser.add_argument("--json", default="", metavar="PATH")
    parser.add_argument("--way", nargs=3, metavar=("WAY", "RAW", "OUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        one_way(*arguments.way)
        return
    work = Path(arguments.work or tempfile.mkdtemp(prefix="overhead-"))
    try:
        write_cases(work / "raw", arguments.cases)
        runs: dict[str, list[Run]] = {way: [] for way in WAYS}
        for turn in range(arguments.repeats):
            for way in WAYS if turn % 2 == 0 else reversed(WAYS):  # a drift of the machine then favours none
                runs[way].append(run(way, work / "raw", work / "out"))
        show(f"Building {runs['pool 1'][0].shards} shards, seconds (medians)", _rows(runs), arguments.json)
    finally:
        if not arguments.work:
            shutil.rmtree(work, ignore_errors=True)


def _rows(runs: dict[str, list[Run]]) -> list[Row]:
    rows = []
    for way, found in runs.items():
        row: Row = {"way": way}
        for name in ("startup", "building", "after", "whole", "busy", "idle_end"):
            row[name.replace("_", " ")] = statistics.median(getattr(run, name) for run in found)
        # what the load of the machine does not change: how much of the workers' time went into shards
        row["in shards %"] = 100 * statistics.median(run.busy / run.building / int(way[-1]) for run in found)
        row["a shard"] = statistics.median(run.busy / run.shards for run in found)
        rows.append(row)
    pairs = {"pool 1": "pool 1", "pool 2": "pool 1", "build 1": "build 1", "build 2": "build 1"}
    plain = {"pool 1": "pool 1", "pool 2": "pool 2", "build 1": "pool 1", "build 2": "pool 2"}
    for row in rows:
        row["x over one"] = _ratio(runs[pairs[row["way"]]], runs[row["way"]])
        row["of pool"] = _ratio(runs[row["way"]], runs[plain[row["way"]]])
    return rows


def _ratio(over: list[Run], under: list[Run]) -> float:
    """Median of the building times' ratios, repeat by repeat: what slows one run of a repeat slows the next."""
    return statistics.median(a.building / b.building for a, b in zip(over, under, strict=True))


if __name__ == "__main__":
    main()
