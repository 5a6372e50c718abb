"""Samples a second of `Release.dataset`, by the order in which they are asked for, side by side in one run.

    python benchmarks/loader.py [--data DIR] [--samples 600] [--repeats 3] [--json docs/figures/loader.json]

One process, one numeric thread, files in the system's cache: seconds are those of the CPU. The data are two cases of
benchmarks/cases.py: six CTs of 512 x 512 x 150 and four MRI sequences of a head. Little is kept in memory, so that most
of a release is not.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cases import CASES, prepare
from figures import Row, show

import medvision
from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions
from medvision.transforms.png import read_png
from medvision.transforms.threads import limit_threads

SIZE = (448, 448)
CHOSEN = ("ct15-shard", "brain")
SECONDS_ENOUGH = 20.0
KEPT: dict[str, Any] = {"group_bytes": 64 << 20, "volume_bytes": 160 << 20}
"""Two or three row groups, two CTs: the share of a large release that the defaults keep."""
WINDOW = 2


def releases(data: Path) -> Iterator[tuple[Path, Path, Path]]:
    """Of each case: its raw root, its release with images, and the one without."""
    for name in CHOSEN:
        case = next(case for case in CASES if case.name == name)
        raw = prepare(case, data)
        assert raw is not None, "a synthetic case needs no real files"
        found = raw, data / f"loader-{name}-png16", data / f"loader-{name}-none"
        for out in found[1:]:
            if not (out / "manifest.json").exists():
                images = out.name.rsplit("-", 1)[1]
                run_build(BuildOptions(str(raw), str(out), (case.dataset,), formats=("parquet",), images=images))
        yield found


def orders(dataset: Any, samples: int) -> dict[str, list[int]]:
    """Numbers to ask for, by the name of the order."""
    count, rng = len(dataset), np.random.default_rng(0)
    start = max(0, (count - samples) // 2)
    return {
        "rising": list(range(start, min(count, start + samples))),
        "sampler": list(dataset.sampler(seed=0, window=WINDOW))[:samples],
        "random": rng.permutation(count)[:samples].tolist(),
    }


def contests(config: str, paths: tuple[Path, Path, Path], samples: int) -> Iterator[tuple[str, str, Callable[[], int]]]:
    """What is read, in which order, and a call that reads it afresh and says how many samples it gave."""
    raw, full, bare = paths
    split = "test" if config.endswith("_Test") else "train"
    made = {
        "release": lambda: medvision.open_release(str(full)).dataset(config, split, size=SIZE, **KEPT),
        "values": lambda: medvision.open_release(str(full)).dataset(config, split, size=SIZE, pixels="values", **KEPT),
        "raw": lambda: medvision.open_release(str(bare)).dataset(config, split, size=SIZE, raw=str(raw), **KEPT),
    }
    for what, make in made.items():
        for order, numbers in orders(make(), samples).items():
            if what != "values" or order == "sampler":
                asked = numbers[: len(numbers) // 10] if (what, order) == ("raw", "random") else numbers
                yield what, order, lambda make=make, asked=asked: _read(make(), asked)  # type: ignore[misc]


def _read(dataset: Any, numbers: Sequence[int]) -> int:
    started = time.process_time()
    for done, number in enumerate(numbers, 1):
        dataset[number]
        if time.process_time() - started > SECONDS_ENOUGH:
            return done
    return len(numbers)


def decoding(config: str, full: Path) -> tuple[float, float]:
    """Milliseconds of decoding one PNG of the config alone, by this project and by OpenCV."""
    import cv2

    dataset = medvision.open_release(str(full)).dataset(config, "test" if config.endswith("_Test") else "train")
    process, found = dataset._process(), []
    for number in list(dataset.sampler(seed=0))[:100]:
        pairs, pair = process.pairs.at(*dataset.plan.index.place(number))
        group, row = process.slices.at(int(pairs.slice_file[pair]), int(pairs.slice_row[pair]))
        found.append(bytes(group.png(row)))
    taken = []
    for decode in (read_png, lambda png: cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)):
        decode(found[0])
        start = time.process_time()
        for png in found:
            decode(png)
        taken.append((time.process_time() - start) / len(found) * 1000)
    return taken[0], taken[1]


def main() -> None:
    """Prints samples a second; the runs of all ways alternate."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "medvision-benchmarks")
    parser.add_argument("--samples", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", default="", metavar="PATH")
    options = parser.parse_args()
    limit_threads()
    rows: list[Row] = []
    for paths in releases(options.data):
        names = medvision.open_release(str(paths[1])).configs()
        chosen = [name for name in names if "_MaskSize_Task01_Axial" in name]
        config = max(chosen, key=lambda name: sum(names[name].values()))
        ways = list(contests(config, paths, options.samples))
        rates: dict[tuple[str, str], list[float]] = {(what, order): [] for what, order, _ in ways}
        own, other = decoding(config, paths[1])
        for turn in range(options.repeats + 1):
            for what, order, read in ways:
                start = time.process_time()
                done = read()
                if turn:  # the first warms up
                    rates[what, order].append(done / (time.process_time() - start))
        for (what, order), found in rates.items():
            rate = statistics.median(found)
            row = {"config": config, "pixels": what, "order": order, "samples/s": rate, "ms": 1000 / rate}
            rows.append({**row, "ms of PNG": own if what != "raw" else 0.0, "ms of PNG by OpenCV": other})
    show("Samples of 448 x 448 a second", rows, options.json)


if __name__ == "__main__":
    main()
