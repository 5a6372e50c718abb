"""Whole cases side by side: the naive build, this project's and the floor, alternating in one run.

    python benchmarks/bench.py [--cases ct15,brain] [--repeats 5] [--data DIR] [--json FILE] [--svg FILE]

Each side has a process of its own with one numeric thread; its first run warms it up and does not count.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cases import CASES, BenchCase, prepare
from chart import draw
from floor_plan import amounts
from rich.console import Console
from rich.table import Table
from sides import SIDES, Run, Work, serve

MODES = {"png16": "images and annotations", "none": "annotations"}
STEPS = ("read mask", "read image", "boxes", "lesions", "encode", "write")


def measure(case: BenchCase, raw: Path, images: str, repeats: int, naive_repeats: int, home: Path) -> dict[str, Any]:
    """Medians of the paired runs of one case."""
    runs: dict[str, list[Run]] = {side: [] for side in SIDES}
    memory = {}
    with ExitStack() as stack:
        ask = {"ours": stack.enter_context(_side(Work("ours", case.dataset, raw, home / "ours", images), memory))}
        ask["ours"]()
        floor = Work("floor", case.dataset, raw, home / "floor", images, home / "ours")
        ask["floor"] = stack.enter_context(_side(floor, memory))
        ask["naive"] = stack.enter_context(_side(Work("naive", case.dataset, raw, home / "naive", images), memory))
        ask["floor"]()
        for turn in range(repeats):
            for side in SIDES:
                if side != "naive" or (case.with_naive and turn < naive_repeats):
                    runs[side].append(ask[side]())
    result: dict[str, Any] = {"case": case.name, "title": case.title, "images": images, "repeats": repeats}
    for side, found in runs.items():
        steps = {step: _median([run.steps.get(step, 0.0) for run in found]) for step in STEPS}
        seconds = _median([run.seconds for run in found])
        result[side] = {
            "seconds": seconds,
            "all_seconds": [round(run.seconds, 4) for run in found],
            "steps": {**steps, "other": max(0.0, seconds - sum(steps.values()))},
            "bytes": found[0].bytes if found else 0,
            "peak_mb": round(memory[side] / 2**20),
        }
    result["work"] = amounts(home / "ours", raw / case.dataset)
    pairs = zip(runs["ours"], runs["floor"], strict=True)
    result["ratio_to_floor"] = _median([ours.seconds / floor.seconds for ours, floor in pairs])
    result["naive_to_ours"] = result["naive"]["seconds"] / result["ours"]["seconds"] or None
    return result


@contextmanager
def _side(work: Work, memory: dict[str, int]) -> Iterator[Any]:
    """Asks a side's process for runs; on leaving, notes its peak memory."""
    context = mp.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(work, there), daemon=True)
    process.start()

    def ask() -> Run:
        here.send("run")
        answer: Run = here.recv()
        return answer

    try:
        yield ask
        here.send(None)
        memory[work.side] = here.recv()
    finally:
        process.join(timeout=10)
        process.kill()


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else 0.0


def table_of(results: list[dict[str, Any]]) -> Table:
    """Steps of every case: seconds of the three sides, and how far the build is from both."""
    table = Table("case", "step", *(f"{side} s" for side in SIDES), "ours / floor", "naive / ours", "peak MB")
    for result in results:
        ours, floor, naive = result["ours"], result["floor"], result["naive"]
        for step in [*STEPS, "other"]:
            if max(side["steps"][step] for side in (ours, floor, naive)) >= 0.0005:
                cells = [_seconds(result[side]["steps"][step]) for side in SIDES]
                table.add_row("", step, *cells, _over(ours["steps"][step], floor["steps"][step]), "", "")
        table.add_row(
            f"[bold]{result['case']}[/]\n{result['images']}",
            "[bold]total[/]",
            *(f"[bold]{_seconds(result[side]['seconds'])}[/]" for side in SIDES),
            f"[bold]{result['ratio_to_floor']:.2f}[/]",
            f"{result['naive_to_ours']:.0f}" if result["naive_to_ours"] else "",
            " / ".join(str(result[side]["peak_mb"]) for side in SIDES),
            end_section=True,
        )
    return table


def _seconds(value: float) -> str:
    return f"{value:.3f}" if value else ""


def _over(value: float, floor: float) -> str:
    return f"{value / floor:.2f}" if floor >= 0.0005 else ""


def main() -> None:
    """Prints the table; writes JSON and a chart where they are asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--cases", default=",".join(case.name for case in CASES), help="names, separated by commas")
    parser.add_argument("--images", default="png16,none", help="png16, none, or both")
    parser.add_argument("--repeats", type=int, default=5, help="paired runs that count")
    parser.add_argument(
        "--naive-repeats", type=int, default=1, help="of them with the naive build, which takes longest"
    )
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "medvision-benchmarks")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    options = parser.parse_args()
    console, results = Console(), []
    chosen = options.cases.split(",")
    for case in (case for case in CASES if case.name in chosen):
        raw = prepare(case, options.data)
        if raw is None:
            console.print(f"{case.name}: left out, its real files are absent")
            continue
        for images in options.images.split(","):
            with tempfile.TemporaryDirectory(dir=options.data) as home:
                result = measure(case, raw, images, options.repeats, options.naive_repeats, Path(home))
            results.append(result)
            console.print(
                f"{case.title}, {MODES[images]}: {result['ours']['seconds']:.3f} s,"
                f" {result['ratio_to_floor']:.2f} x the floor"
            )
    console.print(table_of(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.svg:
        draw(results, options.svg)


if __name__ == "__main__":
    main()
