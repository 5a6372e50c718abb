"""3D components against scipy, label by label, at both connectivities and however the voxels lie in memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from medvision.schemas.faults import DataFault
from medvision.transforms import components
from medvision.transforms.components import find_components, label_volume

STRUCTURES = {False: None, True: np.ones((3, 3, 3))}


def slow(data: np.ndarray, corners: bool) -> list[list[int]]:
    rows = []
    for label in sorted({int(value) for value in data.ravel()} - {0}):
        numbered, _ = ndimage.label(data == label, STRUCTURES[corners])
        for number, box in enumerate(ndimage.find_objects(numbered), start=1):
            low, high = [side.start for side in box], [side.stop - 1 for side in box]
            rows.append([label, int((numbered == number).sum()), *low, *high])
    return rows


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 10), st.integers(1, 11)),
    labels=st.integers(1, 4),
    density=st.floats(0.02, 0.98),
    corners=st.booleans(),
)
def test_random_volumes_agree_with_scipy(seed, shape, labels, density, corners):
    rng = np.random.default_rng(seed)
    data = (rng.integers(1, labels + 1, shape) * (rng.random(shape) < density)).astype(np.uint8)
    assert label_volume(find_components(data))[corners].tolist() == slow(data, corners)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, -1), (1, -1, 1)])
def test_the_order_in_memory_does_not_matter(corners, axes, flips):
    rng = np.random.default_rng(5)
    data = np.where(rng.random((13, 9, 17)) < 0.4, rng.integers(1, 700, (13, 9, 17)), 0).astype(np.uint16)
    view = np.asarray(data.transpose(axes), order="C")[tuple(slice(None, None, step) for step in flips)]
    back = view.transpose(np.argsort(axes))
    assert label_volume(find_components(back))[corners].tolist() == slow(np.ascontiguousarray(back), corners)


def test_more_components_than_the_first_table_holds():
    data = np.zeros((40, 30, 20), np.uint8)
    data[::2, ::2, ::2] = 1
    table = label_volume(find_components(data))[1]
    assert len(table) == 20 * 15 * 10
    assert (table[:, 1] == 1).all()


def test_a_touch_at_a_corner_joins_only_with_corners():
    data = np.zeros((4, 5, 6), np.uint8)
    data[0, 1, 2] = data[1, 2, 3] = 7
    assert label_volume(find_components(data))[0].tolist() == [[7, 1, 0, 1, 2, 0, 1, 2], [7, 1, 1, 2, 3, 1, 2, 3]]
    assert label_volume(find_components(data))[1].tolist() == [[7, 2, 0, 1, 2, 1, 2, 3]]


def test_an_empty_mask_has_none():
    assert label_volume(find_components(np.zeros((3, 4, 5), np.uint8)))[0].shape == (0, 8)


def checkerboard(shape: tuple[int, int, int]) -> np.ndarray:
    return (np.indices(shape).sum(axis=0) % 2).astype(np.uint8)


@pytest.mark.parametrize("limit", [59, 60])
def test_a_mask_of_too_many_parts_is_a_fault(monkeypatch, limit):
    """4 x 5 x 6 voxels: 60 parts of one voxel."""
    monkeypatch.setattr(components, "MAX_COMPONENTS", limit)
    if limit == 60:
        assert len(label_volume(find_components(checkerboard((4, 5, 6))))[0]) == 60
        return
    with pytest.raises(DataFault, match="more than 59 parts"):
        label_volume(find_components(checkerboard((4, 5, 6))))[0]


def test_the_search_stops_before_it_fills_the_memory(monkeypatch):
    monkeypatch.setattr(components, "MAX_COMPONENTS", 100)
    with pytest.raises(DataFault, match="more than 100 parts"):
        label_volume(find_components(checkerboard((40, 30, 20))))[0]
