"""Analytic ellipses drawn on a raster: the truth that axes are held against, in the benchmark and in the tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DrawnEllipse:
    """An ellipse, and the pixels whose centres lie inside it, cropped to their box.

    `turn_rad` is the angle in mm from the direction in which rows are counted to the major axis; `center_rc` is in
    pixels of the crop.
    """

    mask: np.ndarray
    spacing_rc_mm: tuple[float, float]
    major_mm: float
    minor_mm: float
    turn_rad: float
    center_rc: tuple[float, float]

    @property
    def minor_pixels(self) -> float:
        """Minor axis in pixels of the coarser side."""
        return self.minor_mm / max(self.spacing_rc_mm)


def draw(
    major_mm: float,
    minor_mm: float,
    turn_rad: float,
    spacing_rc_mm: tuple[float, float],
    offset_rc: tuple[float, float] = (0.0, 0.0),
) -> DrawnEllipse | None:
    """Draw one ellipse, its centre `offset_rc` pixels beside a pixel's centre; None where it holds no pixel centre."""
    cosine, sine = np.cos(turn_rad), np.sin(turn_rad)
    a, b = major_mm / 2, minor_mm / 2
    reach_r, reach_c = np.hypot(a * cosine, b * sine), np.hypot(a * sine, b * cosine)
    top, left = (int(reach / mm) + 2 for reach, mm in zip((reach_r, reach_c), spacing_rc_mm, strict=True))
    row_mm = (np.arange(-top, top + 1) - offset_rc[0])[:, np.newaxis] * spacing_rc_mm[0]
    column_mm = (np.arange(-left, left + 1) - offset_rc[1])[np.newaxis] * spacing_rc_mm[1]
    along, across = row_mm * cosine + column_mm * sine, column_mm * cosine - row_mm * sine
    pixels = (along / a) ** 2 + (across / b) ** 2 <= 1
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not len(rows):
        return None
    mask = np.ascontiguousarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    center_rc = (top + offset_rc[0] - float(rows[0]), left + offset_rc[1] - float(columns[0]))
    return DrawnEllipse(mask, spacing_rc_mm, major_mm, minor_mm, float(turn_rad), center_rc)


def draw_many(count: int, seed: int, minor_pixels: tuple[float, float] = (10.0, 30.0)) -> list[DrawnEllipse]:
    """Ellipses of any turn and offset, pixels of 0.5 to 5 mm a side.

    Args:
        count: How many.
        seed: Of numpy's default generator.
        minor_pixels: Least and greatest minor axis, in pixels of the coarser side. The major axis is 1.1 to 3 times as
            long, and at most 80 such pixels.
    """
    random = np.random.default_rng(seed)
    drawn: list[DrawnEllipse] = []
    while len(drawn) < count:
        row_mm, column_mm = np.exp(random.uniform(np.log(0.5), np.log(5.0), 2)).tolist()
        minor = random.uniform(*minor_pixels)
        major = min(80.0, minor * random.uniform(1.1, 3.0))
        coarse_mm, turn_rad = max(row_mm, column_mm), random.uniform(0.0, np.pi)
        row, column = random.uniform(-0.5, 0.5, 2).tolist()
        ellipse = draw(major * coarse_mm, minor * coarse_mm, turn_rad, (row_mm, column_mm), (row, column))
        if ellipse is not None:
            drawn.append(ellipse)
    return drawn
