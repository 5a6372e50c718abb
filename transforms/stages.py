"""Seconds by stage of the work in this thread. They go into counters, never into a file of a release."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
ATTEMPT_STAGES = ("read", "measure", "encode", "write")


class _Clock(threading.local):
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.stack: list[str] = []
        self.since = 0.0

    def turn(self) -> None:
        """Book the time since the last turn to the innermost stage."""
        now = time.perf_counter()
        if self.stack:
            self.seconds[self.stack[-1]] = self.seconds.get(self.stack[-1], 0.0) + now - self.since
        self.since = now


_CLOCK = _Clock()


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Time the block; while a stage stands inside another, only the inner one counts."""
    _CLOCK.turn()
    _CLOCK.stack.append(name)
    try:
        yield
    finally:
        _CLOCK.turn()
        _CLOCK.stack.pop()


def staged(name: str, items: Iterable[Item]) -> Iterator[Item]:
    """The items, the time it takes to make each counted as the stage's."""
    iterator = iter(items)
    while True:
        with stage(name):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item
        del item  # two images never stand in memory together


def take_seconds() -> dict[str, float]:
    """Seconds by stage of this thread since the last call."""
    seconds, _CLOCK.seconds = _CLOCK.seconds, {}
    return dict(sorted(seconds.items()))
