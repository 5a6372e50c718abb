"""Exact measures of lesions in a volume: analytic solids, the acquisition plane, nodes, and where the ends lie."""

from dataclasses import replace

import numpy as np
import pytest
from miniature import ellipsoid

from medvision.schemas.rows import REGION
from medvision.schemas.volume import Grid
from medvision.schemas.volumes import LESION3D
from medvision.transforms.lesion_volumes import LesionVolume, lesion_volume
from medvision.transforms.volume_rows import acquisition_dim

SPACING = (0.8, 1.1, 2.9)
AXES = {0: (1, 2), 1: (0, 2), 2: (0, 1)}
LINES = ("major_axis", "minor_axis", "feret", "longest", "perpendicular")


def grid(shape: tuple[int, ...], affine: np.ndarray | None = None, spacing=SPACING) -> Grid:
    return Grid((shape[0], shape[1], shape[2]), np.diag([*spacing, 1.0]) if affine is None else affine, spacing, "RAS")


def oblique(degrees: float) -> np.ndarray:
    """A rotation about (1, 2, 3) after the voxel sizes, and an origin."""
    axis = np.array([1.0, 2.0, 3.0]) / np.sqrt(14)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.radians(degrees)
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) + np.sin(turn) * cross + (1 - np.cos(turn)) * cross @ cross) @ np.diag(SPACING)
    affine[:3, 3] = (-40.0, 12.5, 7.0)
    return affine


def two_lesions() -> np.ndarray:
    """An ellipsoid of half axes 12, 8 and 6 voxels, and a bar; between them background. Another label beside."""
    mask = np.zeros((40, 36, 24), np.uint8)
    mask[ellipsoid(mask.shape, (15, 13, 11), (12, 8, 6))] = 2
    mask[30:36, 25:34, 3:5] = 2
    mask[0:4, 0:4, 0:4] = 1
    return mask


def found(mask: np.ndarray, space: Grid | None = None, kind: str = "mass", dim: int = 2) -> LesionVolume:
    volume = lesion_volume(mask, 2, space or grid(mask.shape), dim, kind)
    assert volume is not None
    return volume


def test_fields_are_those_of_the_schema():
    volume = found(two_lesions())
    assert [list(row) for row in volume.rows()] == [[field.name for field in LESION3D]] * 2
    region = volume.region_row(volume.regions(2, 11)[0], 2, 11)
    assert list(region) == [field.name for field in REGION]


def test_an_ellipsoid_has_its_axes_volume_and_caliper():
    mask = np.zeros((90, 60, 40), np.uint8)
    mask[ellipsoid(mask.shape, (44, 29, 19), (40.0, 24.0, 15.0))] = 2
    (row,) = found(mask).rows()
    axes_mm = sorted((80 * 0.8, 48 * 1.1, 30 * 2.9), reverse=True)
    assert row["axes_mm"] == pytest.approx(axes_mm, rel=0.01)
    assert row["volume_mm3"] == pytest.approx(np.pi / 6 * np.prod(axes_mm), rel=0.01)
    assert row["feret_mm"] == pytest.approx(axes_mm[0], abs=SPACING[2])  # a voxel
    assert row["longest"]["length_mm"] == pytest.approx(80 * 0.8, rel=0.02)
    assert row["perpendicular"]["length_mm"] == pytest.approx(48 * 1.1, rel=0.03)
    assert row["center_mm"] == pytest.approx([44 * 0.8, 29 * 1.1, 19 * 2.9], abs=1e-9)
    assert row["largest_slice_idx"] == row["longest_slice_idx"] == 19
    assert row["acquisition_slices"] == 31


def test_a_box_by_hand():
    """6 x 9 x 2 voxels: its longest chord joins midpoints of edges at opposite corners, half a pixel off each."""
    row = found(two_lesions()).rows()[1]
    assert (row["lesion_id"], row["voxel_count"]) == (1, 108)
    assert row["volume_mm3"] == pytest.approx(108 * 0.8 * 1.1 * 2.9)
    assert (row["start_xyz"], row["stop_xyz"]) == ([30, 25, 3], [36, 34, 5])
    assert row["largest_area_mm2"] == pytest.approx(54 * 0.8 * 1.1)
    candidates = (np.hypot(6 * 0.8, 8 * 1.1), np.hypot(5 * 0.8, 9 * 1.1))
    assert row["longest"]["length_mm"] == pytest.approx(max(candidates))
    assert row["longest_slice_idx"] == row["largest_slice_idx"] == 3
    assert row["acquisition_slices"] == 2


def test_regions_name_the_lesion_that_they_are_part_of():
    """On the sagittal slices 15 to 26 of this lesion its two arms are two regions of one lesion."""
    mask = two_lesions()
    mask[20:30, 5:9, 20:23] = 2
    mask[26:30, 5:21, 20:23] = 2
    mask[20:30, 17:21, 20:23] = 2
    volume = found(mask)
    counts = np.bincount(volume.ids.ravel())[1:]
    assert len(counts) == 3
    arms = [region for region in volume.regions(0, 22) if region.start_rc[1] >= 20]
    assert len(arms) == 2
    assert len({region.lesion_id for region in arms}) == 1
    for dim in range(3):
        for index in range(mask.shape[dim]):
            if not (np.take(mask, index, axis=dim) == 2).any():
                continue
            for region in volume.regions(dim, index):
                first = np.argwhere(np.take(mask, index, axis=dim) == 2)
                inside = [p for p in first.tolist() if region.start_rc <= tuple(p) < region.stop_rc]
                assert inside
    total = [0] * len(counts)
    for index in range(mask.shape[1]):
        if (mask[:, index] == 2).any():
            for region in volume.regions(1, index):
                total[region.lesion_id] += region.pixel_count
    assert total == counts.tolist()


def test_lesions_that_touch_at_a_corner_are_one():
    mask = np.zeros((10, 12, 8), np.uint8)
    mask[1:4, 1:4, 1:4] = mask[4:7, 4:8, 4:6] = 2
    assert len(found(mask).rows()) == 1
    assert len(found(mask).regions(2, 3)) == 1


@pytest.mark.parametrize(("kind", "name"), [("mass", "longest"), ("node", "perpendicular")])
def test_the_measure_of_a_node_is_its_short_axis(kind, name):
    for row in found(two_lesions(), kind=kind).rows():
        assert row["measure_mm"] == row[name]["length_mm"]
        ends = np.array([row[name]["start_mm"], row[name]["end_mm"]])
        unit = np.abs(ends[0] - ends[1]) / np.linalg.norm(ends[0] - ends[1])
        assert row["raster_mm"] == pytest.approx(unit @ np.array(SPACING))


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_diameters_are_taken_on_the_acquisition_plane_alone(dim):
    volume = found(two_lesions(), dim=dim)
    for other, index in ((0, 15), (1, 13), (2, 11)):
        region = volume.regions(other, index)[0]
        assert (region.longest is not None) is (other == dim)
    for row in volume.rows():
        start, end = (np.array(row["longest"][name]) for name in ("start_mm", "end_mm"))
        assert start[dim] == end[dim] == pytest.approx(row["longest_slice_idx"] * SPACING[dim])


@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("degrees", [0.0, 33.0])
def test_world_coordinates_are_the_affine_of_the_ends(dim, degrees):
    affine = oblique(degrees)
    mask = two_lesions()
    volume = found(mask, grid(mask.shape, affine), dim=dim)
    for index in (np.argwhere(mask == 2)[:, dim].min(), 13):
        for region in volume.regions(dim, int(index)):
            row = volume.region_row(region, dim, int(index))
            for name in LINES:
                for end in ("start", "end"):
                    voxel = np.zeros(3)
                    voxel[dim], voxel[list(AXES[dim])] = index, row[name][f"{end}_rc"]
                    np.testing.assert_allclose(row[name][f"{end}_mm"], (affine @ [*voxel, 1.0])[:3], atol=1e-9)
                apart = np.linalg.norm(np.subtract(row[name]["start_mm"], row[name]["end_mm"]))
                assert apart == pytest.approx(row[name]["length_mm"], rel=1e-9)


def test_ends_of_diameters_lie_on_the_border_of_the_mask():
    mask = two_lesions()
    volume = found(mask)
    for index, regions in volume.acquired.items():
        padded = np.pad(mask[:, :, index] == 2, 1)
        for region in regions:
            for line in (region.longest, region.perpendicular, region.feret):
                assert line is not None
                for row, column in (line.start_rc, line.end_rc):
                    sides = [padded[int(np.floor(row)) + 1, int(np.floor(column)) + 1]]
                    sides.append(padded[int(np.ceil(row)) + 1, int(np.ceil(column)) + 1])
                    assert sorted(sides) == [False, True], (row, column)


def test_every_length_doubles_with_the_voxel_size():
    mask = two_lesions()
    small, large = (found(mask, grid(mask.shape, spacing=tuple(k * mm for mm in SPACING))).rows() for k in (1, 2))
    for one, two in zip(small, large, strict=True):
        assert two["volume_mm3"] == pytest.approx(8 * one["volume_mm3"])
        assert two["largest_area_mm2"] == pytest.approx(4 * one["largest_area_mm2"])
        assert two["axes_mm"] == pytest.approx([2 * mm for mm in one["axes_mm"]])
        for name in ("feret_mm", "measure_mm", "raster_mm"):
            assert two[name] == pytest.approx(2 * one[name])
        for name in ("longest", "perpendicular"):
            assert two[name]["length_mm"] == pytest.approx(2 * one[name]["length_mm"])
            assert two[name]["start_rc"] == one[name]["start_rc"]


def test_small_regions_are_flagged_as_coarse():
    mask = np.zeros((20, 30, 6), np.uint8)
    mask[2:4, 3:15, 2] = 2  # two pixels wide
    mask[10:14, 3:15, 2] = 2  # four
    thin, wide = found(mask, grid(mask.shape, spacing=(1.0, 1.0, 3.0))).rows()
    assert (thin["flags"], wide["flags"]) == (["coarse_raster"], [])


def test_an_absent_label_has_no_lesions():
    assert lesion_volume(np.ones((3, 4, 5), np.uint8), 2, grid((3, 4, 5)), 2, "mass") is None


@pytest.mark.parametrize(
    ("spacing", "dims", "expected"),
    [
        ((0.7, 0.7, 5.0), (0, 1, 2), 2),
        ((3.0, 0.5, 0.5), (0, 1, 2), 0),
        ((0.5, 3.0, 0.5), (0, 1, 2), 1),
        ((1.0, 1.0, 1.0), (0, 1, 2), 2),
        ((1.0, 1.0, 0.9995), (0, 1, 2), 2),
        ((1.0, 1.0, 0.99), (0, 1, 2), 1),
        ((0.7, 0.7, 5.0), (0, 1), 1),
    ],
)
def test_acquisition_plane_is_across_the_largest_voxel_side(spacing, dims, expected):
    assert acquisition_dim(grid((4, 5, 6), spacing=spacing), dims) == expected
    turned = replace(
        grid((4, 5, 6)),
        affine_ras=oblique(20.0) @ np.diag([*(a / b for a, b in zip(spacing, SPACING, strict=True)), 1.0]),
    )
    assert acquisition_dim(turned, dims) == expected
