"""NIfTI files written by nibabel, header field by field, then damaged: what is read, and the reason of each fault."""

import gzip
import hashlib
import io
import tracemalloc
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_sources import read_ras

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume
from medvision.transforms.geometry import grid_distance_mm
from medvision.transforms.readers.nifti import NiftiFile
from medvision.transforms.streams import MAX_TRAILING, HashingReader

DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")
KINDS = {1: nib.Nifti1Image, 2: nib.Nifti2Image}
AFFINE = np.array([[-0.75, 0.0, 0.0, 90.0], [0.0, 1.5, 0.0, -20.0], [0.0, 0.0, 4.0, 7.5], [0.0, 0.0, 0.0, 1.0]])
MEBIBYTE = 1 << 20


def voxels(dtype: str = "int16", shape: tuple[int, ...] = (3, 4, 5)) -> np.ndarray:
    """Values that differ under a byte swap and reach both ends of an integer type."""
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    if np.dtype(dtype).kind in "iu":
        array[0, 0, 0], array[-1, -1, -1] = np.iinfo(dtype).min, np.iinfo(dtype).max
    else:
        array[0, 0, 0], array[-1, -1, -1] = -1.5e30, np.inf
    return array


def file_of(array: np.ndarray, version: int = 1, order: str = "<", affine=AFFINE, **fields: Any) -> bytes:
    """A file as nibabel writes it; `fields` then replaces header fields in the bytes."""
    kind = KINDS[version]
    header = kind.header_class(endianness=order)
    header.set_data_dtype(array.dtype)
    image = kind(array, affine, header)
    image.header.set_slope_inter(1.0, 0.0)
    return with_fields(image.to_bytes(), **fields)


def with_fields(content: bytes, **fields: Any) -> bytes:
    order = "<" if content[0] else ">"  # the length of the header, 348 or 540, comes first
    kind = nib.Nifti1Header if b"\x5c" in content[:4] else nib.Nifti2Header
    header = kind(content[: kind.sizeof_hdr], endianness=order, check=False)
    for name, value in fields.items():
        header[name] = value
    return header.binaryblock + content[kind.sizeof_hdr :]


def read(content: bytes, compressed: bool = False, **limits: int) -> RawVolume:
    """The volume, which is the same part by part; a fault of either way is raised."""
    parts = NiftiFile(io.BytesIO(content), len(content), compressed, **limits).parts()
    volume = NiftiFile(io.BytesIO(content), len(content), compressed, **limits).volume()
    flat = np.concatenate(list(parts))
    assert flat.dtype == volume.data.dtype
    np.testing.assert_array_equal(flat, volume.data.reshape(-1, order="F"))
    return volume


def by_nibabel(content: bytes) -> Any:
    return KINDS[1 if b"\x5c" in content[:4] else 2].from_bytes(content)


def reason_of(content: bytes, compressed: bool = False, **limits: int) -> str:
    with pytest.raises(DataFault) as caught:
        read(content, compressed, **limits)
    assert caught.value.stage == "read"
    assert caught.value.message
    return caught.value.reason


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_stored_values_come_back_in_the_stored_type(dtype: str, order: str, version: int, compressed: bool) -> None:
    array = voxels(dtype)
    content = file_of(array, version, order)
    assert content[:4] == (348 if version == 1 else 540).to_bytes(4, "little" if order == "<" else "big")
    volume = read(gzip.compress(content) if compressed else content, compressed)
    assert volume.data.dtype == np.dtype(dtype)
    assert volume.data.dtype.isnative
    np.testing.assert_array_equal(volume.data, array)
    np.testing.assert_array_equal(volume.affine, by_nibabel(content).affine)
    assert volume.zooms_mm == (0.75, 1.5, 4.0)
    assert (volume.slope, volume.intercept) == (1.0, 0.0)


@given(
    shape=st.lists(st.integers(1, 6), min_size=3, max_size=4),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 2**32 - 1),
    compressed=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_random_volumes_are_read_as_nibabel_reads_them(
    shape: list[int], dtype: str, seed: int, compressed: bool
) -> None:
    noise = np.random.default_rng(seed).bytes(int(np.prod(shape)) * np.dtype(dtype).itemsize)
    content = file_of(np.frombuffer(noise, dtype).reshape(shape))
    expected = np.asanyarray(by_nibabel(content).dataobj.get_unscaled())
    if expected.ndim == 4 and expected.shape[3] == 1:
        expected = expected[..., 0]
    volume = read(gzip.compress(content, mtime=0) if compressed else content, compressed)
    np.testing.assert_array_equal(volume.data, expected)


def test_a_volume_longer_than_a_read_chunk_is_read_whole() -> None:
    array = np.random.default_rng(0).integers(0, 4, (200, 201, 150)).astype("int16")
    for content, compressed in ((file_of(array), False), (gzip.compress(file_of(array), 1), True)):
        np.testing.assert_array_equal(read(content, compressed).data, array)


@pytest.mark.parametrize(
    ("slope", "intercept", "expected"),
    [
        (np.nan, np.nan, (1.0, 0.0)),
        (np.inf, 1.0, (1.0, 0.0)),
        (0.0, 5.0, (1.0, 0.0)),
        (2.5, -1024.0, (2.5, -1024.0)),
        (-1.0, 3.0, (-1.0, 3.0)),
        (1.0, 7.0, (1.0, 7.0)),
    ],
)
@pytest.mark.parametrize("version", [1, 2])
def test_scaling_follows_the_header_as_nibabel_does(
    version: int, slope: float, intercept: float, expected: tuple[float, float]
) -> None:
    content = file_of(voxels(), version, scl_slope=slope, scl_inter=intercept)
    volume = read(content)
    assert (volume.slope, volume.intercept) == expected
    assert volume.data.dtype == np.int16  # not scaled here
    np.testing.assert_allclose(volume.data * volume.slope + volume.intercept, by_nibabel(content).get_fdata())


@pytest.mark.parametrize("intercept", [np.nan, np.inf])
def test_a_real_slope_with_an_intercept_that_is_not_finite_is_a_fault(intercept: float) -> None:
    """nibabel refuses to load such a file."""
    assert reason_of(file_of(voxels(), scl_slope=2.0, scl_inter=intercept)) == "bad_header"


SFORM = {"srow_x": (0.0, 0.0, 3.0, -5.0), "srow_y": (0.0, 2.0, 0.0, 6.0), "srow_z": (1.0, 0.0, 0.0, 7.0)}
SFORM_AFFINE = np.array([[0.0, 0.0, 3.0, -5.0], [0.0, 2.0, 0.0, 6.0], [1.0, 0.0, 0.0, 7.0], [0.0, 0.0, 0.0, 1.0]])
# Half a turn about z: quaternion (0, 0, 0, 1).
QFORM = {"quatern_b": 0.0, "quatern_c": 0.0, "quatern_d": 1.0}
QFORM |= {"qoffset_x": 11.0, "qoffset_y": 12.0, "qoffset_z": 13.0, "pixdim": (1.0, 0.75, 1.5, 4.0, 1, 1, 1, 1)}
QFORM_AFFINE = np.array([[-0.75, 0, 0, 11.0], [0, -1.5, 0, 12.0], [0, 0, 4.0, 13.0], [0, 0, 0, 1.0]])
# nibabel's frame of a file without one: x grows to the left, the origin is the middle voxel of (3, 4, 5).
PIXDIM_AFFINE = np.array([[-0.75, 0, 0, 0.75], [0, 1.5, 0, -2.25], [0, 0, 4.0, -8.0], [0, 0, 0, 1.0]])


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((2, 1), SFORM_AFFINE),
        ((4, 0), SFORM_AFFINE),
        ((0, 1), QFORM_AFFINE),
        ((-1, 3), QFORM_AFFINE),
        ((0, 0), PIXDIM_AFFINE),
    ],
)
def test_the_sform_comes_first_then_the_qform_then_the_pixel_sizes(
    version: int, codes: tuple[int, int], expected: np.ndarray
) -> None:
    sform_code, qform_code = codes
    content = file_of(voxels(), version, sform_code=sform_code, qform_code=qform_code, **SFORM, **QFORM)
    volume = read(content)
    np.testing.assert_allclose(volume.affine, expected, atol=1e-6)
    assert volume.affine.dtype == np.float64
    assert volume.zooms_mm == (0.75, 1.5, 4.0)
    if sform_code >= 0:
        np.testing.assert_array_equal(volume.affine, by_nibabel(content).affine)


def test_a_left_handed_qform_flips_the_third_axis() -> None:
    turned = {**QFORM, "pixdim": (-1.0, 0.75, 1.5, 4.0, 1, 1, 1, 1)}
    volume = read(file_of(voxels(), sform_code=0, qform_code=1, **turned))
    np.testing.assert_allclose(volume.affine[:3, 2], (0.0, 0.0, -4.0), atol=1e-6)


@pytest.mark.parametrize("first", [0.0, 7.0])
def test_a_qform_is_right_handed_unless_the_header_says_otherwise(first: float) -> None:
    """As nibabel and ITK read it; -2 they take for 1 and for -1, and NaN is damage."""
    fields = {"sform_code": 0, "qform_code": 1, **QFORM}
    content = file_of(voxels(), **{**fields, "pixdim": (first, 0.75, 1.5, 4.0, 1, 1, 1, 1)})
    np.testing.assert_allclose(read(content).affine, QFORM_AFFINE, atol=1e-6)
    np.testing.assert_array_equal(read(content).affine, by_nibabel(content).affine)
    for other in (-2.0, np.nan):
        assert reason_of(file_of(voxels(), **{**fields, "pixdim": (other, 0.75, 1.5, 4.0, 1, 1, 1, 1)})) == "bad_affine"


@pytest.mark.parametrize("codes", [(1, 0), (0, 1), (0, 0)])
@pytest.mark.parametrize(
    ("unit", "in_mm"), [(0, 1.0), (1, 1000.0), (2, 1.0), (3, 0.001), (8 + 2, 1.0), (16 + 3, 0.001)]
)
def test_lengths_are_mm_whatever_the_unit_of_the_header(
    unit: int, in_mm: float, codes: tuple[int, int], tmp_path: Path
) -> None:
    """Against SimpleITK, which heeds the unit; nibabel does not."""
    form = {"sform_code": codes[0], "qform_code": codes[1], **QFORM}
    rows = {f"srow_{'xyz'[n]}": tuple(QFORM_AFFINE[n]) for n in range(3)}
    (tmp_path / "a.nii").write_bytes(content := file_of(voxels(), xyzt_units=unit, **form, **rows))
    volume, image = read(content), SimpleITK.ReadImage(str(tmp_path / "a.nii"))
    np.testing.assert_allclose(volume.zooms_mm, np.multiply((0.75, 1.5, 4.0), in_mm), rtol=1e-6)
    np.testing.assert_allclose(volume.zooms_mm, image.GetSpacing(), rtol=1e-5)
    if any(codes):  # without a form, ITK and nibabel have frames of their own
        origin = np.multiply(image.GetOrigin(), (-1, -1, 1))
        np.testing.assert_allclose(volume.affine[:3, 3], origin, rtol=1e-5)
        np.testing.assert_allclose(volume.affine[:3, :3], QFORM_AFFINE[:3, :3] * in_mm, rtol=1e-6)


def test_a_quaternion_that_is_none_is_a_fault() -> None:
    assert reason_of(file_of(voxels(), sform_code=0, qform_code=1, quatern_b=2.0, quatern_c=2.0)) == "bad_affine"


@pytest.mark.parametrize("version", [1, 2])
def test_extensions_before_the_voxels_are_skipped(version: int) -> None:
    array = voxels()
    image = KINDS[version](array, AFFINE)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"a note of many words " * 400))
    content = image.to_bytes()
    assert KINDS[version].header_class(content[: image.header.sizeof_hdr], check=False)["vox_offset"] > 8000
    np.testing.assert_array_equal(read(content).data, array)
    np.testing.assert_array_equal(read(gzip.compress(content), compressed=True).data, array)


@pytest.mark.parametrize("offset", [0.0, 100.0, 348.0, 351.0, -352.0, 352.5, np.nan, np.inf, 2.0**27, 1e5])
def test_a_voxel_offset_that_cannot_be_is_a_fault(offset: float) -> None:
    assert reason_of(file_of(voxels(), vox_offset=offset)) == "bad_header"


def test_a_voxel_offset_far_behind_the_header_is_not_followed() -> None:
    content = file_of(voxels(), vox_offset=352.0 + (1 << 26))
    content = content[:352] + bytes(1 << 26) + content[352:]
    assert reason_of(gzip.compress(content, 1), compressed=True) == "bad_header"


def test_gzip_members_are_read_one_after_the_other() -> None:
    array = voxels()
    content = file_of(array)
    packed = b"".join(gzip.compress(content[start : start + 97]) for start in range(0, len(content), 97))
    np.testing.assert_array_equal(read(packed, compressed=True).data, array)
    assert reason_of(packed[:-30], compressed=True) == "bad_gzip"


def test_zeros_that_pad_a_gzip_file_are_no_fault() -> None:
    np.testing.assert_array_equal(read(gzip.compress(file_of(voxels())) + b"\0" * 512, compressed=True).data, voxels())


def damaged(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x41]) + content[place + 1 :]


NOISE = np.random.default_rng(1).integers(0, 1000, (16, 16, 16)).astype("int16")
PACKED = gzip.compress(file_of(NOISE))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PACKED[: len(PACKED) // 2], id="cut in half"),
        pytest.param(PACKED[:-1], id="one byte short"),
        pytest.param(PACKED[:-8], id="without CRC and length"),
        pytest.param(damaged(PACKED, len(PACKED) - 6), id="wrong CRC"),
        pytest.param(damaged(PACKED, len(PACKED) - 2), id="wrong length"),
        pytest.param(damaged(PACKED, 0), id="no gzip magic"),
        pytest.param(damaged(PACKED, len(PACKED) // 2), id="damaged inside"),
        pytest.param(PACKED[:5], id="half a gzip header"),
        pytest.param(PACKED + b"garbage after the last member", id="trailing garbage"),
        pytest.param(file_of(NOISE), id="not compressed"),
    ],
)
def test_a_damaged_gzip_stream_is_a_fault(content: bytes) -> None:
    assert reason_of(content, compressed=True) == "bad_gzip"


@given(place=st.integers(10, len(PACKED) - 1), flip=st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_no_damaged_byte_passes_unseen(place: int, flip: int) -> None:
    content = PACKED[:place] + bytes([PACKED[place] ^ flip]) + PACKED[place + 1 :]
    with pytest.raises(DataFault):
        read(content, compressed=True)


@pytest.mark.parametrize("missing", [1, 13, 120])
def test_fewer_voxels_than_promised_are_a_fault(missing: int) -> None:
    content = file_of(voxels())[:-missing]
    assert reason_of(gzip.compress(content), compressed=True) == "truncated"
    with pytest.raises(DataFault, match=f"{120 - missing} bytes of voxels, the header promises 120"):
        read(gzip.compress(content), compressed=True)


def test_a_plain_file_cut_short_is_a_fault() -> None:
    assert reason_of(file_of(voxels())[:-13]) == "truncated"


@pytest.mark.parametrize("content", [b"", b"\x5c\x01\0", b"\x5c\x01\0\0", file_of(voxels())[:347], b"\0" * 400])
def test_a_file_without_a_whole_header_is_a_fault(content: bytes) -> None:
    assert reason_of(content) == "bad_header"
    assert reason_of(gzip.compress(content), compressed=True) == "bad_header"


def test_an_empty_compressed_file_is_a_fault() -> None:
    assert reason_of(b"", compressed=True) == "bad_header"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("magic", [b"ni1", b"ni2", b"", b"n-1"])
def test_a_header_of_another_format_is_a_fault(version: int, magic: bytes) -> None:
    assert reason_of(file_of(voxels(), version, magic=magic)) == "bad_header"


@pytest.mark.parametrize(
    "dim",
    [
        pytest.param((2, 60, 1, 1, 1, 1, 1, 1), id="2D"),
        pytest.param((1, 60, 1, 1, 1, 1, 1, 1), id="1D"),
        pytest.param((5, 3, 4, 5, 1, 2, 1, 1), id="5D"),
        pytest.param((5, 3, 4, 5, 2, 3, 1, 1), id="5D with channels"),
        pytest.param((7, 3, 4, 5, 1, 1, 1, 2), id="7D"),
        pytest.param((0, 3, 4, 5, 1, 1, 1, 1), id="0D"),
        pytest.param((8, 3, 4, 5, 1, 1, 1, 1), id="8D"),
        pytest.param((-3, 3, 4, 5, 1, 1, 1, 1), id="below 0D"),
        pytest.param((3, 3, 0, 5, 1, 1, 1, 1), id="no rows"),
        pytest.param((3, 3, -4, 5, 1, 1, 1, 1), id="fewer than no rows"),
    ],
)
@pytest.mark.parametrize("version", [1, 2])
def test_dimensions_of_no_3d_or_4d_image_are_a_fault(version: int, dim: tuple[int, ...]) -> None:
    assert reason_of(file_of(voxels(), version, dim=dim)) == "bad_dims"


@pytest.mark.parametrize(
    ("dim", "shape"),
    [
        ((3, 3, 4, 5, 9, 9, 9, 9), (3, 4, 5)),  # what lies beyond the count means nothing
        ((4, 3, 4, 5, 1, 1, 1, 1), (3, 4, 5)),
        ((7, 3, 4, 5, 1, 1, 1, 1), (3, 4, 5)),
        ((4, 3, 2, 5, 2, 1, 1, 1), (3, 2, 5, 2)),
        ((5, 3, 2, 5, 2, 1, 1, 1), (3, 2, 5, 2)),
        ((3, 60, 1, 1, 1, 1, 1, 1), (60, 1, 1)),
    ],
)
def test_trailing_axes_of_length_one_are_dropped(dim: tuple[int, ...], shape: tuple[int, ...]) -> None:
    volume = read(file_of(voxels(), dim=dim))
    assert volume.data.shape == shape
    np.testing.assert_array_equal(volume.data, voxels().reshape(shape, order="F"))


@pytest.mark.parametrize(("compressed", "side"), [(False, 60), (False, 512), (True, 1500)])
def test_a_header_that_promises_more_than_the_file_can_hold_takes_no_memory(compressed: bool, side: int) -> None:
    content = file_of(voxels(), dim=(3, side, side, side, 1, 1, 1, 1))
    content = gzip.compress(content) if compressed else content
    read(gzip.compress(file_of(voxels())), compressed=True)  # what is loaded once is not this file's
    tracemalloc.start()
    try:
        assert reason_of(content, compressed) == "dims_exceed_file"
        assert tracemalloc.get_traced_memory()[1] < 10 * MEBIBYTE
    finally:
        tracemalloc.stop()


def test_the_bound_on_what_a_gzip_file_can_hold_lets_real_zeros_pass() -> None:
    array = np.zeros((128, 128, 64), "float32")
    packed = gzip.compress(file_of(array), 9)
    assert array.nbytes > 900 * len(packed)
    assert not read(packed, compressed=True).data.any()


def test_a_volume_above_the_limit_is_a_fault() -> None:
    assert reason_of(file_of(voxels()), max_bytes=119) == "volume_too_large"
    assert read(file_of(voxels()), max_bytes=120).data.shape == (3, 4, 5)
    largest = file_of(voxels(), version=2, dim=(4, 2**62, 2**62, 2**62, 2**62, 1, 1, 1))
    assert reason_of(largest) == "volume_too_large"


@pytest.mark.parametrize("compressed", [pytest.param(False, id="plain"), pytest.param(True, id="gzip bomb")])
def test_endless_data_after_the_voxels_is_a_fault_in_bounded_memory(compressed: bool) -> None:
    content = file_of(voxels()) + bytes(MAX_TRAILING + 1)
    content = gzip.compress(content, 1) if compressed else content
    tracemalloc.start()
    try:
        assert reason_of(content, compressed) == "trailing_data"
        assert tracemalloc.get_traced_memory()[1] < 24 * MEBIBYTE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("compressed", [False, True])
def test_a_little_data_after_the_voxels_is_passed_over(compressed: bool) -> None:
    content = file_of(voxels()) + b"a note" * 100
    np.testing.assert_array_equal(read(gzip.compress(content) if compressed else content, compressed).data, voxels())


@pytest.mark.parametrize("dtype", ["complex64", "complex128", np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])])
def test_voxels_that_are_no_plain_numbers_are_a_fault(dtype: Any) -> None:
    assert reason_of(file_of(np.zeros((3, 4, 5), dtype))) == "unsupported_dtype"


@pytest.mark.parametrize("code", [0, 1, 255, 999, -4, 1536])
def test_a_voxel_type_of_no_known_or_of_too_many_bits_is_a_fault(code: int) -> None:
    assert reason_of(file_of(voxels(), datatype=code)) == "unsupported_dtype"


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
@pytest.mark.parametrize("before", [0, 1, 4_500_000])
def test_a_hash_is_that_of_the_whole_file_however_much_was_read_before(size: int, before: int) -> None:
    content = np.random.default_rng(size).bytes(size)
    hasher = HashingReader(io.BytesIO(content))
    assert io.BufferedReader(hasher, 1 << 16).read(before) == content[:before]
    assert hasher.finish() == hashlib.sha256(content).hexdigest()


ATLAS = "fetal_atlas/fetal_brain_atlases/"


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("folder", "others"),
    [
        ("Neurotypical_Gholipour2017/HarvardSTA23_Study1", ("mask", "parcellation")),
        ("Neurotypical_Gholipour2017/HarvardSTA30_Study1", ("mask", "parcellation")),
        ("SpinaBifida_Fidon2021/fetal_SB_atlas_GA26_operated", ("mask", "parcellation", "lmks")),
    ],
)
def test_images_and_masks_of_differing_codes_lie_on_one_grid(
    realdata: Path, folder: str, others: tuple[str, ...]
) -> None:
    """Images with sform 1 and qform 2, masks with a qform alone: the affines agree as far as nibabel says."""
    image = nib.load(realdata / ATLAS / folder / "srr.nii.gz")
    grid = read_ras(realdata, f"{ATLAS}{folder}/srr.nii.gz").grid
    codes = {(int(image.header["sform_code"]), int(image.header["qform_code"]))}
    for name in others:
        mask = nib.load(realdata / ATLAS / folder / f"{name}.nii.gz")
        codes.add((int(mask.header["sform_code"]), int(mask.header["qform_code"])))
        volume = read_ras(realdata, f"{ATLAS}{folder}/{name}.nii.gz")
        np.testing.assert_array_equal(volume.data, nib.as_closest_canonical(mask).dataobj)
        last = np.array([*mask.shape, 1]) - (1, 1, 1, 0)
        apart = np.linalg.norm((image.affine - mask.affine) @ last)
        assert grid_distance_mm(grid, volume.grid) == pytest.approx(apart, abs=1e-5)
        assert grid_distance_mm(grid, volume.grid) < 1e-3
    assert len(codes) == 2
