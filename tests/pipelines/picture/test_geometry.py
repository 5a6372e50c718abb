"""Arcs against angles of vectors, outlines against neighbours that differ, ids of pairs against a release's pairs."""

import math

import numpy as np
import pyarrow.parquet as pq
from hypothesis import assume, given
from hypothesis import strategies as st

from medvision.pipelines.picture.angles import arc_between
from medvision.pipelines.picture.chosen import choose
from medvision.pipelines.picture.label_marks import box_marks
from medvision.pipelines.picture.marks import outline_edges
from medvision.pipelines.picture.scale import bar_mm
from medvision.pipelines.picture.targets import parse_target
from medvision.transforms.biometrics import folded_angle_deg
from medvision.transforms.move import move_of

places = st.tuples(st.floats(-50, 50), st.floats(-50, 50))


def vectors(lines):
    return [np.subtract(end, start) for start, end in lines]


def cross(u, v) -> float:
    return float(u[0] * v[1] - u[1] * v[0])


@given(places, places, places, places)
def test_an_arc_spans_the_angle_of_its_lines_around_the_point_they_share(a, b, c, d):
    u, v = vectors(((a, b), (c, d)))
    lengths = np.linalg.norm(u), np.linalg.norm(v)
    assume(min(lengths) > 1 and abs(cross(u, v)) / (lengths[0] * lengths[1]) > 0.05)
    between = math.degrees(math.acos(np.clip(np.dot(u, v) / (lengths[0] * lengths[1]), -1, 1)))
    for folded, expected in ((False, between), (True, min(between, 180 - between))):
        arc = arc_between((a, b), (c, d), folded)
        assert math.isclose(arc.degrees, expected, abs_tol=1e-6)
        for start, direction in ((a, u), (c, v)):
            off = cross(np.subtract(arc.corner, start), direction) / np.linalg.norm(direction)
            assert abs(off) < 1e-4


def test_a_folded_arc_is_the_angle_that_upstream_measures():
    points = [(0.0, 0.0, 0.0), (10.0, 1.0, 0.0), (2.0, 5.0, 0.0), (-3.0, 9.0, 0.0)]
    flat = [point[:2] for point in points]
    expected = folded_angle_deg(points)
    assert math.isclose(arc_between((flat[0], flat[1]), (flat[2], flat[3]), True).degrees, expected, abs_tol=1e-6)


def test_parallel_lines_have_no_arc():
    assert arc_between(((0, 0), (1, 1)), ((3, 0), (5, 2)), True) is None


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=6))
def test_an_outline_is_every_side_that_a_pixel_does_not_share(rows):
    mask = np.array(rows, bool)
    padded = np.pad(mask, 1)
    expected = sum(int((padded != np.roll(padded, 1, axis)).sum()) for axis in (0, 1))
    length = sum(math.dist(start, end) for start, end in outline_edges(mask))
    assert math.isclose(length, expected)


@given(st.floats(40, 4000), st.floats(0.05, 400))
def test_a_scale_bar_is_round_and_fills_a_tenth_to_a_quarter(width, per_mm):
    length = bar_mm(width, per_mm)
    assert width * 0.0999 <= length * per_mm <= width * 0.25001
    assert round(length / 10 ** math.floor(math.log10(length) + 1e-9), 6) in (1, 2, 5)


def test_every_pair_id_leads_to_its_slice_and_kind(built):
    files = sorted((built.out / "pairs").glob("KiTS23_*/*.parquet"))
    assert files
    for file in files:
        kind = file.parent.name.split("_")[1]
        for pair in pq.read_table(file, columns=["pair_id", "slice_id", "label"], partitioning=None).to_pylist():
            target = parse_target(pair["pair_id"])
            assert (target.slice_id, target.kind, target.label) == (pair["slice_id"], kind, pair["label"])


def test_boxes_are_few_or_many_by_those_that_the_rules_show():
    """Nine pixels that touch at corners: nine boxes by 1.4.0, whose sizes the legend alone has, one by `exact`."""
    boxes = [
        {"min_rc": [n, n], "max_rc": [n, n], "center_rc": [n, n], "size_mm": [2.0, 3.0], "pixel_count": 1}
        for n in range(9)
    ]
    one = {"start_rc": [0, 0], "stop_rc": [9, 9], "start_mm": [0.0, 0.0], "stop_mm": [18.0, 27.0], "pixel_count": 9}
    row = {"segments": [{"label": 1, "name": "liver", "boxes": boxes, "instances": [one]}]}
    texts = {
        rules: [mark.texts for mark in box_marks(row, move_of((9, 11), "array"), choose(row, rules))]
        for rules in ("1.4.0", "exact")
    }
    assert texts["1.4.0"] == [("liver",), *[()] * 8]
    assert texts["exact"] == [("liver 27.0 × 18.0 mm", "liver")]
