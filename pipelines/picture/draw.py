"""The annotated picture of a slice row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from medvision.pipelines.picture.canvas import Canvas
from medvision.pipelines.picture.chosen import choose
from medvision.pipelines.picture.facts import facts_of
from medvision.pipelines.picture.ground import make_ground
from medvision.pipelines.picture.label_marks import box_marks, lesion_marks
from medvision.pipelines.picture.landmark_marks import landmark_marks
from medvision.pipelines.picture.legend import beside
from medvision.pipelines.picture.paint import paint, paint_frame
from medvision.transforms.windows import Window

if TYPE_CHECKING:
    from PIL.Image import Image

SIZES = (64, 4096)
NOT_SPATIAL = "not_spatial"


def draw(
    row: Mapping[str, Any],
    label: int | None = None,
    kind: str | None = None,
    measure: str | None = None,
    rules: str = "1.4.0",
    window: Window = "upstream",
    orientation: str = "radiological",
    size: int = 800,
    legend: bool = True,
    blank: bool = False,
    line_width: float = 2.0,
    text_size: int = 13,
) -> Image:
    """Draw a slice with its annotations, pixels in their true aspect in mm; equal rows give equal pixels.

    Args:
        row: A row of `data/` as a dict, as `medvision.render` takes it.
        label: Show one label alone, and choose the window of a CT slice by it.
        kind: Show one kind of pairs alone, a key of `medvision.schemas.pairs.KINDS`.
        measure: Show one measure of landmarks alone, such as "L-1-2".
        rules: Those of the release: they decide between boxes and instances, ellipses and diameters, folded and
            signed angles.
        window: As of `medvision.render`.
        orientation: "radiological" or "array", as of `medvision.render`.
        size: Pixels of the picture's longer side, without the legend: 64 to 4096.
        legend: Add a panel with every number at the right.
        blank: Draw on an empty grid; the row then needs no image.
        line_width, text_size: In pixels.

    Returns:
        RGB. Letters name the patient's side at each edge, and a bar its scale; a slice with an axis that is no length
        (flag `not_spatial`) has neither.

    Raises:
        ValueError: As `medvision.render`, or for a label or measure that the slice does not have.
    """
    if not isinstance(size, int) or not SIZES[0] <= size <= SIZES[1]:
        raise ValueError(f"size must be {SIZES[0]} to {SIZES[1]} whole pixels, got {size!r}")
    chosen = choose(row, rules, label, kind, measure)
    ground = make_ground(row, label, window, orientation, size, blank)
    canvas = Canvas(ground.image, line_width, text_size)
    paint_frame(ground, canvas, int(row["slice_dim"]), NOT_SPATIAL not in (row.get("flags") or ()))
    marks = [*box_marks(row, ground.move, chosen), *lesion_marks(row, ground.move, chosen)]
    if row.get("landmarks"):
        marks += landmark_marks(row, ground.move, chosen)
    paint(marks, ground, canvas)
    picture = canvas.finish()
    return beside(picture, row, facts_of(row, ground.move, chosen)) if legend else picture
