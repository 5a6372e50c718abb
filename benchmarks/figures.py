"""Figures of a benchmark: a table on the screen, the same as JSON, and what a process cost."""

from __future__ import annotations

import json
import multiprocessing
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Row = dict[str, Any]


def show(title: str, rows: Sequence[Row], path: str = "") -> None:
    """Print rows of equal keys, and write them to the file `path` as JSON where one is given."""
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    Console().print(table)
    if path:
        Path(path).write_text(json.dumps({"title": title, "rows": list(rows)}, indent=2) + "\n")


def seconds(work: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Wall-clock seconds of a call, and what it returned."""
    start = time.perf_counter()
    result = work(*arguments)
    return time.perf_counter() - start, result


def apart(work: Callable[..., Any], *arguments: Any) -> tuple[float, int, Any]:
    """Run a function in a fresh process: its seconds, that process's peak resident bytes, and its result."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work, arguments))  # type: ignore[no-any-return]


def _measured(work: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[float, int, Any]:
    taken, result = seconds(work, *arguments)
    return taken, _peak_bytes(), result


def _peak_bytes() -> int:
    """Of this process alone: `ru_maxrss` would start from its parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = (line.split() for line in status.read_text().splitlines())
    return next(int(line[1]) * 1024 for line in lines if line[0] == "VmHWM:")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
