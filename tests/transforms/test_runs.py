"""Run lengths against a walk with groupby, and back."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from twins import runs_of

from medvision.transforms.runs import from_run_lengths, run_lengths


@settings(max_examples=300, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 9))), st.booleans())
def test_run_lengths_are_those_of_the_walk_and_give_the_mask_again(mask, turned):
    mask = mask.T if turned else mask
    assert run_lengths(mask) == runs_of(mask)
    np.testing.assert_array_equal(from_run_lengths(runs_of(mask), mask.shape), mask)
