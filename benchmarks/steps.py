"""Seconds of named steps: each counts its own time alone, without that of steps inside it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Steps:
    """`with steps("read"): ...` adds to `steps.seconds["read"]`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self._pass_time()
        self._open.append(name)
        try:
            yield
        finally:
            self._pass_time()
            self._open.pop()

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function as a step; of one that returns an iterator, what its items take counts too."""

        def call(*args: Any, **options: Any) -> Any:
            with self(name):
                result = function(*args, **options)
            return self._items(name, result) if hasattr(result, "__next__") else result

        return call

    def _items(self, name: str, items: Iterator[Any]) -> Iterator[Any]:
        while True:
            with self(name):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item

    def _pass_time(self) -> None:
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now
