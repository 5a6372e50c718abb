"""Moved boxes and lines of exact measures, against the mask that is moved itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvision.transforms.move import LINES, move_of

shapes = st.tuples(st.integers(2, 9), st.integers(2, 9))
spacings = st.tuples(st.floats(0.2, 6.0), st.floats(0.2, 6.0))


def instance_of(mask: np.ndarray, spacing_mm: tuple[float, float]) -> dict:
    """The half-open box of a mask's pixels, measured from the outer corner of pixel (0, 0)."""
    cells = np.argwhere(mask)
    start, stop = cells.min(axis=0), cells.max(axis=0) + 1
    edges_mm = {"start_mm": (start * spacing_mm).tolist(), "stop_mm": (stop * spacing_mm).tolist()}
    return {"start_rc": start.tolist(), "stop_rc": stop.tolist(), **edges_mm, "pixel_count": len(cells)}


@given(shapes, spacings, st.data())
def test_instance_is_that_of_the_turned_mask(shape, spacing_mm, data):
    cells = data.draw(st.lists(st.tuples(*(st.integers(0, n - 1) for n in shape)), min_size=1, max_size=4))
    mask = np.zeros(shape, bool)
    mask[tuple(np.array(cells).T)] = True
    turned = mask.T[::-1, ::-1]
    moved = move_of(shape, "radiological").instance(instance_of(mask, spacing_mm))
    expected = instance_of(turned, spacing_mm[::-1])
    assert {key: moved[key] for key in ("start_rc", "stop_rc", "pixel_count")} == {
        key: expected[key] for key in ("start_rc", "stop_rc", "pixel_count")
    }
    for key in ("start_mm", "stop_mm"):
        np.testing.assert_allclose(moved[key], expected[key], atol=1e-9)


def test_array_orientation_leaves_an_instance_as_it_is():
    mask = np.zeros((5, 7), bool)
    mask[1:3, 2:6] = True
    item = instance_of(mask, (0.5, 2.0))
    assert move_of((5, 7), "array").instance(item) == item


def test_lines_of_a_region_turn_end_by_end_and_keep_their_length():
    line = {"length_mm": 3.5, "start_rc": [3.0, 1.5], "end_rc": [0.5, 4.0], "start_mm": [0, 0, 0], "end_mm": [1, 2, 3]}
    region = dict.fromkeys(LINES) | {"start_rc": [0, 1], "stop_rc": [4, 5], "center_rc": [2.0, 2.5], "longest": line}
    moved = move_of((6, 9), "radiological").region(region)
    assert moved["longest"] == {**line, "start_rc": [9 - 1 - 1.5, 6 - 1 - 3.0], "end_rc": [9 - 1 - 4.0, 6 - 1 - 0.5]}
    assert (moved["start_rc"], moved["stop_rc"], moved["center_rc"]) == ([4, 2], [8, 6], [5.5, 3.0])
    assert moved["feret"] is None


def test_another_orientation_is_refused():
    with pytest.raises(ValueError, match="upside down"):
        move_of((4, 4), "upside down")
