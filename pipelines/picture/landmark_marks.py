"""Marks of landmarks: points with names, lines of distances, and angles where their lines meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from medvision.pipelines.picture.chosen import Chosen
from medvision.pipelines.picture.marks import Angle, Line, Mark, Place, Point, centre
from medvision.pipelines.picture.numbers import measured, plain
from medvision.pipelines.picture.styles import style_of
from medvision.transforms.biometrics import numbers_of
from medvision.transforms.cephalometry import LINES_OF
from medvision.transforms.move import Move

Row = Mapping[str, Any]


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
    exact = measure["definition"] == "exact" and key in LINES_OF
    lines = LINES_OF[key] if exact else tuple(pairwise(points))[::2]
    if measure["metric_type"] == "angle" and len(lines) == 2:
        (a, b), (c, d) = lines
        yield Angle((at[a], at[b]), (at[c], at[d]), not exact, style, texts)
        return
    for a, b in lines:
        yield Line(at[a], at[b], style, texts if len(lines) == 1 else (), thin=len(lines) > 1)
