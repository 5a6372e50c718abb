"""Where a row stands in a release, and the fairest of many such rows."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, order=True)
class Place:
    """Row `row` of an annotation file."""

    path: str
    row: int
    slice_id: str


class Lowest(Generic[K]):
    """For each key the item of the lowest score; a tie goes to the one that came first."""

    def __init__(self) -> None:
        self.found: dict[K, tuple[float, Place]] = {}

    def offer(self, key: K, score: float, place: Place) -> None:
        if key not in self.found or score < self.found[key][0]:
            self.found[key] = score, place

    def beats(self, key: K, score: float) -> bool:
        """Whether an item of this score would be kept."""
        return key not in self.found or score < self.found[key][0]


def weighted_scores(row_ranks: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Scores whose lowest is a draw with chances in proportion to the weights (-ln(u) / w), the same every time."""
    uniform = (row_ranks >> np.uint64(11)).astype(np.float64) / 2.0**53
    return np.asarray(-np.log1p(-uniform) / np.maximum(weights, 1e-9))
