"""What a person sees of a fetch: a bar on a terminal, lines in a pipe or log."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

LOG_SECONDS = 15.0


class Lines:
    """A line when a file is begun, and every quarter minute."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.what, self.size, self.done = "", 0, 0
        self.told = time.monotonic()
        self._lock = threading.Lock()

    def begin(self, what: str, size: int | None) -> None:
        self.what, self.size, self.done = what, size or 0, 0
        self.say(what + (f", {size / 1e6:,.1f} MB" if size else ""))

    def move(self, count: int) -> None:
        with self._lock:
            self.done += count
            late = time.monotonic() - self.told > LOG_SECONDS
            if late:
                self.told = time.monotonic()
        if late:
            of = f" of {self.size / 1e6:,.1f}" if self.size else ""
            self.say(f"{self.what}: {self.done / 1e6:,.1f}{of} MB")

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


class Bars:
    """One bar, that of the file in hand."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task = progress.add_task("", total=None, visible=False)

    def begin(self, what: str, size: int | None) -> None:
        self.progress.reset(self.task, description=what, total=size, visible=True)

    def move(self, count: int) -> None:
        self.progress.advance(self.task, count)

    def say(self, text: str) -> None:
        self.progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def watching(console: Console) -> Iterator[Lines | Bars]:
    """Whatever suits the console, until the block ends."""
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield Bars(progress)
