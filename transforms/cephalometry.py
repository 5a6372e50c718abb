"""The eight measures of the ISBI 2014/2015 cephalometry challenge, signed and over their full range.

Points are (x, y) in mm in the coordinates of the native film: face to the right, x to the right, y DOWN. Never in the
flipped array of a slice. Definitions: Wang et al., Medical Image Analysis 31 (2016), 63-76; ODI and APDI with the
signs written out below, which on the 400 public films agree with the angle between A-B and the palatal plane.
A measure is NaN where a line that it needs has no length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

Points = Mapping[int, tuple[float, float]]
Vector = tuple[float, float]

SELLA, NASION, ORBITALE, PORION, SUBSPINALE, SUPRAMENTALE, POGONION, MENTON, GNATHION, GONION = range(1, 11)
LOWER_INCISOR, UPPER_INCISOR = 11, 12
POSTERIOR_NASAL_SPINE, ANTERIOR_NASAL_SPINE = 17, 18


def sna_deg(points: Points) -> float:
    """Sella-nasion-subspinale, 0 to 180."""
    return _corner_deg(points, SELLA, NASION, SUBSPINALE)


def snb_deg(points: Points) -> float:
    """Sella-nasion-supramentale, 0 to 180."""
    return _corner_deg(points, SELLA, NASION, SUPRAMENTALE)


def anb_deg(points: Points) -> float:
    """SNA - SNB; negative where the mandible is ahead of the maxilla."""
    return sna_deg(points) - snb_deg(points)


def odi_deg(points: Points) -> float:
    """Overbite depth indicator: A-B to the mandibular plane, plus the signed palatal to Frankfort angle."""
    mandibular = _line(points, GONION, MENTON)
    return _angle_deg(_line(points, SUBSPINALE, SUPRAMENTALE), mandibular) + _palatal_deg(points)


def apdi_deg(points: Points) -> float:
    """Anteroposterior dysplasia indicator: facial angle, minus signed A-B to facial plane, plus palatal angle."""
    facial = _line(points, NASION, POGONION)
    facial_angle = _angle_deg(_line(points, ORBITALE, PORION), facial)
    ab_angle = _signed_deg(facial, _line(points, SUBSPINALE, SUPRAMENTALE))
    return facial_angle - ab_angle + _palatal_deg(points)


def fhi_ratio(points: Points) -> float:
    """Facial height index: posterior (sella-gonion) over anterior (nasion-menton) face height."""
    anterior = math.hypot(*_line(points, NASION, MENTON))
    return math.hypot(*_line(points, SELLA, GONION)) / anterior if anterior else math.nan


def fma_deg(points: Points) -> float:
    """Sella-nasion to the mandibular plane gonion-gnathion (the challenge's definition, not Frankfort's)."""
    return _angle_deg(_line(points, SELLA, NASION), _line(points, GONION, GNATHION))


def mw_mm(points: Points) -> float:
    """Modified Wits: distance of the incisor tips, positive where the upper is ahead; 0 where neither is."""
    ahead = points[UPPER_INCISOR][0] - points[LOWER_INCISOR][0]
    return math.copysign(math.hypot(*_line(points, LOWER_INCISOR, UPPER_INCISOR)), ahead) if ahead else 0.0


MEASURES: dict[str, tuple[str, str, Callable[[Points], float]]] = {
    "SNA": ("angle", "degree", sna_deg),
    "SNB": ("angle", "degree", snb_deg),
    "ANB": ("angle", "degree", anb_deg),
    "ODI": ("angle", "degree", odi_deg),
    "APDI": ("angle", "degree", apdi_deg),
    "FHI": ("ratio", "", fhi_ratio),
    "FMA": ("angle", "degree", fma_deg),
    "MW": ("distance", "mm", mw_mm),
}
"""Name to (metric type, unit, function), in the order of the challenge."""

POINTS_OF: dict[str, tuple[int, ...]] = {
    "SNA": (1, 2, 5),
    "SNB": (1, 2, 6),
    "ANB": (1, 2, 5, 6),
    "ODI": (5, 6, 10, 8, 4, 3, 17, 18),
    "APDI": (3, 4, 2, 7, 5, 6, 17, 18),
    "FHI": (1, 10, 2, 8),
    "FMA": (1, 2, 10, 9),
    "MW": (11, 12),
}
"""Landmarks that each measure uses."""

LINES_OF: dict[str, tuple[tuple[int, int], ...]] = {
    "SNA": ((2, 1), (2, 5)),
    "SNB": ((2, 1), (2, 6)),
    "ANB": ((2, 5), (2, 6)),
    "ODI": ((5, 6), (10, 8), (4, 3), (17, 18)),
    "APDI": ((3, 4), (2, 7), (5, 6), (17, 18)),
    "FHI": ((1, 10), (2, 8)),
    "FMA": ((1, 2), (10, 9)),
    "MW": ((11, 12),),
}
"""Directed lines (from, to) that each measure is taken between; an angle of two is that of their directions."""

SIGNED_ANGLES = ("ANB", "ODI", "APDI")
"""Angles with a sign, or sums of several: no two arms at a corner show their value."""


def _line(points: Points, start: int, end: int) -> Vector:
    return points[end][0] - points[start][0], points[end][1] - points[start][1]


def _signed_deg(first: Vector, second: Vector) -> float:
    """Angle from `first` to `second` in (-180, 180], clockwise positive as the film is seen (y down)."""
    if not (any(first) and any(second)):
        return math.nan
    cross = first[0] * second[1] - first[1] * second[0]
    return math.degrees(math.atan2(cross, first[0] * second[0] + first[1] * second[1]))


def _angle_deg(first: Vector, second: Vector) -> float:
    return abs(_signed_deg(first, second))


def _corner_deg(points: Points, arm: int, vertex: int, other: int) -> float:
    return _angle_deg(_line(points, vertex, arm), _line(points, vertex, other))


def _palatal_deg(points: Points) -> float:
    """Signed angle from the Frankfort plane (porion-orbitale) to the palatal plane (PNS-ANS)."""
    return _signed_deg(_line(points, PORION, ORBITALE), _line(points, POSTERIOR_NASAL_SPINE, ANTERIOR_NASAL_SPINE))
