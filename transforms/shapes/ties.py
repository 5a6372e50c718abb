"""Comparisons of lengths and points in which the last bits of a CPU never decide: numbers are rounded to 1e-9 first."""

from __future__ import annotations

Point = tuple[float, float]
DIGITS = 9
CLEAR = 1e-8
"""Numbers farther apart stand in the same order after rounding as before: there is no need to round, which is slow."""


def is_less(value: float, limit: float) -> bool:
    """value < limit."""
    if abs(value - limit) > CLEAR:
        return value < limit
    return round(value, DIGITS) < round(limit, DIGITS)


def lower_first(first: Point, second: Point) -> tuple[Point, Point]:
    """Two (row, column) points, that with the larger row first (tie: column), as the lower in the picture."""
    if abs(first[0] - second[0]) > CLEAR:
        return (first, second) if first[0] > second[0] else (second, first)
    a = round(first[0], DIGITS), round(first[1], DIGITS)
    b = round(second[0], DIGITS), round(second[1], DIGITS)
    return (first, second) if a >= b else (second, first)
