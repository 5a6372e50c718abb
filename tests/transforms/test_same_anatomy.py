"""One patient, stored in other ways: exact measures stay, and every line lies at the same place of the world."""

from collections.abc import Iterator
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from medvision.schemas.case import Case, CaseImage, SourceFile
from medvision.schemas.dataset import Dataset
from medvision.schemas.options import BuildOptions
from medvision.schemas.volume import RawVolume, Volume
from medvision.sources.registry import DATASETS
from medvision.transforms.geometry import to_ras
from medvision.transforms.read import Mask
from medvision.transforms.rows import image_rows, lesion_volumes, mask_volume_row, measure_case

KITS: Dataset = DATASETS["KiTS23"]
SPACING = (0.8, 1.3, 2.7)
LINES = ("major_axis", "minor_axis", "feret", "longest", "perpendicular")
Row = dict[str, Any]


def patient() -> np.ndarray:
    """Labels 1 to 3 as smooth blobs of no symmetry, sides 41, 34 and 23."""
    noise = gaussian_filter(np.random.default_rng(3).normal(size=(41, 34, 23)), 3.0)
    mask = np.digitize(noise, np.quantile(noise, [0.55, 0.8, 0.93])).astype(np.uint8)
    mask[:, :2] = mask[:, -2:] = mask[:2] = mask[-2:] = mask[..., :1] = mask[..., -1:] = 0
    return mask


def affine_of(turn: np.ndarray, spacing=SPACING) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(spacing)
    affine[:3, 3] = (-17.0, 4.5, 33.0)
    return affine


def tilted(degrees: float) -> np.ndarray:
    turn = np.radians(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    return about_x @ about_z


def stored(mask: np.ndarray, affine: np.ndarray, axes: str) -> RawVolume:
    """The volume in another order and direction of its axes, at the same place of the world."""
    target = nib.orientations.axcodes2ornt(tuple(axes))
    turn = nib.orientations.ornt_transform(nib.orientations.io_orientation(affine), target)
    data = nib.orientations.apply_orientation(mask, turn)
    moved = affine @ nib.orientations.inv_ornt_aff(turn, mask.shape)
    zooms = np.sqrt((moved[:3, :3] ** 2).sum(axis=0))
    return RawVolume(np.asfortranarray(data), moved, (float(zooms[0]), float(zooms[1]), float(zooms[2])))


def measured(raw: RawVolume) -> tuple[Row, list[Row]]:
    """Volume row and slice rows."""
    volume = to_ras(raw)
    source = SourceFile("case_00000/segmentation.nii.gz", 1, "")
    image = CaseImage(1, source, None, "case_00000.nii.gz")
    case = Case("KiTS23", "case_00000", "case_00000", (image,), (source,))
    options = BuildOptions("", "", ("KiTS23",), rules="exact", images="none")
    labels = measure_case(case, Mask(Volume(volume.data, volume.grid, 1.0, 0.0), 0), KITS, options)
    lesions = lesion_volumes(labels, image, KITS)
    about = labels, image, volume, lesions, KITS, options, "train"
    return mask_volume_row(*about), [row for plane in image_rows(*about) for row in plane.batch.to_pylist()]


def lengths(row: Row) -> list[list[float]]:
    """What a 3D lesion measures, whatever it is called by; sorted by volume."""
    found = []
    for lesion in row["lesions"][0]["lesions"]:
        lines = [lesion[name]["length_mm"] for name in ("longest", "perpendicular")]
        found.append([lesion["volume_mm3"], *lesion["axes_mm"], lesion["feret_mm"], lesion["largest_area_mm2"], *lines])
    return sorted(found)


def lines_of(rows: list[Row]) -> Iterator[tuple[str, float, np.ndarray]]:
    """Name, length and ends in RAS mm of every line of every region."""
    for row in rows:
        for lesion in row["lesions"]:
            for region in lesion["regions"]:
                for name in LINES:
                    if region[name] is not None:
                        yield (
                            name,
                            region[name]["length_mm"],
                            np.array([region[name][f"{e}_mm"] for e in ("start", "end")]),
                        )


@pytest.mark.parametrize("turn", [np.eye(3), tilted(15.0)], ids=["straight", "oblique"])
@pytest.mark.parametrize("axes", ["LPS", "IPL", "ASR", "PIR"])
def test_how_a_volume_is_stored_changes_no_exact_measure(turn, axes):
    mask, affine = patient(), affine_of(turn)
    plain_volume, plain_rows = measured(stored(mask, affine, "RAS"))
    other_volume, other_rows = measured(stored(mask, affine, axes))
    assert other_volume["raw_axes"] == axes
    for key in set(plain_volume) - {
        "raw_axes",
        "mask_raw_axes",
        "affine_ras",
        "mask_affine_ras",
        "lesions",
        "structures",
    }:
        assert other_volume[key] == pytest.approx(plain_volume[key]), key
    assert lengths(other_volume) == pytest.approx(np.array(lengths(plain_volume)))
    assert len(plain_rows) == len(other_rows) > 80
    for one, two in zip(plain_rows, other_rows, strict=True):
        assert two["slice_id"] == one["slice_id"]
        for a, b in zip(one["segments"], two["segments"], strict=True):
            assert [i["start_rc"] + i["stop_rc"] for i in a["instances"]] == [
                i["start_rc"] + i["stop_rc"] for i in b["instances"]
            ]
    found = list(zip(lines_of(plain_rows), lines_of(other_rows), strict=True))
    assert len(found) > 200
    for (name, length_mm, ends_mm), (other, other_mm, other_ends_mm) in found:
        assert (other, other_mm) == (name, pytest.approx(length_mm, rel=1e-9))
        np.testing.assert_allclose(other_ends_mm, ends_mm, atol=1e-5)


@pytest.mark.parametrize("degrees", [10.0, 40.0])
def test_lines_turn_with_the_affine(degrees):
    """The same voxels under a turned affine: the same lengths, and ends turned alike (same axes: under 45 degrees)."""
    mask = patient()
    turn = tilted(degrees / 2)
    straight, turned = (measured(stored(mask, affine_of(t), "RAS"))[1] for t in (np.eye(3), turn))
    back = affine_of(np.eye(3)) @ np.linalg.inv(affine_of(turn))
    count = 0
    for (name, length_mm, ends_mm), (other, other_mm, other_ends_mm) in zip(
        lines_of(straight), lines_of(turned), strict=True
    ):
        assert (other, other_mm) == (name, pytest.approx(length_mm, rel=1e-9))
        moved = (np.c_[other_ends_mm, [1.0, 1.0]] @ back.T)[:, :3]
        np.testing.assert_allclose(moved, ends_mm, atol=1e-6)
        count += 1
    assert count > 200


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_a_patient_lying_otherwise_has_the_same_lesions(order):
    """Axes of the anatomy permuted, voxel sizes with them: planes get other names, lesions keep their measures."""
    mask = patient()
    plain, _ = measured(RawVolume(mask, np.diag([*SPACING, 1.0]), SPACING))
    sizes = (SPACING[order[0]], SPACING[order[1]], SPACING[order[2]])
    lying, _ = measured(RawVolume(mask.transpose(order), np.diag([*sizes, 1.0]), sizes))
    assert lying["acquisition_dim"] == order.index(2)
    np.testing.assert_allclose(lengths(lying), lengths(plain), rtol=1e-9)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_patient_has_the_same_lesions(axis):
    mask = patient()
    plain, mirrored = (
        measured(RawVolume(m, np.diag([*SPACING, 1.0]), SPACING))[0] for m in (mask, np.flip(mask, axis))
    )
    np.testing.assert_allclose(lengths(mirrored), lengths(plain), rtol=1e-9)


def test_every_length_doubles_with_the_voxel_size():
    mask = patient()
    double = (2 * SPACING[0], 2 * SPACING[1], 2 * SPACING[2])
    plain, large = (measured(RawVolume(mask, np.diag([*s, 1.0]), s)) for s in (SPACING, double))
    powers = np.array([3, 1, 1, 1, 1, 2, 1, 1])
    np.testing.assert_allclose(lengths(large[0]), np.array(lengths(plain[0])) * 2.0**powers, rtol=1e-9)
    for (name, length_mm, _), (other, other_mm, _) in zip(lines_of(plain[1]), lines_of(large[1]), strict=True):
        assert (other, other_mm) == (name, pytest.approx(2 * length_mm, rel=1e-9))
