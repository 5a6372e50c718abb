"""DICOM-SEG: frames placed by position, sparse ones too; of overlapping segments the lowest number keeps the voxel."""

from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from miniature import write_bytes
from pydicom.dataset import FileDataset
from pydicom.sr.codedict import codes
from raw_sources import (
    FLAT,
    OTHER_SERIES,
    fault_of,
    opened,
    read,
    read_ras,
    reason_of,
    slice_dataset,
    source_file,
    write_dicom,
)

from medvision.schemas.faults import DataFault
from medvision.transforms.geometry import grid_distance_mm
from medvision.transforms.readers.dicom import read_dicom
from medvision.transforms.readers.dicom_seg import read_segmentation

SLICES, ROWS, COLUMNS = 6, 5, 7  # 35 pixels a frame: packed bits of a frame start within a byte
OBLIQUE = (0.9541666, -0.2080757, 0.2151061, 0.2785886, 0.880128, -0.3843997)


def images(orientation: tuple[float, ...] = FLAT, step_mm: float = 2.5) -> list[FileDataset]:
    normal = np.cross(orientation[:3], orientation[3:])
    normal /= np.linalg.norm(normal)
    return [
        slice_dataset(
            np.full((ROWS, COLUMNS), number, "<i2"),
            normal * step_mm * number,
            orientation,
            StudyInstanceUID="1.2.3",
            FrameOfReferenceUID="1.2.4",
            Modality="CT",
            PatientID="",
            PatientBirthDate="",
            PatientSex="",
            AccessionNumber="",
            StudyID="",
            StudyDate="",
            StudyTime="",
            ReferringPhysicianName="",
            InstanceNumber=number + 1,
        )
        for number in range(SLICES)
    ]


def segmentation(sources: list[FileDataset], claims: np.ndarray, kind: str = "BINARY") -> Any:
    """As highdicom makes it, without empty frames; `claims` (slice, row, column, segment) of 0 and 1."""
    segments = [
        highdicom.seg.SegmentDescription(
            number,
            f"segment {number}",
            codes.SCT.Organ,
            codes.SCT.Liver,
            highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number in range(1, claims.shape[3] + 1)
    ]
    pixels = claims if kind != "LABELMAP" else (claims.argmax(axis=3) + 1) * claims.any(axis=3)
    return highdicom.seg.Segmentation(
        sources, pixels.astype(np.uint8), kind, segments, OTHER_SERIES, 1, "1.2.9", 1, "M", "M", "1", "1"
    )


def write(root: Path, sources: list[FileDataset], seg: Any) -> None:
    for number, part in enumerate(sources):
        write_dicom(root / "image" / str(number), part)
    write_bytes(root / "seg/.keep", b"")
    seg.save_as(root / "seg/label")


@pytest.fixture
def claims() -> np.ndarray:
    """Three segments that overlap, with slices 0 and 3 empty."""
    found = np.random.default_rng(3).random((SLICES, ROWS, COLUMNS, 3)) < 0.3
    found[[0, 3]] = False
    return found


def lowest(claims: np.ndarray) -> np.ndarray:
    """(column, row, slice) labels."""
    return np.where(claims.any(axis=3), claims.argmax(axis=3) + 1, 0).transpose(2, 1, 0)


@pytest.mark.parametrize("orientation", [FLAT, OBLIQUE])
def test_frames_are_placed_on_the_image_and_the_lowest_segment_wins(
    tmp_path: Path, claims: np.ndarray, orientation: tuple[float, ...]
) -> None:
    write(tmp_path, images(orientation), segmentation(images(orientation), claims))
    image = read_ras(tmp_path, "image/")
    raw = read(tmp_path, "seg/", is_mask=True, reference=source_file(tmp_path, "image/"))
    np.testing.assert_array_equal(raw.data, lowest(claims))
    assert raw.data.dtype == np.uint8
    assert raw.overlap_voxels == (claims.sum(axis=3) > 1).sum() > 0
    mask = read_ras(tmp_path, "seg/", is_mask=True, reference=source_file(tmp_path, "image/"))
    assert grid_distance_mm(image.grid, mask.grid) < 1e-9


def test_images_beside_a_segmentation_are_its_grid_and_it_is_no_image(tmp_path: Path, claims: np.ndarray) -> None:
    write(tmp_path, images(), segmentation(images(), claims))
    (tmp_path / "seg/label").rename(tmp_path / "image/label")
    np.testing.assert_array_equal(read(tmp_path, "image/", is_mask=True).data, lowest(claims))
    np.testing.assert_array_equal(read(tmp_path, "image/").data[0, 0], np.arange(SLICES))


def test_without_an_image_the_frames_make_the_smallest_grid(tmp_path: Path, claims: np.ndarray) -> None:
    write(tmp_path, images(), segmentation(images(), claims))
    raw = read(tmp_path, "seg/", is_mask=True)
    np.testing.assert_array_equal(raw.data, lowest(claims)[:, :, 1:])  # slice 3 lies between two others
    assert raw.zooms_mm == (0.75, 0.5, 2.5)
    np.testing.assert_allclose(raw.affine[:3, 3], (0, 0, 2.5))


def test_a_label_map_is_read_as_it_is(tmp_path: Path, claims: np.ndarray) -> None:
    write(tmp_path, images(), segmentation(images(), claims, "LABELMAP"))
    raw = read(tmp_path, "seg/", is_mask=True, reference=source_file(tmp_path, "image/"))
    np.testing.assert_array_equal(raw.data, lowest(claims))
    assert raw.overlap_voxels == 0


def test_segments_above_255_take_two_bytes(tmp_path: Path, claims: np.ndarray) -> None:
    seg = segmentation(images(), claims[..., :1])
    for groups in (*seg.SharedFunctionalGroupsSequence, *seg.PerFrameFunctionalGroupsSequence):
        if "SegmentIdentificationSequence" in groups:
            groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 300
    write(tmp_path, images(), seg)
    raw = read(tmp_path, "seg/", is_mask=True)
    assert (raw.data.dtype, raw.data.max()) == (np.uint16, 300)


def test_a_fractional_segmentation_is_refused(tmp_path: Path, claims: np.ndarray) -> None:
    write(tmp_path, images(), segmentation(images(), claims, "FRACTIONAL"))
    fault = fault_of(tmp_path, "seg/", is_mask=True)
    assert fault.reason == "dicom_unsupported"
    assert "BINARY, LABELMAP" in fault.message


def test_frames_off_the_slices_of_the_image_are_a_fault(tmp_path: Path, claims: np.ndarray) -> None:
    for number, (shift, expected) in enumerate([((0, 0, 1.2), 1.2), ((0, 0.06, 0), 0.06), ((0, 0, 100.0), 90.0)]):
        seg = segmentation(images(), claims)  # the last frame lies on slice 1, the last slice is 10 mm above
        place = seg.PerFrameFunctionalGroupsSequence[-1].PlanePositionSequence[0]
        place.ImagePositionPatient = [a + b for a, b in zip(place.ImagePositionPatient, shift, strict=True)]
        root = tmp_path / str(number)
        write(root, images(), seg)
        fault = fault_of(root, "seg/", is_mask=True, reference=source_file(root, "image/"))
        assert (fault.reason, fault.values) == ("seg_off_grid", {"distance_mm": expected, "limit_mm": 0.05})


def test_a_grid_of_another_shape_is_a_fault(tmp_path: Path, claims: np.ndarray) -> None:
    write(tmp_path, images(), segmentation(images(), claims))
    write_dicom(tmp_path / "other/1", slice_dataset(np.zeros((9, 9), "<i2"), (0, 0, 0)))
    reference = source_file(tmp_path, "other/")
    assert reason_of(tmp_path, "seg/", is_mask=True, reference=reference) == "shape_mismatch"


def test_two_segmentations_in_a_folder_are_a_fault(tmp_path: Path, claims: np.ndarray) -> None:
    write(tmp_path, images(), segmentation(images(), claims))
    write_bytes(tmp_path / "seg/copy", (tmp_path / "seg/label").read_bytes())
    assert reason_of(tmp_path, "seg/", is_mask=True) == "dicom_mixed_series"


def test_a_segmentation_that_promises_too_much_is_a_fault(tmp_path: Path, claims: np.ndarray) -> None:
    seg = segmentation(images(), claims)
    last = seg.PerFrameFunctionalGroupsSequence[-1].PlanePositionSequence[0]
    last.ImagePositionPatient = [0, 0, 2.5e12]
    with pytest.raises(DataFault) as caught:
        read_segmentation(seg, None, 1 << 30)
    assert caught.value.reason == "volume_too_large"
    seg = segmentation(images(), claims)
    seg.NumberOfFrames = 999
    with pytest.raises(DataFault) as caught:
        read_segmentation(seg, None, 1 << 30)
    assert caught.value.reason == "truncated"


# Real files


def real(root: Path, path: str, reference: str = "") -> Any:
    source = source_file(root, reference) if reference else None
    return read_dicom(opened(root, path, is_mask=True, reference=source))


@pytest.mark.realdata
def test_the_liver_of_dcmqi_is_that_of_its_nrrd(realdata: Path) -> None:
    mask = read_ras(realdata, "dcmqi/liver.dcm", is_mask=True)
    expected = read_ras(realdata, "dcmqi/liver_seg.nrrd")
    np.testing.assert_array_equal(mask.data, expected.data)
    assert np.count_nonzero(mask.data) == 107_098
    assert grid_distance_mm(mask.grid, expected.grid) < 1e-6
    assert grid_distance_mm(mask.grid, read_ras(realdata, "dcmqi/ct-3slice/").grid) < 1e-5


@pytest.mark.realdata
def test_overlapping_segments_of_dcmqi_merge_as_their_nrrds_do(realdata: Path) -> None:
    parts = [read(realdata, f"dcmqi/partial_overlaps-{number}.nrrd").data for number in (1, 2, 3)]
    claims = np.stack([np.any([part == label for part in parts], axis=0) for label in range(1, 6)])
    expected = np.where(claims.any(axis=0), claims.argmax(axis=0) + 1, 0)
    for reference in ("", "dcmqi/ct-3slice/"):
        mask = real(realdata, "dcmqi/partial_overlaps.dcm", reference)
        np.testing.assert_array_equal(mask.data, expected)
        assert mask.overlap_voxels == (claims.sum(axis=0) > 1).sum() == 3106


@pytest.mark.realdata
@pytest.mark.parametrize("reference", ["", "dcmqi/24x38x3/image/"])
@pytest.mark.parametrize("name", ["noppv", "ppv5"])
def test_sparse_label_maps_of_dcmqi_are_their_nrrds(realdata: Path, name: str, reference: str) -> None:
    """The nrrd of "ppv5" has the pixel padding value 5 where there is no frame: no label."""
    mask = real(realdata, f"dcmqi/sparse-labelmap-{name}.dcm", reference)
    expected = read(realdata, f"dcmqi/sparse_labelmap_{name}_seg.nrrd")
    np.testing.assert_array_equal(mask.data, np.where(expected.data == 5, 0, expected.data))
    np.testing.assert_allclose(mask.affine, expected.affine, atol=1e-5)
    assert np.count_nonzero(mask.data) == 630


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "voxels"), [("23x38x3", 322), ("24x38x3", 315)])
def test_tiny_pairs_of_dcmqi_agree(realdata: Path, name: str, voxels: int) -> None:
    mask = real(realdata, f"dcmqi/{name}/seg/label.seg", f"dcmqi/{name}/image/")
    expected = read(realdata, f"dcmqi/{name}/nrrd/label.nrrd")
    np.testing.assert_array_equal(mask.data, expected.data)
    assert np.count_nonzero(mask.data) == voxels
    np.testing.assert_allclose(mask.affine, expected.affine, atol=1e-5)
    assert reason_of(realdata, f"dcmqi/{name}/multiframe/") == "dicom_unsupported"


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["seg_image_ct_binary", "seg_image_ct_binary_overlap"])
def test_segments_of_highdicom_merge_as_its_frames_say(realdata: Path, name: str) -> None:
    """Its frames as pydicom unpacks them, laid over each other by height."""
    dataset = pydicom.dcmread(realdata / "highdicom" / f"{name}.dcm")
    mask = read(realdata, f"highdicom/{name}.dcm", is_mask=True)
    claims: dict[float, dict[int, np.ndarray]] = {}
    for frame, groups in zip(dataset.pixel_array, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        height = float(groups.PlanePositionSequence[0].ImagePositionPatient[2])
        segment = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        claims.setdefault(height, {})[segment] = frame.T
    overlap = 0
    for height, parts in claims.items():
        k = round((height - mask.affine[2, 3]) / mask.affine[2, 2])
        expected = np.zeros((16, 16), int)
        for segment in sorted(parts, reverse=True):
            expected[parts[segment] > 0] = segment
        np.testing.assert_array_equal(mask.data[:, :, k], expected)
        overlap += int((sum(parts.values()) > 1).sum())
    assert mask.overlap_voxels == overlap
    assert np.count_nonzero(mask.data) > 0
