"""Cephalometric measures: analytic configurations, invariances, and the published figures of 400 real films."""

import cmath
import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvision.sources.ceph import CEPH
from medvision.transforms.biometrics import upstream_biometrics
from medvision.transforms.cephalometry import (
    LINES_OF,
    MEASURES,
    POINTS_OF,
    SIGNED_ANGLES,
    anb_deg,
    apdi_deg,
    fhi_ratio,
    fma_deg,
    mw_mm,
    odi_deg,
    sna_deg,
    snb_deg,
)

Points = dict[int, tuple[float, float]]
PUBLISHED = {
    "senior": {"SNA": (83.3, 4.6), "SNB": (80.9, 5.4), "ANB": (2.37, 4.23), "ODI": (69.7, 10.9), "APDI": (85.5, 10.9)},
    "junior": {"SNA": (82.2, 4.0), "SNB": (80.0, 5.2), "ANB": (2.18, 4.20)},
}
COUNTS = {"senior": (28, 22, 116), "junior": (10, 15, 111)}  # SNA > 90, SNB > 90, ANB < 0


def films(realdata: Path, reader: str) -> list[Points]:
    with (realdata / "ceph_isbi2015" / f"all_{reader}.csv").open() as table:
        rows = [[float(text) for text in row[1:39]] for row in csv.reader(table)]
    return [{k + 1: (row[2 * k], row[2 * k + 1]) for k in range(19)} for row in rows]


@pytest.mark.realdata
@pytest.mark.parametrize("reader", PUBLISHED)
def test_400_real_films_give_the_published_figures(realdata: Path, reader: str) -> None:
    points = films(realdata, reader)
    assert len(points) == 400
    values = {name: np.array([function(p) for p in points]) for name, (_, _, function) in MEASURES.items()}
    for name, (mean, sd) in PUBLISHED[reader].items():
        digits = 2 if name == "ANB" else 1
        assert values[name].mean() == pytest.approx(mean, abs=0.5001 * 10**-digits), name
        assert values[name].std() == pytest.approx(sd, abs=0.5001 * 10**-digits), name
    assert ((values["SNA"] > 90).sum(), (values["SNB"] > 90).sum(), (values["ANB"] < 0).sum()) == COUNTS[reader]


@pytest.mark.realdata
@pytest.mark.parametrize("reader", PUBLISHED)
def test_apdi_is_the_angle_of_the_ab_line_and_the_palatal_plane(realdata: Path, reader: str) -> None:
    for points in films(realdata, reader):
        turn_deg = signed(line(points, 17, 18), line(points, 5, 6))
        assert apdi_deg(points) == pytest.approx(180 - turn_deg, abs=1e-9)


@pytest.mark.realdata
def test_upstream_folds_the_angles_of_real_films(realdata: Path) -> None:
    """Folded ANB averages 4.08 and no folded angle exceeds 90; the sella-nasion distance is not touched."""
    measures = CEPH.landmark_tasks[0].measures
    folded, lengths = [], []
    for points in films(realdata, "senior"):
        voxels = {number: (0.0, x * 10, y * 10) for number, (x, y) in points.items()}
        found = {m.key: m.value for m in upstream_biometrics(voxels, (0.1, 0.1, 0.1), measures)}
        folded.append(found["A-L_2_5-L_2_6"])
        lengths.append(found["L-1-2"])
        assert all(value <= 90 for key, value in found.items() if key.startswith("A-"))
    assert np.mean(folded) == pytest.approx(4.08, abs=0.005)
    assert np.mean(lengths) == pytest.approx(58.8, abs=0.05)
    assert np.std(lengths) == pytest.approx(3.6, abs=0.05)


def test_angles_at_the_nasion() -> None:
    """S behind N; A straight below N is 90 degrees, B 10 degrees behind it."""
    points = {1: (0.0, 0.0), 2: (60.0, 0.0), 5: (60.0, 50.0), 6: (60.0 - 70 * math.tan(math.radians(10)), 70.0)}
    assert sna_deg(points) == pytest.approx(90)
    assert snb_deg(points) == pytest.approx(80)
    assert anb_deg(points) == pytest.approx(10)
    points[5], points[6] = points[6], points[5]
    assert anb_deg(points) == pytest.approx(-10)


def test_an_angle_over_90_is_kept() -> None:
    points = {1: (0.0, 0.0), 2: (60.0, 0.0), 5: (70.0, 50.0)}
    assert sna_deg(points) == pytest.approx(180 - math.degrees(math.atan2(50, 10)))


def vertical(degrees: float, start: tuple[float, float] = (60.0, 0.0), length: float = 50.0) -> tuple[float, float]:
    """A point below `start`, the line to it turned clockwise from straight down (so backwards) by `degrees`."""
    turn = math.radians(degrees)
    return start[0] - length * math.sin(turn), start[1] + length * math.cos(turn)


def level(degrees: float, start: tuple[float, float], length: float = 40.0) -> tuple[float, float]:
    """A point in front of `start`, the line to it turned clockwise from level (so downwards) by `degrees`."""
    turn = math.radians(degrees)
    return start[0] + length * math.cos(turn), start[1] + length * math.sin(turn)


@pytest.mark.parametrize("palatal", [-6.0, 0.0, 6.0])
@pytest.mark.parametrize("ab", [-9.0, 4.0])
def test_odi_and_apdi_of_a_drawn_face(ab: float, palatal: float) -> None:
    """Frankfort plane level, facial plane straight down: both measures are sums of the angles that were drawn.

    The mandibular plane falls 25 degrees forwards, so A-B meets it at 90 - 25 + ab; a palatal plane that falls
    forwards counts positive, an A-B line that leans back counts positive.
    """
    points = {4: (0.0, 20.0), 3: (50.0, 20.0), 2: (60.0, 0.0), 7: (60.0, 100.0), 5: (62.0, 50.0), 10: (10.0, 90.0)}
    points |= {6: vertical(ab, points[5], 30.0), 17: (15.0, 45.0)}
    points |= {8: level(25.0, points[10]), 18: level(palatal, points[17])}
    assert odi_deg(points) == pytest.approx(90 - 25 + ab + palatal)
    assert apdi_deg(points) == pytest.approx(90 - ab + palatal)


def test_facial_heights_and_the_mandibular_plane() -> None:
    points = {1: (0.0, 0.0), 2: (60.0, 0.0), 8: (60.0, 100.0), 10: (0.0, 70.0), 9: level(31.0, (0.0, 70.0))}
    assert fhi_ratio(points) == pytest.approx(0.7)
    assert fma_deg(points) == pytest.approx(31.0)
    points[9] = level(-31.0, points[10])
    assert fma_deg(points) == pytest.approx(31.0)  # without a sign


@pytest.mark.parametrize(("name", "first", "second"), [("SNA", 1, 2), ("SNB", 6, 2), ("FHI", 2, 8), ("FMA", 10, 9)])
def test_a_line_without_length_has_no_angle(name: str, first: int, second: int) -> None:
    points = {number: (7.0 * number % 31, 5.0 * number) for number in range(1, 20)}
    assert math.isfinite(MEASURES[name][2](points))
    points[second] = points[first]
    assert math.isnan(MEASURES[name][2](points))


@pytest.mark.parametrize(("upper", "lower", "expected"), [(13.0, 10.0, 5.0), (10.0, 13.0, -5.0), (10.0, 10.0, 0.0)])
def test_modified_wits_has_the_sign_of_the_overjet(upper: float, lower: float, expected: float) -> None:
    assert mw_mm({12: (upper, 0.0), 11: (lower, 4.0)}) == pytest.approx(expected)


coordinates = st.tuples(st.floats(10, 190), st.floats(10, 230))


@given(st.lists(coordinates, min_size=19, max_size=19, unique=True), st.floats(-100, 100), st.floats(-170, 170))
def test_a_moved_and_turned_film_measures_the_same(spots: list, shift: float, turn_deg: float) -> None:
    points = dict(enumerate(spots, start=1))
    c, s = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    moved = {n: (c * x - s * y + shift, s * x + c * y - shift) for n, (x, y) in points.items()}
    for name, (_, _, function) in MEASURES.items():
        if name != "MW" and far_apart(points, POINTS_OF[name]):  # MW takes its sign from the film's x axis
            assert math.isclose(function(moved), function(points), abs_tol=1e-6) or wraps(function, moved, points)


@given(st.lists(coordinates, min_size=19, max_size=19, unique=True))
def test_a_mirrored_film_flips_the_signed_parts(spots: list) -> None:
    """Angles between lines stay; the palatal angle, the A-B to facial angle and the overjet change their sign."""
    points = dict(enumerate(spots, start=1))
    mirrored = {number: (200.0 - x, y) for number, (x, y) in points.items()}
    for name, (_, _, function) in MEASURES.items():
        if not far_apart(points, POINTS_OF[name]):
            continue
        before, after = function(points), function(mirrored)
        signed_part = {"ODI": palatal(points), "APDI": palatal(points) - facial_ab(points), "MW": before}.get(name, 0.0)
        assert near(after, before - 2 * signed_part), name


def near(one: float, other: float) -> bool:
    """Equal, whole turns aside: a signed part of 180 degrees is its own mirror image."""
    return math.isclose(math.remainder(one - other, 360.0), 0.0, abs_tol=1e-6)


def palatal(points: Points) -> float:
    return clockwise_deg(points, 4, 3, 17, 18)


def facial_ab(points: Points) -> float:
    return clockwise_deg(points, 2, 7, 5, 6)


def clockwise_deg(points: Points, a: int, b: int, c: int, d: int) -> float:
    """From line a-b to line c-d by the arguments of complex numbers; y runs down, so positive is clockwise."""
    at = {number: complex(*points[number]) for number in (a, b, c, d)}
    return math.degrees(cmath.phase((at[d] - at[c]) / (at[b] - at[a])))


def wraps(function, moved: Points, points: Points) -> bool:
    """Signed parts at the cut of -180 and 180 may come out on either side."""
    return math.isclose(abs(function(moved) - function(points)) % 360, 0, abs_tol=1e-6) or math.isclose(
        abs(function(moved) - function(points)) % 360, 360, abs_tol=1e-6
    )


def far_apart(points: Points, numbers: tuple[int, ...]) -> bool:
    used = [points[n] for n in numbers]
    return all(math.dist(a, b) > 1 for i, a in enumerate(used) for b in used[:i])


def line(points: Points, start: int, end: int) -> tuple[float, float]:
    return points[end][0] - points[start][0], points[end][1] - points[start][1]


def signed(first: tuple[float, float], second: tuple[float, float]) -> float:
    turn = math.degrees(math.atan2(second[1], second[0]) - math.atan2(first[1], first[0]))
    return (turn + 180) % 360 - 180


@given(st.lists(coordinates, min_size=19, max_size=19, unique=True))
def test_lines_are_those_that_the_measures_are_taken_between(spots: list) -> None:
    points = dict(enumerate(spots, start=1))
    for name, (kind, _, function) in MEASURES.items():
        lines = LINES_OF[name]
        assert {number for line in lines for number in line} <= set(POINTS_OF[name])
        if kind == "angle" and len(lines) == 2 and name not in SIGNED_ANGLES and far_apart(points, POINTS_OF[name]):
            first, second = (np.subtract(points[end], points[start]) for start, end in lines)
            cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
            assert function(points) == pytest.approx(math.degrees(math.acos(np.clip(cosine, -1, 1))), abs=1e-4)
