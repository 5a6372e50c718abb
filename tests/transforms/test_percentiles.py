"""Percentiles equal numpy's, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medvision.transforms.percentiles import slice_percentiles

PERCENTS = st.lists(st.sampled_from([0.0, 0.5, 33.3, 50.0, 99.5, 100.0]), min_size=1).map(sorted)


@given(hnp.arrays(np.float32, st.integers(1, 300), elements=st.floats(-(2.0**100), 2.0**100, width=32)), PERCENTS)
@settings(max_examples=300, deadline=None)
def test_any_values(values: np.ndarray, percents: list[float]) -> None:
    found = slice_percentiles(values, percents)
    assert {value.dtype for value in found} == {np.dtype(np.float32)}
    assert found == [np.percentile(values, percent) for percent in percents]


@pytest.mark.parametrize("size", [(1, 2), (240, 240), (511, 513), (1935, 2400)])
def test_whole_slices(size: tuple[int, int]) -> None:
    """So large that a place in float32 is no longer exact."""
    rng, percents = np.random.default_rng(size[0]), (0.5, 99.5)
    for values in (rng.normal(0, 400, size), rng.integers(-5, 6, size), np.where(rng.random(size) < 0.9, -1000, 7.5)):
        slice_values = np.float32(values)
        expected = [np.percentile(slice_values, percent) for percent in percents]
        assert slice_percentiles(slice_values, percents) == expected
        assert slice_percentiles(slice_values.T, percents) == expected
