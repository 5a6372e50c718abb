"""Range, percentiles and counts, held against numpy on the values one by one."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from twins import finite_outside, finite_range, lower_percentiles

from medvision.transforms.memory_order import flat_voxels
from medvision.transforms.survey import count_outside, percentiles, survey

PERCENTS = (0.5, 99.5, 99.99)
TYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64"]


def check(data: np.ndarray) -> None:
    flat = flat_voxels(data)
    seen = survey(flat)
    if not np.isfinite(data).any():
        assert seen.invalid == data.size
        return
    low, high, invalid, integral = finite_range(data)
    assert (seen.low, seen.high, seen.invalid, seen.integral) == (low, high, invalid, integral)
    percents = (*PERCENTS, 0.0, 37.0, 50.0, 100.0)
    assert percentiles(flat, percents, seen.edges) == lower_percentiles(data, percents)
    for a, b in ((-np.inf, low), (low, high), tuple(sorted(lower_percentiles(data, (20.0, 71.0)))), (0.1, 3.3)):
        wide = data.astype(np.float32) if data.dtype == np.float16 else data
        assert count_outside(flat, a, b) == finite_outside(wide, a, b)


@st.composite
def volumes(draw: st.DrawFn) -> np.ndarray:
    dtype = np.dtype(draw(st.sampled_from(TYPES)))
    shape = draw(st.tuples(*(st.integers(1, 6),) * 3))
    if dtype.kind == "f":
        special = [0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal]
        narrow = st.integers(1000, 1003).map(float)
        some = st.one_of(st.floats(width=dtype.itemsize * 8), st.sampled_from(special), narrow)
        return draw(hnp.arrays(dtype, shape, elements=draw(st.sampled_from([some, narrow, st.sampled_from(special)]))))
    return draw(hnp.arrays(dtype, shape))


@given(volumes(), st.permutations(range(3)), st.tuples(*(st.sampled_from([1, -1, 2]),) * 3))
@settings(max_examples=400, deadline=None)
def test_any_numbers_in_any_view(data: np.ndarray, order: list[int], steps: tuple[int, int, int]) -> None:
    check(data.transpose(order)[tuple(slice(None, None, step) for step in steps)])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kind", ["noise", "air", "constant", "spots", "narrow"])
def test_large_volumes_of_every_type(dtype: str, kind: str) -> None:
    rng, shape = np.random.default_rng(2), (61, 70, 83)
    data = {
        "noise": lambda: rng.normal(60, 15, shape),
        "air": lambda: np.where(rng.random(shape) < 0.6, 0, rng.gamma(2.0, 9.0, shape)),
        "constant": lambda: np.full(shape, 41.5),
        "spots": lambda: np.where(rng.random(shape) < 1e-4, 120.0, rng.uniform(0, 1, shape)),
        "narrow": lambda: rng.integers(100, 104, shape) + 0.0,
    }[kind]()
    typed = np.clip(data, 0, 127).astype(dtype)
    if typed.dtype.kind == "f":
        typed[rng.random(shape) < 0.01] = np.nan
        typed[:2, :3, 0] = np.inf
        typed[:2, :3, 1] = -np.inf
    check(typed)
    check(np.asfortranarray(typed)[::-1, :, ::-1].transpose(1, 2, 0))


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64", "float32", "float64"])
def test_the_widest_range_a_type_holds(dtype: str) -> None:
    rng = np.random.default_rng(3)
    raw = rng.integers(0, 256, (40_000, np.dtype(dtype).itemsize), dtype=np.uint8).view(dtype)
    if raw.dtype.kind != "f":
        raw[:2, 0] = np.iinfo(dtype).min, np.iinfo(dtype).max
    check(raw.reshape(40, 50, 20))


def test_a_threshold_is_compared_in_the_type_of_the_voxels() -> None:
    data = np.full((2, 2, 2), -160.1, np.float32)
    assert count_outside(flat_voxels(data), -160.1, 240.0) == finite_outside(data, -160.1, 240.0) == 0


@pytest.mark.parametrize("channel", [0, 1])
def test_views_of_one_stretch_of_memory_are_not_copied(channel: int) -> None:
    stored = np.zeros((30, 40, 50, 2), np.float32, order="F")
    view = stored[..., channel][::-1, :, ::-1].transpose(2, 0, 1)
    assert np.shares_memory(flat_voxels(view), stored)


def test_percentiles_copy_little() -> None:
    flat = np.random.default_rng(1).gamma(2.0, 100.0, 2_000_000).astype(np.float32)
    seen = survey(flat)
    percentiles(flat[:1000], PERCENTS, seen.edges)
    tracemalloc.start()
    try:
        percentiles(flat, PERCENTS, seen.edges)
        assert tracemalloc.get_traced_memory()[1] < flat.nbytes / 4
    finally:
        tracemalloc.stop()
