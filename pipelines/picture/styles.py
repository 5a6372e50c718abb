"""A colour and a dash for each label, so that a label looks the same on every slice and never by colour alone."""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[int, int, int]

COLOURS: tuple[Colour, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 190, 140),
    (240, 228, 66),
    (238, 108, 48),
    (224, 140, 190),
)
"""After Okabe and Ito's palette for all kinds of colour vision, its dark blue left out and its green and red lightened
for grounds of grey to black: sky, orange, green, yellow, vermilion, pink."""
DASHES: tuple[tuple[int, ...], ...] = ((), (9, 4), (2, 4))
"""Lengths of line and gap in pixels; () is a whole line."""
WHITE: Colour = (255, 255, 255)
HALO: Colour = (12, 14, 18)


@dataclass(frozen=True)
class Style:
    """Places in COLOURS and DASHES."""

    colour_index: int
    dash_index: int

    @property
    def colour(self) -> Colour:
        return COLOURS[self.colour_index]

    @property
    def dash(self) -> tuple[int, ...]:
        return DASHES[self.dash_index]


def style_of(number: int) -> Style:
    """Style of a label by its value, or of a measure by its place from 1: 18 that differ, then again."""
    place = max(number - 1, 0)
    return Style(place % len(COLOURS), place // len(COLOURS) % len(DASHES))
