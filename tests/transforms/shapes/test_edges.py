"""Midpoints of edges and faces, against a walk over pixels that knows only neighbours."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medvision.transforms.shapes.edges import edge_midpoints, face_midpoints


def slow_midpoints(mask: np.ndarray) -> list[tuple[int, ...]]:
    """In any number of dimensions: twice a set pixel, one aside wherever its neighbour there is not set."""
    pixels = {tuple(map(int, pixel)) for pixel in np.argwhere(mask)}
    found = []
    for pixel, axis, side in product(pixels, range(mask.ndim), (-1, 1)):
        step = tuple(side * (a == axis) for a in range(mask.ndim))
        if tuple(p + s for p, s in zip(pixel, step, strict=True)) not in pixels:
            found.append(tuple(2 * p + s for p, s in zip(pixel, step, strict=True)))
    return sorted(found)


@settings(max_examples=200, deadline=None)
@given(arrays(bool, st.tuples(st.integers(0, 7), st.integers(0, 8))), st.booleans())
def test_edges_are_those_of_the_slow_walk(mask, turned):
    mask = mask.T if turned else mask
    found = edge_midpoints(mask)
    assert found.dtype == np.int64
    assert found.shape[1] == 2
    assert [tuple(row) for row in found.tolist()] == slow_midpoints(mask)


@settings(max_examples=200, deadline=None)
@given(arrays(bool, st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 5))), st.permutations(range(3)))
def test_faces_are_those_of_the_slow_walk(mask, axes):
    mask = mask.transpose(axes)
    found = face_midpoints(mask)
    assert found.dtype == np.int64
    assert found.shape[1] == 3
    assert [tuple(row) for row in found.tolist()] == slow_midpoints(mask)


def test_one_pixel_has_four_edges_in_raster_order():
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    assert edge_midpoints(mask).tolist() == [[1, 4], [2, 3], [2, 5], [3, 4]]


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"\(2, 2, 2\)"):
        edge_midpoints(np.ones((2, 2, 2), bool))
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        face_midpoints(np.ones((2, 2), bool))
