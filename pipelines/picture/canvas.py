"""A pen for marks on a picture: smooth lines with a dark rim, and words that do not cover one another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from medvision.pipelines.picture.styles import HALO, WHITE, Colour

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

XY = tuple[float, float]
FINE = 3
"""Lines are drawn so many times larger and reduced, which smooths them."""
RIM = 1.6
"""Width in pixels of the dark rim on each side of a line."""
GAP, PAD = 4, 3
PLATE = (*HALO, 215)
"""Ground of words: dark, and not quite opaque."""


@cache
def font(size: int, bold: bool = False) -> FreeTypeFont:
    """DejaVu Sans, as Matplotlib ships it, so that pictures are alike everywhere."""
    import matplotlib
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path()) / "fonts/ttf" / name
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


class Canvas:
    """Marks on a copy of `ground`, in its pixels: x to the right, y down, (0, 0) its outer corner."""

    def __init__(self, ground: Image, line_width: float, text_size: int) -> None:
        from PIL import Image, ImageDraw

        self.ground = ground
        self.line_width, self.text_size = line_width, text_size
        self._lines = Image.new("RGBA", (ground.width * FINE, ground.height * FINE))
        self._pen = ImageDraw.Draw(self._lines)
        self._texts: list[tuple[XY, str, Colour, bool]] = []
        self._taken: list[tuple[float, float, float, float]] = []

    def line(self, points: Sequence[XY], colour: Colour, dash: Sequence[float] = (), width: float = 1.0) -> None:
        """A line through points, `width` times the usual width."""
        wide = self.line_width * width
        parts = list(_dashes(points, [length * self.line_width / 2 for length in dash])) if dash else [list(points)]
        for colour_of, extra in ((HALO, 2 * RIM * self.line_width / 2), (colour, 0.0)):
            for part in parts:
                self._stroke(part, colour_of, wide + extra)

    def dot(self, at: XY, colour: Colour, radius: float = 2.0) -> None:
        """A filled disc of `radius` line widths; words leave it free."""
        for colour_of, extra in ((HALO, RIM), (colour, 0.0)):
            self._disc(at, radius * self.line_width + extra, colour_of)
        reach = radius * self.line_width
        self._taken.append((at[0] - reach, at[1] - reach, at[0] + reach, at[1] + reach))

    def text(self, at: XY, text: str, colour: Colour = WHITE, bold: bool = False) -> None:
        """Words whose left top corner is `at`."""
        width, height = self.text_extent(text, bold)
        self._texts.append((at, text, colour, bold))
        self._taken.append((at[0] - PAD, at[1] - 1, at[0] + width + PAD, at[1] + height + 1))

    def keep_free(self, first: XY, second: XY) -> None:
        """No words shall cover the rectangle between two opposite corners."""
        (left, right), (top, bottom) = (sorted(pair) for pair in zip(first, second, strict=True))
        self._taken.append((left, top, right, bottom))

    def text_near(self, anchors: Sequence[XY], texts: Sequence[str], colour: Colour) -> bool:
        """The first of `texts` that fits beside one of the anchors without covering other words; False for none."""
        for text in texts:
            width, height = self.text_extent(text)
            for x, y in anchors:
                for left, top in _beside(x, y, width, height):
                    if self._free(left, top, left + width, top + height):
                        self.text((left, top), text, colour)
                        return True
        return False

    def text_extent(self, text: str, bold: bool = False) -> tuple[float, float]:
        """(width, height) in pixels."""
        return font(self.text_size, bold).getlength(text), self.text_size * 1.2

    def finish(self) -> Image:
        """The ground with all marks, RGB."""
        from PIL import ImageDraw

        lines = self._lines.reduce(FINE)
        image = self.ground.copy()
        image.paste(lines, mask=lines)
        pen = ImageDraw.Draw(image, "RGBA")
        for at, text, colour, bold in self._texts:
            width, height = self.text_extent(text, bold)
            plate = [at[0] - PAD, at[1] - 1, at[0] + width + PAD, at[1] + height]
            pen.rounded_rectangle(plate, radius=PAD, fill=PLATE)
            pen.text(at, text, fill=colour, font=font(self.text_size, bold))
        return image

    def _free(self, left: float, top: float, right: float, bottom: float) -> bool:
        if left < GAP or top < GAP or right > self.ground.width - GAP or bottom > self.ground.height - GAP:
            return False
        area = left - PAD, top - 1, right + PAD, bottom + 1
        return not any(
            area[0] < taken[2] and taken[0] < area[2] and area[1] < taken[3] and taken[1] < area[3]
            for taken in self._taken
        )

    def _stroke(self, points: Sequence[XY], colour: Colour, width: float) -> None:
        fine = [(x * FINE - 0.5, y * FINE - 0.5) for x, y in points]
        self._pen.line(fine, fill=(*colour, 255), width=max(1, round(width * FINE)), joint="curve")
        for end in (points[0], points[-1]):  # round ends: corners of boxes and outlines close
            self._disc(end, width / 2, colour)

    def _disc(self, at: XY, radius: float, colour: Colour) -> None:
        x, y, r = at[0] * FINE - 0.5, at[1] * FINE - 0.5, radius * FINE
        self._pen.ellipse([x - r, y - r, x + r, y + r], fill=(*colour, 255))


def _beside(x: float, y: float, width: float, height: float) -> Iterator[XY]:
    """Left top corners of words near a point: at its right and left, above and below, near and then further off."""
    for gap in (GAP, 2 * GAP, 4 * GAP):
        for left in (x + gap, x - width - gap):
            yield left, y - height - gap
            yield left, y + gap
        yield x - width / 2, y - height - gap
        yield x - width / 2, y + gap


def _dashes(points: Sequence[XY], dash: Sequence[float]) -> Iterator[list[XY]]:
    """Pieces of a line through points, `dash` in turn drawn and left out."""
    turn, left = 0, dash[0]
    piece = [points[0]]
    for start, end in pairwise(points):
        length, done = math.dist(start, end), 0.0
        while length - done > left:
            done += left
            at = (start[0] + (end[0] - start[0]) * done / length, start[1] + (end[1] - start[1]) * done / length)
            if turn % 2 == 0:
                yield [*piece, at]
            turn += 1
            left, piece = dash[turn % len(dash)], [at]
        left -= length - done
        piece.append(end)
    if turn % 2 == 0 and len(piece) > 1:
        yield piece
