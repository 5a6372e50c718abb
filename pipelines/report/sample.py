"""Quantiles of values without end in bounded memory, the same however often they are asked for."""

from __future__ import annotations

import hashlib

import numpy as np

MOST = 4096
"""Values kept of a quantity: a quantile of more is a sample's, its rank off by about 1 % of the values at most."""


def ranks(path: str, first: int, count: int) -> np.ndarray:
    """(count,) uint64 of no pattern, by a file's path and the place of each value in it (SplitMix64)."""
    seed = int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "little")
    with np.errstate(over="ignore"):
        mixed = np.arange(first, first + count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(mixed ^ (mixed >> np.uint64(31)))


class Sample:
    """Values of one quantity: all of the first MOST, afterwards those of the lowest rank."""

    def __init__(self) -> None:
        self.count, self.low, self.high = 0, np.inf, -np.inf
        self._values: np.ndarray = np.zeros(0)
        self._ranks: np.ndarray = np.zeros(0, np.uint64)

    def add(self, values: np.ndarray, value_ranks: np.ndarray) -> None:
        """Take in (n,) finite values with their ranks."""
        if not len(values):
            return
        self.count += len(values)
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        self._values = np.concatenate([self._values, values])
        self._ranks = np.concatenate([self._ranks, value_ranks])
        if len(self._values) > 2 * MOST:
            self._shrink()

    @property
    def values(self) -> np.ndarray:
        """What is kept, at most MOST values."""
        self._shrink()
        return self._values

    @property
    def whole(self) -> bool:
        """Whether every value is kept, so that quantiles are exact."""
        return self.count <= MOST

    def quantiles(self, *shares: float) -> list[float]:
        """Quantiles with linear interpolation. Raises ValueError where there is no value."""
        if not self.count:
            raise ValueError("no values, so no quantiles")
        return [float(value) for value in np.quantile(self.values, shares)]

    def _shrink(self) -> None:
        if len(self._values) > MOST:
            kept = np.argpartition(self._ranks, MOST)[:MOST]
            self._values, self._ranks = self._values[kept], self._ranks[kept]
