"""The picture under the marks: a slice shown with its true aspect in mm, or a blank grid in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medvision.pipelines.picture.marks import Place
from medvision.pipelines.picture.scale import bar_mm
from medvision.transforms.move import Move, move_of
from medvision.transforms.render import render
from medvision.transforms.windows import Window

if TYPE_CHECKING:
    from PIL.Image import Image

BLANK = (30, 33, 39)
GRID = (52, 57, 66)
LEAST_SIDE = 24
"""Pixels that the shorter side of a picture has at least: a sliver would hold no marks."""


@dataclass(frozen=True, eq=False)
class Ground:
    """A picture of `image.size`, and how the slice lies on it.

    Attributes:
        image: RGB; both its axes have as many pixels a mm, to the rounding of its size to whole pixels.
        move: From the slice array to its turned picture, one pixel a pixel.
        zoom: Pixels of `image` a pixel of that picture, (rows, columns).
        pixels_per_mm: Pixels of `image` a millimetre, along its rows.
    """

    image: Image
    move: Move
    zoom: tuple[float, float]
    pixels_per_mm: float

    def xy(self, place: Place) -> tuple[float, float]:
        """(x, y) on `image`, from its outer corner."""
        return place[1] * self.zoom[1], place[0] * self.zoom[0]


def make_ground(
    row: Mapping[str, Any],
    label: int | None = None,
    window: Window = "upstream",
    orientation: str = "radiological",
    size: int = 800,
    blank: bool = False,
) -> Ground:
    """Show a slice so that its longer side in mm has `size` pixels.

    The picture is rendered at the slice's own size and enlarged afterwards about its edges: `render` holds the centres
    of the corner pixels in place instead, as the benchmark does, which at a high zoom sets pixels and marks apart.

    Raises:
        ValueError: As `render`, unless `blank`.
    """
    from PIL import Image

    shape = (int(row["height"]), int(row["width"]))
    move = move_of(shape, orientation)
    spacing_mm = move.spacing(row["pixel_spacing_mm"])
    rows, columns = shape[::-1] if move.turned else shape
    extent_mm = rows * spacing_mm[0], columns * spacing_mm[1]
    height, width = (max(LEAST_SIDE, round(mm * size / max(extent_mm))) for mm in extent_mm)
    pixels_per_mm = width / extent_mm[1]
    if blank:
        image = _grid(width, height, pixels_per_mm)
    else:
        native = render(row, label, window, orientation).image
        image = native.resize((width, height), Image.Resampling.BICUBIC)
    return Ground(image, move, (height / rows, width / columns), pixels_per_mm)


def _grid(width: int, height: int, pixels_per_mm: float) -> Image:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (width, height), BLANK)
    pen, step = ImageDraw.Draw(image), bar_mm(max(width, height), pixels_per_mm) * pixels_per_mm
    for number in range(1, int(max(width, height) / step) + 1):
        place = round(number * step)
        pen.line([(place, 0), (place, height)], fill=GRID)
        pen.line([(0, place), (width, place)], fill=GRID)
    return image
