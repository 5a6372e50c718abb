"""The three sides of a comparison, each in a process of its own: the naive build, this project's, and the floor."""

from __future__ import annotations

import os
import resource
import shutil
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

SIDES = ("naive", "ours", "floor")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Work:
    """What a side is to do.

    Attributes:
        side: One of SIDES.
        dataset: Name of the table.
        raw: Raw root.
        out: Folder of the side's own.
        images: "png16" or "none".
        release: A store that this project's build left, which tells the floor slices, codes and bytes.
    """

    side: str
    dataset: str
    raw: Path
    out: Path
    images: str
    release: Path | None = None


@dataclass
class Run:
    """One timed run: seconds in all, of each step, and bytes written."""

    seconds: float
    steps: dict[str, float] = field(default_factory=dict)
    bytes: int = 0


def serve(work: Work, connection: Connection) -> None:
    """Answer each message with a run, None with the process's peak memory in bytes; the first run warms up."""
    for name in THREADS:
        os.environ[name] = "1"
    import cv2
    import pyarrow as pa

    cv2.setNumThreads(1)
    pa.set_cpu_count(1)
    prepared = {"naive": _naive, "ours": _ours, "floor": _floor}[work.side](work)
    while connection.recv() is not None:
        shutil.rmtree(work.out, ignore_errors=True)
        work.out.mkdir(parents=True)
        connection.send(prepared())
    connection.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def _cases(work: Work) -> tuple[Any, Any, Any]:
    """The table, the build's options and the matched cases."""
    from medvision.schemas.options import BuildOptions
    from medvision.sources.registry import find_dataset
    from medvision.transforms.select import find_cases

    table = find_dataset(work.dataset)
    options = BuildOptions(str(work.raw), str(work.out), (table.name,), images=work.images)
    return table, options, list(find_cases(table, options).cases)


def _ours(work: Work) -> Any:
    from ours import build, timed_steps

    from medvision.transforms.plan import plan_shard

    table, options, cases = _cases(work)

    def run() -> Run:
        shard = plan_shard((table.name, "train", 0), cases, table, options)
        with timed_steps() as steps:
            start = time.perf_counter()
            record = build(shard, table, options)
            seconds = time.perf_counter() - start
        return Run(seconds, dict(steps.seconds), sum(file.bytes for file in record.files))

    return run


def _naive(work: Work) -> Any:
    from naive import build
    from steps import Steps

    table, _, cases = _cases(work)

    def run() -> Run:
        steps = Steps()
        start = time.perf_counter()
        build(cases, table, work.raw / table.name, work.out, work.images != "none", steps)
        seconds = time.perf_counter() - start
        return Run(seconds, dict(steps.seconds), sum(path.stat().st_size for path in work.out.iterdir()))

    return run


def _floor(work: Work) -> Any:
    from floor import build
    from floor_plan import floor_images, written_bytes
    from steps import Steps

    assert work.release is not None
    table, options, cases = _cases(work)
    folder = work.raw / table.name
    masks = [folder / file.path for case in cases for file in case.masks]
    images = floor_images(work.release, folder)
    total = written_bytes(work.release)

    def run() -> Run:
        steps = Steps()
        start = time.perf_counter()
        build(masks, images, len(options.shard_formats), total, work.out, work.images != "none", steps)
        seconds = time.perf_counter() - start
        return Run(seconds, dict(steps.seconds), (work.out / "bytes").stat().st_size)

    return run
