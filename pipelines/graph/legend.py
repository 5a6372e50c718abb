"""What the signs of the picture mean, in a strip below it."""

from __future__ import annotations

from collections.abc import Callable

from medvision.pipelines.graph.marks import SMALL, arrow_head, colours, number, path, shuffle_sign, text

LEGEND_HEIGHT = 58


def legend(x: float, y: float, width: float) -> str:
    """Two rows of three signs, from (x, y) and as wide as given."""
    items: tuple[tuple[Callable[[float, float], str], str], ...] = (
        (_band, "one colour and number: one stage, its steps fused in one process"),
        (_shuffle, "shuffle: written by one stage, read by another"),
        (_merge, "collections taken as one"),
        (_line, "kept until another stage reads it"),
        (_side, "side input: each reader has all of it"),
        (_box, "a composite"),
    )
    widths = (0.0, 0.45, 0.81)
    parts = [f'<path d="M{number(x)} {number(y)}L{number(x + width)} {number(y)}" stroke="#d8dee4"/>']
    for index, (sign, words) in enumerate(items):
        left, middle = x + widths[index % 3] * width, y + 19 + 26 * (index // 3)
        parts += [sign(left, middle), text(left + 44, middle + 3.7, words, SMALL, fill="#57606a")]
    return f'<g class="legend">{"".join(parts)}</g>'


def _rect(x: float, y: float, radius: float, fill: str, stroke: str) -> str:
    return (
        f'<rect x="{number(x)}" y="{number(y - 8)}" width="36" height="16" rx="{radius:g}" '
        f'fill="{fill}" stroke="{stroke}"/>'
    )


def _band(x: float, y: float) -> str:
    fill, band, border = colours(1)
    tie = f'<path d="{path([(x, y), (x + 36, y)])}" stroke="{band}" stroke-width="9"/>'
    size = f'y="{number(y - 6)}" width="12" height="12" rx="3"'
    squares = (f'<rect x="{number(left)}" {size} fill="{fill}" stroke="{border}"/>' for left in (x, x + 24))
    return tie + "".join(squares)


def _shuffle(x: float, y: float) -> str:
    return _rect(x, y, 8, "#eef1f4", "#8c959f") + shuffle_sign(x + 18, y)


def _merge(x: float, y: float) -> str:
    return _rect(x, y, 8, "#ffffff", "#8c959f")


def _line(x: float, y: float, dashes: str = "") -> str:
    way = path([(x, y - 6), (x + 29, y - 6), (x + 29, y + 7)])
    return f'<path d="{way}" fill="none" stroke="#57606a" stroke-width="1.3"{dashes}/>' + arrow_head(x + 29, y + 8)


def _side(x: float, y: float) -> str:
    return _line(x, y, ' stroke-dasharray="5 4"')


def _box(x: float, y: float) -> str:
    return _rect(x, y, 5, "#f6f7f9", "#c9ced6")
