"""Annotation columns of whole planes against a slow reading of each slice."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from miniature import ellipsoid
from twins import SLICE_OF, fit_clusters, runs_of, segment_rows

from medvision.schemas.dataset import LesionTask
from medvision.schemas.rows import LESION, PAIR_F64, PAIR_U16, SEGMENT
from medvision.schemas.rules import RULES
from medvision.schemas.volume import Grid
from medvision.transforms.annotate import ellipse_row, lesions_column, pair_column, segments_column, survey_plane
from medvision.transforms.components import find_components
from medvision.transforms.conics import Frame
from medvision.transforms.lesion_volumes import lesion_volume
from medvision.transforms.lesions import measure_clusters

NAMES = {1: "liver", 2: "cancer", 9: "never there"}
SPACING_MM = (0.7421875, 3.1)
RULE = RULES["1.4.0"]


def labelled_slices(mask: np.ndarray, slice_dim: int) -> list[int]:
    return [i for i in range(mask.shape[slice_dim]) if SLICE_OF[slice_dim](mask, i).any()]


def segments_of(mask: np.ndarray, slice_dim: int, spacing_mm: tuple[float, float] = SPACING_MM) -> list:
    column = segments_column(survey_plane(find_components(mask), slice_dim), spacing_mm, spacing_mm, NAMES)
    assert column.type == pa.list_(SEGMENT)
    column.validate(full=True)
    return column.to_pylist()


def lesions_of(mask: np.ndarray, slice_dim: int, tasks: list[LesionTask], spacing_mm=SPACING_MM) -> list:
    plane = survey_plane(find_components(mask), slice_dim)
    space = Grid((mask.shape[0], mask.shape[1], mask.shape[2]), np.eye(4), (1.0, 1.0, 1.0), "RAS")
    found = {task.number: lesion_volume(mask, task.target, space, 2, task.kind) for task in tasks}
    volumes = {number: volume for number, volume in found.items() if volume}
    frame = Frame(plane.shape_rc, spacing_mm, spacing_mm)
    column = lesions_column(mask, plane, tasks, volumes, frame, NAMES, RULE)
    assert column.type == pa.list_(LESION)
    column.validate(full=True)
    return column.to_pylist()


def lesion_mask() -> np.ndarray:
    """Labels 1, 2 and 7 of unequal sides; some slices of each plane show one of them, some none."""
    shape = (30, 41, 23)
    mask = np.zeros(shape, np.uint8)
    mask[ellipsoid(shape, (14, 20, 11), (11, 15, 8))] = 1
    mask[ellipsoid(shape, (10, 14, 10), (6, 3, 5), 30.0)] = 2
    mask[ellipsoid(shape, (18, 27, 12), (4, 6, 3))] = 2
    mask[ellipsoid(shape, (12, 20, 12), (3, 3, 2))] = 7
    mask[18, 27, 12] = 7
    mask[14, 25, 7] = mask[20, 20, 10] = 2  # single pixels, too small for a fit
    return mask


# Segments and boxes


@settings(max_examples=150, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 6)),
    seed=st.integers(0, 2**32 - 1),
    filled=st.floats(0.02, 0.95),
    spacing_mm=st.tuples(st.floats(0.1, 9.0), st.floats(0.1, 9.0)),
    slice_dim=st.integers(0, 2),
)
def test_segments_match_the_slow_reading(shape, seed, filled, spacing_mm, slice_dim):
    rng = np.random.default_rng(seed)
    mask = rng.choice(np.array([1, 2, 5, 60000], np.uint16), shape) * (rng.random(shape) < filled)
    mask = mask.astype(np.uint16)
    mask.flat[0] = 1
    expected = [segment_rows(SLICE_OF[slice_dim](mask, i), spacing_mm, NAMES) for i in labelled_slices(mask, slice_dim)]
    assert segments_of(mask, slice_dim, spacing_mm) == expected


@pytest.mark.parametrize("slice_dim", [0, 1, 2])
def test_segments_of_shapes_match_the_slow_reading(slice_dim):
    mask = np.asfortranarray(lesion_mask())
    plane = survey_plane(find_components(mask), slice_dim)
    indices = labelled_slices(mask, slice_dim)
    assert plane.slice_idx.tolist() == indices
    assert plane.shape_rc == SLICE_OF[slice_dim](mask, 0).shape
    expected = [segment_rows(SLICE_OF[slice_dim](mask, i), SPACING_MM, NAMES) for i in indices]
    assert segments_of(mask, slice_dim) == expected


def test_a_box_by_hand():
    """Rows 1-4, columns 2-8, an L of 10 pixels; spacing 0.5 along rows and 3 along columns."""
    mask = np.zeros((6, 10, 1), np.uint8)
    mask[1:5, 2, 0] = 2
    mask[4, 2:9, 0] = 2
    (segment,) = segments_of(mask, 2, (0.5, 3.0))[0]
    assert segment == {
        "label": 2,
        "name": "cancer",
        "pixel_count": 10,
        "area_mm2": 15.0,
        "boxes": [
            {
                "min_rc": [1, 2],
                "max_rc": [4, 8],
                "center_rc": [2, 5],  # floor of 2.5, and 5
                "size_px": [4, 7],
                "size_mm": [2.0, 21.0],
                "pixel_count": 10,
                "mask_image_ratio": 10 / 60,
            }
        ],
        "instances": [
            {
                "start_rc": [1, 2],
                "stop_rc": [5, 9],
                "start_mm": [0.5, 6.0],
                "stop_mm": [2.5, 27.0],
                "pixel_count": 10,
                "area_mm2": 15.0,
            }
        ],
    }


def test_boxes_stand_in_raster_order_and_labels_rise():
    mask = np.zeros((5, 9, 1), np.uint8)
    mask[0, 7], mask[0, 2], mask[1, 0], mask[3, 8], mask[4, 4] = 5, 5, 1, 5, 1
    segments = segments_of(mask, 2)[0]
    assert [segment["label"] for segment in segments] == [1, 5]
    assert [box["min_rc"] for box in segments[0]["boxes"]] == [[1, 0], [4, 4]]
    assert [box["min_rc"] for box in segments[1]["boxes"]] == [[0, 2], [0, 7], [3, 8]]
    assert [segment["name"] for segment in segments] == ["liver", ""]


def test_sizes_are_double_precision_products():
    """5 pixels of float32 3.3 mm are 16.49999976..., not 16.5."""
    spacing = float(np.float32(3.3))
    mask = np.ones((5, 1, 2), np.uint8)
    (segment,) = segments_of(mask, 1, (spacing, 1.0))[0]
    assert segment["boxes"][0]["size_mm"] == [5 * 3.299999952316284, 2.0]
    assert segment["area_mm2"] == pytest.approx(32.99999952316284, rel=1e-15)


# Lesions


@pytest.mark.parametrize("slice_dim", [0, 1, 2])
def test_lesions_match_the_slow_reading_on_every_plane(slice_dim):
    mask = lesion_mask()
    found = lesions_of(mask, slice_dim, [LesionTask(5, 3, 2), LesionTask(2, 3, 7)])
    indices = labelled_slices(mask, slice_dim)
    assert len(found) == len(indices)
    kinds = set()
    for index, lesions in zip(indices, found, strict=True):
        pixels = SLICE_OF[slice_dim](mask, index)
        targets = [(2, 7, ""), (5, 2, "cancer")]
        shown = [(number, target, name) for number, target, name in targets if (pixels == target).any()]
        assert [(lesion["lesion_task"], lesion["label"], lesion["name"]) for lesion in lesions] == shown
        kinds.add(tuple(number for number, _, _ in shown))
        for lesion, (_, target, _) in zip(lesions, shown, strict=True):
            fits = fit_clusters(pixels == target, SPACING_MM)
            kept = [fit for fit in fits if fit.fate == "kept"]
            assert lesion["n_total_clusters"] == len(fits)
            measured = [(e["pixel_count"], e["major_mm"], e["minor_mm"]) for e in lesion["ellipses"]]
            assert measured == [(fit.pixel_count, fit.major_mm, fit.minor_mm) for fit in kept]
            for ellipse, fit in zip(lesion["ellipses"], kept, strict=True):
                keys = ("center_rc", "major_end_rc", "major_start_rc", "minor_end_rc", "minor_start_rc")
                np.testing.assert_allclose([ellipse[key] for key in keys], fit.points_rc, atol=1e-9)
    assert kinds >= {(), (5,), (2, 5)}


@pytest.mark.parametrize("slice_dim", [0, 1, 2])
def test_lesion_columns_are_the_rows_of_each_region_and_ellipse(slice_dim):
    """Two tasks and several regions a slice; off the acquisition plane diameters are null."""
    mask = lesion_mask()
    tasks = [LesionTask(5, 3, 2), LesionTask(2, 3, 7, kind="node")]
    affine = np.array([[0.1, 0.9, 0.2, -7.0], [1.1, -0.2, 0.3, 5.5], [0.0, 0.4, 2.9, 1.25], [0.0, 0.0, 0.0, 1.0]])
    space = Grid((mask.shape[0], mask.shape[1], mask.shape[2]), affine, (1.0, 1.0, 1.0), "RAS")
    found = {task.number: lesion_volume(mask, task.target, space, 2, task.kind) for task in tasks}
    volumes = {number: volume for number, volume in found.items() if volume}
    plane = survey_plane(find_components(mask), slice_dim)
    frame = Frame(plane.shape_rc, SPACING_MM, SPACING_MM)
    column = lesions_column(mask, plane, tasks, volumes, frame, NAMES, RULE)
    for index, lesions in zip(plane.slice_idx.tolist(), column.to_pylist(), strict=True):
        for lesion in lesions:
            volume = volumes[lesion["lesion_task"]]
            regions = volume.regions(slice_dim, index)
            assert lesion["regions"] == [volume.region_row(region, slice_dim, index) for region in regions]
            target = SLICE_OF[slice_dim](mask, index) == lesion["label"]
            (top, left), (rows, columns) = lesion["origin_rc"], lesion["size_rc"]
            crop = target[top : top + rows, left : left + columns]
            axes = measure_clusters(crop, (top, left), frame, RULE)
            assert lesion["ellipses"] == [ellipse_row(ellipse) for ellipse in axes.ellipses]
            assert lesion["runs"] == runs_of(crop)
            assert crop.sum() == target.sum()


def test_slices_without_the_target_have_empty_lists():
    mask = np.zeros((9, 9, 4), np.uint8)
    mask[2:7, 2:8, 0:3] = 1
    mask[2:7, 2:8, 1] = 2
    found = lesions_of(mask, 2, [LesionTask(1, 1, 2)], (1.0, 1.0))
    assert [len(lesions) for lesions in found] == [0, 1, 0]
    assert lesions_of(mask, 2, [LesionTask(1, 1, 4)]) == [[], [], []]
    assert lesions_of(mask, 2, []) == [[], [], []]


def test_clusters_too_small_to_fit_count_and_have_no_ellipse():
    mask = np.zeros((30, 20, 1), np.uint8)
    mask[1, 1], mask[28, 18] = 2, 2
    ((lesion,),) = lesions_of(mask, 2, [LesionTask(1, 1, 2)])
    assert (lesion["n_total_clusters"], lesion["ellipses"]) == (2, [])
    mask[5:18, 3:16] = 2
    ((lesion,),) = lesions_of(mask, 2, [LesionTask(1, 1, 2)])
    assert (lesion["n_total_clusters"], [e["pixel_count"] for e in lesion["ellipses"]]) == (3, [169])


def test_clusters_reach_left_of_the_first_one():
    mask = np.zeros((40, 50, 1), np.uint8)
    mask[2:9, 35:44], mask[20:31, 4:12], mask[34:39, 25:32] = 2, 2, 2
    ((lesion,),) = lesions_of(mask, 2, [LesionTask(1, 1, 2)], (1.0, 1.0))
    assert lesion["n_total_clusters"] == 3
    found = [(e["pixel_count"], *e["center_rc"]) for e in lesion["ellipses"]]
    np.testing.assert_allclose(found, [(88, 25, 7.5), (63, 5, 39), (35, 36, 28)], atol=1e-3)


def test_two_tasks_may_share_a_target():
    mask = np.zeros((12, 14, 1), np.uint8)
    mask[2:10, 3:11] = 2
    ((first, second),) = lesions_of(mask, 2, [LesionTask(8, 1, 2), LesionTask(3, 1, 2)], (1.0, 1.0))
    assert (first["lesion_task"], second["lesion_task"]) == (3, 8)
    assert first["ellipses"] == second["ellipses"]
    assert len(first["ellipses"]) == 1


@pytest.mark.parametrize("kind", [PAIR_U16, PAIR_F64])
def test_pairs_of_numbers(kind):
    column = pair_column(np.array([1, 2, 3]), np.array([4, 5, 6]), kind)
    assert column.type == kind
    assert column.to_pylist() == [[1, 4], [2, 5], [3, 6]]
