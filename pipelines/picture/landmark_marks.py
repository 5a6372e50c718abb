"""Marks of landmarks: points with names, lines of distances, and angles where their lines meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from medvision.pipelines.picture.chosen import Chosen
from medvision.pipelines.picture.marks import Angle, Line, Mark, Place, Point, centre
from medvision.pipelines.picture.numbers import measured, plain
from medvision.pipelines.picture.styles import style_of
from medvision.transforms.biometrics import numbers_of
from medvision.transforms.move import Move

Row = Mapping[str, Any]
EXACT_ANGLES = {
    "SNA": ((2, 1), (2, 5)),
    "SNB": ((2, 1), (2, 6)),
    "ANB": ((2, 5), (2, 6)),
    "FMA": ((1, 2), (10, 9)),
}
"""Directed lines of the exact measures of a film that are one angle (transforms/cephalometry.py)."""
EXACT_LINES = {
    "ODI": ((5, 6), (10, 8), (4, 3), (17, 18)),
    "APDI": ((3, 4), (2, 7), (5, 6), (17, 18)),
    "FHI": ((1, 10), (2, 8)),
    "MW": ((11, 12),),
}
"""Lines of those that are a sum or a ratio, and have no place of their own."""


def landmark_marks(row: Row, move: Move, chosen: Chosen) -> Iterator[Mark]:
    """Lines and angles of each measure, then the points that they use."""
    used: set[tuple[str, int]] = set()
    places = {(item["source"], item["number"]): centre(move.point(item["position_rc"])) for item in row["landmarks"]}
    for place_in_list, measure in enumerate(chosen.measures(row), 1):
        points = numbers_of(measure["definition"], measure["metric_type"], measure["key"])
        at = {number: places[measure["source"], number] for number in points if (measure["source"], number) in places}
        used |= {(measure["source"], number) for number in at}
        yield from _measure(measure, points, at, place_in_list)
    for item in row["landmarks"]:
        key = (item["source"], item["number"])
        if key in used:
            yield Point(places[key], (plain(item["name"], 32), str(item["number"])))


def _measure(measure: Row, points: tuple[int, ...], at: dict[int, Place], number: int) -> Iterator[Mark]:
    """A measure with a missing point is not drawn: nothing says where it lies."""
    if not points or set(points) - set(at):
        return
    style, key = style_of(number), measure["key"]
    value = measured(measure["value"], measure["unit"])
    texts = (f"{plain(measure['name'] or key, 24)} {value}", value)
    if measure["definition"] == "exact" and key in EXACT_LINES:
        lines = EXACT_LINES[key]
        for a, b in lines:
            yield Line(at[a], at[b], style, texts if len(lines) == 1 else (), thin=len(lines) > 1)
    elif measure["metric_type"] == "distance":
        yield Line(at[points[0]], at[points[1]], style, texts)
    else:
        exact = measure["definition"] == "exact"
        (a, b), (c, d) = EXACT_ANGLES[key] if exact else (points[:2], points[2:])
        yield Angle((at[a], at[b]), (at[c], at[d]), not exact, style, texts)
