"""The meaning of one column."""

from __future__ import annotations

from dataclasses import dataclass

RC, XYZ, RAS, AFFINE = "r, c", "x, y, z", "RAS", "4 x 4"
"""Axes of a list of numbers: row and column of the slice array; volume order; a point's Right, Anterior, Superior; a
matrix row by row."""
NUMBERS = {RC: 2, XYZ: 3, RAS: 3, AFFINE: 16}
"""How many numbers a list with such axes holds."""
EXACT = "exact"


@dataclass(frozen=True)
class Definition:
    """What a column or nested field holds.

    Attributes:
        unit: Of its numbers: "mm", "pixels", ...; "" for names, flags and groups of fields.
        text: One phrase without a full stop, in Markdown.
        axes: Key of NUMBERS for a list of numbers in that order, else "".
        rules: "" where it is filled, and the same, under every set of rules. Else the switches of `Rules` that decide
            its values, separated by ", "; or EXACT, under which alone it exists.
    """

    unit: str
    text: str
    axes: str = ""
    rules: str = ""


Fields = dict[str, Definition]
"""Field name to its meaning, of one table or one struct."""
