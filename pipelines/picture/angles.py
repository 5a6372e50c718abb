"""Where the arc of an angle between two lines is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

XY = tuple[float, float]
PARALLEL = 1e-6
"""Sine of the angle below which two lines meet nowhere that can be drawn."""


@dataclass(frozen=True)
class Arc:
    """An arc around `corner`, from `start` by `turn` radians (x to the right, y down, so positive is clockwise)."""

    corner: XY
    start: float
    turn: float

    @property
    def degrees(self) -> float:
        return math.degrees(abs(self.turn))

    def points(self, radius: float, pieces: int = 24) -> list[XY]:
        """Points along the arc, both ends among them."""
        angles = [self.start + self.turn * i / pieces for i in range(pieces + 1)]
        return [(self.corner[0] + radius * math.cos(a), self.corner[1] + radius * math.sin(a)) for a in angles]


def arc_between(first: tuple[XY, XY], second: tuple[XY, XY], folded: bool) -> Arc | None:
    """The angle of two directed lines at the point where they, prolonged, meet; None for parallel lines.

    Args:
        folded: Take the acute angle, on the side of the lines' own middles as far as it can; else the angle between
            their directions, 0 to 180 degrees.
    """
    u, v = _direction(first), _direction(second)
    if u is None or v is None:
        return None
    sine = u[0] * v[1] - u[1] * v[0]
    if abs(sine) < PARALLEL:
        return None
    between = second[0][0] - first[0][0], second[0][1] - first[0][1]
    along = (between[0] * v[1] - between[1] * v[0]) / sine
    corner = first[0][0] + along * u[0], first[0][1] + along * u[1]
    if folded:
        u, v = _towards(corner, first, u), _towards(corner, second, v)
        if u[0] * v[0] + u[1] * v[1] < 0:
            v = -v[0], -v[1]
    turn = math.atan2(u[0] * v[1] - u[1] * v[0], u[0] * v[0] + u[1] * v[1])
    return Arc(corner, math.atan2(u[1], u[0]), turn)


def _direction(line: tuple[XY, XY]) -> XY | None:
    length = math.dist(*line)
    return ((line[1][0] - line[0][0]) / length, (line[1][1] - line[0][1]) / length) if length else None


def _towards(corner: XY, line: tuple[XY, XY], direction: XY) -> XY:
    """The direction or its opposite, whichever leads from the corner to the line's middle."""
    middle = (line[0][0] + line[1][0]) / 2 - corner[0], (line[0][1] + line[1][1]) / 2 - corner[1]
    ahead = middle[0] * direction[0] + middle[1] * direction[1] >= 0
    return direction if ahead else (-direction[0], -direction[1])
