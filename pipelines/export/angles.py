"""Angles between landmarks as two arms at one vertex, which is all that an angle markup can show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from medvision.transforms.cephalometry import POINTS_OF

EXACT_ANGLES = {"SNA": (2, 1, 2, 5), "SNB": (2, 1, 2, 6), "FMA": (1, 2, 10, 9)}
"""Two directed lines of each exact angle that is one angle; ANB, ODI and APDI are sums of several."""


Arms = list[tuple[str, list[float]]]
"""End of one arm, vertex, end of the other: what each is called, and its RAS mm."""


def lines_of(measure: Mapping[str, Any]) -> tuple[int, int, int, int] | None:
    """Point numbers (from, to, from, to) of the two lines of an angle; None for one that is a sum of angles."""
    if measure["definition"] == "exact":
        return EXACT_ANGLES.get(measure["key"])
    first, second, third, fourth = map(int, measure["key"].replace("A-L_", "").replace("-L_", "_").split("_"))
    return first, second, third, fourth


def points_of_measure(measure: Mapping[str, Any]) -> tuple[int, ...]:
    """Point numbers of a distance: its two ends."""
    if measure["key"] in POINTS_OF:
        return POINTS_OF[measure["key"]]
    return tuple(map(int, measure["key"].split("-")[1:]))


def arms(measure: Mapping[str, Any], points_mm: Mapping[int, np.ndarray], names: Mapping[int, str]) -> Arms | None:
    """The angle of two lines as two arms at one vertex, None for a sum of angles.

    The vertex is the point that both lines share, else the start of the first: the second line is then moved there.
    Upstream folds angles over 90 degrees: the second arm is then turned about the vertex, so that what is shown is the
    value.

    Args:
        measure: Row of BIOMETRIC, an angle.
        points_mm: RAS mm of its landmarks by number.
        names: Of the landmarks.
    """
    lines = lines_of(measure)
    if lines is None:
        return None
    first, second, third, fourth = lines
    shared = next((number for number in (first, second) if number in (third, fourth)), None)
    one, other = points_mm[second] - points_mm[first], points_mm[fourth] - points_mm[third]
    one, near = (-one, first) if shared == second else (one, second)
    other, far = (-other, third) if shared == fourth else (other, fourth)
    middle = first if shared is None else shared
    label = names[far] if shared is not None else f"{names[third]} to {names[fourth]}, moved"
    if measure["definition"] == "upstream" and float(one @ other) < 0:
        other, label = -other, f"{label}, turned back"
    vertex = points_mm[middle]
    texts = names[near], names[middle], label
    return [(text, point.tolist()) for text, point in zip(texts, (vertex + one, vertex, vertex + other), strict=True)]
