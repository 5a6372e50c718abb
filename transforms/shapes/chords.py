"""RECIST 1.1 diameters of a mask: its longest chord and the longest chord perpendicular to that.

A chord joins two midpoints of pixel edges on the mask's border and lies within the closed union of its pixels: through
the corner that two diagonal pixels share it may pass, across a hole or a notch it may not. RECIST 1.1: Eisenhauer et
al., European Journal of Cancer 45 (2009), 228-247, longest diameter in the plane of measurement; the perpendicular is
the short axis of its lymph nodes. Insideness is decided in integers (`sight`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from medvision.transforms.shapes.pixel_runs import mask_rows
from medvision.transforms.shapes.sight import longest_in_sight

Point = tuple[float, float]


@dataclass(frozen=True)
class Chord:
    """A chord of a mask; ends are (row, column) in pixels, centres at integers, that with the larger row first."""

    length_mm: float
    start_rc: Point
    end_rc: Point


def recist_chords(
    mask: np.ndarray, origin_rc: tuple[int, int], spacing_rc_mm: tuple[float, float]
) -> tuple[Chord, Chord | None]:
    """Longest chord, and the one that reaches farthest at right angles to it.

    A raster has few chords at exactly 90 degrees. Perpendicular is one that advances along the longest chord by at
    most half a pixel's extent in that direction (`raster_mm`): what the raster cannot tell from 90 degrees. Of these
    the one that reaches farthest across counts, of equal ones the shortest, which is the straightest.
    Of longest chords equal to 1e-9 mm the one whose perpendicular reaches farthest is taken, so that neither length
    depends on how the mask lies; then the first in raster order of (start, end).

    Args:
        mask: (rows, columns) bool with at least one pixel; one component, 8-connected, cropped to its box.
        origin_rc: Row and column of the mask's first pixel in the slice.
        spacing_rc_mm: Pixel size along rows and columns.

    Raises:
        ValueError: the mask is empty or not two-dimensional.
    """
    rows = mask_rows(mask)
    if not len(rows.edges):
        raise ValueError(f"a chord wants at least one pixel, got an empty mask of shape {mask.shape}")
    half_mm = np.array(spacing_rc_mm, np.float64) / 2
    _, tied = longest_in_sight(rows, half_mm, np.zeros(2))
    found = []
    for pair in _one_a_direction(rows.edges, tied):
        chord = _chord(rows.edges, pair, origin_rc, spacing_rc_mm)
        best, _ = longest_in_sight(rows, half_mm, np.array(_unit(chord, spacing_rc_mm)))
        across = (int(best[0]), int(best[1]))
        found.append((-int(best[2]), int(best[3]), pair, across, chord))
    _, _, _, across, longest = min(found)
    return longest, None if across[0] < 0 else _chord(rows.edges, across, origin_rc, spacing_rc_mm)


def _one_a_direction(edges: np.ndarray, tied: np.ndarray) -> list[tuple[int, int]]:
    """Of equally long chords of one direction the first in raster order."""
    first: dict[tuple[int, int], tuple[int, int]] = {}
    for start, end in sorted((int(a), int(b)) for a, b in tied):
        row, column = (int(value) for value in edges[start] - edges[end])
        first.setdefault((row, column), (start, end))
    return list(first.values())


def raster_mm(along: Chord | Point, spacing_rc_mm: tuple[float, float]) -> float:
    """Extent of one pixel along a chord or a direction: |u_r| row spacing + |u_c| column spacing.

    Each end of a chord is known to half of it.

    Args:
        along: A chord, or a vector (row, column) in mm of any length but 0.
        spacing_rc_mm: Pixel size along rows and columns.
    """
    row, column = _unit(along, spacing_rc_mm)
    return abs(row) * spacing_rc_mm[0] + abs(column) * spacing_rc_mm[1]


def _unit(along: Chord | Point, spacing_rc_mm: tuple[float, float]) -> Point:
    if isinstance(along, Chord):
        row = (along.start_rc[0] - along.end_rc[0]) * spacing_rc_mm[0]
        column = (along.start_rc[1] - along.end_rc[1]) * spacing_rc_mm[1]
    else:
        row, column = along
    length = math.sqrt(row * row + column * column)
    if length == 0:
        raise ValueError("a direction wants a length, got (0, 0)")
    return row / length, column / length


def _chord(
    edges: np.ndarray, pair: tuple[int, int], origin_rc: tuple[int, int], spacing_rc_mm: tuple[float, float]
) -> Chord:
    start, end = edges[pair[0]], edges[pair[1]]
    row_mm, column_mm = ((int(a) - int(b)) * (mm / 2) for a, b, mm in zip(start, end, spacing_rc_mm, strict=True))
    start_rc, end_rc = ((origin_rc[0] + int(r) / 2, origin_rc[1] + int(c) / 2) for r, c in (start, end))
    return Chord(math.sqrt(row_mm * row_mm + column_mm * column_mm), start_rc, end_rc)
