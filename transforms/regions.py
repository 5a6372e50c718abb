"""Exact measures of a lesion on one slice: each 8-connected region with its axes, its diameters and its caliper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from medvision.transforms.shapes.chords import Chord, raster_mm, recist_chords
from medvision.transforms.shapes.edges import edge_midpoints
from medvision.transforms.shapes.feret import max_feret
from medvision.transforms.shapes.moments import region_moments

CORNERS = np.ones((3, 3), bool)
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
    target: np.ndarray, ids: np.ndarray, origin_rc: tuple[int, int], spacing_rc_mm: Pair, kind: str, diameters: bool
) -> list[Region]:
    """Measure every region of a lesion on a slice.

    Args:
        target: (rows, columns) bool crop that holds all pixels of the lesion on this slice.
        ids: Number of the 3D lesion of each of its pixels.
        origin_rc: Row and column of the crop's first pixel in the slice.
        spacing_rc_mm: Pixel size along rows and columns.
        kind: "mass" or "node".
        diameters: Whether to look for the RECIST diameters.

    Returns:
        Regions in order of falling pixel count, ties in raster order.
    """
    labelled, _ = ndimage.label(target, CORNERS)
    regions = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labelled), start=1):
        mask = labelled[rows, columns] == number
        lesion_id = int(ids[rows, columns][mask][0])
        corner = (origin_rc[0] + rows.start, origin_rc[1] + columns.start)
        regions.append(measure_region(mask, lesion_id, corner, spacing_rc_mm, kind, diameters))
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
    coarse = round(minor.length_mm, 9) < round(COARSE_PIXELS * raster_mm(minor, spacing_rc_mm), 9)
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
    half = [length_mm / 2 * d / mm for d, mm in zip(direction_rc_mm, spacing_rc_mm, strict=True)]
    ends = [(center_rc[0] + sign * half[0], center_rc[1] + sign * half[1]) for sign in (1.0, -1.0)]
    return _ordered(length_mm, ends[0], ends[1])


def _feret(mask: np.ndarray, origin_rc: tuple[int, int], spacing_rc_mm: Pair) -> Chord:
    length_mm, first, second = max_feret(edge_midpoints(mask), spacing_rc_mm)
    ends = [(origin_rc[0] + point[0] / 2, origin_rc[1] + point[1] / 2) for point in (first, second)]
    return _ordered(length_mm, ends[0], ends[1])


def _ordered(length_mm: float, first: Pair, second: Pair) -> Chord:
    """The end with the larger row (tie: column) first; last bits do not decide."""
    a, b = (tuple(round(value, 9) for value in end) for end in (first, second))
    return Chord(length_mm, first, second) if a >= b else Chord(length_mm, second, first)
