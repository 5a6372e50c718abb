"""The scale bar's length, and the letters of the patient's sides around a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

from medvision.transforms.geometry import slice_axes

SHARE = 0.25
"""Of the picture's width that the bar takes at most."""
HIGH, LOW = "RAS", "LPI"
"""Side that each axis of a RAS+ volume grows to, and the one it comes from."""


@dataclass(frozen=True)
class Sides:
    """Letters at the four edges of a picture: Right, Left, Anterior, Posterior, Superior, Inferior of the patient."""

    top: str
    bottom: str
    left: str
    right: str


def sides_of(slice_dim: int, turned: bool) -> Sides:
    """Sides of a slice array, or of its radiological picture (`turned`)."""
    rows, columns = slice_axes(slice_dim)
    if turned:
        return Sides(top=HIGH[columns], bottom=LOW[columns], left=HIGH[rows], right=LOW[rows])
    return Sides(top=LOW[rows], bottom=HIGH[rows], left=LOW[columns], right=HIGH[columns])


def bar_mm(width_pixels: float, pixels_per_mm: float) -> float:
    """The longest of 1, 2, 5, 10, 20 ... mm (and their tenths) that fits a quarter of the width."""
    room_mm = width_pixels * SHARE / pixels_per_mm
    power = 10.0 ** math.floor(math.log10(room_mm))
    return next(step * power for step in (5, 2, 1) if step * power <= room_mm * (1 + 1e-9))
