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


def test_a_transform_samples_the_native_image_where_it_says(tmp_path) -> None:
    """Against the formula of ITK, point by point: T(p) = M (p - c) + c + t, in LPS."""
    matrix = np.array([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])
    center, shift = np.array([2.0, -3.0, 1.0]), np.array([1.25, 0.5, -2.0])
    affine_transform = sitk.AffineTransform(matrix.ravel().tolist(), shift.tolist(), center.tolist())
    realignment = Realignment(text(affine_transform, tmp_path))
    for point in np.random.default_rng(0).uniform(-20, 20, (20, 3)):
        lps = point * (-1, -1, 1)
        expected = (matrix @ (lps - center) + center + shift) * (-1, -1, 1)
        assert realignment.to_native_mm(tuple(point)) == pytest.approx(expected.tolist(), abs=1e-9)


KINDS = {
    "Euler3DTransform": ("0.1 0.2 -0.3 1 2 3", "4 -5 6 0"),
    "VersorRigid3DTransform": ("0.1 0.2 -0.3 1 2 3", "4 -5 6"),
    "Similarity3DTransform": ("0.1 0.2 -0.3 1 2 3 1.1", "4 -5 6"),
    "AffineTransform": ("0.9 0.1 0 -0.1 0.9 0 0 0.2 1.1 1 2 3", "4 -5 6"),
    "MatrixOffsetTransformBase": ("0.9 0.1 0 -0.1 0.9 0 0 0.2 1.1 1 2 3", "4 -5 6"),  # as ITK-SNAP writes it
    "TranslationTransform": ("1 2 3", ""),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_as_itk_reads_it(tmp_path, kind: str, newline: str) -> None:
    path = tmp_path / "t.txt"
    parameters, fixed = KINDS[kind]
    head = ("#Insight Transform File V1.0", "#Transform 0", f"Transform: {kind}_double_3_3")
    path.write_bytes(newline.join([*head, f"Parameters: {parameters}", f"FixedParameters: {fixed}", ""]).encode())
    x, y, z = sitk.ReadTransform(str(path)).TransformPoint((-7.0, -8.0, 9.0))
    assert Realignment(path.read_bytes()).to_native_mm((7.0, 8.0, 9.0)) == pytest.approx((-x, -y, z))
    assert (x, y, z) != (-7.0, -8.0, 9.0)


def test_one_transform_in_a_composite_will_do(tmp_path) -> None:
    rigid = sitk.Euler3DTransform((1.0, 2.0, -0.5), 0.1, -0.2, 0.15, (1.5, -1.0, 0.8))
    alone = Realignment(text(rigid, tmp_path)).to_native_mm((1.0, 2.0, 3.0))
    assert Realignment(text(sitk.CompositeTransform([rigid]), tmp_path)).to_native_mm((1.0, 2.0, 3.0)) == alone
    with pytest.raises(DataFault):
        Realignment(text(sitk.CompositeTransform([rigid, rigid]), tmp_path))


def test_a_whole_voxel_shift_moves_voxels_unchanged(tmp_path) -> None:
    """To look 2 voxels to the Left, 1 to the Posterior and 3 to the Superior moves what is there the other way."""
    affine = np.diag([0.5, 1.0, 2.0, 1.0])
    data = np.random.default_rng(1).integers(1, 200, (9, 8, 7)).astype(np.int16)
    shift = sitk.TranslationTransform(3, (2 * 0.5, 1 * 1.0, 3 * 2.0))  # LPS
    turned = Realignment(text(shift, tmp_path)).resample(RawVolume(data, affine, (0.5, 1.0, 2.0))).data
    expected = np.zeros(data.shape)
    expected[2:, 1:, :-3] = data[:-2, :-1, 3:]
    assert np.array_equal(turned, expected)  # 0 outside


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1)])
def test_a_mark_lands_on_its_native_point_whatever_the_storage(tmp_path, axes: tuple[int, int, int]) -> None:
    """Oblique, flipped and permuted axes of unequal voxels: the mark's realigned point leads back to it."""
    turn = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.3, -0.2, 0.5).GetMatrix()
    affine = np.eye(4)
    affine[:3, :3] = (np.array(turn).reshape(3, 3) @ np.diag([-0.8, 0.9, -1.2]))[:, axes]
    affine[:3, 3] = (12.0, -5.0, 30.0)
    native_mm = affine[:3, :3] @ (np.array(SHAPE) / 2 + (1, -1, 0.5)) + affine[:3, 3]
    rigid = sitk.Euler3DTransform(tuple(native_mm * (-1, -1, 1)), 0.15, 0.1, -0.2, (1.0, 1.5, -0.7))
    realignment = Realignment(text(rigid, tmp_path))
    turned = realignment.resample(blob(native_mm, affine))
    assert np.array_equal(turned.affine, affine)
    assert (turned.data.shape, turned.data.dtype) == (SHAPE, np.float32)
    found = peak_mm(turned)
    assert math.dist(found, native_mm) > 1
    assert realignment.to_native_mm(tuple(found)) == pytest.approx(tuple(native_mm), abs=0.15)


def test_a_single_channel_is_a_volume(tmp_path) -> None:
    raw = blob(np.zeros(3), orthogonal(AFFINE))
    realignment = Realignment(text(sitk.Euler3DTransform(), tmp_path))
    four = RawVolume(raw.data[..., np.newaxis], raw.affine, raw.zooms_mm)
    assert np.array_equal(realignment.resample(four).data, realignment.resample(raw).data)


@pytest.mark.parametrize(
    ("shape", "diagonal", "reason"),
    [
        ((3, 4, 5, 2), (1, 1, 1, 1), "bad_dims"),
        ((3, 4, 5), (0, 1, 1, 1), "bad_affine"),
        ((3, 4), (1, 1, 1, 1), "bad_dims"),
    ],
)
def test_an_image_without_a_grid_is_a_fault(tmp_path, shape: tuple, diagonal: tuple, reason: str) -> None:
    raw = RawVolume(np.ones(shape, np.float32), np.diag(np.array(diagonal, float)), (1.0, 1.0, 1.0))
    with pytest.raises(DataFault) as caught:
        Realignment(text(sitk.Euler3DTransform(), tmp_path)).resample(raw)
    assert caught.value.reason == reason


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


EULER = ("Euler3DTransform_double_3_3", "0.1 0 0 1 2 3", "0 0 0 0")


@pytest.mark.parametrize(
    ("kind", "parameters", "fixed"),
    [
        pytest.param(EULER[0], "1 x", EULER[2], id="no number"),
        pytest.param(EULER[0], "0.1 0 0 1 2", EULER[2], id="a number short"),
        pytest.param(EULER[0], "0.1 0 0 1 2 3 4", EULER[2], id="a number too many"),
        pytest.param(EULER[0], EULER[1], "0", id="centre too short"),
        pytest.param(EULER[0], "nan 0 0 1 2 3", EULER[2], id="NaN"),
        pytest.param(EULER[0], EULER[1], "0 x 0 0", id="centre is no number"),
        pytest.param("TranslationTransform_double_3_3", "inf 0 0", "", id="infinite"),
        pytest.param("AffineTransform_double_2_2", "1 0 0 1 2 3", "0 0", id="two dimensions"),
        pytest.param("AffineTransform_double_3_3", "1 0 0 0 1 0 0 0 0 1 2 3", "0 0 0", id="onto a plane"),
    ],
)
def test_a_damaged_transform_is_a_fault(kind: str, parameters: str, fixed: str) -> None:
    def made(*lines: str) -> Realignment:
        head = ("#Insight Transform File V1.0", "#Transform 0", f"Transform: {lines[0]}")
        return Realignment("\n".join([*head, f"Parameters: {lines[1]}", f"FixedParameters: {lines[2]}", ""]).encode())

    assert made(*EULER).to_native_mm((0.0, 0.0, 0.0)) == pytest.approx((-1.0, -2.0, 3.0))
    with pytest.raises(DataFault) as caught:
        made(kind, parameters, fixed)
    assert caught.value.reason == "bad_transform"
