"""Resizing equals scipy's, to the last bit."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from medvision.transforms.resize import resize

SIDES = st.integers(1, 70)
VALUES = st.floats(-(2.0**120), 2.0**120, width=32)


def zoomed(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    order = 0 if len(np.unique(values)) <= 2 else 1
    return ndimage.zoom(values, [n / s for n, s in zip(shape, values.shape, strict=True)], order=order)


@given(hnp.arrays(np.float32, st.tuples(SIDES, SIDES), elements=VALUES), st.tuples(SIDES, SIDES))
@settings(max_examples=300, deadline=None)
def test_any_values_and_sides(values: np.ndarray, shape: tuple[int, int]) -> None:
    expected = values if values.shape == shape else zoomed(values, shape)
    found = resize(values, shape)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


@given(st.tuples(SIDES, SIDES), st.tuples(st.integers(1, 300), st.integers(1, 300)), st.integers(0, 1000))
@settings(max_examples=200, deadline=None)
def test_noise(start: tuple[int, int], shape: tuple[int, int], seed: int) -> None:
    """Most sides round so that the last pixel lies on the edge, some so that scipy takes it to be outside."""
    values = np.random.default_rng(seed).normal(0, 500, start).astype(np.float32)
    expected = values if start == shape else zoomed(values, shape)
    np.testing.assert_array_equal(resize(values, shape), expected)
    turned = np.asfortranarray(values)
    np.testing.assert_array_equal(resize(turned, shape), expected)
