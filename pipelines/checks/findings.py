"""What a validation finds: named checks with counts and first examples, gathered instead of raised."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

EXAMPLES = 5
READ_FAULTS = (OSError, EOFError, ValueError, LookupError, TypeError, pa.ArrowException, tarfile.TarError)
"""What reading a damaged file may raise."""


class Check(NamedTuple):
    """A named promise: whether it holds, the first examples where not, and how many things were looked at."""

    name: str
    ok: bool
    detail: str
    counted: int


@dataclass(frozen=True)
class Report:
    """The result of a validation. `content_hash` is "" unless every row was read at the level "deep"."""

    url: str
    level: str
    checks: tuple[Check, ...]
    content_hash: str = ""

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def to_json(self) -> str:
        """`ok`, `level`, `content_hash`, and of each check its `name`, `ok`, `counted` and `detail`."""
        checks = [
            {"name": check.name, "ok": check.ok, "counted": check.counted, "detail": check.detail}
            for check in self.checks
        ]
        found = {"ok": self.ok, "level": self.level, "content_hash": self.content_hash, "checks": checks}
        return json.dumps(found, indent=1) + "\n"


class Findings:
    """Collects counts and failures by check name, in the order in which the checks first ran."""

    def __init__(self) -> None:
        self._counted: dict[str, int] = {}
        self._failed: dict[str, int] = {}
        self._examples: dict[str, list[str]] = {}

    def count(self, name: str, number: int = 1) -> None:
        """Note that `number` more things were looked at."""
        self._counted[name] = self._counted.get(name, 0) + number

    def fail(self, name: str, example: str) -> None:
        """Note one failure."""
        self.fail_many(name, 1, [example])

    def fail_many(self, name: str, number: int, examples: Iterable[str]) -> None:
        """Note `number` failures; of `examples` only as many as are still wanted are drawn."""
        self.count(name, 0)
        self._failed[name] = self._failed.get(name, 0) + number
        kept = self._examples.setdefault(name, [])
        for example in examples:
            if len(kept) == EXAMPLES:
                break
            kept.append(example)

    def rows(self, name: str, good: np.ndarray, ids: pa.Array, where: np.ndarray | None = None) -> None:
        """Count boolean `good` (N,). Failure i is named `ids[i]`, or `ids[where[i]]` given `where`."""
        self.count(name, len(good))
        bad = np.flatnonzero(~good)
        if len(bad):
            shown = bad[:EXAMPLES] if where is None else where[bad[:EXAMPLES]]
            self.fail_many(name, len(bad), (str(ids[int(i)]) for i in shown))

    def same(self, name: str, what: str, found: object, expected: object) -> None:
        """Count one comparison."""
        self.count(name)
        if found != expected:
            self.fail(name, f"{what}: {found!r}, expected {expected!r}")

    @contextmanager
    def guard(self, name: str, what: str) -> Iterator[None]:
        """Turn a fault of reading `what` into a failure of check `name`."""
        try:
            yield
        except READ_FAULTS as error:
            self.fail(name, f"{what}: {type(error).__name__}: {error}")

    def passed(self, *names: str) -> bool:
        return not any(self._failed.get(name) for name in names)

    def checks(self) -> tuple[Check, ...]:
        return tuple(
            Check(name, not self._failed.get(name), self._detail(name), counted)
            for name, counted in self._counted.items()
        )

    def _detail(self, name: str) -> str:
        failed = self._failed.get(name, 0)
        shown = self._examples.get(name, [])
        more = [f"and {failed - len(shown)} more"] if failed > len(shown) else []
        return "; ".join([*shown, *more])
