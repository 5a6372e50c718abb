"""Exact measures of a lesion on one slice: each 8-connected region with its axes, its diameters and its caliper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medvision.transforms.shapes.chords import Chord, raster_mm, recist_chords
from medvision.transforms.shapes.edges import edge_midpoints
from medvision.transforms.shapes.feret import max_feret
from medvision.transforms.shapes.moments import region_moments
from medvision.transforms.shapes.parts import label_parts
from medvision.transforms.shapes.ties import is_less, lower_first

COARSE_PIXELS = 3.0
COARSE = "coarse_raster"
"""The minor axis spans fewer than COARSE_PIXELS pixels: what is measured is a matter of where pixels fell."""

Pair = tuple[float, float]


@dataclass(frozen=True)
class Region:
    """One region; rows and columns count pixels of the whole slice, pixel centres having whole numbers.

    Attributes:
        lesion_id: Number of the 3D lesion that it is part of.
        start_rc, stop_rc: Its half-open box.
        center_rc: Centroid.
        major_axis, minor_axis: Axes of the ellipse of equal second moments, pixels being areas.
        feret: Largest distance of two pixel-edge midpoints, inside or not.
        longest, perpendicular: RECIST 1.1 diameters inside the region; None where they are not asked for, and the
            second where there is none.
        raster_mm: Extent of a pixel along the line that is its measure: of a mass `longest`, else the major axis; of a
            node `perpendicular`, else the minor axis. Each end of the line is known to half of it.
    """

    lesion_id: int
    pixel_count: int
    area_mm2: float
    start_rc: tuple[int, int]
    stop_rc: tuple[int, int]
    center_rc: Pair
    major_axis: Chord
    minor_axis: Chord
    feret: Chord
    longest: Chord | None
    perpendicular: Chord | None
    raster_mm: float
    flags: tuple[str, ...]


def measure_regions(
    ids: np.ndarray, origin_rc: tuple[int, int], spacing_rc_mm: Pair, kind: str, diameters: bool
) -> list[Region]:
    """Measure every region of a lesion on a slice.

    Args:
        ids: (rows, columns) crop that holds all pixels of the lesion on this slice: 0 for background, else the number
            of the 3D lesion plus 1.
        origin_rc: Row and column of the crop's first pixel in the slice.
        spacing_rc_mm: Pixel size along rows and columns.
        kind: "mass" or "node".
        diameters: Whether to look for the RECIST diameters.

    Returns:
        Regions in order of falling pixel count, ties in raster order.
    """
    numbers, parts = label_parts(ids > 0, corners=True)
    regions = []
    for number, (_, top, left, bottom, right, first) in enumerate(parts, start=1):
        mask = numbers[top:bottom, left:right] == number
        corner = (origin_rc[0] + top, origin_rc[1] + left)
        regions.append(measure_region(mask, int(ids[top, first]) - 1, corner, spacing_rc_mm, kind, diameters))
    return sorted(regions, key=lambda region: -region.pixel_count)


def measure_region(
    mask: np.ndarray, lesion_id: int, origin_rc: tuple[int, int], spacing_rc_mm: Pair, kind: str, diameters: bool
) -> Region:
    """Measure one 8-connected region, cropped to its box."""
    moments = region_moments(mask, spacing_rc_mm)
    center = (moments.center_rc[0] + origin_rc[0], moments.center_rc[1] + origin_rc[1])
    major, minor = (
        _axis(center, length, direction, spacing_rc_mm)
        for length, direction in zip(moments.lengths_mm, moments.directions, strict=True)
    )
    longest, perpendicular = recist_chords(mask, origin_rc, spacing_rc_mm) if diameters else (None, None)
    measure = perpendicular or minor if kind == "node" else longest or major
    count = moments.pixel_count
    coarse = is_less(minor.length_mm, COARSE_PIXELS * raster_mm(minor, spacing_rc_mm))
    return Region(
        lesion_id=lesion_id,
        pixel_count=count,
        area_mm2=count * (spacing_rc_mm[0] * spacing_rc_mm[1]),
        start_rc=origin_rc,
        stop_rc=(origin_rc[0] + mask.shape[0], origin_rc[1] + mask.shape[1]),
        center_rc=center,
        major_axis=major,
        minor_axis=minor,
        feret=_feret(mask, origin_rc, spacing_rc_mm),
        longest=longest,
        perpendicular=perpendicular,
        raster_mm=raster_mm(measure, spacing_rc_mm),
        flags=(COARSE,) if coarse else (),
    )


def _axis(center_rc: Pair, length_mm: float, direction_rc_mm: tuple[float, ...], spacing_rc_mm: Pair) -> Chord:
    row = length_mm / 2 * direction_rc_mm[0] / spacing_rc_mm[0]
    column = length_mm / 2 * direction_rc_mm[1] / spacing_rc_mm[1]
    first, second = (center_rc[0] + row, center_rc[1] + column), (center_rc[0] - row, center_rc[1] - column)
    return Chord(length_mm, *lower_first(first, second))


def _feret(mask: np.ndarray, origin_rc: tuple[int, int], spacing_rc_mm: Pair) -> Chord:
    length_mm, first, second = max_feret(edge_midpoints(mask), spacing_rc_mm)
    ends = [(origin_rc[0] + point[0] / 2, origin_rc[1] + point[1] / 2) for point in (first, second)]
    return Chord(length_mm, *lower_first(ends[0], ends[1]))
