"""Grids turned to RAS+: against nibabel for every storage order, and against angles and lengths worked out by hand."""

import itertools
import math

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import Grid, RawVolume
from medvision.transforms.geometry import grid_distance_mm, grid_flags, obliquity_deg, slice_axes, to_ras

ORDERS = [
    "".join(codes[axis] for axis in order)
    for order in itertools.permutations(range(3))
    for codes in itertools.product("LR", "PA", "IS")
]
"""The 48 ways to store a volume."""
DIAGONAL = np.ones(3) / math.sqrt(3.0)


def rotation(axis: np.ndarray, angle_deg: float) -> np.ndarray:
    """Rotation matrix by Rodrigues' formula; `axis` has length 1."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    angle = math.radians(angle_deg)
    return np.eye(3) + math.sin(angle) * cross + (1.0 - math.cos(angle)) * cross @ cross


def affine_of(linear: np.ndarray, origin: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = linear
    affine[:3, 3] = origin
    return affine


def directions(axcodes: str) -> np.ndarray:
    """Unit voxel steps of a storage order as columns."""
    columns = np.zeros((3, 3))
    for axis, code in enumerate(axcodes):
        world = next(i for i, pair in enumerate(("LR", "PA", "IS")) if code in pair)
        columns[world, axis] = 1.0 if code in "RAS" else -1.0
    return columns


def numbered(shape: tuple[int, ...], dtype: str = "int16") -> np.ndarray:
    """A volume whose voxels all differ, Fortran order as files are read."""
    return np.arange(math.prod(shape)).astype(dtype).reshape(shape, order="F")


def raw_volume(affine: np.ndarray, shape=(3, 4, 5), zooms=None, **scaling: float) -> RawVolume:
    norms = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return RawVolume(numbered(shape), affine, tuple(norms if zooms is None else zooms), **scaling)


def grid_of(linear: np.ndarray, shape=(3, 4, 5), origin=(0.0, 0.0, 0.0), zooms=None) -> Grid:
    norms = np.sqrt((linear**2).sum(axis=0))
    return Grid(shape, affine_of(linear, origin), tuple(norms if zooms is None else zooms), "RAS")


def reason_of(raw: RawVolume, channel: int | None = None) -> str:
    with pytest.raises(DataFault) as caught:
        to_ras(raw, channel)
    assert caught.value.stage == "geometry"
    return caught.value.reason


spacings = st.floats(0.3, 8.0)
sides = st.integers(1, 7)
axes = st.tuples(*(st.floats(-1.0, 1.0),) * 3).filter(lambda v: math.hypot(*v) > 0.1)


@st.composite
def stored_volumes(draw: st.DrawFn, axcodes: str, max_angle_deg: float) -> RawVolume:
    axis = np.array(draw(axes))
    turn = rotation(axis / np.sqrt((axis**2).sum()), draw(st.floats(0.0, max_angle_deg)))
    zooms = draw(st.tuples(spacings, spacings, spacings))
    origin = draw(st.tuples(*(st.floats(-300.0, 300.0),) * 3))
    affine = affine_of(turn @ directions(axcodes) @ np.diag(zooms), origin)
    return RawVolume(numbered(draw(st.tuples(sides, sides, sides))), affine, zooms, 2.0, -3.0)


def test_there_are_48_storage_orders() -> None:
    assert len(set(ORDERS)) == 48


@pytest.mark.parametrize("axcodes", ORDERS)
@given(data=st.data())
@settings(max_examples=6, deadline=None)
def test_every_storage_order_turns_as_nibabel_does_and_moves_no_voxel(axcodes: str, data: st.DataObject) -> None:
    # Up to 40 degrees each axis stays nearest to the anatomical axis it was stored along.
    raw = data.draw(stored_volumes(axcodes, max_angle_deg=40.0))
    volume = to_ras(raw)
    canonical = nib.as_closest_canonical(nib.Nifti1Image(raw.data, raw.affine))

    np.testing.assert_array_equal(volume.data, np.asanyarray(canonical.dataobj))
    np.testing.assert_array_equal(volume.grid.affine_ras, canonical.affine)
    assert volume.grid.shape_xyz == canonical.shape
    assert np.shares_memory(volume.data, raw.data)
    assert (volume.slope, volume.intercept) == (2.0, -3.0)

    stored_along = {code: axis for axis, code in enumerate(axcodes)}
    axis_of = [stored_along[a] if a in stored_along else stored_along[b] for a, b in ("RL", "AP", "SI")]
    assert volume.grid.raw_axes == axcodes
    assert volume.grid.zooms_xyz_mm == tuple(raw.zooms_mm[axis] for axis in axis_of)
    np.testing.assert_allclose(volume.grid.affine_spacing_xyz_mm, volume.grid.zooms_xyz_mm, rtol=1e-12)
    assert (np.diag(volume.grid.affine_ras)[:3] > 0).all()

    marked = tuple(data.draw(st.integers(0, side - 1)) for side in raw.data.shape)
    ((x, y, z),) = np.argwhere(volume.data == raw.data[marked])
    before, after = raw.affine @ (*marked, 1.0), volume.grid.affine_ras @ (x, y, z, 1.0)
    np.testing.assert_allclose(after, before, atol=1e-9)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_rotation_turns_as_nibabel_does(data: st.DataObject) -> None:
    raw = data.draw(stored_volumes(data.draw(st.sampled_from(ORDERS)), max_angle_deg=180.0))
    volume = to_ras(raw)
    canonical = nib.as_closest_canonical(nib.Nifti1Image(raw.data, raw.affine))
    np.testing.assert_array_equal(volume.data, np.asanyarray(canonical.dataobj))
    np.testing.assert_array_equal(volume.grid.affine_ras, canonical.affine)


def test_a_kidney_scan_with_slices_first_has_its_spacing_on_the_right_axes() -> None:
    affine = affine_of(np.array([[0.0, 0.0, -0.9], [0.0, -0.8, 0.0], [-5.0, 0.0, 0.0]]))
    volume = to_ras(raw_volume(affine, shape=(2, 3, 4)))
    assert volume.grid.raw_axes == "IPL"
    assert volume.grid.shape_xyz == (4, 3, 2)
    assert volume.grid.zooms_xyz_mm == pytest.approx((0.9, 0.8, 5.0))
    # IPL runs from superior, anterior and right: the first stored voxel is the last on all three RAS+ axes.
    assert volume.data[3, 2, 1] == 0
    assert volume.grid.affine_ras[:3, 3] == pytest.approx((-0.9 * 3, -0.8 * 2, -5.0))


@pytest.mark.parametrize("angle", [0.0, 0.5, 12.0, 44.0])
@pytest.mark.parametrize("world", [0, 1, 2])
def test_obliquity_of_a_turn_about_one_axis_is_its_angle(world: int, angle: float) -> None:
    grid = grid_of(rotation(np.eye(3)[world], angle) @ np.diag([0.7, 1.3, 6.0]))
    assert obliquity_deg(grid) == pytest.approx(angle, abs=1e-3)


@pytest.mark.parametrize("angle", [5.0, 30.0, 58.0])
def test_obliquity_of_a_turn_about_the_space_diagonal(angle: float) -> None:
    # Every axis then leaves its place by arccos((1 + 2 cos angle) / 3).
    expected = math.degrees(math.acos((1.0 + 2.0 * math.cos(math.radians(angle))) / 3.0))
    assert obliquity_deg(grid_of(rotation(DIAGONAL, angle))) == pytest.approx(expected, abs=1e-6)


def test_obliquity_is_the_largest_of_the_three_axes() -> None:
    # Only the third axis leans (a tilted gantry): the others stay.
    leaning = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, math.tan(math.radians(20.0))], [0.0, 0.0, 1.0]])
    assert obliquity_deg(grid_of(leaning)) == pytest.approx(20.0, abs=1e-6)


@pytest.mark.parametrize(("angle", "flags"), [(55.0, []), (58.0, ["plane_name_uncertain"])])
def test_a_plane_more_than_45_degrees_off_has_an_uncertain_name(angle: float, flags: list[str]) -> None:
    assert grid_flags(grid_of(rotation(DIAGONAL, angle))) == flags  # 44.3 and 46.6 degrees off


@pytest.mark.parametrize(("shear", "flags"), [(0.0, []), (0.0005, []), (-0.01, ["sheared", "plane_name_uncertain"])])
@pytest.mark.parametrize(("row", "column"), [(0, 1), (0, 2), (1, 2), (2, 0)])
def test_shear_between_any_two_axes_is_flagged(row: int, column: int, shear: float, flags: list[str]) -> None:
    linear = np.eye(3)
    linear[row, column] = shear
    assert grid_flags(grid_of(linear @ np.diag([0.5, 2.0, 4.0]))) == flags


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    ("factor", "flags"), [(1.0005, []), (1.002, ["spacing_conflict"]), (0.5, ["spacing_conflict"])]
)
def test_header_and_affine_spacing_more_than_a_thousandth_apart_is_flagged(
    axis: int, factor: float, flags: list[str]
) -> None:
    zooms = [0.7, 0.8, 3.0]
    linear = np.diag(zooms)
    zooms[axis] *= factor
    assert grid_flags(grid_of(linear, zooms=zooms)) == flags


@pytest.mark.parametrize(("spacing", "flags"), [(20.0, []), (20.5, ["spacing_unusual"])])
def test_a_spacing_above_20_mm_is_flagged(spacing: float, flags: list[str]) -> None:
    assert grid_flags(grid_of(np.diag([1.0, spacing, 1.0]))) == flags


@pytest.mark.parametrize("axcodes", ["LPS", "IPL", "ASR"])
def test_a_unit_affine_takes_its_spacing_from_the_header_where_the_dataset_says_so(axcodes: str) -> None:
    zooms = (1.5625, 1.25, 10.0)
    raw = raw_volume(affine_of(directions(axcodes), (7.0, 8.0, 9.0)), zooms=zooms)
    scaled = affine_of(directions(axcodes) @ np.diag(zooms), (7.0, 8.0, 9.0))
    expected = nib.as_closest_canonical(nib.Nifti1Image(raw.data, scaled))

    volume = to_ras(raw, spacing_in_header=True)
    np.testing.assert_array_equal(volume.data, np.asanyarray(expected.dataobj))
    np.testing.assert_allclose(volume.grid.affine_ras, expected.affine, atol=1e-12)
    assert volume.grid.affine_spacing_xyz_mm == pytest.approx(volume.grid.zooms_xyz_mm)
    assert grid_flags(volume.grid) == []

    plain = to_ras(raw)
    assert plain.grid.affine_spacing_xyz_mm == (1.0, 1.0, 1.0)
    assert grid_flags(plain.grid) == ["spacing_conflict"]


def test_an_affine_that_has_a_spacing_keeps_it_though_the_dataset_has_it_in_the_header() -> None:
    raw = raw_volume(affine_of(np.diag([-2.0, -1.0, 1.0])), zooms=(1.5, 1.5, 10.0))
    assert to_ras(raw, spacing_in_header=True).grid.affine_spacing_xyz_mm == (2.0, 1.0, 1.0)


def test_distance_of_shifted_grids_is_the_shift() -> None:
    linear = rotation(DIAGONAL, 20.0) @ np.diag([0.5, 1.0, 3.0])
    first, second = grid_of(linear), grid_of(linear, origin=(3.0, -4.0, 12.0))
    assert grid_distance_mm(first, first) == 0.0
    assert grid_distance_mm(first, second) == pytest.approx(13.0)
    assert grid_distance_mm(second, first) == pytest.approx(13.0)


def test_distance_of_turned_grids_is_the_chord_of_the_farthest_corner() -> None:
    # Corner (2, 3, .) voxels of 0.5 x 2 mm from the turning point.
    linear = np.diag([0.5, 2.0, 3.0])
    turned = rotation(np.array([0.0, 0.0, 1.0]), 10.0) @ linear
    chord = 2.0 * math.sin(math.radians(5.0)) * math.hypot(2 * 0.5, 3 * 2.0)
    assert grid_distance_mm(grid_of(linear), grid_of(turned)) == pytest.approx(chord)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_distance_of_stretched_grids_is_that_of_the_last_voxel(axis: int) -> None:
    stretched = np.eye(3)
    stretched[axis, axis] = 1.25
    assert grid_distance_mm(grid_of(np.eye(3)), grid_of(stretched)) == pytest.approx(0.25 * (2, 3, 4)[axis])


def test_slice_axes_are_the_other_two_in_order() -> None:
    volume = np.zeros((3, 4, 5))
    for dim in range(3):
        rows, columns = slice_axes(dim)
        assert np.take(volume, 0, axis=dim).shape == (volume.shape[rows], volume.shape[columns])


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("place", [(0, 0), (2, 3)])
def test_an_affine_that_is_not_finite_is_a_fault(place: tuple[int, int], value: float) -> None:
    affine = np.eye(4)
    affine[place] = value
    assert reason_of(raw_volume(affine, zooms=(1.0, 1.0, 1.0))) == "bad_affine"


@pytest.mark.parametrize(
    "linear",
    [np.zeros((3, 3)), np.diag([1.0, 0.0, 1.0]), np.ones((3, 3)), np.array([[1, 2, 0], [2, 4, 0], [0, 0, 1.0]])],
)
def test_an_affine_that_flattens_space_is_a_fault(linear: np.ndarray) -> None:
    assert reason_of(raw_volume(affine_of(linear), zooms=(1.0, 1.0, 1.0))) == "bad_affine"


@pytest.mark.parametrize("size", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_header_spacing_that_is_not_positive_is_a_fault(axis: int, size: float) -> None:
    zooms = [1.0, 1.0, 1.0]
    zooms[axis] = size
    assert reason_of(raw_volume(np.eye(4), zooms=zooms)) == "bad_spacing"


def test_a_channel_is_chosen_on_the_fourth_axis() -> None:
    raw = raw_volume(np.diag([-1.0, 1.0, 1.0, 1.0]), shape=(3, 4, 5, 2))
    for channel in (0, 1):
        np.testing.assert_array_equal(to_ras(raw, channel).data, raw.data[::-1, :, :, channel])
    single = raw_volume(np.eye(4), shape=(3, 4, 5, 1))
    np.testing.assert_array_equal(to_ras(single).data, single.data[..., 0])
    flat = raw_volume(np.eye(4))
    np.testing.assert_array_equal(to_ras(flat, 0).data, flat.data)


@pytest.mark.parametrize(
    ("shape", "channel", "reason"),
    [
        ((3, 4, 5), 1, "channel_missing"),
        ((3, 4, 5, 2), 2, "channel_missing"),
        ((3, 4, 5, 2), None, "bad_dims"),
        ((3, 4), None, "bad_dims"),
        ((3, 4, 5, 1, 3), None, "bad_dims"),
    ],
)
def test_a_channel_that_is_not_there_is_a_fault(shape: tuple[int, ...], channel: int | None, reason: str) -> None:
    assert reason_of(raw_volume(np.eye(4), shape=shape), channel) == reason
