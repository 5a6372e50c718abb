"""Progress of a running build: a bar on a terminal, plain lines in a pipe or log. Beam itself shows none.

It is read from marks: c case, d case left out, s shard, r shard that stood already. Workers on this machine leave
them in files; of others the engine's counters tell.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from medvision.pipelines.preflight import Preflight

if TYPE_CHECKING:
    from rich.console import Console

REFRESH_SECONDS = 0.5
LOG_SECONDS = 15.0


@contextmanager
def watch(read_marks: Callable[[], Counter[str]], expected: Preflight, console: Console | None) -> Iterator[None]:
    """Show the marks until the block ends; no console shows nothing."""
    if console is None:
        yield
        return
    stop = threading.Event()
    show = _show_bar if console.is_terminal else _show_lines
    thread = threading.Thread(target=show, args=(read_marks, expected, console, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _show_bar(
    read_marks: Callable[[], Counter[str]], expected: Preflight, console: Console, stop: threading.Event
) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} cases"),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Building", total=expected.cases, detail="")
        start = time.monotonic()
        while True:
            last = stop.wait(REFRESH_SECONDS)
            marks = read_marks()
            built = marks["s"] + marks["r"] >= expected.shards
            progress.update(
                task,
                completed=min(marks["c"], expected.cases),
                description="Publishing" if built else "Building",
                detail=_detail(marks, expected, time.monotonic() - start),
            )
            if last:
                return


def _show_lines(
    read_marks: Callable[[], Counter[str]], expected: Preflight, console: Console, stop: threading.Event
) -> None:
    start = time.monotonic()
    shown: Counter[str] | None = None
    while True:
        last = stop.wait(LOG_SECONDS)
        marks, seconds = read_marks(), time.monotonic() - start
        if marks != shown or last:
            done, left = min(marks["c"], expected.cases), ""
            if 0 < done < expected.cases:
                left = f", about {seconds / done * (expected.cases - done):.0f} s left"
            detail = _detail(marks, expected, seconds)
            console.print(f"{done}/{expected.cases} cases, {detail}, {seconds:.0f} s{left}", soft_wrap=True)
            shown = marks
        if last:
            return


def _detail(marks: Counter[str], expected: Preflight, seconds: float) -> str:
    rate = marks["c"] / seconds if seconds > 0 else 0.0
    shards = min(marks["s"] + marks["r"], expected.shards)
    return f"{shards}/{expected.shards} shards, {rate:.1f} cases/s, {marks['d']} cases left out"
