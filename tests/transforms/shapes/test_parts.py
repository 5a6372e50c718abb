"""Parts of a mask and boxes of solids, against scipy and a search of all pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from twins import extents_of, parts_of

from medvision.transforms.shapes.extents import solid_extents
from medvision.transforms.shapes.parts import label_parts


def assert_as_twin(mask: np.ndarray, corners: bool) -> None:
    numbers, parts = label_parts(mask, corners)
    expected, boxes = parts_of(mask, corners)
    np.testing.assert_array_equal(numbers, expected)
    assert numbers.dtype == np.int32
    assert parts == boxes


@settings(max_examples=300, deadline=None)
@given(arrays(bool, st.tuples(st.integers(0, 9), st.integers(0, 10))), st.booleans(), st.booleans())
def test_parts_are_those_of_scipy(mask, corners, turned):
    assert_as_twin(mask.T if turned else mask, corners)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("filled", [0.2, 0.4, 0.5, 0.6, 0.8])
def test_parts_of_large_noise_are_those_of_scipy(filled, corners):
    rng = np.random.default_rng(3)
    for shape in ((1, 200), (200, 1), (61, 80)):
        assert_as_twin(rng.random(shape) < filled, corners)


@pytest.mark.parametrize("corners", [False, True])
def test_a_chessboard_and_a_spiral(corners):
    assert_as_twin(np.indices((7, 9)).sum(axis=0) % 2 == 0, corners)
    spiral = np.zeros((9, 9), bool)
    spiral[0, :] = spiral[:, 8] = spiral[8, :] = spiral[2:, 0] = spiral[2, :7] = spiral[2:7, 6] = spiral[6, 2:7] = True
    assert_as_twin(spiral, corners)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"\(2, 2, 2\)"):
        label_parts(np.ones((2, 2, 2), bool), False)


@settings(max_examples=150, deadline=None)
@given(
    arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 7)), elements=st.booleans()),
    st.permutations(range(3)),
)
def test_boxes_of_solids_are_those_of_a_search(mask, axes):
    ids, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    ids = ids.transpose(axes)  # not as it lies in memory; numbers stay without gaps
    assert solid_extents(ids) == extents_of(ids)
