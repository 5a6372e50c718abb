"""Runs of equal labels, against a walk over every line, and the bounds on what a mask may cost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvision.schemas.faults import DataFault
from medvision.transforms import label_runs
from medvision.transforms.label_runs import LabelRuns, find_runs
from medvision.transforms.memory_order import in_memory_order


def painted(runs: LabelRuns, dtype: type) -> np.ndarray:
    """The (x, y, z) mask that the runs describe."""
    stack = np.zeros(runs.shape, dtype)
    for line in range(runs.shape[0] * runs.shape[1]):
        for run in range(runs.first[line], runs.first[line + 1]):
            part = stack[line // runs.shape[1], line % runs.shape[1], runs.start[run] : runs.stop[run]]
            assert len(part)
            assert not part.any()
            part[:] = runs.label[run]
    turned = stack[tuple(slice(None, None, -1 if flip else 1) for flip in runs.flipped)]
    return turned.transpose(np.argsort(runs.axes))


def is_longest(runs: LabelRuns) -> bool:
    """Whether runs of a line rise, and those that touch have two labels."""
    for first, last in zip(runs.first[:-1], runs.first[1:], strict=True):
        if last - first < 2:
            continue
        gaps = runs.start[first + 1 : last] - runs.stop[first : last - 1]
        if (gaps < 0).any() or ((gaps == 0) & (runs.label[first + 1 : last] == runs.label[first : last - 1])).any():
            return False
    return True


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 11), st.integers(1, 9)),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    repeats=st.integers(1, 12),
    axes=st.permutations(range(3)),
    flips=st.tuples(*[st.sampled_from([1, -1])] * 3),
)
def test_runs_paint_the_mask_again(seed, shape, dtype, repeats, axes, flips):
    rng = np.random.default_rng(seed)
    palette = np.array([0, 0, 1, 2, np.iinfo(dtype).max], dtype)
    mask = np.repeat(rng.choice(palette, shape), repeats, axis=0).transpose(axes)
    mask = np.ascontiguousarray(mask)[tuple(slice(None, None, step) for step in flips)].transpose(np.argsort(axes))
    runs = find_runs(mask)
    assert runs.shape_xyz == mask.shape
    for lines in (runs.along, runs.across):
        np.testing.assert_array_equal(painted(lines, dtype), mask)
        assert is_longest(lines)


def test_lines_lie_along_memory():
    """Fortran order: x is the fastest axis."""
    runs = find_runs(np.ones((5, 6, 7), np.uint8, order="F"))
    assert (runs.along.axes, runs.along.shape) == ((2, 1, 0), (7, 6, 5))
    assert (runs.across.axes, runs.across.shape) == ((2, 0, 1), (7, 5, 6))
    assert len(runs) == 42


def test_a_view_of_the_file_is_not_copied():
    stored = np.zeros((4, 5, 6), np.uint8, order="F")
    stack, axes, flipped = in_memory_order(stored[::-1, :, ::-1].transpose(2, 0, 1))
    assert np.shares_memory(stack, stored)
    assert stack.flags.c_contiguous
    assert (axes, flipped) == ((0, 2, 1), (True, False, True))


@pytest.mark.parametrize("layout", ["channel", "step"])
def test_a_view_with_gaps_is_copied(layout):
    stored = np.arange(4 * 5 * 6 * 2, dtype=np.uint16).reshape(4, 5, 6, 2)
    view = stored[..., 1] if layout == "channel" else stored[:, ::2, :, 0]
    stack, axes, _ = in_memory_order(view)
    np.testing.assert_array_equal(stack.transpose(np.argsort(axes)), view)
    assert stack.flags.c_contiguous


@pytest.mark.parametrize("turned", [False, True])
def test_noise_stops_before_it_fills_the_memory(monkeypatch, turned):
    """Lines of one label that alternate: many runs along one axis, few along the other; both are bounded."""
    mask = np.zeros((40, 50, 3), np.uint8, order="F")
    mask[(slice(None), slice(None, None, 2)) if turned else slice(None, None, 2)] = 1
    monkeypatch.setattr(label_runs, "MAX_RUNS", 2000)
    with pytest.raises(DataFault, match="more than 2000"):
        find_runs(mask)
