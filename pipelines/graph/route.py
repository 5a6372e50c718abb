"""The way of each collection from step to step: straight down, or through the free space between columns."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations

from medvision.pipelines.graph.marks import SMALL
from medvision.pipelines.graph.model import Flow, Graph
from medvision.pipelines.graph.place import GAP, HEADER, PAD, TRACK, Spot, box_rows, set_heights, text_width

Point = tuple[float, float]
Collection = tuple[str, str]
LABEL, BUS, ARRIVAL, LEVEL = 15, 21, 30, 9
"""Pixels below a row: the name of what flows, where it forks and joins, where lines from afar come in, and between."""
MAX_TRACKS = 6
"""Orders of more are not tried out."""


@dataclass(frozen=True)
class Line:
    """A flow as corners, from the edge of one step to that of another."""

    flow: Flow
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Label:
    """What flows, written from this point on."""

    x: float
    y: float
    text: str


class Router:
    """Routes over spots; `Router(...)` also sets the heights of the spots, since lines need room."""

    def __init__(self, graph: Graph, spots: dict[str, Spot]) -> None:
        self.graph, self.spots = graph, spots
        self.down = {f.collection for f in graph.flows if self._is_next(f) or spots[f.source].aside}
        self.levels: dict[tuple[str, Collection], int] = {}
        arrivals: dict[tuple[int, int, bool], dict[Collection, None]] = defaultdict(dict)
        for flow in self._far():
            spot = spots[flow.target]
            gap = arrivals[spot.column, spot.row, self._from_left(flow)]
            self.levels[flow.target, flow.collection] = (
                list(gap).index(flow.collection) if flow.collection in gap else len(gap)
            )
            gap[flow.collection] = None
        above: dict[tuple[int, int], int] = defaultdict(int)
        for (column, row, _), gap in arrivals.items():
            above[column, row] = max(above[column, row], len(gap) - 1)
        set_heights(graph, spots, above)
        self.begins = {column: box_rows(graph, spots, column) for column in {s.column for s in spots.values()}}
        self.tracks = self._choose_tracks()

    def lines(self) -> list[Line]:
        return [Line(flow, self._points(flow, self.tracks)) for flow in self.graph.flows]

    def labels(self) -> dict[Collection, Label]:
        """One for each collection, where it leaves its step."""
        labels: dict[Collection, Label] = {}
        for flow in self.graph.flows:
            spot = self.spots[flow.source]
            if flow.collection in self.down:
                labels[flow.collection] = Label(spot.x + 9, self._gap_top(spot.column, spot.row + 1) + LABEL, flow.what)
            else:
                border = PAD if flow.source.count("/") else 0
                labels[flow.collection] = Label(spot.right + border + 6, self._exit_y(flow) - 4, flow.what)
        return labels

    def _is_next(self, flow: Flow) -> bool:
        source, target = self.spots[flow.source], self.spots[flow.target]
        return source.column == target.column and target.row == source.row + 1 and source.aside == target.aside

    def _is_beside(self, flow: Flow) -> bool:
        source, target = self.spots[flow.source], self.spots[flow.target]
        return target.aside and source.column == target.column and not source.aside

    def _far(self) -> list[Flow]:
        return [flow for flow in self.graph.flows if not self._is_next(flow) and not self._is_beside(flow)]

    def _from_left(self, flow: Flow) -> bool:
        return self.spots[flow.source].column < self.spots[flow.target].column

    def _gap_top(self, column: int, row: int) -> float:
        """Where the gap above a row begins, below the border of a box that ends there."""
        begins, ends = self.begins[column]
        tops = [spot.top for spot in self.spots.values() if (spot.column, spot.row) == (column, row)]
        above = [spot.bottom for spot in self.spots.values() if (spot.column, spot.row) == (column, row - 1)]
        return above[0] + PAD * (row - 1 in ends) if above else tops[0] - GAP - HEADER * (row in begins)

    def _exit_y(self, flow: Flow) -> float:
        others = dict.fromkeys(
            f.collection for f in self.graph.flows if f.source == flow.source and f.collection not in self.down
        )
        middle = (len(others) - 1) / 2
        return self.spots[flow.source].y + 14 * (list(others).index(flow.collection) - middle)

    def _points(self, flow: Flow, tracks: dict[Collection, float]) -> tuple[Point, ...]:
        source, target = self.spots[flow.source], self.spots[flow.target]
        if self._is_beside(flow):
            x, y = self._beside_port(flow), self._exit_y(flow)
            return (source.right, y), (x, y), (x, target.top)
        bus = self._gap_top(source.column, source.row + 1) + BUS if flow.collection in self.down else 0.0
        if self._is_next(flow):
            turn = ((source.x, bus), (target.x, bus)) if source.x != target.x else ()
            return (source.x, source.bottom), *turn, (target.x, target.top)
        track = tracks[flow.collection]
        arrival = self._gap_top(target.column, target.row) + ARRIVAL
        arrival += LEVEL * self.levels[flow.target, flow.collection]
        alone = [f.target for f in self.graph.flows].count(flow.target) == 1
        aside = 0 if alone else 28 + 12 * self.levels[flow.target, flow.collection]
        port = target.x - aside if self._from_left(flow) else target.x + aside
        way: tuple[Point, ...] = ((track, arrival), (port, arrival), (port, target.top))
        if flow.collection in self.down:
            return (source.x, source.bottom), (source.x, bus), (track, bus), *way
        y = self._exit_y(flow)
        return (source.right, y), (track, y), *way

    def _beside_port(self, flow: Flow) -> float:
        """Those from the lowest step come in leftmost, so that lines do not cross."""
        beside = [f for f in self.graph.flows if f.target == flow.target and self._is_beside(f)]
        beside.sort(key=lambda f: -self.spots[f.source].row)
        return self.spots[flow.target].x + 18 * (beside.index(flow) - (len(beside) - 1) / 2)

    def _choose_tracks(self) -> dict[Collection, float]:
        """x of the upright part of each line from afar: in the order of fewest crossings."""
        by_gutter: dict[tuple[int, bool], dict[Collection, None]] = defaultdict(dict)
        for flow in self._far():
            by_gutter[self.spots[flow.source].column, self._from_left(flow)][flow.collection] = None
        tracks: dict[Collection, float] = {}
        for (column, between), found in by_gutter.items():
            ends = [s.right + PAD * between for s in self.spots.values() if s.column == column]
            if not between:
                ends += [label_end(m) - 8 for made, m in self.labels().items() if self.spots[made[0]].column == column]
            places = [max(ends) + TRACK * (index + 1) for index in range(len(found))]
            orders = permutations(places) if len(found) <= MAX_TRACKS else [tuple(places)]
            ways = [dict(zip(found, order, strict=True)) for order in orders]
            fewest = min(ways, key=self._crossings)
            tracks |= fewest
        return tracks

    def _crossings(self, tracks: dict[Collection, float]) -> int:
        flows = [flow for flow in self._far() if flow.collection in tracks]
        ways = [(flow.collection, list(pairwise(self._points(flow, tracks)))) for flow in flows]
        return sum(
            _cross(one, other)
            for (a, ones), (b, others) in combinations(ways, 2)
            if a != b
            for one in ones
            for other in others
        )


def _cross(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    """Whether an upright and a level segment meet."""
    for (a, b), (c, d) in ((one, other), (other, one)):
        if a[0] == b[0] and c[1] == d[1]:
            upright, level = sorted((a[1], b[1])), sorted((c[0], d[0]))
            if upright[0] < c[1] < upright[1] and level[0] < a[0] < level[1]:
                return True
    return False


def label_end(label: Label) -> float:
    """Right end of a label in pixels."""
    return label.x + text_width(label.text, SMALL)
