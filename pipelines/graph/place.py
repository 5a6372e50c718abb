"""Where each step stands: rows by what waits for what, in two columns as the page is wide, lanes side by side."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from medvision.pipelines.graph.model import MERGE, Graph

NODE_HEIGHT, GAP, LANE_GAP, PAD, HEADER = 30, 44, 14, 12, 24
"""Pixels: of a step, between rows, between lanes, around the steps of a box, for its title."""
ASIDE_GAP, TRACK, MARGIN = 20, 13, 16
"""Pixels: before a step that stands beside the flow, between upright lines, around the whole."""


@dataclass
class Spot:
    """A step's place: its column and row, its centre and width in pixels, and whether it stands beside the flow."""

    column: int
    row: int
    aside: bool
    width: float
    x: float = 0.0
    y: float = 0.0

    @property
    def right(self) -> float:
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        return self.y - NODE_HEIGHT / 2

    @property
    def bottom(self) -> float:
        return self.y + NODE_HEIGHT / 2


def text_width(text: str, size: float) -> float:
    """Pixels that a text takes in the widest of the common sans-serifs."""
    narrow, wide = sum(c in "iljftr,.:()[]{} " for c in text), sum(c.isupper() or c in "mw" for c in text)
    return size * (0.38 * narrow + 0.8 * wide + 0.62 * (len(text) - narrow - wide))


def place(graph: Graph) -> dict[str, Spot]:
    """Spots by step name, with rows, columns and x; y is given by `set_heights`."""
    rows = _rows(graph)
    first_of_second = _cut(graph, rows)
    main = _main_steps(graph)
    spots = {}
    for step in graph.steps:
        column = int(rows[step.name] >= first_of_second)
        width = text_width(step.label, 12.5) + (28 if step.kind == MERGE else 72)
        row = rows[step.name] - column * first_of_second
        spots[step.name] = Spot(column, row, step.name not in main, width)
    crossing = {flow.collection for flow in graph.flows if spots[flow.source].column < spots[flow.target].column}
    left = float(MARGIN + PAD)
    for column in sorted({spot.column for spot in spots.values()}):
        right = _set_lanes(graph, {n: s for n, s in spots.items() if s.column == column}, left)
        left = right + TRACK * (2 + len(crossing)) + PAD
    return spots


def set_heights(graph: Graph, spots: dict[str, Spot], above: dict[tuple[int, int], int]) -> None:
    """Give each row its y, with room for titles of boxes that begin above it.

    Args:
        graph, spots: From `place`; y is set.
        above: Lines that arrive in the gap above (column, row), beyond the first.
    """
    for column in sorted({spot.column for spot in spots.values()}):
        begins, ends = box_rows(graph, spots, column)
        y = float(MARGIN)
        for row in range(1 + max(spot.row for spot in spots.values() if spot.column == column)):
            gap = GAP if row or column else MARGIN / 2
            y += gap + 9 * above.get((column, row), 0) + HEADER * (row in begins) + PAD * (row - 1 in ends)
            for spot in spots.values():
                if (spot.column, spot.row) == (column, row):
                    spot.y = y + NODE_HEIGHT / 2
            y += NODE_HEIGHT


def box_rows(graph: Graph, spots: dict[str, Spot], column: int) -> tuple[set[int], set[int]]:
    """Rows of a column where a box begins, and where one ends."""
    inside: dict[str, list[int]] = defaultdict(list)
    for step in graph.steps:
        if step.box and spots[step.name].column == column:
            inside[step.box].append(spots[step.name].row)
    return {min(rows) for rows in inside.values()}, {max(rows) for rows in inside.values()}


def _rows(graph: Graph) -> dict[str, int]:
    """Each step one row below the lowest that it waits for."""
    rows: dict[str, int] = {}

    def row(name: str) -> int:
        if name not in rows:
            rows[name] = max((row(flow.source) + 1 for flow in graph.flows if flow.target == name), default=0)
        return rows[name]

    return {step.name: row(step.name) for step in graph.steps}


def _cut(graph: Graph, rows: dict[str, int]) -> int:
    """The row that begins the second column: near the middle, and in no box."""
    spans: dict[str, set[int]] = defaultdict(set)
    for step in graph.steps:
        spans[step.box or step.name].add(rows[step.name])
    last = max(rows.values())
    free = [cut for cut in range(1, last + 1) if not any(min(s) < cut <= max(s) for s in spans.values())]
    return min(free, key=lambda cut: abs(2 * cut - last - 1), default=last + 1)


def _main_steps(graph: Graph) -> set[str]:
    """Steps in boxes, and those from which main inputs alone lead to the last step; others only feed side inputs."""
    main = {graph.steps[-1].name}
    for _ in graph.steps:
        main |= {flow.source for flow in graph.flows if flow.target in main and not flow.side}
    return main | {step.name for step in graph.steps if step.box}


def _set_lanes(graph: Graph, spots: dict[str, Spot], left: float) -> float:
    """Spread each row's steps around the column's middle, those beside the flow to the right; returns their end."""
    rows: dict[int, list[Spot]] = defaultdict(list)
    for spot in spots.values():
        if not spot.aside:
            rows[spot.row].append(spot)
    lanes = max(len(row) for row in rows.values())
    lane = max(spot.width for row in rows.values() for spot in row if lanes == 1 or len(row) > 1)
    if lanes == 1:  # a line comes in at the middle, past the title of the box
        titles = [text_width(box, 11.5) for box in graph.boxes if any(name.startswith(f"{box}/") for name in spots)]
        lane = max([lane, *(2 * (title + 7) for title in titles)])
    for row in rows.values():
        for spot in row:
            spot.width = max(lane, spot.width)
    lane += LANE_GAP * (lanes > 1)
    width = lanes * lane
    for row in rows.values():
        for index, spot in enumerate(row):
            spot.x = left + width / 2 + (index - (len(row) - 1) / 2) * lane
    right = left + width + PAD
    beside = [spot for spot in spots.values() if spot.aside]
    for spot in beside:
        spot.x = right + ASIDE_GAP + spot.width / 2
    return max([right, *(spot.right for spot in beside)])
