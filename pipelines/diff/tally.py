"""Differences by dataset, kind, task, plane, label, state, cause and quantity, with exact quantiles of the changes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

ONLY_A, ONLY_B, CHANGED = "only_a", "only_b", "changed"
ANY = ""
"""Quantity of a whole pair: each differing pair counts once here, and once for each quantity that changed."""
UNEXPLAINED = "unexplained"
EXAMPLES = 5


class Key(NamedTuple):
    """What a group of differences has in common."""

    dataset: str
    kind: str
    task: str
    plane: str
    label: str
    state: str
    cause: str
    quantity: str


@dataclass(frozen=True)
class Group:
    """Differences of one key: how many pairs, and quantiles of B minus A; None for what has no number."""

    key: Key
    pairs: int
    p5: float | None
    p50: float | None
    p95: float | None
    max_abs: float | None

    def to_json(self) -> dict[str, Any]:
        return self.key._asdict() | {name: value for name, value in asdict(self).items() if name != "key"}


class Tally:
    """Counts differences and keeps their changes: 4 bytes a changed pair and quantity."""

    def __init__(self) -> None:
        self.pairs: Counter[tuple[str, str, str]] = Counter()
        """Pairs seen, by (dataset, kind, "a", "b" or "both")."""
        self.examples: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        """First pair ids, by (dataset, kind, cause)."""
        self._counts: Counter[Key] = Counter()
        self._values: dict[Key, list[np.ndarray]] = defaultdict(list)

    def add(self, keys: list[Key], values: np.ndarray | None = None) -> None:
        """Count pairs, one key each, with their changes."""
        self._counts.update(keys)
        if values is None or not len(values):
            return
        rows: dict[Key, list[int]] = defaultdict(list)
        for row, key in enumerate(keys):
            rows[key].append(row)
        for key, chosen in rows.items():
            finite = values[chosen][np.isfinite(values[chosen])]
            if len(finite):
                self._values[key].append(finite.astype(np.float32))

    def example(self, dataset: str, kind: str, cause: str, pair_id: str) -> None:
        known = self.examples[dataset, kind, cause]
        if len(known) < EXAMPLES:
            known.append(pair_id)

    def changes(self, key: Key) -> np.ndarray:
        """Every change of a key, B minus A."""
        return np.concatenate(self._values.get(key, [np.zeros(0, np.float32)]))

    def listed(self) -> list[Key]:
        return sorted(self._counts)

    def count(self, key: Key) -> int:
        return self._counts[key]

    def groups(self) -> list[Group]:
        return [self.group(key, [key]) for key in self.listed()]

    def group(self, name: Key, keys: Iterable[Key]) -> Group:
        """One group of the differences of several keys."""
        keys = list(keys)
        values = np.concatenate([self.changes(key) for key in keys]).astype(np.float64)
        count = sum(self._counts[key] for key in keys)
        if not len(values):
            return Group(name, count, None, None, None, None)
        p5, p50, p95 = (float(value) for value in np.quantile(values, (0.05, 0.5, 0.95)))
        return Group(name, count, p5, p50, p95, float(np.abs(values).max()))

    @property
    def different(self) -> bool:
        return bool(self._counts)
