"""Feret diameters, against all pairs and against a caliper turned in small steps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from medvision.transforms.shapes.edges import edge_midpoints, face_midpoints
from medvision.transforms.shapes.feret import max_feret, min_feret
from medvision.transforms.shapes.hull import convex_hull

SPACINGS_MM = st.tuples(st.floats(0.3, 5.0), st.floats(0.3, 5.0), st.floats(0.3, 5.0))


def cloud(axes: int, most: int = 40) -> st.SearchStrategy[np.ndarray]:
    """Points of a small grid, so that many lie on one line, coincide or tie."""
    point = st.tuples(*[st.integers(-4, 5)] * axes)
    return st.lists(point, min_size=1, max_size=most).map(lambda points: np.array(points, np.int64))


def slow_max(points: np.ndarray, spacing_mm: np.ndarray) -> tuple[float, tuple[int, ...], tuple[int, ...]]:
    """All pairs; the longest at 1e-9 mm, then the first in raster order of (later point, earlier point)."""
    pairs = []
    for i, first in enumerate(points.tolist()):
        for second in points.tolist()[i:]:
            end, start = sorted((tuple(first), tuple(second)))
            length = float(np.linalg.norm(np.subtract(start, end) * spacing_mm / 2))
            pairs.append((-round(length, 9), start, end, length))
    _, start, end, length = min(pairs)
    return length, start, end


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from([2, 3]), SPACINGS_MM, st.booleans())
def test_longest_is_that_of_all_pairs(data, axes, spacing_mm, equal):
    points = data.draw(cloud(axes))
    spacing = np.array(spacing_mm[:axes]) if not equal else np.ones(axes)
    length, start, end = max_feret(points, spacing.tolist())
    expected = slow_max(points, spacing)
    assert length == pytest.approx(expected[0], rel=1e-12, abs=1e-12)
    assert (start, end) == expected[1:]


@pytest.mark.parametrize("half_mm", [(0.5, 0.5, 0.5), (0.4, 3.2, 0.4)])
def test_many_points_are_compared_cell_by_cell_to_the_same_end(half_mm):
    random = np.random.default_rng(1)
    spacing = 2 * np.array(half_mm)
    for sides in ((40, 12, 9), (15, 15, 15), (60, 1, 30), (3000, 1, 1)):
        solid = np.zeros((sides[0] + 2, sides[1] + 2, sides[2] + 2), bool)
        grid = np.indices(solid.shape).reshape(3, -1).T - (np.array(sides) + 1) / 2
        inside = ((grid / (np.array(sides) / 2)) ** 2).sum(axis=1) <= 1.1
        solid.reshape(-1)[inside & (random.random(len(grid)) < 0.95)] = True
        points = face_midpoints(solid)
        assert len(points) > 1000
        assert max_feret(points, spacing)[0] == pytest.approx(pdist(points * spacing / 2).max(), rel=1e-12)
        shuffled = random.permutation(points)
        assert max_feret(shuffled, spacing) == max_feret(points, spacing)


@settings(max_examples=200, deadline=None)
@given(cloud(2), SPACINGS_MM)
def test_narrowest_is_that_of_a_turned_caliper(points, spacing_mm):
    row_mm, column_mm = spacing_mm[:2]
    width, across = min_feret(points, (row_mm, column_mm))
    mm = points * np.array([row_mm, column_mm]) / 2
    assert np.linalg.norm(across) == pytest.approx(1.0)
    assert np.ptp(mm @ np.array(across)) == pytest.approx(width, abs=1e-9)
    turns = np.linspace(0, np.pi, 721)
    widths = np.ptp(mm @ np.array([np.cos(turns), np.sin(turns)]), axis=0)
    assert width <= widths.min() + 1e-9
    assert widths.min() - width <= 0.01 * (np.ptp(mm, axis=0).sum() + 1)


@settings(max_examples=200, deadline=None)
@given(cloud(2))
def test_hull_has_the_corners_and_the_area_of_qhull(points):
    corners = convex_hull(np.unique(points, axis=0))
    centred = points - points[0]
    if np.linalg.matrix_rank(centred) < 2:
        assert len(corners) == min(2, len(np.unique(points, axis=0)))
        return
    qhull = ConvexHull(points)
    assert {tuple(corner) for corner in corners} == {tuple(points[v]) for v in qhull.vertices}
    r, c = corners.T
    assert abs(r @ np.roll(c, -1) - c @ np.roll(r, -1)) / 2 == pytest.approx(qhull.volume)


@pytest.mark.parametrize("axes", [2, 3])
def test_of_equal_diameters_the_first_in_raster_order_is_taken(axes):
    """The diagonals of a square, and of one a little out of square."""
    square = np.zeros((4, axes), np.int64)
    square[:, -2:] = [(0, 0), (0, 2), (2, 0), (2, 2)]
    lead = (0,) * (axes - 2)
    _, start, end = max_feret(square, (1.0,) * axes)
    assert (start, end) == ((*lead, 2, 0), (*lead, 0, 2))
    square[:, -2:] = [(0, 0), (0, 20000), (20000, 0), (20001, 20000)]
    _, start, end = max_feret(square, (1.0,) * axes)
    assert (start, end) == ((*lead, 20001, 20000), (*lead, 0, 0))


def test_known_shapes():
    pixel = edge_midpoints(np.ones((1, 1), bool))
    assert max_feret(pixel, (2.0, 3.0)) == (3.0, (0, 1), (0, -1))
    assert min_feret(pixel, (3.0, 4.0))[0] == pytest.approx(12 / 5)  # across two sides of the rhombus
    block = edge_midpoints(np.ones((3, 9), bool))
    assert max_feret(block, (1.0, 1.0))[0] == pytest.approx(np.hypot(9, 2))
    assert min_feret(block, (1.0, 1.0)) == (3.0, (1.0, 0.0))
    assert max_feret(np.array([[4, 4]]), (1.0, 1.0)) == (0.0, (4, 4), (4, 4))
    assert min_feret(np.array([[0, 0], [2, 2], [6, 6]]), (1.0, 1.0))[0] == 0.0


def test_points_that_cannot_be_measured_are_named():
    for points in (np.empty((0, 2), int), np.zeros((3, 4), int), np.zeros(3, int)):
        with pytest.raises(ValueError, match="diameter"):
            max_feret(points, (1.0, 1.0))
    with pytest.raises(ValueError, match="diameter"):
        min_feret(np.zeros((3, 3), int), (1.0, 1.0))
