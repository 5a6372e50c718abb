"""Numbers with their units, and names, as a picture or a page shows them."""

from __future__ import annotations

from collections.abc import Sequence

NAME_LENGTH = 60
UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def millimetres(value: float) -> str:
    return f"{value:.1f} mm"


def square_millimetres(value: float) -> str:
    return f"{value:,.0f} mm²" if value >= 100 else f"{value:.1f} mm²"


def width_by_height(size_mm: Sequence[float]) -> str:
    """Text of a size in (height, width), the axis order of a picture."""
    return f"{size_mm[1]:.1f} × {size_mm[0]:.1f} mm"


def measured(value: float, unit: str) -> str:
    """A measure in mm, mm², degrees or, with no unit, as a ratio."""
    known = {"mm": millimetres(value), "mm²": square_millimetres(value), "degree": f"{value:.1f}°"}
    return known.get(unit, f"{value:.3f} {unit}".strip())


def plain(name: str, length: int = NAME_LENGTH) -> str:
    """A name on one line: what cannot be shown is replaced, and a long one cut."""
    shown = "".join(letter if letter.isprintable() else UNKNOWN for letter in name)
    return shown if len(shown) <= length else shown[: length - 1] + "…"
