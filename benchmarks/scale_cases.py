"""Whether a small case costs the same in a release of 20 and of 2,000: full builds of volumes of 35 x 51 x 35 voxels.

python benchmarks/scale_cases.py
python benchmarks/scale_cases.py --cases 20 200 2000 --repeats 3 --json cases.json
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from cases import blobs, mri, save
from figures import Row, apart, show

from medvision.schemas.options import BuildOptions

SHAPE = (35, 51, 35)
DIFFERENT = 10
"""Volumes drawn; the others are copies of them, since drawing is no part of what is measured."""


def acdc(number: int) -> tuple[str, str]:
    """Image and mask of a case in a layout of 8 shards: each then holds hundreds of cases."""
    stem = f"patient{number % 997:03d}/patient{number % 997:03d}_frame{number // 997:02d}"
    return f"{stem}.nii.gz", f"{stem}_gt.nii.gz"


def msd(number: int) -> tuple[str, str]:
    """The same in a layout of 512 shards, with lesions: each holds a few cases."""
    return f"Task03_Liver/imagesTr/liver_{number}.nii.gz", f"Task03_Liver/labelsTr/liver_{number}.nii.gz"


LAYOUTS = {"ACDC": acdc, "MSD": msd}


def write_cases(raw: Path, dataset: str, count: int) -> None:
    """Volumes with two labels and voxels of 1 mm, named as the dataset's publisher names them."""
    names = LAYOUTS[dataset]
    for number in range(count):
        image, mask = (raw / dataset / name for name in names(number))
        if image.exists() and mask.exists():
            continue
        if number < DIFFERENT:
            rng = np.random.default_rng(number)
            labels = np.minimum(blobs(SHAPE, 2, (0.12, 0.2), rng), 2)
            save(image, mri(labels, rng), (1.0, 1.0, 1.0))
            save(mask, labels, (1.0, 1.0, 1.0))
            continue
        image.parent.mkdir(parents=True, exist_ok=True)
        mask.parent.mkdir(parents=True, exist_ok=True)
        for path, twin in zip((image, mask), names(number % DIFFERENT), strict=True):
            shutil.copy(raw / dataset / twin, path)


def build(raw: str, out: str, dataset: str) -> dict[str, float]:
    """One build by one worker; seconds from the first shard's start to the last one's end, and of the steps after."""
    from medvision.pipelines import publish, publish_steps, run, steps
    from medvision.transforms.threads import limit_threads
    from medvision.transforms.warm import warm_up

    options = BuildOptions(raw=raw, out=out, datasets=(dataset,))
    limit_threads()
    warm_up(options)
    spent: dict[str, float] = {"shards": 0.0}
    parts = {
        "build_shard": steps,
        "write_plans": publish_steps,
        **dict.fromkeys(("write_pairs", "publish_shard", "finish", "_collect_garbage"), publish),
    }
    with ExitStack() as stack:
        for name, module in parts.items():
            timed = _timed(getattr(module, name), name, spent)
            stack.enter_context(mock.patch.object(module, name, timed))
        check = _timed(run.check_build, "preflight", spent)
        stack.enter_context(mock.patch.object(run, "check_build", check))
        start = time.perf_counter()
        run.run_build(options)
        spent["whole"] = time.perf_counter() - start
    return spent


def _timed(work: Any, name: str, spent: dict[str, float]) -> Any:
    def call(*arguments: Any) -> Any:
        start = time.perf_counter()
        try:
            return work(*arguments)
        finally:
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - start
            spent["shards"] += name == "build_shard"

    return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=LAYOUTS, default="ACDC", help="whose layout of files and shards")
    parser.add_argument("--cases", type=int, nargs="+", default=[20, 200, 2000], metavar="N")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--work", default="", metavar="DIR", help="where the raw files stay (default: temporary)")
    parser.add_argument("--json", default="", metavar="PATH")
    arguments = parser.parse_args()
    work = Path(arguments.work or tempfile.mkdtemp(prefix="cases-"))
    runs: dict[int, list[dict[str, float]]] = {count: [] for count in arguments.cases}
    try:
        for count in runs:
            write_cases(work / f"raw-{count}", arguments.dataset, count)
        for _ in range(arguments.repeats):
            for count, found in runs.items():
                out = work / "out"
                found.append(apart(build, str(work / f"raw-{count}"), str(out), arguments.dataset)[2])
                shutil.rmtree(out)
        show(
            f"Milliseconds a case in the layout of {arguments.dataset}, one worker",
            [_row(count, found) for count, found in runs.items()],
            arguments.json,
        )
    finally:
        if not arguments.work:
            shutil.rmtree(work, ignore_errors=True)


def _row(count: int, found: list[dict[str, float]]) -> Row:
    """Medians over the repeats; `rest` is the engine, matching, and what is not named."""
    middle = {name: statistics.median(run.get(name, 0.0) for run in found) for name in found[0]}
    shards = int(middle.pop("shards"))
    named = ("preflight", "build_shard", "publish_shard", "write_pairs", "write_plans", "finish")
    rest = middle["whole"] - sum(middle.get(name, 0.0) for name in named)
    each = {**{name: middle.get(name, 0.0) for name in named}, "garbage": middle["_collect_garbage"], "rest": rest}
    per_shard = 1000 * middle["build_shard"] / shards
    return {
        "cases": count,
        "shards": shards,
        "whole": 1000 * middle["whole"] / count,
        **{name: 1000 * value / count for name, value in each.items()},
        "build ms a shard": per_shard,
    }


if __name__ == "__main__":
    main()
