"""Cephalometric measures: analytic configurations, invariances, and the published figures of 400 real films."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvision.sources.ceph import CEPH
from medvision.transforms.biometrics import upstream_biometrics
from medvision.transforms.cephalometry import MEASURES, POINTS_OF, anb_deg, apdi_deg, mw_mm, sna_deg, snb_deg

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
def test_apdi_is_the_angle_of_the_ab_line_and_the_palatal_plane(realdata: Path) -> None:
    for points in films(realdata, "senior"):
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
