"""The picture a model sees of one slice row: 8-bit RGB, with the annotations moved onto it.

The stored 16-bit PNG clips to white in most image processors; `render` makes the benchmark's 8-bit picture.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from medvision.transforms.move import Move, move_of
from medvision.transforms.resize import resize
from medvision.transforms.windows import Window, choose_window, find_segment, stored_to_values, to_grey

if TYPE_CHECKING:
    from PIL.Image import Image

GREY_MODES = ("L", "I;16", "I")


@dataclass(frozen=True, eq=False)
class Rendered:
    """One slice as a picture. H, W are the picture's height and width.

    Attributes:
        image: RGB, 8 bits, its three channels alike.
        pixels: (H, W) uint8, one of those channels.
        pixel_spacing_mm: (row step, column step) of the picture.
        segments, lesions, landmarks: The row's, every `_rc` pair in pixels of the picture. `size_px` is the moved
            box's; counts, areas and lengths stay as measured on the mask, `size_mm` in the picture's axis order,
            `start_mm` and `stop_mm` of an instance from the picture's outer corner. P1 to P4 of an ellipse, and start
            and end of a region's lines, stay the same ends of the lesion. `origin_rc`, `size_rc` and `runs` of a
            lesion stay those of the slice array: they are its pixels.
        window: (low, high) intensity shown black and white; None for percentiles of the slice.
        orientation: "array" or "radiological".
    """

    image: Image
    pixels: np.ndarray
    pixel_spacing_mm: tuple[float, float]
    segments: list[dict[str, Any]]
    lesions: list[dict[str, Any]]
    landmarks: list[dict[str, Any]]
    window: tuple[float, float] | None
    orientation: str

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        png = io.BytesIO()
        self.image.save(png, "PNG")
        return png.getvalue()


def render(
    row: Mapping[str, Any],
    label: int | None = None,
    window: Window = "upstream",
    orientation: str = "array",
    size: tuple[int, int] | None = None,
) -> Rendered:
    """Make the picture of a slice row, by default as the MedVision benchmark does (upstream reference c3).

    Args:
        row: A row of `data/` as a dict, its image as {"bytes": PNG}, bytes or a grey PIL image (as `datasets`
            gives it); or a WebDataset sample with "png" and "json", bytes or decoded, for `.map(render)`.
        label: Label that the picture is shown for; it chooses the HU window of a CT slice.
        window: "upstream" (HU window by the label's anatomy, else percentiles), "percentile" (0.5 to 99.5 of
            the slice), or (width, level) in the row's unit.
        orientation: "array" keeps rows and columns of the slice array. "radiological" puts the patient's
            right (axial, coronal) or anterior (sagittal) on the left, anterior (axial) or superior on top.
        size: (height, width) of the picture in pixels; None keeps that of the slice. Intensities are
            interpolated linearly before windowing, on a grid that holds the centres of the corner pixels in
            place, as the benchmark does; slices of at most 2 values take the nearest pixel. Annotations and
            pixel spacing follow the picture's edges instead, which keeps millimetres and relative
            coordinates; towards the border the two differ by less than half a pixel of the coarser grid.

    Raises:
        ValueError: If the row has no grey image of its height and width, the label is not on the slice, or
            another argument is not as said.
    """
    from PIL import Image

    row = _with_image(row)
    if label is not None:
        find_segment(row, label)
    chosen = choose_window(window, row, label)
    values, move = values_of(row, orientation, size)
    grey, used = to_grey(values, chosen)
    pixels = move.pixels(grey)
    return Rendered(
        image=Image.fromarray(pixels).convert("RGB"),
        pixels=pixels,
        pixel_spacing_mm=move.spacing(row["pixel_spacing_mm"]),
        segments=[move.segment(segment) for segment in row.get("segments") or ()],
        lesions=[move.lesion(lesion) for lesion in row.get("lesions") or ()],
        landmarks=[move.points(landmark) for landmark in row.get("landmarks") or ()],
        window=used,
        orientation=orientation,
    )


def values_of(row: Mapping[str, Any], orientation: str, size: tuple[int, int] | None) -> tuple[np.ndarray, Move]:
    """Intensities of a row's image, resized and not yet turned, and the move that turns them.

    Args:
        row: Needs its image, `height`, `width` and the `intensity_` columns.
        orientation, size: As of `render`.

    Raises:
        ValueError: As `render`.
    """
    stored = _decode(row)
    move = move_of(stored.shape, orientation, size)
    return resize(stored_to_values(stored, row), move.resized), move


def render_batch(batch: Mapping[str, Sequence[Any]], **options: Any) -> dict[str, list[Any]]:
    """Render a batch of rows, for `dataset.with_transform(functools.partial(render_batch, size=(448, 448)))`.

    Args:
        batch: Column name to a list of values, with all columns of `data/` that `render` reads.
        options: `label`, `window`, `orientation` and `size` of `render`, the same for every row.

    Returns:
        The batch with `image` (RGB), `height`, `width`, `pixel_spacing_mm`, `segments`, `lesions` and `landmarks`
        of the pictures, and a `window` column; other columns as they came.
    """
    rows = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
    pictures = [render(row, **options) for row in rows]
    names = ("image", "pixel_spacing_mm", "segments", "lesions", "landmarks", "window")
    moved: dict[str, list[Any]] = {name: [getattr(picture, name) for picture in pictures] for name in names}
    moved["height"], moved["width"] = ([p.pixels.shape[axis] for p in pictures] for axis in (0, 1))
    return {**{name: list(values) for name, values in batch.items()}, **moved}


def _with_image(row: Mapping[str, Any]) -> Mapping[str, Any]:
    if "png" not in row:
        return row
    if (annotations := row.get("json")) is None:
        raise ValueError(f"WebDataset sample {row.get('__key__')!r} has a png but no json")
    if not isinstance(annotations, Mapping):
        annotations = json.loads(annotations)
    return {**annotations, "image": row["png"]}


def _decode(row: Mapping[str, Any]) -> np.ndarray:
    from PIL import Image

    where = f"slice {row.get('slice_id')!r}"
    image = row.get("image")
    if isinstance(image, Mapping):
        image = image.get("bytes")
    if image is None:
        raise ValueError(f"{where} has no image: render rows of data/, not of annotations/")
    if isinstance(image, bytes):
        image = Image.open(io.BytesIO(image))
    if not isinstance(image, Image.Image) or image.mode not in GREY_MODES:
        got = f"{type(image).__name__} {getattr(image, 'mode', '')}".strip()
        raise ValueError(f"image of {where} must be PNG bytes or a grey PIL image {GREY_MODES}, got {got}")
    stored = np.asarray(image)
    if stored.shape != (row["height"], row["width"]):
        raise ValueError(f"image of {where} is {stored.shape}, its row says {row['height'], row['width']}")
    return stored
