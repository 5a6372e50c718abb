"""Components of all labels in one pass, against scipy label by label and slice by slice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import SLICE_OF, component_rows

from medvision.schemas.faults import DataFault
from medvision.transforms import components
from medvision.transforms.components import SLICE_FIELDS, find_components, label_slices

PALETTES = {np.uint8: [0, 1, 2, 3, 255], np.uint16: [0, 1, 2, 256, 65535]}


def table_twin(data: np.ndarray, slice_dim: int, corners: bool) -> np.ndarray:
    rows = [
        (index, *row)
        for index in range(data.shape[slice_dim])
        for row in component_rows(SLICE_OF[slice_dim](data, index), corners)
    ]
    return np.array(rows, np.int64).reshape(-1, len(SLICE_FIELDS))


def assert_as_twin(data: np.ndarray) -> None:
    for slice_dim in range(3):
        for corners in (False, True):
            table = label_slices(find_components(data), slice_dim)[corners]
            assert table.dtype == np.int64
            np.testing.assert_array_equal(table, table_twin(data, slice_dim, corners))


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    """Masks of any density, each side from 1, in C or Fortran order or as a turned view of either."""
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 7)))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    palette = draw(st.lists(st.sampled_from(PALETTES[dtype]), min_size=1, max_size=5))
    size = shape[0] * shape[1] * shape[2]
    voxels = draw(st.lists(st.sampled_from(palette), min_size=size, max_size=size))
    data = np.array(voxels, dtype).reshape(shape, order=draw(st.sampled_from("CF")))
    data = data.transpose(draw(st.permutations(range(3))))
    return data[tuple(slice(None, None, step) for step in draw(st.tuples(*[st.sampled_from([1, -1])] * 3)))]


@settings(max_examples=300, deadline=None)
@given(masks())
def test_random_masks_match_scipy(data):
    assert_as_twin(data)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_large_noise_matches_scipy(dtype, order):
    rng = np.random.default_rng(7)
    data = np.asarray(rng.choice(PALETTES[dtype], (23, 41, 6), p=[0.4, 0.3, 0.1, 0.1, 0.1]), dtype, order=order)
    assert len(table_twin(data, 2, False)) > 2000  # beyond the first size of the table
    assert_as_twin(data)


@st.composite
def coarse_masks(draw: st.DrawFn) -> np.ndarray:
    """Long runs that end anywhere in a word of 8 bytes, on lines whose length is no multiple of it."""
    shape = draw(st.tuples(st.integers(1, 90), st.integers(1, 5), st.integers(1, 4)))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    data = np.zeros(shape, dtype, order="F")
    for label in draw(st.lists(st.sampled_from(PALETTES[dtype]), min_size=1, max_size=9)):
        low = [draw(st.integers(0, side - 1)) for side in shape]
        data[tuple(slice(a, draw(st.integers(a, side)) + 1) for a, side in zip(low, shape, strict=True))] = label
    return data.transpose(draw(st.permutations(range(3))))


@settings(max_examples=200, deadline=None)
@given(coarse_masks())
def test_coarse_masks_match_scipy(data):
    assert_as_twin(data)


def test_every_label_that_there_can_be():
    data = np.arange(256 * 256, dtype=np.uint16).reshape(256, 256, 1)
    for slice_dim in range(3):
        table = label_slices(find_components(data), slice_dim)[1]
        assert len(table) == 65535
        assert sorted(table[:, 1].tolist()) == list(range(1, 65536))
        assert (table[:, 2] == 1).all()


def test_every_pixel_its_own_label():
    data = np.arange(1, 1 + 50 * 60 * 2, dtype=np.uint16).reshape(50, 60, 2)
    data[-1, -1, -1] = 65535
    assert_as_twin(data)


def test_checkerboard_of_distinct_labels_has_no_neighbours():
    data = np.arange(1, 1 + 9 * 12, dtype=np.uint16).reshape(9, 12, 1)
    data[np.indices(data.shape).sum(axis=0) % 2 == 1] = 0
    table = label_slices(find_components(data), 2)[0]
    assert (table[:, 2] == 1).all()
    assert table[:, 1].tolist() == sorted(data[data > 0].tolist())
    assert_as_twin(data)


def test_checkerboard_of_one_label_touches_at_corners_only():
    data = np.ones((9, 12, 1), np.uint8)
    data[np.indices(data.shape).sum(axis=0) % 2 == 1] = 0
    table = label_slices(find_components(data), 2)[0]
    assert len(table) == 9 * 12 // 2
    assert table[:, 3:5].tolist() == [[r, c] for r in range(9) for c in range(12) if (r + c) % 2 == 0]


def test_branches_join_into_one_component():
    """Teeth that meet only at the last row, and a spiral: provisional components are merged late and often."""
    comb = np.zeros((11, 21), np.uint8)
    comb[:, ::2] = 1
    comb[-1] = 1
    spiral = np.zeros((21, 21), np.uint8)
    spiral[0, :] = spiral[:, 20] = spiral[20, :] = spiral[2:, 0] = 1
    spiral[2, :19] = spiral[2:19, 18] = spiral[18, 2:19] = spiral[4:19, 2] = 1
    assert label_slices(find_components(comb[:, :, None]), 2)[0].tolist() == [[0, 1, int(comb.sum()), 0, 0, 10, 20]]
    assert label_slices(find_components(spiral[:, :, None]), 2)[0].tolist() == [[0, 1, int(spiral.sum()), 0, 0, 20, 20]]
    for shape in (comb, spiral, comb[::-1], comb.T, comb[:, ::-1], spiral.T, spiral[::-1, ::-1]):
        assert_as_twin(np.stack([shape, np.rot90(shape, 2), 255 * shape], axis=2))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 30, 4), (30, 1, 4), (3, 5, 1), (1, 1, 40)])
def test_sides_of_one(shape):
    data = np.random.default_rng(3).integers(0, 3, shape).astype(np.uint8)
    data.flat[0] = 2
    assert_as_twin(data)


def test_empty_mask_has_no_components():
    for slice_dim in range(3):
        assert label_slices(find_components(np.zeros((4, 5, 6), np.uint16)), slice_dim)[0].shape == (
            0,
            len(SLICE_FIELDS),
        )


def test_one_far_voxel_keeps_its_place():
    data = np.zeros((6, 7, 8), np.uint16)
    data[4, 5, 6] = 65535
    found = [label_slices(find_components(data), slice_dim)[0].tolist() for slice_dim in range(3)]
    assert found == [
        [[4, 65535, 1, 5, 6, 5, 6]],
        [[5, 65535, 1, 4, 6, 4, 6]],
        [[6, 65535, 1, 4, 5, 4, 5]],
    ]


@pytest.mark.parametrize("slice_dim", [0, 1, 2])
def test_a_plane_of_too_many_parts_is_a_fault(monkeypatch, slice_dim):
    """4 x 5 x 6 voxels in a checkerboard: 60 parts on every plane."""
    mask = (np.indices((4, 5, 6)).sum(axis=0) % 2).astype(np.uint8)
    monkeypatch.setattr(components, "MAX_COMPONENTS", 60)
    assert len(label_slices(find_components(mask), slice_dim)[0]) == 60
    monkeypatch.setattr(components, "MAX_COMPONENTS", 59)
    with pytest.raises(DataFault, match="more than 59 parts"):
        label_slices(find_components(mask), slice_dim)[0]
