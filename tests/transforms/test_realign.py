"""Realigned images against SimpleITK's own reading of the transform."""

import math

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume
from medvision.transforms.realign import Realignment

AFFINE = np.array([[0.8, 0.1, 0.0, -9.0], [-0.1, 0.9, 0.0, -8.0], [0.0, 0.0, 1.2, -7.0], [0.0, 0.0, 0.0, 1.0]])
SHAPE = (25, 21, 17)


def text(transform: sitk.Transform, folder) -> bytes:
    path = folder / "t.txt"
    sitk.WriteTransform(transform, str(path))
    return path.read_bytes()


def orthogonal(affine: np.ndarray) -> np.ndarray:
    """ITK takes no sheared direction: the nearest rotation, scaled as before."""
    scale = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    left, _, right = np.linalg.svd(affine[:3, :3] / scale)
    made = affine.copy()
    made[:3, :3] = left @ right * scale
    return made


def blob(center_mm: np.ndarray, affine: np.ndarray) -> RawVolume:
    """A smooth blob around a RAS point."""
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1)
    world = grid @ affine[:3, :3].T + affine[:3, 3]
    data = np.exp(-((world - center_mm) ** 2).sum(axis=-1) / 8).astype(np.float32)
    zooms = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return RawVolume(data, affine, tuple(float(z) for z in zooms))


def peak_mm(volume: RawVolume) -> np.ndarray:
    weights = np.where(volume.data > 0.3, volume.data, 0)
    index = [float((weights * axis).sum() / weights.sum()) for axis in np.indices(SHAPE)]
    return volume.affine[:3, :3] @ index + volume.affine[:3, 3]


def test_a_rigid_transform_moves_image_and_points_together(tmp_path) -> None:
    affine = orthogonal(AFFINE)
    rigid = sitk.Euler3DTransform((1.0, 2.0, -0.5), 0.1, -0.2, 0.15, (1.5, -1.0, 0.8))
    realignment = Realignment(text(rigid, tmp_path))
    native_mm = affine[:3, :3] @ (np.array(SHAPE) / 2) + affine[:3, 3]
    turned = realignment.resample(blob(native_mm, affine))
    assert turned.data.shape == SHAPE
    assert np.array_equal(turned.affine, affine)
    found = peak_mm(turned)
    assert math.dist(found, native_mm) > 1  # it did move
    assert realignment.to_native_mm(tuple(found)) == pytest.approx(tuple(native_mm), abs=0.15)
    lps = rigid.TransformPoint((-found[0], -found[1], found[2]))
    assert realignment.to_native_mm(tuple(found)) == pytest.approx((-lps[0], -lps[1], lps[2]))


def test_the_identity_keeps_values_and_header_scaling(tmp_path) -> None:
    raw = blob(np.zeros(3), orthogonal(AFFINE))
    stored = RawVolume((raw.data * 1000).astype(np.int16), raw.affine, raw.zooms_mm, slope=0.5, intercept=3.0)
    same = Realignment(text(sitk.Euler3DTransform(), tmp_path)).resample(stored)
    assert np.allclose(same.data, stored.data * 0.5 + 3.0, atol=1e-3)
    assert (same.slope, same.intercept) == (1.0, 0.0)


@pytest.mark.parametrize(
    "content", [b"", b"#Insight Transform File V1.0\nTransform: BSplineTransform\n", b"x" * 100_000]
)
def test_other_transforms_are_faults(content: bytes) -> None:
    with pytest.raises(DataFault) as caught:
        Realignment(content)
    assert caught.value.reason == "bad_transform"


def test_a_damaged_transform_is_a_fault() -> None:
    with pytest.raises(DataFault) as caught:
        Realignment(b"#Insight Transform File V1.0\nTransform: Euler3DTransform_double_3_3\nParameters: 1 x\n")
    assert caught.value.reason == "bad_transform"
