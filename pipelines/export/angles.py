"""Angles between landmarks as two arms at one vertex, which is all that an angle markup can show."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np

from medvision.transforms.biometrics import numbers_of
from medvision.transforms.cephalometry import LINES_OF, SIGNED_ANGLES

Arms = list[tuple[str, list[float]]]
"""End of one arm, vertex, end of the other: what each is called, and its RAS mm."""


def lines_of(measure: Mapping[str, Any]) -> tuple[int, int, int, int] | None:
    """Point numbers (from, to, from, to) of the two lines of an angle; None for one with a sign or of several."""
    key = measure["key"]
    if measure["definition"] == "exact" and key in LINES_OF:
        numbers = () if key in SIGNED_ANGLES else tuple(chain.from_iterable(LINES_OF[key]))
    else:
        numbers = numbers_of(measure["definition"], "angle", key)
    if len(numbers) != 4:
        return None
    first, second, third, fourth = numbers
    return first, second, third, fourth


def points_of_measure(measure: Mapping[str, Any]) -> tuple[int, ...]:
    """Point numbers of a distance: its two ends."""
    return numbers_of(measure["definition"], "distance", measure["key"])


def arms(measure: Mapping[str, Any], points_mm: Mapping[int, np.ndarray], names: Mapping[int, str]) -> Arms | None:
    """The angle of two lines as two arms at one vertex, None for one that has a sign or is a sum.

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
