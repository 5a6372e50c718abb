"""Where a point, box or line of a slice array stands in a picture of it that was resized and turned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

ORIENTATIONS = ("array", "radiological")
LINES = ("major_axis", "minor_axis", "feret", "longest", "perpendicular")
"""Fields of a region that are lines, null where there is none."""
Item = dict[str, Any]


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

    def box(self, box: Mapping[str, Any]) -> Item:
        """Move an inclusive box [min, max]: the pixels that its edges [min, max + 1), scaled, cover or touch.

        min' = floor(min * zoom), max' = ceil((max + 1) * zoom) - 1, in exact integers; never empty.
        """
        low, high = self._covered(box["min_rc"], [int(last) + 1 for last in box["max_rc"]])
        return {
            **box,
            "min_rc": low,
            "max_rc": high,
            "center_rc": [(a + b) // 2 for a, b in zip(low, high, strict=True)],
            "size_px": [b - a + 1 for a, b in zip(low, high, strict=True)],
            "size_mm": list(box["size_mm"])[:: -1 if self.turned else 1],
        }

    def edges(self, boxes: np.ndarray) -> np.ndarray:
        """Move the edges of boxes, unrounded: their lengths times the picture's spacing stay the same millimetres.

        Args:
            boxes: (N, 4) first row, first column, and the row and column past the last, in pixels of the slice array.

        Returns:
            (N, 4) float64, the same of the picture, counted from its outer corner.
        """
        scale = np.array(self.resized, np.float64) / self.shape
        moved = boxes.reshape(-1, 2, 2) * scale
        if self.turned:
            moved = (np.array(self.resized) - moved)[:, ::-1, ::-1]
        return moved.reshape(-1, 4)

    def instance(self, instance: Mapping[str, Any]) -> Item:
        """Move a half-open box [start, stop) as `box`; its edges in mm are then from the picture's outer corner."""
        edges = self._half_open(instance)
        if not self.turned:
            return {**instance, **edges}
        starts_mm, stops_mm = instance["start_mm"], instance["stop_mm"]
        full_mm = [n * mm / stop for n, mm, stop in zip(self.shape, stops_mm, instance["stop_rc"], strict=True)]
        moved = {
            "start_mm": [full - mm for full, mm in zip(full_mm, stops_mm, strict=True)][::-1],
            "stop_mm": [full - mm for full, mm in zip(full_mm, starts_mm, strict=True)][::-1],
        }
        return {**instance, **edges, **moved}

    def region(self, region: Mapping[str, Any]) -> Item:
        """Move a lesion's region: its half-open box, its centroid and the ends of its lines; lengths stay."""
        lines = {name: region[name] and self.points(region[name]) for name in LINES}
        return {**region, **self._half_open(region), "center_rc": self.point(region["center_rc"]), **lines}

    def segment(self, segment: Mapping[str, Any]) -> Item:
        """Move the boxes and instances of a label."""
        moved = {"boxes": [self.box(box) for box in segment["boxes"]]}
        if segment.get("instances"):
            moved["instances"] = [self.instance(instance) for instance in segment["instances"]]
        return {**segment, **moved}

    def lesion(self, lesion: Mapping[str, Any]) -> Item:
        """Move the ellipses and regions of a lesion task."""
        moved = {"ellipses": [self.points(ellipse) for ellipse in lesion["ellipses"]]}
        if lesion.get("regions"):
            moved["regions"] = [self.region(region) for region in lesion["regions"]]
        return {**lesion, **moved}

    def points(self, item: Mapping[str, Any]) -> Item:
        """Move the centre and the four ends of an ellipse, the ends of a line, or the position of a landmark."""
        return {key: self.point(value) if key.endswith("_rc") else value for key, value in item.items()}

    def _half_open(self, item: Mapping[str, Any]) -> Item:
        low, high = self._covered(item["start_rc"], item["stop_rc"])
        return {"start_rc": low, "stop_rc": [last + 1 for last in high]}

    def _covered(self, start_rc: Sequence[int], stop_rc: Sequence[int]) -> tuple[list[int], list[int]]:
        """First and last pixel of the picture that the half-open [start, stop) covers or touches."""
        ends = zip(start_rc, stop_rc, self.resized, self.shape, strict=True)
        edges = [(int(a) * n // s, -(-int(b) * n // s) - 1) for a, b, n, s in ends]
        first, last = (self._turn([edge[i] for edge in edges]) for i in (0, 1))
        return (last, first) if self.turned else (first, last)

    def _turn(self, rc: list) -> list:
        rows, columns = self.resized
        return [columns - 1 - rc[1], rows - 1 - rc[0]] if self.turned else rc


def move_of(shape: tuple[int, ...], orientation: str, size: tuple[int, int] | None = None) -> Move:
    """The move from a slice array of `shape` to a picture of `size` (height, width), None for no resizing.

    Raises:
        ValueError: Another orientation, or a size that is no whole pixels.
    """
    if orientation not in ORIENTATIONS:
        raise ValueError(f'orientation must be "array" or "radiological", got {orientation!r}')
    rows, columns = shape
    turned = orientation == "radiological"
    if size is None:
        return Move((rows, columns), (rows, columns), turned)
    if np.ndim(size) != 1 or len(size) != 2 or any(int(n) != n or n < 1 for n in size):
        raise ValueError(f"size must be (height, width) in whole pixels of at least 1, got {size!r}")
    height, width = map(int, size)
    return Move((rows, columns), (width, height) if turned else (height, width), turned)
