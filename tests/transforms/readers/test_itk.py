"""MetaImage and NRRD, written by SimpleITK or by hand: every voxel where ITK itself places it, damage refused."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from miniature import write_bytes
from raw_sources import opened, read, reason_of

from medvision.schemas.faults import DataFault
from medvision.transforms.geometry import grid_flags, to_ras
from medvision.transforms.readers.itk import read_itk

ENDINGS = (".mha", ".mhd", ".nrrd")
SHAPE = (6, 5, 4)
NOISE = np.random.default_rng(0).integers(0, 999, SHAPE).astype("int16")
"""(i, j, k)."""


def rotation(degrees_xyz: tuple[float, float, float]) -> np.ndarray:
    turn = sitk.Euler3DTransform()
    turn.SetRotation(*np.radians(degrees_xyz))
    return np.array(turn.GetMatrix()).reshape(3, 3)


def image_of(array: np.ndarray, direction: np.ndarray | None = None) -> sitk.Image:
    image = sitk.GetImageFromArray(array.transpose())
    image.SetSpacing((0.75, 1.5, 4.0))
    image.SetOrigin((10.0, -20.0, 30.0))
    if direction is not None:
        image.SetDirection(direction.ravel().tolist())
    return image


def write(root: Path, name: str, array: np.ndarray = NOISE, packed: bool = False, **options: np.ndarray) -> sitk.Image:
    image = image_of(array, **options)
    sitk.WriteImage(image, str(root / name), packed)
    return image


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ending", ENDINGS)
def test_stored_values_come_back_in_the_stored_type(tmp_path: Path, ending: str, packed: bool, dtype: str) -> None:
    array = NOISE.astype(dtype)
    write(tmp_path, f"a{ending}", array, packed)
    volume = read(tmp_path, f"a{ending}")
    assert volume.data.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(volume.data, array)
    assert volume.zooms_mm == (0.75, 1.5, 4.0)


@given(
    degrees=st.tuples(*[st.floats(-180, 180)] * 3),
    mirrored=st.booleans(),
    index=st.tuples(*[st.integers(0, n - 1) for n in SHAPE]),
    ending=st.sampled_from(ENDINGS),
)
@settings(max_examples=30, deadline=None)
def test_a_marked_voxel_is_where_itk_places_it(
    tmp_path_factory: pytest.TempPathFactory,
    degrees: tuple[float, float, float],
    mirrored: bool,
    index: tuple[int, int, int],
    ending: str,
) -> None:
    root = tmp_path_factory.mktemp("oblique")
    array = np.zeros(SHAPE, np.uint8)
    array[index] = 7
    direction = rotation(degrees) @ np.diag([1, 1, -1 if mirrored else 1])
    image = write(root, f"a{ending}", array, direction=direction)
    x, y, z = image.TransformIndexToPhysicalPoint(index)
    raw = read(root, f"a{ending}")
    assert raw.data[index] == 7
    np.testing.assert_allclose(raw.affine @ [*index, 1], (-x, -y, z, 1), atol=1e-6)
    turned = to_ras(raw)
    (place,) = np.argwhere(turned.data == 7)
    np.testing.assert_allclose(turned.grid.affine_ras @ [*place, 1], (-x, -y, z, 1), atol=1e-6)


def test_the_voxels_are_itks_own_memory_and_outlive_the_reader(tmp_path: Path) -> None:
    array = np.random.default_rng(1).integers(0, 999, (120, 100, 90)).astype("int32")
    write(tmp_path, "a.nrrd", array)
    volumes = [read(tmp_path, "a.nrrd") for _ in range(5)]
    for volume in volumes:
        assert not volume.data.flags.owndata
        assert not volume.data.flags.writeable
        np.testing.assert_array_equal(volume.data, array)


SHEARED = b"""NRRD0004
type: uint8
dimension: 3
space: %s
sizes: 2 3 4
space directions: (1,0,0) (0.5,2,0) (0,0,3)
kinds: domain domain domain
encoding: raw
space origin: (10,20,30)

"""


@pytest.mark.parametrize(
    ("space", "signs"), [(b"left-posterior-superior", (-1, -1, 1)), (b"right-anterior-superior", (1, 1, 1))]
)
def test_directions_that_are_not_orthonormal_are_kept_and_flagged(
    tmp_path: Path, space: bytes, signs: tuple[int, int, int]
) -> None:
    write_bytes(tmp_path / "a.nrrd", SHEARED % space + bytes(range(24)))
    volume = read(tmp_path, "a.nrrd")
    expected = np.array([[1, 0.5, 0, 10], [0, 2, 0, 20], [0, 0, 3, 30]]) * np.array(signs)[:, np.newaxis]
    np.testing.assert_allclose(volume.affine[:3], expected, atol=1e-9)
    assert volume.data[1, 2, 3] == 23
    assert "sheared" in grid_flags(to_ras(volume).grid)


def test_directions_without_a_volume_are_a_fault(tmp_path: Path) -> None:
    flat = (SHEARED % b"left-posterior-superior").replace(b"(0.5,2,0)", b"(2,0,0)")
    write_bytes(tmp_path / "a.nrrd", flat + bytes(24))
    assert reason_of(tmp_path, "a.nrrd") in ("bad_header", "bad_voxels", "bad_affine")


def test_channels_come_last(tmp_path: Path) -> None:
    array = np.random.default_rng(2).integers(0, 99, (3, 4, 5, 2)).astype("uint8")
    joined = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0, 3)), isVector=True)
    series = sitk.JoinSeries([image_of(array[..., channel]) for channel in range(2)])
    for number, image in enumerate((joined, series)):
        sitk.WriteImage(image, str(tmp_path / f"{number}.mha"))
        volume = read(tmp_path, f"{number}.mha")
        np.testing.assert_array_equal(volume.data, array)
        assert volume.affine.shape == (4, 4)
    sitk.WriteImage(sitk.JoinSeries([image_of(NOISE)]), str(tmp_path / "one.mha"))
    np.testing.assert_array_equal(read(tmp_path, "one.mha").data, NOISE)


def test_a_plane_is_no_volume_and_a_complex_one_no_numbers(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(NOISE[0]), str(tmp_path / "a.mha"))
    assert reason_of(tmp_path, "a.mha") == "bad_dims"
    sitk.WriteImage(sitk.GetImageFromArray(NOISE.astype("complex64")), str(tmp_path / "b.nrrd"))
    assert reason_of(tmp_path, "b.nrrd") in ("unsupported_dtype", "bad_dims")


@pytest.mark.parametrize("ending", [".mha", ".nrrd"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("missing", [1, 8, 60])
def test_a_file_cut_short_is_a_fault(tmp_path: Path, ending: str, packed: bool, missing: int) -> None:
    write(tmp_path, f"a{ending}", packed=packed)
    content = (tmp_path / f"a{ending}").read_bytes()
    write_bytes(tmp_path / f"b{ending}", content[:-missing])
    assert reason_of(tmp_path, f"b{ending}") in (("truncated", "bad_voxels") if packed else ("truncated",))


@pytest.mark.parametrize("ending", [".mha", ".nrrd"])
@given(place=st.floats(0.0, 1.0, exclude_max=True), flip=st.integers(1, 255))
@settings(max_examples=40, deadline=None)
def test_no_damaged_byte_of_a_packed_volume_passes_unseen(
    tmp_path_factory: pytest.TempPathFactory, ending: str, place: float, flip: int
) -> None:
    root = tmp_path_factory.mktemp("damaged")
    write(root, f"a{ending}", packed=True)
    content = bytearray((root / f"a{ending}").read_bytes())
    end = b"LOCAL\n" if ending == ".mha" else b"\n\n"
    start = content.index(end) + len(end) + (10 if ending == ".nrrd" else 0)  # gzip's own header holds nothing
    content[start + int(place * (len(content) - start))] ^= flip
    write_bytes(root / f"b{ending}", bytes(content))
    with pytest.raises(DataFault):
        read(root, f"b{ending}")


@pytest.mark.parametrize("content", [b"", b"ObjectType = Image\n", b"NRRD0004\n\n", b"\0" * 500, b"a=b\n" * 9])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_without_a_header_is_a_fault(tmp_path: Path, ending: str, content: bytes) -> None:
    write_bytes(tmp_path / f"a{ending}", content)
    assert reason_of(tmp_path, f"a{ending}") == "bad_header"


@pytest.mark.parametrize("ending", [".mha", ".nrrd"])
def test_sizes_that_lie_take_no_memory(tmp_path: Path, ending: str) -> None:
    write(tmp_path, f"a{ending}", packed=True)
    content = (tmp_path / f"a{ending}").read_bytes()
    for sizes, reason in ((b"900 900 900", "dims_exceed_file"), (b"90000 90000 90000", "volume_too_large")):
        write_bytes(tmp_path / f"b{ending}", content.replace(b"6 5 4", sizes, 1))
        assert reason_of(tmp_path, f"b{ending}") == reason
    with pytest.raises(DataFault, match="240 bytes decompressed, the limit is 239"):
        read_itk(opened(tmp_path, f"a{ending}"), max_bytes=239)
    write_bytes(tmp_path / f"b{ending}", content.replace(b"6 5 4", b"6 5 3", 1))
    assert reason_of(tmp_path, f"b{ending}") == "trailing_data"


def test_a_data_file_elsewhere_is_for_mhd_alone(tmp_path: Path) -> None:
    write(tmp_path, "a.mhd")
    (tmp_path / "heads").mkdir()
    header = (tmp_path / "a.mhd").read_bytes()
    write_bytes(tmp_path / "heads/b.mhd", header.replace(b"a.raw", b"../a.raw"))
    np.testing.assert_array_equal(read(tmp_path, "heads/b.mhd").data, NOISE)
    assert reason_of(tmp_path / "heads", "b.mhd") == "external_file"
    write_bytes(tmp_path / "b.mha", header)
    assert reason_of(tmp_path, "b.mha") == "external_file"
    attached = (SHEARED % b"left-posterior-superior").replace(b"encoding: raw", b"encoding: raw\ndata file: a.raw")
    write_bytes(tmp_path / "b.nrrd", attached)
    assert reason_of(tmp_path, "b.nrrd") == "external_file"


@pytest.mark.parametrize(("encoding", "reason"), [(b"hex", "unsupported_encoding"), (b"ascii", "unsupported_encoding")])
def test_voxels_as_text_are_not_read(tmp_path: Path, encoding: bytes, reason: str) -> None:
    header = (SHEARED % b"left-posterior-superior").replace(b"encoding: raw", b"encoding: " + encoding)
    write_bytes(tmp_path / "a.nrrd", header + b"1 " * 24)
    assert reason_of(tmp_path, "a.nrrd") == reason


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["pyradiomics/brain1_image.nrrd", "dcmqi/liver_seg.nrrd"])
def test_real_files_are_read_as_simpleitk_reads_them(realdata: Path, name: str) -> None:
    image = sitk.ReadImage(str(realdata / name))
    volume = read(realdata, name)
    np.testing.assert_array_equal(volume.data, sitk.GetArrayFromImage(image).transpose())
    last = [n - 1 for n in image.GetSize()]
    x, y, z = image.TransformIndexToPhysicalPoint(last)
    np.testing.assert_allclose(volume.affine @ [*last, 1], (-x, -y, z, 1), atol=1e-6)
