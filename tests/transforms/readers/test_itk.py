"""MetaImage and NRRD, written by SimpleITK or by hand: every voxel where ITK itself places it, damage refused."""

import bz2
import gzip
import tracemalloc
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


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("packed", [False, True])
def test_the_voxels_are_in_memory_once_in_the_order_of_the_file(tmp_path: Path, ending: str, packed: bool) -> None:
    array = np.random.default_rng(1).integers(0, 9, (300, 200, 180)).astype("int32")
    write(tmp_path, f"a{ending}", array, packed)
    tracemalloc.start()
    try:
        volume = read(tmp_path, f"a{ending}")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(volume.data, array)
    assert volume.data.flags.f_contiguous
    assert peak < array.nbytes + (16 << 20)


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
    with pytest.raises(DataFault, match="affine is not finite and invertible"):
        to_ras(read(tmp_path, "a.nrrd"))


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
    assert reason_of(tmp_path, f"b{ending}") in (("truncated", "bad_voxels", "bad_gzip") if packed else ("truncated",))


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


META = b"""ObjectType = Image
NDims = 3
BinaryData = True
BinaryDataByteOrderMSB = False
CompressedData = False
TransformMatrix = 1 0 0 0 1 0 0 0 1
Offset = 1 2 3
ElementSpacing = 1 2 3
DimSize = 2 3 4
ElementType = MET_UCHAR
ElementDataFile = LOCAL
"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param(b"NDims = 3", b"NDims = 99", "bad_header", id="MetaIO writes beyond its memory"),
        pytest.param(b"NDims = 3", b"NDims = 0", "bad_header", id="no dimensions"),
        pytest.param(b"NDims = 3", b"NDims = 1000000", "bad_header", id="MetaIO aborts"),
        pytest.param(b"2 3 4", b"2 3", "bad_header", id="a side too few"),
        pytest.param(b"2 3 4", b"2 -3 4", "bad_header", id="a negative side"),
        pytest.param(b"2 3 4", b"2 0 4", "bad_dims", id="a side of nothing"),
        pytest.param(b"Offset = 1 2 3", b"Offset = 1;2 2 3", "bad_header", id="a number that C cuts off"),
        pytest.param(b"Offset = 1 2 3", b"Offset = 1_0 2 3", "bad_header", id="a number of Python alone"),
        pytest.param(b"Spacing = 1 2 3", b"Spacing = nan 2 3", "bad_spacing", id="no spacing"),
        pytest.param(b"Spacing = 1 2 3", b"Spacing = 1 -2 3", "bad_spacing", id="negative spacing"),
        pytest.param(b"ElementSpacing", b"Elementspacing", "bad_header", id="a key that MetaIO passes over"),
        pytest.param(b"ElementSpacing", b"Comment", "bad_spacing", id="spacing that would be made up"),
        pytest.param(b"NDims = 3", b"NDims = 3\nNDims = 3", "bad_header", id="a key twice"),
        pytest.param(b"MSB = False", b"MSB = maybe", "bad_header", id="neither true nor false"),
        pytest.param(b"BinaryData = True", b"BinaryData = False", "unsupported_encoding", id="voxels as text"),
        pytest.param(b"NDims = 3", b"NDims = 3\nHeaderSize = 9", "unsupported_encoding", id="voxels elsewhere"),
        pytest.param(b"MET_UCHAR", b"MET_OTHER", "unsupported_dtype", id="unknown type"),
        pytest.param(b"1 0 0 0 1", b"1 0 0 0", "bad_header", id="a number of the matrix missing"),
        pytest.param(b"= LOCAL", b"= a\0.raw", "external_file", id="no name"),
    ],
)
def test_a_metaimage_header_is_taken_at_its_word_or_not_at_all(
    tmp_path: Path, old: bytes, new: bytes, reason: str
) -> None:
    write_bytes(tmp_path / "a.mha", META + bytes(range(24)))
    assert read(tmp_path, "a.mha").data[1, 2, 3] == 23
    assert old in META
    write_bytes(tmp_path / "a.mha", META.replace(old, new) + bytes(range(24)))
    assert reason_of(tmp_path, "a.mha") == reason


@pytest.mark.parametrize(("stated", "reason"), [(b"0", "truncated"), (b"20", "truncated"), (b"999", "truncated")])
def test_a_packed_size_that_lies_is_a_fault(tmp_path: Path, stated: bytes, reason: str) -> None:
    """MetaIO unpacks as many bytes as are stated and leaves the rest of the voxels as its memory was."""
    write(tmp_path, "a.mha", packed=True)
    head, packed = (tmp_path / "a.mha").read_bytes().split(b"CompressedDataSize = ")
    write_bytes(tmp_path / "a.mha", head + b"CompressedDataSize = " + stated + packed[packed.index(b"\n") :])
    assert reason_of(tmp_path, "a.mha") == reason


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param(b"NRRD0004", b"NRRD0009", "bad_header", id="unknown version"),
        pytest.param(b"dimension: 3", b"dimension: 17", "bad_header", id="more axes than sizes"),
        pytest.param(b"sizes: 2 3 4", b"sizes: 2 3 0", "bad_dims", id="a side of nothing"),
        pytest.param(b"kinds:", b"kind:", "bad_header", id="unknown field"),
        pytest.param(b"kinds:", b"type: uint8\nkinds:", "bad_header", id="a field twice"),
        pytest.param(b"left-posterior-superior", b"scanner-xyz", "bad_header", id="space that is not the body's"),
        pytest.param(b"(0,0,3)", b"none", "bad_header", id="two directions"),
        pytest.param(b"(0,0,3)", b"(0,0,3", "bad_header", id="half a vector"),
        pytest.param(b"(0,0,3)", b"(0 0,0,3)", "bad_header", id="four numbers"),
        pytest.param(b"(0,0,3)", b"(0,0,nan)", "bad_spacing", id="no step"),
        pytest.param(b"space directions: (1,0,0) (0.5,2,0) (0,0,3)\n", b"", "bad_spacing", id="no directions"),
        pytest.param(b"type: uint8", b"type: block", "unsupported_dtype", id="blocks"),
        pytest.param(b"type: uint8", b"type: int16", "bad_header", id="no byte order"),
        pytest.param(b"encoding: raw", b"encoding: raw\nbyte skip: -1", "unsupported_encoding", id="skipped bytes"),
    ],
)
def test_an_nrrd_header_is_taken_at_its_word_or_not_at_all(tmp_path: Path, old: bytes, new: bytes, reason: str) -> None:
    header = SHEARED % b"left-posterior-superior"
    assert old in header
    write_bytes(tmp_path / "a.nrrd", header.replace(old, new) + bytes(range(24)))
    assert reason_of(tmp_path, "a.nrrd") == reason


def test_channels_of_an_nrrd_come_last_wherever_they_stand(tmp_path: Path) -> None:
    array = np.random.default_rng(4).integers(0, 99, (2, 3, 4, 5)).astype("uint8")
    for name, axis in (("first", 0), ("last", 3)):
        vectors = ["(1,0,0)", "(0,2,0)", "(0,0,3)"]
        vectors.insert(axis, "none")
        stored = np.moveaxis(array, 0, axis)
        head = f"NRRD0005\ntype: uchar\ndimension: 4\nspace: RAS\nsizes: {' '.join(map(str, stored.shape))}\n"
        head += f"space directions: {' '.join(vectors)}\nencoding: bzip2\n\n"
        write_bytes(tmp_path / f"{name}.nrrd", head.encode() + bz2.compress(stored.tobytes(order="F")))
        volume = read(tmp_path, f"{name}.nrrd")
        np.testing.assert_array_equal(volume.data, np.moveaxis(array, 0, -1))
        np.testing.assert_array_equal(volume.affine, np.diag([1.0, 2.0, 3.0, 1.0]))


def test_what_follows_a_packed_stream_is_a_fault(tmp_path: Path) -> None:
    header = SHEARED % b"left-posterior-superior"
    for name, pack in ((b"bzip2", bz2.compress), (b"gzip", gzip.compress)):
        packed = header.replace(b": raw", b": " + name) + pack(bytes(range(24)))
        write_bytes(tmp_path / "a.nrrd", packed)
        assert read(tmp_path, "a.nrrd").data[1, 2, 3] == 23
        write_bytes(tmp_path / "a.nrrd", packed + b"more")
        assert reason_of(tmp_path, "a.nrrd") in ("trailing_data", "bad_gzip")
        write_bytes(tmp_path / "a.nrrd", packed[:-5])
        assert reason_of(tmp_path, "a.nrrd") in ("bad_voxels", "bad_gzip")
