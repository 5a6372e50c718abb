"""Intensities as PNG: decoded by another library, then compared with the values that went in."""

import io
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import Grid, Volume
from medvision.transforms.encode import CT_WINDOW, Encoding, encode_slice, plan_png8, plan_png16

GRID = Grid((1, 1, 1), np.eye(4), (1.0, 1.0, 1.0), "RAS")
INVALID = 65535


def volume_of(data: np.ndarray, slope: float = 1.0, intercept: float = 0.0) -> Volume:
    return Volume(data, GRID, slope, intercept)


def codes_of(volume: Volume, encoding: Encoding) -> np.ndarray:
    """Pixels of every axial slice, decoded by Pillow, stacked as the volume."""
    planes = []
    for index in range(volume.data.shape[2]):
        picture = Image.open(io.BytesIO(encode_slice(volume.data[:, :, index], encoding)))
        assert picture.format == "PNG"
        assert picture.mode == ("L" if encoding.bits == 8 else "I;16")
        planes.append(np.asarray(picture))
    return np.stack(planes, axis=2)


def decoded(volume: Volume, encoding: Encoding) -> np.ndarray:
    return codes_of(volume, encoding).astype(np.float64) * encoding.scale + encoding.offset


def true_values(volume: Volume) -> np.ndarray:
    return volume.data.astype(np.float64) * volume.slope + volume.intercept


def shuffled(values: np.ndarray, shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).permutation(values).reshape(shape)


def check_exact(data: np.ndarray, slope: float = 1.0, intercept: float = 0.0) -> Encoding:
    volume = volume_of(data, slope, intercept)
    encoding = plan_png16(volume)
    np.testing.assert_allclose(decoded(volume, encoding), true_values(volume), rtol=1e-12, atol=1e-12)
    if slope == 1.0 and intercept == 0.0:
        np.testing.assert_array_equal(decoded(volume, encoding), data)
    assert (encoding.max_error, encoding.clipped, encoding.invalid, encoding.bits) == (0.0, 0, 0, 16)
    return encoding


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("low", [-32768, -1024, 0, 1])
def test_integers_of_any_type_and_sign_come_back_exactly(dtype: str, low: int) -> None:
    data = shuffled(np.arange(low, low + 6016) if low > -32768 else np.arange(-32768, 32767, 11)[:5952], (-1, 8, 4))
    check_exact(data.astype(dtype))


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32", "float64"])
def test_all_65536_codes_hold_integers(dtype: str) -> None:
    data = shuffled(np.arange(65536), (64, 64, 16)).astype(dtype)
    encoding = check_exact(data)
    np.testing.assert_array_equal(codes_of(volume_of(data), encoding), data)


def test_the_whole_range_of_int16_is_exact() -> None:
    check_exact(shuffled(np.arange(-32768, 32768), (64, 64, 16)).astype("int16"))


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_bytes_are_exact(dtype: str) -> None:
    info = np.iinfo(dtype)
    check_exact(shuffled(np.arange(info.min, info.max + 1), (8, 8, 4)).astype(dtype))


@pytest.mark.parametrize("dtype", ["int32", "uint32", "float64"])
def test_integers_of_a_wider_range_are_spread_with_half_a_step_of_error(dtype: str) -> None:
    data = shuffled(np.linspace(0, 65536, 4096).round(), (16, 16, 16)).astype(dtype)
    assert data.max() == 65536
    volume = volume_of(data)
    encoding = plan_png16(volume)
    assert encoding.scale == 65536 / 65534
    assert encoding.max_error == 65536 / 65534 / 2
    assert (encoding.clipped, encoding.invalid) == (0, 0)
    off = np.abs(decoded(volume, encoding) - data)
    assert 0.25 < off.max() <= encoding.max_error + 1e-9


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, -1024.0), (0.5, 0.0), (2.25, 7.5), (-1.5, 100.0)])
@pytest.mark.parametrize("dtype", ["int16", "uint16", "float32"])
def test_the_slope_and_intercept_of_the_header_go_into_scale_and_offset(
    dtype: str, slope: float, intercept: float
) -> None:
    data = shuffled(np.arange(100, 4196), (16, 16, 16)).astype(dtype)
    encoding = check_exact(data, slope, intercept)
    assert encoding.scale == slope
    assert encoding.offset == 100 * slope + intercept


@pytest.mark.parametrize("slope", [0.5, -4.0])
def test_the_error_of_scaled_values_is_stated_in_units_of_the_values(slope: float) -> None:
    data = np.random.default_rng(3).uniform(-3.0, 5.0, (16, 16, 16))
    volume = volume_of(data, slope, 2.0)
    encoding = plan_png16(volume)
    assert encoding.max_error == pytest.approx(abs(slope) * (data.max() - data.min()) / 65534 / 2)
    off = np.abs(decoded(volume, encoding) - true_values(volume))
    assert 0.9 * encoding.max_error < off.max() <= encoding.max_error * (1 + 1e-9)


def test_values_that_are_not_finite_are_counted_and_get_a_code_of_their_own() -> None:
    data = shuffled(np.arange(65535, dtype="float64"), (51, 257, 5)).astype("float32")
    bad = np.zeros(data.shape, bool)
    places = [(0, 0, 0), (3, 4, 1), (50, 256, 4)]
    for place, value in zip(places, (np.nan, np.inf, -np.inf), strict=True):
        data[place], bad[place] = value, True
    volume = volume_of(data)
    encoding = plan_png16(volume)
    assert (encoding.invalid, encoding.clipped) == (3, 0)
    codes = codes_of(volume, encoding)
    np.testing.assert_array_equal(codes == INVALID, bad)
    assert encoding.max_error == 0.0
    np.testing.assert_array_equal(decoded(volume, encoding)[~bad], data[~bad])


def test_a_range_of_65535_with_a_nan_has_no_code_to_spare() -> None:
    data = shuffled(np.arange(65536), (64, 64, 16)).astype("float32")
    data[np.unravel_index(np.flatnonzero(data == 500), data.shape)] = np.nan
    volume = volume_of(data)
    encoding = plan_png16(volume)
    codes = codes_of(volume, encoding)
    assert encoding.max_error == 65535 / 65534 / 2
    np.testing.assert_array_equal(codes == INVALID, np.isnan(data))
    assert np.nanmax(np.abs(decoded(volume, encoding) - data)) <= encoding.max_error


def test_scaled_values_with_a_nan_keep_its_code_apart() -> None:
    data = np.random.default_rng(5).normal(0.0, 1.0, (20, 20, 20)).astype("float32")
    data[2, 3, 4] = np.nan
    volume = volume_of(data)
    codes = codes_of(volume, plan_png16(volume))
    assert codes[2, 3, 4] == INVALID
    assert np.count_nonzero(codes == INVALID) == 1
    assert np.sort(codes.ravel())[-2] == 65534  # the largest finite value


@pytest.mark.parametrize("plan", [plan_png16, lambda volume: plan_png8(volume, "MRI")])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_volume_without_a_finite_value_is_a_fault(plan: object, value: float) -> None:
    with pytest.raises(DataFault) as caught:
        plan(volume_of(np.full((3, 3, 3), value)))  # type: ignore[operator]
    assert (caught.value.stage, caught.value.reason) == ("encode", "image_not_finite")


def hot_spots(count: int) -> np.ndarray:
    """Uptake from 0 to 5 in 100,000 voxels of which `count` are far hotter, as in a bladder on PET."""
    rng = np.random.default_rng(9)
    values = rng.uniform(0.0, 5.0, 100_000).astype("float32")
    values[:count] = rng.uniform(2000.0, 3000.0, count)
    return shuffled(values, (100, 100, 10), seed=2)


def test_hot_spots_are_clipped_at_the_9999th_of_ten_thousand_and_counted() -> None:
    data = hot_spots(8)
    volume = volume_of(data, slope=2.0, intercept=1.0)
    encoding = plan_png16(volume)
    edge = np.sort(data.ravel())[int(0.9999 * (data.size - 1))]
    above = data > edge
    assert edge < 5.0
    assert encoding.clipped == above.sum() == 10
    assert encoding.max_error == pytest.approx(2.0 * (edge - data.min()) / 65534 / 2)
    values = decoded(volume, encoding)
    assert np.abs(values - true_values(volume))[~above].max() <= encoding.max_error * (1 + 1e-9)
    np.testing.assert_allclose(values[above], edge * 2.0 + 1.0, rtol=1e-6)
    assert codes_of(volume, encoding).max() == 65534


def test_an_infinite_voxel_is_no_hot_spot() -> None:
    data = hot_spots(8)
    data[np.unravel_index(np.argmin(data), data.shape)] = np.inf
    encoding = plan_png16(volume_of(data))
    assert (encoding.clipped, encoding.invalid) == (10, 1)


@pytest.mark.parametrize(("highest", "clips"), [(300.0, False), (350.0, True)])
def test_clipping_begins_where_a_step_exceeds_a_thousandth_of_the_usual_range(highest: float, clips: bool) -> None:
    # p0.5 to p99.5 of a uniform range of 5 spans 4.95: the step reaches 0.00495 at a range of 324.
    data = hot_spots(0)
    data[5, 5, 5] = highest
    encoding = plan_png16(volume_of(data))
    assert (encoding.clipped > 0) is clips


def test_integers_within_16_bits_are_never_clipped() -> None:
    data = np.rint(hot_spots(8)).astype("int32")
    check_exact(data)


@pytest.mark.parametrize("count", [1, 9])
def test_a_volume_of_one_value_and_few_hot_voxels_is_not_clipped_to_nothing(count: int) -> None:
    data = np.zeros((100, 100, 10), "float32")
    data.ravel()[:count] = np.linspace(0.5, 70.25, count)
    volume = volume_of(data)
    encoding = plan_png16(volume)
    assert encoding.clipped == 0
    assert np.abs(decoded(volume, encoding) - data).max() <= encoding.max_error * (1 + 1e-9)


@pytest.mark.parametrize("end", [0, -1])
def test_the_extremes_of_a_large_volume_count_wherever_they_lie(end: int) -> None:
    data = np.random.default_rng(6).uniform(-50.0, 50.0, (120, 120, 100)).astype("float32")
    data[end, end, end], data[~end, ~end, ~end] = -100.5, 200.5
    encoding = plan_png16(volume_of(data))
    assert (encoding.low, encoding.high) == (-100.5, 200.5)
    data[60, 60, 50], data[end, end, 50] = np.nan, np.inf
    assert plan_png16(volume_of(data)).invalid == 2


@pytest.mark.parametrize("value", [0, -7, 300, 0.1, -2.5e-7, 1e9 + 0.5])
@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (-0.5, 3.0)])
def test_a_constant_volume_comes_back_exactly(value: float, slope: float, intercept: float) -> None:
    volume = volume_of(np.full((4, 5, 6), value, "int16" if isinstance(value, int) else "float64"), slope, intercept)
    encoding = plan_png16(volume)
    np.testing.assert_array_equal(decoded(volume, encoding), true_values(volume))
    assert (encoding.max_error, encoding.clipped) == (0.0, 0)


@st.composite
def volumes(draw: st.DrawFn) -> Volume:
    """Numbers of any size and type, some of them not finite."""
    dtype = draw(st.sampled_from(["int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"]))
    shape = draw(st.tuples(*(st.integers(1, 5),) * 3))
    if dtype.startswith("f"):
        scale = draw(st.sampled_from([1e-6, 1.0, 1e3, 1e8]))
        elements = st.one_of(st.floats(-1.0, 1.0, width=32), st.integers(-70_000, 70_000).map(float))
        data = draw(hnp.arrays(np.float64, shape, elements=elements)) * scale
        bad = draw(hnp.arrays(np.int8, shape, elements=st.integers(0, 30)))
        data = np.select([bad == 1, bad == 2, bad == 3], [np.nan, np.inf, -np.inf], data).astype(dtype)
        data.flat[0] = scale
    else:
        data = draw(hnp.arrays(np.dtype(dtype), shape))
    slope = draw(st.sampled_from([1.0, 0.25, -3.0]))
    return volume_of(data, slope, draw(st.sampled_from([0.0, -1024.0])))


@given(volumes())
@settings(max_examples=300, deadline=None)
def test_the_stated_error_bounds_every_voxel_that_is_not_clipped(volume: Volume) -> None:
    encoding = plan_png16(volume)
    finite = np.isfinite(volume.data)
    unclipped = finite & (volume.data <= encoding.high)
    assert encoding.clipped == finite.sum() - unclipped.sum()
    assert encoding.invalid == volume.data.size - finite.sum()
    truth, values = true_values(volume), decoded(volume, encoding)
    rounding = 1e-12 * np.abs(truth[finite]).max()
    assert (np.abs(values - truth)[unclipped] <= encoding.max_error + rounding).all()
    if encoding.invalid:
        np.testing.assert_array_equal(codes_of(volume, encoding) == INVALID, ~finite)


@given(volumes(), st.permutations(range(3)), st.tuples(*(st.sampled_from([1, -1]),) * 3))
@settings(max_examples=60, deadline=None)
def test_an_encoding_does_not_depend_on_how_the_volume_lies_in_memory(
    volume: Volume, order: list[int], signs: tuple[int, int, int]
) -> None:
    view = replace(
        volume, data=np.asfortranarray(volume.data).transpose(order)[tuple(slice(None, None, s) for s in signs)]
    )
    assert plan_png16(view) == plan_png16(volume)
    assert plan_png8(view, "MRI") == plan_png8(volume, "MRI")
    copied = replace(volume, data=view.data.copy())
    np.testing.assert_array_equal(codes_of(view, plan_png16(view)), codes_of(copied, plan_png16(copied)))


@pytest.mark.parametrize(("dtype", "copies"), [("int32", 1.1), ("float32", 2.3)])
def test_a_plan_takes_one_copy_of_the_volume_or_two_of_a_float_one(dtype: str, copies: float) -> None:
    # Slices first and flipped, as a kidney scan lies in memory.
    stored = np.asfortranarray(np.random.default_rng(1).integers(0, 100_000, (200, 160, 160)).astype(dtype))
    volume = volume_of(stored[::-1, ::-1, ::-1].transpose(2, 1, 0))
    plan_png16(replace(volume, data=volume.data[:4, :4, :4]))
    tracemalloc.start()
    try:
        plan_png16(volume)
        assert tracemalloc.get_traced_memory()[1] < copies * stored.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (1.0, -1024.0), (-2.0, 100.0)])
def test_the_8_bit_window_of_ct_is_fixed_in_hu(slope: float, intercept: float) -> None:
    low, high = CT_WINDOW
    assert (low, high) == (-160.0, 240.0)
    hu = shuffled(np.arange(-1000, 3096, 2), (16, 16, 8))
    stored = (hu - intercept) / slope
    volume = volume_of(np.rint(stored).astype("int16"), slope, intercept)
    np.testing.assert_array_equal(true_values(volume), hu)
    encoding = plan_png8(volume, "CT")
    inside = (hu >= low) & (hu <= high)
    assert (encoding.bits, encoding.clipped) == (8, (~inside).sum())
    assert encoding.max_error == pytest.approx(400.0 / 255 / 2)
    values = decoded(volume, encoding)
    assert np.abs(values - hu)[inside].max() <= encoding.max_error * (1 + 1e-9)
    np.testing.assert_allclose(values[hu < low], low, atol=1e-9)
    np.testing.assert_allclose(values[hu > high], high, atol=1e-9)
    codes = codes_of(volume, encoding)
    assert (codes.min(), codes.max()) == (0, 255)


@pytest.mark.parametrize("modality", ["MRI", "PET", "ultrasound"])
def test_the_8_bit_window_of_others_runs_between_percentiles(modality: str) -> None:
    data = shuffled(np.arange(20_001), (59, 113, 3)).astype("float32")
    volume = volume_of(data)
    encoding = plan_png8(volume, modality)
    inside = (data >= 100) & (data <= 19_900)
    assert (encoding.low, encoding.high) == (100.0, 19_900.0)
    assert encoding.clipped == 200 == (~inside).sum()
    values = decoded(volume, encoding)
    assert encoding.max_error == pytest.approx(19_800 / 255 / 2)
    assert np.abs(values - data)[inside].max() <= encoding.max_error * (1 + 1e-9)
    assert (values[data < 100] == 100.0).all()
    np.testing.assert_allclose(values[data > 19_900], 19_900.0)


def test_in_8_bits_what_is_not_finite_is_black_and_counted() -> None:
    data = np.linspace(0.0, 1.0, 1000, dtype="float32").reshape(10, 10, 10)
    data[9, 9, 7:] = (np.nan, np.inf, -np.inf)
    volume = volume_of(data)
    encoding = plan_png8(volume, "MRI")
    assert encoding.invalid == 3
    assert encoding.clipped == 4 + 5  # of 997 finite voxels, below the one of rank 4 and above that of rank 991
    assert (codes_of(volume, encoding)[9, 9, 7:] == 0).all()
    assert codes_of(volume, encoding)[9, 9, 6] == 255


def test_a_constant_volume_fits_8_bits() -> None:
    volume = volume_of(np.full((4, 4, 4), 12.5))
    encoding = plan_png8(volume, "MRI")
    np.testing.assert_array_equal(decoded(volume, encoding), volume.data)
    assert encoding.clipped == 0
