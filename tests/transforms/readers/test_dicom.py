"""DICOM series: slices in order of position whatever their names say, and a fault of its own for each wrong stack."""

import os
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from miniature import write_bytes
from pydicom.dataset import FileDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGLosslessSV1, RLELossless
from raw_sources import FLAT, LOCAL, OTHER_SERIES, fault_of, opened, read, read_ras, reason_of, slice_dataset
from raw_sources import write_dicom as write

from medvision.schemas.case import SourceFile
from medvision.schemas.faults import DataFault
from medvision.transforms.geometry import grid_distance_mm
from medvision.transforms.readers.dicom import read_dicom
from medvision.transforms.readers.opened import Opened

ROWS, COLUMNS, SLICES = 5, 4, 6
NOISE = np.random.default_rng(0).integers(-500, 500, (SLICES, ROWS, COLUMNS)).astype("<i2")
ORIGIN = np.array([10.0, -20.0, 30.0])
OBLIQUE = (0.9541666, -0.2080757, 0.2151061, 0.2785886, 0.880128, -0.3843997)


def series(
    orientation: Any = FLAT, step_mm: float = 2.5, pixels: np.ndarray = NOISE, **elements: Any
) -> list[FileDataset]:
    """Slices along the normal, from `ORIGIN` on."""
    normal = np.cross(orientation[:3], orientation[3:])
    return [
        slice_dataset(plane, ORIGIN + number * step_mm * normal, orientation, **elements)
        for number, plane in enumerate(pixels)
    ]


def write_series(root: Path, slices: list[FileDataset], names: list[str] | None = None) -> None:
    for number, part in enumerate(slices):
        write(root / "series" / (names[number] if names else f"{number:03d}.dcm"), part)


def reason(root: Path, slices: list[FileDataset], **options: Any) -> str:
    write_series(root, slices)
    return reason_of(root, "series/", **options)


@given(order=st.permutations(range(SLICES)), orientation=st.sampled_from([FLAT, OBLIQUE, (0, 1, 0, 0, 0, -1)]))
@settings(max_examples=12, deadline=None)
def test_slices_are_ordered_by_position_whatever_their_names_and_numbers(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], orientation: tuple[float, ...]
) -> None:
    root = tmp_path_factory.mktemp("shuffled")
    slices = series(orientation)
    for rank, number in enumerate(order):
        slices[number].InstanceNumber = rank
        slices[number].SliceLocation = -rank
    write_series(root, [slices[number] for number in order], [str(rank) for rank in range(SLICES)])
    volume = read(root, "series/")
    np.testing.assert_array_equal(volume.data, NOISE.transpose())
    np.testing.assert_allclose(volume.zooms_mm, (0.75, 0.5, 2.5), atol=1e-5)  # columns, rows, slices
    paths = [str(root / "series" / str(order.index(number))) for number in range(SLICES)]
    image = sitk.ReadImage(paths)
    for index in ((0, 0, 0), (3, 4, 5), (1, 2, 3)):
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(volume.affine @ [*index, 1], (-x, -y, z, 1), atol=1e-4)


def test_a_descending_series_is_the_same_volume(tmp_path: Path) -> None:
    write_series(tmp_path / "up", series())
    write_series(tmp_path / "down", series()[::-1])
    first, second = read(tmp_path / "up", "series/"), read(tmp_path / "down", "series/")
    np.testing.assert_array_equal(first.data, second.data)
    np.testing.assert_array_equal(first.affine, second.affine)


def test_voxels_are_stored_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    pixels = np.zeros((40, 256, 256), "<i2")
    write_series(tmp_path, series(pixels=pixels))
    read(tmp_path, "series/")
    tracemalloc.start()
    try:
        volume = read(tmp_path, "series/")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert volume.data.flags.f_contiguous
    assert peak < 2.4 * pixels.nbytes  # the packed files and the volume


def test_one_slice_takes_its_thickness_and_needs_one(tmp_path: Path) -> None:
    part = series()[0]
    write(tmp_path / "one.dcm", part)
    assert read(tmp_path, "one.dcm").zooms_mm == (0.75, 0.5, 7.0)
    part.SpacingBetweenSlices = 3
    write(tmp_path / "one.dcm", part)
    assert read(tmp_path, "one.dcm").zooms_mm == (0.75, 0.5, 3.0)
    del part.SliceThickness, part.SpacingBetweenSlices
    write(tmp_path / "one.dcm", part)
    assert reason_of(tmp_path, "one.dcm") == "bad_spacing"


def test_equal_rescaling_is_kept_and_unequal_applied(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", series(RescaleSlope=2, RescaleIntercept=-1024))
    volume = read(tmp_path / "ct", "series/")
    assert (volume.slope, volume.intercept, volume.data.dtype) == (2.0, -1024.0, np.int16)
    slices = series()
    for number, part in enumerate(slices):
        part.RescaleSlope, part.RescaleIntercept = 0.5 + number, number
    write_series(tmp_path / "pet", slices)
    volume = read(tmp_path / "pet", "series/")
    assert (volume.slope, volume.intercept, volume.data.dtype) == (1.0, 0.0, np.float32)
    expected = [plane * (0.5 + number) + number for number, plane in enumerate(NOISE.astype(float))]
    np.testing.assert_allclose(volume.data, np.array(expected).transpose(), rtol=1e-6)


@pytest.mark.parametrize(("slope", "intercept"), [("0", "0"), ("nan", "0"), ("1", "inf")])
def test_a_rescaling_that_is_none_is_a_fault(tmp_path: Path, slope: str, intercept: str) -> None:
    part = series(RescaleSlope="11", RescaleIntercept="2222")[0]
    content = write(tmp_path / "a.dcm", part).read_bytes()
    slope_bytes = content.replace(b"DS\x02\x0011", b"DS\x04\x00" + slope.ljust(4).encode())
    write_bytes(tmp_path / "a.dcm", slope_bytes.replace(b"DS\x04\x002222", b"DS\x04\x00" + intercept.ljust(4).encode()))
    assert reason_of(tmp_path, "a.dcm") == "bad_header"


def test_slices_of_both_signs_meet_in_one_type(tmp_path: Path) -> None:
    slices = series()
    slices[3].PixelRepresentation = 0
    slices[3].PixelData = np.full((ROWS, COLUMNS), 60_000, "<u2").tobytes()
    write_series(tmp_path, slices)
    volume = read(tmp_path, "series/")
    assert volume.data.dtype == np.int32
    assert (volume.data[:, :, 3] == 60_000).all()
    np.testing.assert_array_equal(volume.data[:, :, 4], NOISE[4].T)


# Stacks that are none


def test_a_missing_slice(tmp_path: Path) -> None:
    slices = series()
    write_series(tmp_path, [*slices[:2], *slices[4:]])
    fault = fault_of(tmp_path, "series/")
    assert fault.reason == "dicom_missing_slices"
    assert fault.message == "2 slices are missing among 4, which are 2.5 mm apart"


def test_a_slice_given_twice(tmp_path: Path) -> None:
    slices = series()
    assert reason(tmp_path, [*slices, slices[2]]) == "dicom_duplicate_slice"


def test_two_repetitions_in_one_series(tmp_path: Path) -> None:
    assert reason(tmp_path, [*series(), *series()]) == "dicom_duplicate_slice"


@pytest.mark.parametrize("shift_mm", [0.4, -0.4])
def test_uneven_distances(tmp_path: Path, shift_mm: float) -> None:
    slices = series()
    slices[3].ImagePositionPatient[2] += shift_mm
    assert reason(tmp_path, slices) == "dicom_uneven_spacing"


def test_distances_that_grow_slowly_are_uneven_too(tmp_path: Path) -> None:
    slices = series(pixels=np.zeros((40, ROWS, COLUMNS), "<i2"))
    for number, part in enumerate(slices):
        part.ImagePositionPatient[2] += 0.003 * number**2
    assert reason(tmp_path, slices) == "dicom_uneven_spacing"


def test_positions_rounded_by_the_scanner_are_even(tmp_path: Path) -> None:
    slices = series(step_mm=1.25)
    for part in slices:
        part.ImagePositionPatient[2] = round(part.ImagePositionPatient[2], 1)
    write_series(tmp_path, slices)
    assert read(tmp_path, "series/").zooms_mm[2] == pytest.approx(1.25, abs=0.02)


def test_a_gantry_tilt(tmp_path: Path) -> None:
    slices = series()
    for number, part in enumerate(slices):
        part.ImagePositionPatient[1] += 0.3 * number
    write_series(tmp_path, slices)
    fault = fault_of(tmp_path, "series/")
    assert (fault.reason, fault.values) == ("dicom_gantry_tilt", {"drift_mm": 1.5, "limit_mm": 0.05})


def test_two_series_in_one_folder(tmp_path: Path) -> None:
    assert reason(tmp_path, [*series(), *series(SeriesInstanceUID=OTHER_SERIES)]) == "dicom_mixed_series"


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"ImageOrientationPatient": [0, 1, 0, 1, 0, 0]}, "dicom_mixed_orientation"),
        ({"PixelSpacing": [0.5, 0.7]}, "dicom_mixed_spacing"),
        ({"Rows": COLUMNS, "Columns": ROWS}, "dicom_mixed_shape"),
        ({"ImageOrientationPatient": [1, 0, 0, 0.5, 0.8, 0]}, "bad_affine"),
        ({"ImageOrientationPatient": [0, 0, 0, 0, 1, 0]}, "bad_affine"),
        ({"ImageOrientationPatient": [1, 0, 0]}, "dicom_no_position"),
        ({"ImagePositionPatient": None}, "dicom_no_position"),
        ({"PixelSpacing": None}, "dicom_no_position"),
        ({"PixelSpacing": [0, 1]}, "bad_spacing"),
        ({"SamplesPerPixel": 3}, "dicom_unsupported"),
        ({"NumberOfFrames": 2}, "dicom_unsupported"),
        ({"Rows": 0}, "bad_dims"),
        ({"Rows": 60_000, "Columns": 60_000}, "truncated"),
        ({"PixelData": bytes(2 * ROWS * COLUMNS - 2)}, "truncated"),
        ({"PixelData": bytes(4 * ROWS * COLUMNS)}, "bad_voxels"),
        ({"BitsAllocated": 12}, "bad_header"),
        ({"BitsAllocated": 12, "BitsStored": 12}, "bad_voxels"),
        ({"BitsAllocated": 1, "BitsStored": 1, "PixelData": bytes(4)}, "dicom_unsupported"),
        ({"BitsStored": 0}, "bad_header"),
        ({"PixelRepresentation": 2}, "bad_header"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "dicom_unsupported"),
        ({"PhotometricInterpretation": "RGB"}, "dicom_unsupported"),
        ({"PhotometricInterpretation": None}, "dicom_unsupported"),
        ({"SamplesPerPixel": 0}, "dicom_unsupported"),
        ({"FloatPixelData": bytes(4 * ROWS * COLUMNS)}, "dicom_unsupported"),
    ],
)
def test_a_slice_unlike_the_others(tmp_path: Path, elements: dict[str, Any], expected: str) -> None:
    slices = series()
    for name, value in elements.items():
        setattr(slices[3], name, value)
    assert reason(tmp_path, slices) == expected


# Files


def test_what_is_no_image_is_passed_over(tmp_path: Path) -> None:
    write_series(tmp_path, series(), [f"1.2.840.{number}" for number in range(SLICES)])
    for kind in ("1.2.840.10008.5.1.4.1.1.481.3", "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.66.4"):
        other = slice_dataset(NOISE[0], ORIGIN)
        other.SOPClassUID = other.file_meta.MediaStorageSOPClassUID = kind
        write(tmp_path / "series" / f"other.{kind}", other)
    for name in ("DICOMDIR", ".DS_Store", "._000.dcm", "notes.txt", "LICENSE"):
        write_bytes(tmp_path / "series" / name, b"no image")
    np.testing.assert_array_equal(read(tmp_path, "series/").data, NOISE.transpose())


def test_a_folder_of_contours_is_no_mask_and_the_fault_says_what_is(tmp_path: Path) -> None:
    contours = slice_dataset(NOISE[0], ORIGIN)
    contours.SOPClassUID = contours.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    write(tmp_path / "series/rt", contours)
    for _ in range(2):
        fault = fault_of(tmp_path, "series/", is_mask=True)
        assert fault.reason == "rtstruct_unsupported"
        assert "DICOM-SEG, NIfTI, MetaImage and NRRD are" in fault.message
        write_series(tmp_path, series())  # images beside the contours change nothing
    np.testing.assert_array_equal(read(tmp_path, "series/").data, NOISE.transpose())


def test_a_folder_without_images_names_what_it_holds(tmp_path: Path) -> None:
    report = slice_dataset(NOISE[0], ORIGIN)
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
    write(tmp_path / "series/sr", report)
    message = fault_of(tmp_path, "series/").message
    assert message == "no single-frame DICOM image among 1 DICOM files: Comprehensive SR Storage"
    write_bytes(tmp_path / "empty/readme.txt", b"")
    assert reason_of(tmp_path, "empty/") == "dicom_no_image"


def test_a_file_that_is_no_dicom_is_named(tmp_path: Path) -> None:
    write_series(tmp_path, series())
    write_bytes(tmp_path / "series/000.dcm", b"\0" * 300)
    fault = fault_of(tmp_path, "series/")
    assert (fault.reason, fault.path) == ("bad_header", "series/000.dcm")


def test_packed_slices_are_unpacked(tmp_path: Path) -> None:
    slices = series(pixels=np.zeros((3, 64, 64), "<i2") + np.arange(64, dtype="<i2"))
    for part in slices:
        part.compress(RLELossless)
    write_series(tmp_path, slices)
    assert (read(tmp_path, "series/").data == np.arange(64)[:, np.newaxis, np.newaxis]).all()


def test_packings_without_a_decoder_are_named(tmp_path: Path) -> None:
    part = series()[0]
    part.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    part.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
    part["PixelData"].VR = "OB"
    part["PixelData"].is_undefined_length = True
    write(tmp_path / "a.dcm", part)
    fault = fault_of(tmp_path, "a.dcm")
    assert fault.reason == "unsupported_encoding"
    assert "JPEG Lossless" in fault.message
    part = series()[0]
    part.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    write(tmp_path / "b.dcm", part)
    assert reason_of(tmp_path, "b.dcm") == "unsupported_encoding"


def test_packed_pixels_said_to_be_plain_are_a_fault(tmp_path: Path) -> None:
    part = series(pixels=NOISE[:1])[0]
    content = write(tmp_path / "a.dcm", part).read_bytes()
    start = content.index(b"\xe0\x7f\x10\x00OW\0\0")
    write_bytes(tmp_path / "a.dcm", content[: start + 8] + b"\xff\xff\xff\xff" + content[start + 12 :])
    assert reason_of(tmp_path, "a.dcm") == "bad_header"
    items = pydicom.encaps.encapsulate([part.PixelData])
    end = b"\xfe\xff\xdd\xe0\0\0\0\0"
    write_bytes(tmp_path / "a.dcm", content[: start + 8] + b"\xff\xff\xff\xff" + items + end)
    assert reason_of(tmp_path, "a.dcm") == "bad_voxels"


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_slice_that_is_no_file_is_not_passed_over(tmp_path: Path, kind: str) -> None:
    """It would be a series with one slice fewer."""
    write_series(tmp_path, series())
    last = tmp_path / "series/005.dcm"
    last.unlink()
    last.symlink_to("nowhere") if kind == "link" else os.mkfifo(last)
    fault = Opened(LOCAL, str(tmp_path), SourceFile("series/", 1, ""))
    with pytest.raises(DataFault) as caught:
        read_dicom(fault)
    assert (caught.value.reason, caught.value.path) == ("not_a_file", "series/005.dcm")


def test_a_deflated_bomb_behind_a_long_file_meta_is_not_inflated(tmp_path: Path) -> None:
    part = series()[0]
    part.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    content = write(tmp_path / "a.dcm", part).read_bytes()
    start = content.index(b"\x02\x00\x10\x00UI")
    filler = b"\x02\x00\x02\x01OB\0\0" + (1 << 20).to_bytes(4, "little") + bytes(1 << 20)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = squeeze.compress(bytes(200 << 20)) + squeeze.flush()
    write_bytes(tmp_path / "a.dcm", content[:start] + filler + content[start:] + bomb)
    tracemalloc.start()
    try:
        assert reason_of(tmp_path, "a.dcm") == "unsupported_encoding"
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.realdata
def test_a_codestream_of_another_size_is_not_decoded(realdata_slice: bytes, tmp_path: Path) -> None:
    place = realdata_slice.index(b"\xff\x4f\xff\x51") + 8
    huge = (60_000).to_bytes(4, "big")
    write_bytes(tmp_path / "a.dcm", realdata_slice[:place] + huge * 2 + realdata_slice[place + 8 :])
    assert reason_of(tmp_path, "a.dcm") == "bad_voxels"


@pytest.fixture
def realdata_slice(realdata: Path) -> bytes:
    return sorted((realdata / "TotalSegmentator/example_ct_dicom").iterdir())[0].read_bytes()


def test_a_volume_above_the_limit_is_a_fault(tmp_path: Path) -> None:
    write_series(tmp_path, series())
    with pytest.raises(DataFault, match=f"{NOISE.nbytes} bytes decompressed, the limit is {NOISE.nbytes - 1}"):
        read_dicom(opened(tmp_path, "series/"), max_bytes=NOISE.nbytes - 1)
    assert read_dicom(opened(tmp_path, "series/"), max_bytes=NOISE.nbytes).data.nbytes == NOISE.nbytes


def test_sequences_nested_without_end_are_a_fault(tmp_path: Path) -> None:
    content = write(tmp_path / "a.dcm", series()[0]).read_bytes()
    meta_end = content.index(b"\x08\x00\x16\x00UI")
    nested = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    write_bytes(tmp_path / "a.dcm", content[:meta_end] + nested * 5000 + content[meta_end:])
    assert reason_of(tmp_path, "a.dcm") == "bad_header"


@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_a_damaged_byte_is_read_or_a_fault(tmp_path_factory: pytest.TempPathFactory, place: int, value: int) -> None:
    root = tmp_path_factory.mktemp("damaged")
    content = bytearray(write(root / "a.dcm", series()[0]).read_bytes())
    content[place % len(content)] = value
    write_bytes(root / "a.dcm", bytes(content[: place if place < len(content) and value > 200 else None]))
    for is_mask in (False, True):
        message = ""
        try:
            read(root, "a.dcm", is_mask=is_mask)
        except DataFault as fault:
            message = fault.message
        assert "Tell" not in message


# Real files


@pytest.mark.realdata
def test_the_ct_of_totalsegmentator_lies_on_the_grid_of_its_mask(realdata: Path) -> None:
    image = read_ras(realdata, "TotalSegmentator/example_ct_dicom/")
    mask = read_ras(realdata, "TotalSegmentator/example_seg_dicom.nii.gz")
    assert image.data.shape == mask.data.shape == (512, 512, 20)
    np.testing.assert_allclose(image.grid.affine_ras, mask.grid.affine_ras, atol=1e-3)
    assert grid_distance_mm(image.grid, mask.grid) < 1e-3
    assert image.grid.zooms_xyz_mm[2] == 2.0  # its SliceThickness is 3
    air = float(np.median(image.data[:10, :10])) * image.slope + image.intercept
    assert -1100 < air < -900


def positions(folder: Path) -> dict[str, float]:
    return {
        str(path): float(pydicom.dcmread(path, stop_before_pixels=True).ImagePositionPatient[2])
        for path in folder.iterdir()
        if "rt" not in path.name
    }


@pytest.mark.realdata
@pytest.mark.parametrize(
    "folder",
    ["dicom_series_hippocrop_mr/", "TotalSegmentator/example_ct_dicom/", "dcmqi/ct-3slice/", "rtstruct/oriented_data/"],
)
def test_real_series_are_read_as_simpleitk_reads_them_sorted(realdata: Path, folder: str, tmp_path: Path) -> None:
    for path in (realdata / folder).iterdir():
        if path.suffix != ".txt":
            write_bytes(tmp_path / path.name, path.read_bytes())
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path))
    image = sitk.ReadImage(names)
    volume = read(realdata, folder)
    values = volume.data * volume.slope + volume.intercept
    np.testing.assert_allclose(values, sitk.GetArrayFromImage(image).transpose(), atol=1e-6)
    for index in ((0, 0, 0), [n - 1 for n in image.GetSize()]):
        x, y, z = image.TransformIndexToPhysicalPoint([int(n) for n in index])
        np.testing.assert_allclose(volume.affine @ [*index, 1], (-x, -y, z, 1), atol=1e-3)


@pytest.mark.realdata
def test_the_slices_of_an_unpadded_series_ascend(realdata: Path) -> None:
    folder = realdata / "dicom_series_hippocrop_mr"
    volume = read(realdata, "dicom_series_hippocrop_mr/")
    by_position = sorted(folder.iterdir(), key=lambda path: positions(folder)[str(path)])
    if volume.affine[2, 2] < 0:
        by_position.reverse()
    expected = [pydicom.dcmread(path).pixel_array.T for path in by_position]
    np.testing.assert_array_equal(volume.data, np.stack(expected, axis=2))
    assert [path.name for path in by_position] != sorted(path.name for path in by_position)


@pytest.mark.realdata
def test_real_contours_are_refused_and_their_images_read(realdata: Path) -> None:
    assert reason_of(realdata, "rtstruct/mock_data/", is_mask=True) == "rtstruct_unsupported"
    assert read(realdata, "rtstruct/mock_data/").data.shape == (512, 512, 2)


READABLE = {
    *("CT_small", "J2K_pixelrep_mismatch", "MR_small", "MR_small_bigendian", "MR_small_padded", "examples_overlay"),
}


@pytest.mark.realdata
@pytest.mark.parametrize("is_mask", [False, True])
def test_every_broken_file_is_read_or_a_fault(realdata: Path, is_mask: bool) -> None:
    found = set()
    files = sorted((realdata / "pydicom").glob("*.dcm"))
    for path in files:
        try:
            volume = read(realdata, f"pydicom/{path.name}", is_mask=is_mask)
        except DataFault:
            continue
        found.add(path.stem)
        expected = pydicom.dcmread(path).pixel_array
        np.testing.assert_array_equal(volume.data[..., 0], expected.T)
    assert found == READABLE
    assert len(files) == 23


@pytest.mark.parametrize(("stated", "says"), [("YES", True), ("NO", False), ("", False)])
def test_a_series_that_says_that_text_is_burned_in(tmp_path: Path, stated: str, says: bool) -> None:
    for number in range(3):
        pixels = np.full((5, 4), number, "<u2")
        extra = {"BurnedInAnnotation": stated} if stated and number == 1 else {}
        write(tmp_path / f"ct/{number}.dcm", slice_dataset(pixels, (0, 0, 3.0 * number), **extra))
    assert read(tmp_path, "ct/").says_text is says
    assert read_ras(tmp_path, "ct/").says_text is says
