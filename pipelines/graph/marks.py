"""Small parts of the picture, as SVG: colours, texts, paths with round corners, arrow heads, the sign of a shuffle."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from html import escape
from math import dist

SIZE, SMALL, ROUND = 12.5, 10.5, 6.0
"""Pixels: letters of a step, letters beside a line, radius of a corner."""
INK = "#1f2328"
GOLDEN_ANGLE = 0.381966
"""Of a circle of hues: neighbours are never alike."""


def number(value: float) -> str:
    """At most one digit after the point, so that no machine's last bits show."""
    return f"{round(value, 1):g}" if abs(value) < 100_000 else str(round(value))


def colours(stage: int) -> tuple[str, str, str]:
    """Fill, band and border of a stage, as #rrggbb."""
    hue = (0.56 + GOLDEN_ANGLE * (stage - 1)) % 1.0

    def colour(lightness: float, saturation: float) -> str:
        rgb = colorsys.hls_to_rgb(hue, lightness, saturation)
        return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)

    return colour(0.91, 0.75), colour(0.84, 0.68), colour(0.42, 0.45)


def text(
    x: float,
    y: float,
    words: str,
    size: float,
    anchor: str = "start",
    weight: int = 400,
    fill: str = INK,
    halo: bool = False,
) -> str:
    """A line of text; `halo` keeps it legible on a line."""
    more = f' font-weight="{weight}"' if weight != 400 else ""
    more += f' text-anchor="{anchor}"' if anchor != "start" else ""
    more += ' stroke="#ffffff" stroke-opacity="0.85" stroke-width="3" paint-order="stroke"' if halo else ""
    return f'<text x="{number(x)}" y="{number(y)}" font-size="{size:g}" fill="{fill}"{more}>{escape(words)}</text>'


def path(points: Sequence[tuple[float, float]]) -> str:
    """The `d` of a path through corners, rounded."""
    parts = [f"M{number(points[0][0])} {number(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(ROUND, dist(before, corner) / 2, dist(corner, after) / 2)
        enter, leave = _towards(corner, before, radius), _towards(corner, after, radius)
        parts.append(f"L{enter}Q{number(corner[0])} {number(corner[1])} {leave}")
    return "".join([*parts, f"L{number(points[-1][0])} {number(points[-1][1])}"])


def arrow_head(x: float, y: float) -> str:
    """Pointing down at (x, y)."""
    corners = ((x, y), (x - 4, y - 7), (x + 4, y - 7))
    return f'<path d="M{"L".join(f"{number(a)} {number(b)}" for a, b in corners)}Z" fill="#57606a"/>'


def shuffle_sign(x: float, y: float) -> str:
    """Two ways that cross, around (x, y)."""
    left, right, up, down = (number(value) for value in (x - 6, x + 5, y - 4, y + 4))
    a, b = number(x - 2), number(x + 1.5)
    back = number(x + 3)
    heads = "".join(
        f"M{back} {number(way - 2.5)}L{right} {number(way)}L{back} {number(way + 2.5)}" for way in (y - 4, y + 4)
    )
    ways = f"M{left} {up}L{a} {up}L{b} {down}L{right} {down}M{left} {down}L{a} {down}L{b} {up}L{right} {up}"
    return f'<path class="shuffle-sign" d="{ways}{heads}" fill="none" stroke="{INK}" stroke-width="1.3"/>'


def _towards(start: tuple[float, float], end: tuple[float, float], way: float) -> str:
    share = way / (dist(start, end) or 1)
    return " ".join(number(a + (b - a) * share) for a, b in zip(start, end, strict=True))
