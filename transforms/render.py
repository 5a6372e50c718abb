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
from scipy import ndimage

from medvision.transforms.windows import Window, choose_window, find_segment, stored_to_values, to_grey

if TYPE_CHECKING:
    from PIL.Image import Image

ORIENTATIONS = ("array", "radiological")
GREY_MODES = ("L", "I;16", "I")


@dataclass(frozen=True, eq=False)
class Rendered:
    """One slice as a picture. H, W are the picture's height and width.

    Attributes:
        image: RGB, 8 bits, its three channels alike.
        pixels: (H, W) uint8, one of those channels.
        pixel_spacing_mm: (row step, column step) of the picture.
        segments, lesions, landmarks: The row's, every `_rc` pair in pixels of the picture. `size_px` is the moved
            box's; counts, areas and lengths stay as measured on the mask, `size_mm` in the picture's axis order.
            P1 to P4 of an ellipse stay the same ends of the lesion.
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


@dataclass(frozen=True)
class Move:
    """From pixels of the slice array to pixels of the picture: resize, then turn.

    Rows of a RAS+ slice grow to the patient's right (axial, coronal) or anterior (sagittal), its columns to
    the anterior (axial) or superior (coronal, sagittal). So one turn suits all three planes: transpose and
    flip both axes, (r, c) -> (columns - 1 - c, rows - 1 - r). Left is then where rows grew to, up where
    columns did.

    Attributes:
        shape: (rows, columns) of the slice array.
        resized: (rows, columns) it is resized to, before the turn.
        turned: Whether it is turned to radiological orientation.
    """

    shape: tuple[int, int]
    resized: tuple[int, int]
    turned: bool

    def pixels(self, array: np.ndarray) -> np.ndarray:
        """Turn an array that has been resized."""
        return np.ascontiguousarray(array.T[::-1, ::-1]) if self.turned else array

    def spacing(self, spacing_mm: Sequence[float]) -> tuple[float, float]:
        """Pixel spacing divided by the zoom of its axis, in the picture's axis order."""
        row, column = (mm / (n / s) for mm, n, s in zip(spacing_mm, self.resized, self.shape, strict=True))
        return (column, row) if self.turned else (row, column)

    def point(self, rc: Sequence[float]) -> list[float]:
        """Move a point; pixel centres are integers, the picture's edge is -0.5: (p + 0.5) * zoom - 0.5."""
        scale = zip(rc, self.resized, self.shape, strict=True)
        return self._turn([(float(p) + 0.5) * n / s - 0.5 for p, n, s in scale])

    def box(self, box: Mapping[str, Any]) -> dict[str, Any]:
        """Move an inclusive box [min, max]: the pixels that its edges [min, max + 1), scaled, cover or touch.

        min' = floor(min * zoom), max' = ceil((max + 1) * zoom) - 1, in exact integers; never empty.
        """
        ends = zip(box["min_rc"], box["max_rc"], self.resized, self.shape, strict=True)
        edges = [(int(a) * n // s, -(-(int(b) + 1) * n // s) - 1) for a, b, n, s in ends]
        corners = [self._turn([edge[i] for edge in edges]) for i in (0, 1)]
        low, high = reversed(corners) if self.turned else corners
        return {
            **box,
            "min_rc": low,
            "max_rc": high,
            "center_rc": [(a + b) // 2 for a, b in zip(low, high, strict=True)],
            "size_px": [b - a + 1 for a, b in zip(low, high, strict=True)],
            "size_mm": list(box["size_mm"])[:: -1 if self.turned else 1],
        }

    def points(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Move the centre and the four ends of an ellipse, or the position of a landmark."""
        return {key: self.point(value) if key.endswith("_rc") else value for key, value in item.items()}

    def _turn(self, rc: list) -> list:
        rows, columns = self.resized
        return [columns - 1 - rc[1], rows - 1 - rc[0]] if self.turned else rc


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
    if orientation not in ORIENTATIONS:
        raise ValueError(f'orientation must be "array" or "radiological", got {orientation!r}')
    if label is not None:
        find_segment(row, label)
    chosen = choose_window(window, row, label)
    stored = _decode(row)
    move = _move_of(stored.shape, orientation, size)
    values = _resize(stored_to_values(stored, row), move)
    grey, used = to_grey(values, chosen)
    pixels = move.pixels(grey)
    return Rendered(
        image=Image.fromarray(pixels).convert("RGB"),
        pixels=pixels,
        pixel_spacing_mm=move.spacing(row["pixel_spacing_mm"]),
        segments=[{**s, "boxes": [move.box(b) for b in s["boxes"]]} for s in row.get("segments") or ()],
        lesions=[{**n, "ellipses": [move.points(e) for e in n["ellipses"]]} for n in row.get("lesions") or ()],
        landmarks=[move.points(landmark) for landmark in row.get("landmarks") or ()],
        window=used,
        orientation=orientation,
    )


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


def _move_of(shape: tuple[int, ...], orientation: str, size: tuple[int, int] | None) -> Move:
    rows, columns = shape
    turned = orientation == "radiological"
    if size is None:
        return Move((rows, columns), (rows, columns), turned)
    if len(size) != 2 or any(int(n) != n or n < 1 for n in size):
        raise ValueError(f"size must be (height, width) in whole pixels of at least 1, got {size!r}")
    height, width = map(int, size)
    return Move((rows, columns), (width, height) if turned else (height, width), turned)


def _resize(values: np.ndarray, move: Move) -> np.ndarray:
    if move.resized == move.shape:
        return values
    order = 0 if len(np.unique(values)) <= 2 else 1
    return ndimage.zoom(values, [n / s for n, s in zip(move.resized, move.shape, strict=True)], order=order)
