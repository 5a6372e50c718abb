"""Which slices the gallery shows, and in what order they are taken: every dataset first, then what is still unseen."""

from __future__ import annotations

from collections.abc import Iterable

from medvision.pipelines.report.candidates import Facet
from medvision.pipelines.report.places import Lowest, Place

WHATS = ("kind", "plane", "label", "measure")


class Choice:
    """Places in turn, a dataset after the other; what a slice showed is told by `cover`, so that others come next."""

    def __init__(self, best: Lowest[Facet]) -> None:
        self._pending: dict[str, list[tuple[Facet, Place]]] = {}
        for facet, (_, place) in sorted(best.found.items(), key=lambda item: (WHATS.index(item[0].what), item[1])):
            self._pending.setdefault(facet.dataset, []).append((facet, place))
        self._covered: set[Facet] = set()
        self._anywhere: set[tuple[str, str]] = set()
        self._used: set[str] = set()
        self._turn: list[str] = []

    def cover(self, facets: Iterable[Facet]) -> None:
        """These have been shown."""
        for facet in facets:
            self._covered.add(facet)
            self._anywhere.add((facet.what, facet.name))

    def next(self) -> Place | None:
        """The next slice, None when every one has been given."""
        while any(self._pending.values()):
            if not self._turn:
                self._turn = sorted(self._pending, reverse=True)
            dataset = self._turn.pop()
            left = [item for item in self._pending[dataset] if item[1].slice_id not in self._used]
            self._pending[dataset] = left
            if left:
                _, place = min(left, key=self._rank)
                self._used.add(place.slice_id)
                return place
        return None

    def _rank(self, item: tuple[Facet, Place]) -> tuple[bool, bool]:
        """Unseen in its dataset first, of those the unseen anywhere; a tie goes to the earlier facet."""
        facet = item[0]
        return facet in self._covered, (facet.what, facet.name) in self._anywhere
