"""Slices gathered from every kind of view, held against numpy's indexing and arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import exact_codes, scaled_codes

from medvision.transforms.gather import CodeMap, gather

DTYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64"]


def gathered(stack: np.ndarray, slice_idx: np.ndarray, mapping: CodeMap, dtype: type = np.uint16) -> np.ndarray:
    out = np.full((len(slice_idx), *stack.shape[1:]), 77, dtype)
    gather(stack, slice_idx, mapping, out)
    return out


def voxels(dtype: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype.startswith("f"):
        data = rng.normal(0.0, 900.0, shape).astype(dtype)
        data[rng.random(shape) < 0.05] = np.nan
        data[rng.random(shape) < 0.05] = np.inf
        data[rng.random(shape) < 0.05] = -np.inf
        return data
    info = np.iinfo(dtype)
    return rng.integers(max(info.min, -30_000), min(info.max, 35_000), shape, dtype, endpoint=True)


@st.composite
def views(draw: st.DrawFn, dtypes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """A stack in any memory order, some axes flipped, sparse or one channel of several, and slices of it."""
    long = st.one_of(st.integers(1, 6), st.sampled_from([127, 128, 129, 140]))
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 6), long).flatmap(st.permutations))
    order = draw(st.permutations(range(3)))
    channels = draw(st.sampled_from([None, 1, 2]))
    steps = draw(st.tuples(*(st.sampled_from([1, 1, -1, 2, -3]),) * 3))
    stored_shape = [shape[axis] * abs(steps[axis]) for axis in order] + ([channels] if channels else [])
    stored = voxels(draw(st.sampled_from(dtypes)), tuple(stored_shape), draw(st.integers(0, 9)))
    stored = stored[..., 0] if channels else stored
    stack = stored.transpose(np.argsort(order))[tuple(slice(None, None, step) for step in steps)]
    assert list(stack.shape) == list(shape)
    wanted = draw(st.sets(st.integers(0, shape[0] - 1), min_size=1).map(sorted))
    if draw(st.booleans()):
        wanted = list(range(wanted[0], shape[0]))
    return stack, np.array(wanted)


@given(views(["int16", "uint8"]))
@settings(max_examples=300, deadline=None)
def test_integers_are_offset_whatever_the_view(view: tuple[np.ndarray, np.ndarray]) -> None:
    stack, wanted = view
    low = float(stack.min())
    codes = gathered(stack, wanted, CodeMap(True, low, 1.0, 65535, 65535))
    np.testing.assert_array_equal(codes, exact_codes(stack[wanted], low))


@given(views(["float32", "int16"]), st.sampled_from([np.uint16, np.uint8]))
@settings(max_examples=300, deadline=None)
def test_values_are_scaled_whatever_the_view(view: tuple[np.ndarray, np.ndarray], dtype: type) -> None:
    stack, wanted = view
    top, invalid = (255, 0) if dtype == np.uint8 else (65534, 65535)
    codes = gathered(stack, wanted, CodeMap(False, -500.25, 1300 / top, top, invalid), dtype)
    np.testing.assert_array_equal(codes, scaled_codes(stack[wanted], -500.25, 1300 / top, top, invalid))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("turn", [(0, 1, 2), (2, 0, 1)])
def test_every_type_of_voxel(dtype: str, turn: tuple[int, int, int]) -> None:
    stack = voxels(dtype, (5, 40, 131)).transpose(turn)[:, ::-1]
    wanted = np.arange(0, len(stack), 2)
    for low, step, top in ((-500.0, 0.02, 65534), (3.0, 1.0, 255)):
        codes = gathered(stack, wanted, CodeMap(False, low, step, top, 65535))
        np.testing.assert_array_equal(codes, scaled_codes(stack[wanted], low, step, top, 65535))
    if not dtype.startswith("f"):
        low = float(stack.min())
        codes = gathered(stack, wanted, CodeMap(True, low, 1.0, 65535, 65535))
        np.testing.assert_array_equal(codes, exact_codes(stack[wanted], low))


@pytest.mark.parametrize(("dtype", "low"), [("int64", -(2**40)), ("uint64", 2**60), ("int32", -(2**31))])
def test_codes_far_from_zero(dtype: str, low: int) -> None:
    stack = (np.arange(65536).reshape(4, 128, 128) + low).astype(dtype)
    codes = gathered(stack, np.arange(4), CodeMap(True, float(low), 1.0, 65535, 65535))
    np.testing.assert_array_equal(codes.ravel(), np.arange(65536))


def test_halves_go_to_the_even_code() -> None:
    stack = np.array([0.5, 1.5, 2.5, -0.5, 3.4999999, 254.5, 255.5]).reshape(1, 1, 7)
    codes = gathered(stack, np.zeros(1, int), CodeMap(False, 0.0, 1.0, 255, 0), np.uint8)
    assert codes.ravel().tolist() == [0, 2, 2, 0, 3, 254, 255]


def test_fields_of_records_are_read_where_they_lie() -> None:
    records = np.zeros((3, 4, 5), [("odd", "u1"), ("value", "i2")])
    records["value"] = np.arange(60).reshape(3, 4, 5)
    codes = gathered(records["value"], np.array([0, 2]), CodeMap(True, 0.0, 1.0, 65535, 65535))
    np.testing.assert_array_equal(codes, records["value"][[0, 2]])
