"""The panel beside a picture: what slice it is, the numbers of every mark in its colour, and doubts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from medvision.pipelines.picture.canvas import font
from medvision.pipelines.picture.facts import Fact
from medvision.pipelines.picture.numbers import plain
from medvision.pipelines.picture.styles import WHITE, Style

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

WIDTH, MARGIN, LINE, SIZE = 330, 16, 19, 13
PANEL, QUIET = (22, 25, 30), (160, 168, 180)
SWATCH = 22


def beside(picture: Image, row: Mapping[str, Any], facts: Sequence[Fact]) -> Image:
    """The picture with the panel at its right; a long list is cut at its height, or at 900 pixels."""
    from PIL import Image, ImageDraw

    head, lines = _head(row), _lines(facts)
    room = max(picture.height, min(900, 2 * MARGIN + LINE * (len(head) + len(lines) + 1)))
    most = (room - 2 * MARGIN) // LINE - len(head) - 1
    image = Image.new("RGB", (picture.width + WIDTH, room), PANEL)
    image.paste(picture, (0, 0))
    pen, x, y = ImageDraw.Draw(image), picture.width + MARGIN, MARGIN
    for number, text in enumerate(head):
        _write(pen, (x, y), text, WHITE if number == 0 else QUIET, bold=number == 0)
        y += LINE
    y += LINE // 2
    if len(lines) > most:
        rest = len(lines) - most + 1
        lines = [*lines[: most - 1], (None, f"and {rest} more: medvision inspect", "")]
    for style, text, value in lines:
        if style is not None:
            _swatch(pen, (x, y + LINE // 2 - 2), style)
        _write(pen, (x + (SWATCH + 8 if style or value else 0), y), text, WHITE if style else QUIET, bool(style))
        _write(pen, (image.width - MARGIN - font(SIZE).getlength(value), y), value, WHITE)
        y += LINE
    return image


def _head(row: Mapping[str, Any]) -> list[str]:
    """Lines on the slice, each cut to the panel."""
    spacing = " × ".join(f"{mm:.3g}" for mm in row["pixel_spacing_mm"])
    lines = [
        *_wrapped(plain(row["slice_id"], 128)),
        f"{plain(row['dataset'])}, {plain(row['modality'])}, {row['plane']} {row['slice_idx']}",
        f"pixels of {spacing} mm (row, column)",
    ]
    flags = ", ".join(map(plain, row.get("flags") or ()))
    return [*lines, *(_wrapped(f"flags: {flags}") if flags else [])]


def _lines(facts: Sequence[Fact]) -> list[tuple[Style | None, str, str]]:
    """(swatch, text, number): a line with a swatch for each name, then its numbers; one line for a lone number."""
    lines: list[tuple[Style | None, str, str]] = []
    for (style, name), group in groupby(facts, key=lambda fact: (fact.style, fact.name)):
        found = list(group)
        if len(found) == 1:
            lines.append((style, name, found[0].value))
        else:
            lines += [(style, name, ""), *((None, fact.what, fact.value) for fact in found)]
    return lines


def _wrapped(text: str) -> list[str]:
    """Pieces that fit the panel's width, broken after blanks and hyphens, or anywhere in a long word."""
    lines, room = [""], WIDTH - 2 * MARGIN
    for word in re.findall(r"[^\s-]*[\s-]|[^\s-]+", text):
        for part in (word,) if _extent(word) <= room else tuple(word):
            if _extent(lines[-1] + part) > room:
                lines.append("")
            lines[-1] += part
    return lines


def _extent(text: str) -> float:
    return font(SIZE, bold=True).getlength(text)


def _swatch(pen: ImageDraw, at: tuple[float, float], style: Style) -> None:
    dash = style.dash or (SWATCH, 1)
    x, stop = at[0], at[0] + SWATCH
    while x < stop:
        pen.line([(x, at[1]), (min(x + dash[0], stop), at[1])], fill=style.colour, width=3)
        x += sum(dash)


def _write(
    pen: ImageDraw, at: tuple[float, float], text: str, colour: tuple[int, int, int], bold: bool = False
) -> None:
    pen.text(at, text, fill=colour, font=font(SIZE, bold))
