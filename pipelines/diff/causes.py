"""Which switches explain a difference: re-measure the evidence with them flipped and see what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations

import numpy as np
import pyarrow as pa

from medvision.pipelines.diff.meaning import Meaning, same

Evaluate = Callable[[frozenset[str], np.ndarray], Meaning]
"""Pairs of the evidence with these switches as the other release has them; only of the pairs in these rows."""
LARGEST_TRIED = 2
"""Sets of up to this many switches are all tried."""


class CauseSearch:
    """Explains pairs that differ, all of one kind on one set of evidence rows.

    Args:
        ids: Of the pairs.
        expected: Pairs of the other release; one of `ids` that it lacks must vanish.
        switches: Candidates.
        evaluate: What the evidence gives with some of them flipped.
    """

    def __init__(self, ids: pa.Array, expected: Meaning, switches: list[str], evaluate: Evaluate) -> None:
        self.ids, self.switches, self.evaluate = ids, switches, evaluate
        self.wanted = expected.find(ids)
        self.expected = expected
        self.found: list[str] = [""] * len(ids)

    def run(self, trusted: np.ndarray) -> list[str]:
        """A cause for each pair, "" for none: one switch, else the smallest joint set that was found.

        Args:
            trusted: (pairs,) bool: which pairs the evidence reproduces with no switch flipped; the others get none.
        """
        whole = frozenset(self.switches)
        left = np.flatnonzero(trusted)
        # What all switches together do not give is not what the other rules give: some of them would fit by chance.
        if len(left):
            left = left[self._explains(whole, left)]
        for name in self.switches:
            left = self._settle(left, [name])
        if len(left) and len(whole) > 1:
            self._joint(left, whole)
        return self.found

    def _joint(self, left: np.ndarray, whole: frozenset[str]) -> None:
        """Pairs that all switches together explain: a pair of switches where one does, else those without which it
        fails, else all.

        A set that explains must hold every switch without which the whole fails, so most pairs of switches need no
        trial.
        """
        needed = np.array([~self._explains(whole - {name}, left) for name in self.switches]).T
        for pattern in np.unique(needed, axis=0):
            rows = left[(needed == pattern).all(axis=1)]
            required = [name for name, is_needed in zip(self.switches, pattern, strict=True) if is_needed]
            if len(required) <= LARGEST_TRIED:
                for two in combinations(self.switches, LARGEST_TRIED):
                    if set(required) <= set(two) and len(rows):
                        rows = self._settle(rows, two)
            elif len(required) < len(whole):
                rows = self._settle(rows, required)
            self._settle(rows, self.switches)

    def _settle(self, rows: np.ndarray, names: Iterable[str]) -> np.ndarray:
        """Give the cause to those of `rows` that it explains; returns the others."""
        if not len(rows):
            return rows
        names = list(names)
        explained = self._explains(frozenset(names), rows)
        for row in rows[explained]:
            self.found[row] = names[0] if len(names) == 1 else "joint: " + " + ".join(names)
        return rows[~explained]

    def _explains(self, names: frozenset[str], rows: np.ndarray) -> np.ndarray:
        """(rows,) bool."""
        made = self.evaluate(names, rows)
        return agrees(made, self.ids.take(pa.array(rows)), self.expected, self.wanted[rows])


def agrees(made: Meaning, ids: pa.Array, expected: Meaning, wanted: np.ndarray) -> np.ndarray:
    """(ids,) bool: `made` has the pair as `expected` has it in row `wanted`, or lacks it where that is -1."""
    place = made.find(ids)
    found = (place < 0) & (wanted < 0)
    both = np.flatnonzero((place >= 0) & (wanted >= 0))
    if len(both):
        found[both] = same(made.take(place[both]), expected.take(wanted[both]))
    return found
