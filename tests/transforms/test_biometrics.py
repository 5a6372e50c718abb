"""Measures between landmarks: upstream's folded convention against a slow twin, and the exact ones beside it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvision.schemas.dataset import Measure
from medvision.sources.ceph import CEPH
from medvision.sources.feta24 import FETA24
from medvision.transforms.biometrics import (
    Point3,
    cephalometric_biometrics,
    exact_distances,
    folded_angle_deg,
    upstream_biometrics,
)
from medvision.transforms.cephalometry import MEASURES, POINTS_OF

CEPH_MEASURES = CEPH.landmark_tasks[0].measures
FETA_MEASURES = FETA24.landmark_tasks[0].measures
ISOTROPIC = (1.0, 1.0, 1.0)


def twin(points: dict[int, Point3], spacing_mm: Point3, key: str) -> float:
    """The value of a key, read from the key itself: mm of "L-a-b", or the acute angle of "A-L_a_b-L_c_d"."""
    at = {number: np.array(point) * np.array(spacing_mm) for number, point in points.items()}
    if key.startswith("L-"):
        a, b = map(int, key.split("-")[1:])
        return float(np.linalg.norm(at[a] - at[b]))
    (a, b), (c, d) = (map(int, line.split("_")[1:]) for line in key.split("-")[1:])
    u, v = at[b] - at[a], at[d] - at[c]
    turn = math.degrees(math.atan2(float(np.linalg.norm(np.cross(u, v))), float(u @ v)))  # 0 to 180
    return min(turn, 180.0 - turn)


voxels = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
sides_mm = st.floats(0.1, 6.0)


@given(st.lists(voxels, min_size=19, max_size=19, unique=True), st.tuples(sides_mm, sides_mm, sides_mm))
def test_upstream_measures_are_those_of_the_twin(spots: list, spacing_mm: Point3) -> None:
    points = {number: tuple(map(float, spot)) for number, spot in enumerate(spots, start=1)}
    for measures in (CEPH_MEASURES, FETA_MEASURES):
        found = upstream_biometrics(points, spacing_mm, measures)
        assert [m.key for m in found] == [m.key for m in measures]
        for measured in found:
            assert measured.value == pytest.approx(twin(points, spacing_mm, measured.key), abs=1e-5)
            assert measured.unit == {"distance": "mm", "angle": "degree"}[measured.metric_type]
            assert measured.definition == "upstream"
            if measured.metric_type == "angle":
                assert 0.0 <= measured.value <= 90.0


@pytest.mark.parametrize(
    ("turn_deg", "folded"), [(0, 0), (30, 30), (90, 90), (103, 77), (150, 30), (180, 0), (-75, 75)]
)
def test_angles_over_90_are_folded(turn_deg: float, folded: float) -> None:
    turn = math.radians(turn_deg)
    line = [(0.0, 0.0, 0.0), (0.0, 3.0, 0.0)], [(0.0, 5.0, 2.0), (0.0, 5.0 + math.cos(turn), 2.0 + math.sin(turn))]
    assert folded_angle_deg([*line[0], *line[1]]) == pytest.approx(folded, abs=1e-5)


def test_the_direction_of_a_line_does_not_count() -> None:
    ends = [(0.0, 1.0, 2.0), (3.0, 5.0, 1.0), (2.0, 2.0, 0.0), (7.0, 0.0, 4.0)]
    angle = folded_angle_deg(ends)
    assert folded_angle_deg([ends[1], ends[0], *ends[2:]]) == pytest.approx(angle)
    assert folded_angle_deg([*ends[2:], *ends[:2]]) == pytest.approx(angle)


def test_anisotropic_voxels_count_on_each_axis() -> None:
    """Voxels of 2 x 0.5 x 3 mm: 3-4 in voxels is another length and another angle in mm."""
    points = {1: (0.0, 0.0, 0.0), 2: (0.0, 4.0, 1.0), 3: (5.0, 0.0, 0.0), 4: (5.0, 6.0, 0.0)}
    distance, angle = Measure("L-1-2", "distance", (1, 2), 0), Measure("A-L_1_2-L_3_4", "angle", (1, 2, 3, 4), 0)
    across = Measure("L-1-3", "distance", (1, 3), 0)
    found = upstream_biometrics(points, (2.0, 0.5, 3.0), [distance, angle, across])
    assert [m.value for m in found] == pytest.approx([math.hypot(2.0, 3.0), math.degrees(math.atan2(3.0, 2.0)), 10.0])
    flat = upstream_biometrics(points, ISOTROPIC, [distance, angle])
    assert [m.value for m in flat] == pytest.approx([math.hypot(4.0, 1.0), math.degrees(math.atan2(1.0, 4.0))])


@given(st.sets(st.integers(1, 19)))
def test_a_missing_point_leaves_out_its_measures_and_no_other(missing: set[int]) -> None:
    points = {n: (0.0, 3.0 * n % 17, 2.0 * n) for n in range(1, 20) if n not in missing}
    found = upstream_biometrics(points, ISOTROPIC, CEPH_MEASURES)
    assert [m.key for m in found] == [m.key for m in CEPH_MEASURES if not missing & set(m.points)]
    film_mm = {number: (y, -z) for number, (_, y, z) in points.items()}
    names = [m.name for m in cephalometric_biometrics(film_mm, 0)]
    assert names == [name for name in MEASURES if not missing & set(POINTS_OF[name])]


def test_a_line_without_length_has_no_value() -> None:
    points = {1: (1.0, 2.0, 3.0), 2: (1.0, 2.0, 3.0), 3: (0.0, 0.0, 0.0), 4: (0.0, 1.0, 0.0)}
    angle, length = Measure("A-L_1_2-L_3_4", "angle", (1, 2, 3, 4), 0), Measure("L-1-2", "distance", (1, 2), 0)
    found = upstream_biometrics(points, ISOTROPIC, [angle, length])
    assert math.isnan(found[0].value)
    assert found[1].value == 0.0


def test_each_measure_is_shown_on_the_slice_of_its_first_point() -> None:
    points = {number: (float(number), 0.0, number / 2) for number in range(1, 20)}
    for measured, measure in zip(upstream_biometrics(points, ISOTROPIC, FETA_MEASURES), FETA_MEASURES, strict=True):
        assert (measured.slice_dim, measured.first_point) == (measure.slice_dim, measure.points[0])
        assert measured.points == measure.points


def test_exact_distances_are_upstreams_lengths() -> None:
    points = {number: (0.0, 3.0 * number % 17, 2.0 * number) for number in range(1, 20)}
    upstream = upstream_biometrics(points, (0.1, 0.1, 0.1), CEPH_MEASURES)
    exact = exact_distances(upstream)
    lengths = [(m.key, m.value) for m in upstream if m.metric_type == "distance"]
    assert [(m.key, m.value) for m in exact] == lengths
    assert len(lengths) == 11
    assert {m.definition for m in exact} == {"exact"}


def test_the_challenges_measures_have_their_types_units_and_flags() -> None:
    film_mm = {number: (7.0 * number % 31, 5.0 * number) for number in range(1, 20)}
    found = cephalometric_biometrics(film_mm, 0)
    assert [(m.name, m.metric_type, m.unit) for m in found] == [
        ("SNA", "angle", "degree"),
        ("SNB", "angle", "degree"),
        ("ANB", "angle", "degree"),
        ("ODI", "angle", "degree"),
        ("APDI", "angle", "degree"),
        ("FHI", "ratio", ""),
        ("FMA", "angle", "degree"),
        ("MW", "distance", "mm"),
    ]
    assert all(m.key == m.name and m.definition == "exact" and m.flags == () for m in found)
    film_mm[12] = (film_mm[11][0], film_mm[11][1] + 4.0)
    wits = cephalometric_biometrics(film_mm, 0)[-1]
    assert (wits.value, wits.flags) == (0.0, ("incisors_level",))
