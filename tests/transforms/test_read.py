"""Cases read from files: masks of every kind, class files merged, channels read once, faults that stop nothing else."""

import gzip
import hashlib
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import h5py
import nibabel as nib
import numpy as np
import PIL.Image
import pytest
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st
from miniature import ellipsoid, stored, write_bytes, write_nifti
from raw_sources import slice_dataset, source_file, write_dicom

from medvision.schemas.case import Case, CaseImage, SourceFile
from medvision.schemas.faults import DataFault
from medvision.schemas.volume import Volume
from medvision.sources.kits23 import KITS23
from medvision.transforms.read import CaseReader
from medvision.transforms.readers.opened import source_sha256

AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])
SHAPE = (12, 10, 8)
LOCAL = fsspec.filesystem("file")


def blob(*labels: int, dtype: str = "uint8", shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Ellipsoids along the first axis, one a label."""
    mask = np.zeros(shape, dtype)
    for rank, label in enumerate(labels):
        center = ((rank + 0.5) * shape[0] / len(labels), 4.5, 3.5)
        mask[ellipsoid(shape, center, (1.8, 3.0, 2.5))] = label
    return mask


def source(root: Path, name: str) -> SourceFile:
    return SourceFile(name, (root / name).stat().st_size, "")


def case_of(
    root: Path, masks: list[str], images: list[tuple[int, str, int | None]] | None = None, labels: tuple[int, ...] = ()
) -> Case:
    chosen = tuple(CaseImage(task, source(root, name), channel, name) for task, name, channel in images or [])
    return Case("Set", "case", "case", chosen, tuple(source(root, name) for name in masks), labels)


def one_mask(root: Path, array: np.ndarray, affine: np.ndarray = AFFINE, **options: Any) -> Case:
    write_nifti(root / "mask.nii.gz", array, affine, **options)
    return case_of(root, ["mask.nii.gz"])


def scaled_mask(root: Path, array: np.ndarray, slope: float, intercept: float, name: str = "mask.nii") -> str:
    """A file whose header scales what it stores."""
    content = bytearray(nib.Nifti1Image(array, AFFINE).to_bytes())
    content[112:120] = np.array([slope, intercept], "<f4").tobytes()
    write_bytes(root / name, bytes(content))
    return name


def read_mask(root: Path, case: Case) -> np.ndarray:
    return CaseReader(LOCAL, str(root)).mask(case).volume.data


def fault_of(root: Path, case: Case) -> DataFault:
    with pytest.raises(DataFault) as caught:
        CaseReader(LOCAL, str(root)).mask(case)
    return caught.value


class CountingFiles(LocalFileSystem):
    """The local file system, counting how often each file is opened."""

    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.opened: Counter[str] = Counter()

    def open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        self.opened[path.rsplit("/", 1)[-1]] += 1
        return super().open(path, mode, **options)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64"])
def test_a_mask_of_any_type_comes_as_uint8(tmp_path: Path, dtype: str) -> None:
    expected = blob(1, 2, 7)
    mask = CaseReader(LOCAL, str(tmp_path)).mask(one_mask(tmp_path, expected.astype(dtype)))
    assert mask.volume.data.dtype == np.uint8
    np.testing.assert_array_equal(mask.volume.data, expected)
    assert mask.overlap_voxels == 0


@pytest.mark.parametrize(("highest", "dtype"), [(255, "uint8"), (256, "uint16"), (65535, "uint16")])
@pytest.mark.parametrize("kept_as", ["int32", "float64"])
def test_labels_above_255_come_as_uint16(tmp_path: Path, highest: int, dtype: str, kept_as: str) -> None:
    expected = blob(1, highest, dtype=kept_as)
    labels = read_mask(tmp_path, one_mask(tmp_path, expected))
    assert labels.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize("axcodes", ["RAS", "LPS", "IPL", "SAR"])
def test_a_mask_is_turned_to_ras(tmp_path: Path, axcodes: str) -> None:
    expected = blob(1, 2, 3)
    codes = nib.orientations.axcodes2ornt(axcodes)
    affine = np.zeros((4, 4))
    affine[3, 3] = 1.0
    for axis, (world, sign) in enumerate(codes):
        affine[int(world), axis] = sign * (1.0, 2.0, 3.0)[int(world)]
    case = one_mask(tmp_path, stored(expected, axcodes), affine)
    volume = CaseReader(LOCAL, str(tmp_path)).mask(case).volume
    np.testing.assert_array_equal(volume.data, expected)
    assert volume.grid.affine_spacing_xyz_mm == (1.0, 2.0, 3.0)


def test_the_voxel_size_of_the_header_is_used_where_the_dataset_keeps_it_there(tmp_path: Path) -> None:
    case = one_mask(tmp_path, blob(1), np.diag([-1.0, -1.0, 1.0, 1.0]), zooms_mm=(1.5, 1.25, 10.0))
    for in_header, expected in ((True, (1.5, 1.25, 10.0)), (False, (1.0, 1.0, 1.0))):
        volume = CaseReader(LOCAL, str(tmp_path), replace(KITS23, spacing_in_header=in_header)).mask(case).volume
        assert volume.grid.affine_spacing_xyz_mm == expected


@pytest.mark.parametrize("noise", [0.0, 0.0009, -0.0009])
def test_floats_that_are_nearly_integers_are_labels(tmp_path: Path, noise: float) -> None:
    expected = blob(1, 2)
    case = one_mask(tmp_path, (expected + noise).astype("float32"))
    np.testing.assert_array_equal(read_mask(tmp_path, case), expected)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (1.5, "mask_not_integer"),
        (2.002, "mask_not_integer"),
        (np.nan, "mask_not_integer"),
        (np.inf, "mask_not_integer"),
        (-1.0, "mask_negative"),
        (65536.0, "mask_too_many_labels"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_voxel_that_is_no_label_is_a_fault(tmp_path: Path, dtype: str, value: float, reason: str) -> None:
    mask = blob(1, 2, dtype=dtype)
    mask[3, 3, 3] = value
    fault = fault_of(tmp_path, one_mask(tmp_path, mask))
    assert (fault.stage, fault.reason, fault.path) == ("labels", reason, "mask.nii.gz")


@pytest.mark.parametrize(
    ("dtype", "value", "reason"),
    [
        ("int8", -1, "mask_negative"),
        ("int16", -32768, "mask_negative"),
        ("int32", 65536, "mask_too_many_labels"),
        ("uint32", 2**31, "mask_too_many_labels"),
        ("uint8", 0, "mask_empty"),
        ("float32", 0, "mask_empty"),
    ],
)
def test_an_integer_mask_out_of_range_is_a_fault(tmp_path: Path, dtype: str, value: int, reason: str) -> None:
    mask = np.zeros(SHAPE, dtype)
    mask[2, 2, 2] = value
    fault = fault_of(tmp_path, one_mask(tmp_path, mask))
    assert (fault.stage, fault.reason, fault.path) == ("labels", reason, "mask.nii.gz")


def test_the_header_scales_labels(tmp_path: Path) -> None:
    case = case_of(tmp_path, [scaled_mask(tmp_path, blob(2, 4), 0.5, 0.0)])
    np.testing.assert_array_equal(read_mask(tmp_path, case), blob(1, 2))
    case = case_of(tmp_path, [scaled_mask(tmp_path, blob(2, 3) + 5, 1.0, -5.0)])
    np.testing.assert_array_equal(read_mask(tmp_path, case), blob(2, 3))


def test_reading_a_float_mask_takes_about_twice_its_size(tmp_path: Path) -> None:
    case = one_mask(tmp_path, blob(1, 2, dtype="float64", shape=(250, 200, 160)))
    tracemalloc.start()
    try:
        mask = CaseReader(LOCAL, str(tmp_path)).mask(case)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.3 * 8 * mask.volume.data.size


def write_classes(root: Path, parts: list[np.ndarray], affines: list[np.ndarray] | None = None) -> list[str]:
    names = [f"classes/{rank:02d}.nii.gz" for rank in range(len(parts))]
    for rank, (name, part) in enumerate(zip(names, parts, strict=True)):
        write_nifti(root / name, part, affines[rank] if affines else AFFINE)
    return names


def test_of_overlapping_classes_the_first_label_keeps_the_voxel(tmp_path: Path) -> None:
    first = ellipsoid(SHAPE, (4, 4, 4), (3, 3, 3))
    second = ellipsoid(SHAPE, (7, 4, 4), (3, 3, 3))
    nothing = np.zeros(SHAPE, bool)
    parts = [first.astype("uint8"), nothing.astype("uint8"), second.astype("uint8")]
    mask = CaseReader(LOCAL, str(tmp_path)).mask(case_of(tmp_path, write_classes(tmp_path, parts), labels=(3, 5, 9)))
    np.testing.assert_array_equal(mask.volume.data, np.where(first, 3, np.where(second, 9, 0)))
    assert mask.volume.data.dtype == np.uint8
    assert mask.overlap_voxels == (first & second).sum() > 0


def test_class_files_are_merged_across_the_parts_they_come_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medvision.transforms.streams.INFLATE_CHUNK", 1000)
    shape = (37, 29, 23)
    rng = np.random.default_rng(3)
    parts = [rng.random(shape) < density for density in (0.001, 0.02, 0.5)]
    dtypes = ("uint8", "float64", "int16")
    names = write_classes(tmp_path, [part.astype(dtype) for part, dtype in zip(parts, dtypes, strict=True)])
    mask = CaseReader(LOCAL, str(tmp_path)).mask(case_of(tmp_path, names, labels=(1, 2, 3)))
    np.testing.assert_array_equal(mask.volume.data, np.select(parts, [1, 2, 3], 0))
    assert mask.overlap_voxels == (np.sum(parts, axis=0) > 1).sum() > 0


@given(data=st.data(), classes=st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_random_class_files_merge_as_a_voxel_by_voxel_loop_does(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, classes: int
) -> None:
    root = tmp_path_factory.mktemp("classes")
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    parts = [rng.random((3, 4, 2)) < 0.4 for _ in range(classes)]
    parts[0][0, 0, 0] = True
    labels = tuple(sorted(rng.choice(np.arange(1, 500), classes, replace=False).tolist()))
    expected, claims = np.zeros((3, 4, 2), int), np.zeros((3, 4, 2), int)
    for place in np.ndindex(3, 4, 2):
        claimed = [label for label, part in zip(labels, parts, strict=True) if part[place]]
        expected[place], claims[place] = (claimed[0] if claimed else 0), len(claimed)
    case = case_of(root, write_classes(root, [part.astype("uint8") for part in parts]), labels=labels)
    mask = CaseReader(LOCAL, str(root)).mask(case)
    np.testing.assert_array_equal(mask.volume.data, expected)
    assert mask.overlap_voxels == (claims > 1).sum()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_what_exceeds_one_half_belongs_to_the_class(tmp_path: Path, dtype: str) -> None:
    part = (blob(1) * 200).astype(dtype)
    if dtype == "float32":
        part = np.where(part > 0, 0.51, 0.49).astype(dtype)
        part[0, 0, 0] = 0.5
    case = case_of(tmp_path, write_classes(tmp_path, [part]), labels=(4,))
    np.testing.assert_array_equal(read_mask(tmp_path, case), blob(4))


@pytest.mark.parametrize(("slope", "intercept", "present"), [(0.25, 0.0, False), (1.0, -1.0, False), (1.0, 0.0, True)])
def test_the_header_scales_classes(tmp_path: Path, slope: float, intercept: float, present: bool) -> None:
    names = [
        scaled_mask(tmp_path, blob(1), slope, intercept, "a.nii"),
        scaled_mask(tmp_path, blob(1), 1.0, 0.0, "b.nii"),
    ]
    labels = read_mask(tmp_path, case_of(tmp_path, names, labels=(1, 2)))
    np.testing.assert_array_equal(labels, blob(1 if present else 2))


def test_class_files_of_different_storage_order_meet_in_ras(tmp_path: Path) -> None:
    first, second = ellipsoid(SHAPE, (3, 4, 4), (2, 2, 2)), ellipsoid(SHAPE, (8, 6, 4), (2, 2, 2))
    flipped = np.diag([-1.0, -2.0, 3.0, 1.0])
    flipped[:2, 3] = (11.0, 18.0)
    parts = [first.astype("uint8"), stored(second, "LPS").astype("uint8")]
    case = case_of(tmp_path, write_classes(tmp_path, parts, [AFFINE, flipped]), labels=(1, 2))
    np.testing.assert_array_equal(read_mask(tmp_path, case), first + 2 * second)


def test_a_class_file_of_another_shape_is_a_fault(tmp_path: Path) -> None:
    parts = [blob(1), blob(1, shape=(12, 10, 9))]
    fault = fault_of(tmp_path, case_of(tmp_path, write_classes(tmp_path, parts), labels=(1, 2)))
    assert (fault.reason, fault.path) == ("shape_mismatch", "classes/01.nii.gz")
    assert fault.values == {"image": [12, 10, 8], "mask": [12, 10, 9]}


def test_class_files_without_any_voxel_are_a_fault(tmp_path: Path) -> None:
    parts = [np.zeros(SHAPE, "uint8")] * 3
    fault = fault_of(tmp_path, case_of(tmp_path, write_classes(tmp_path, parts), labels=(1, 2, 3)))
    assert (fault.stage, fault.reason) == ("labels", "mask_empty")


def test_a_damaged_class_file_is_named(tmp_path: Path) -> None:
    names = write_classes(tmp_path, [blob(1)] * 3)
    content = (tmp_path / names[1]).read_bytes()
    (tmp_path / names[1]).write_bytes(content[:-4])
    fault = fault_of(tmp_path, case_of(tmp_path, names, labels=(1, 2, 3)))
    assert (fault.stage, fault.reason, fault.path) == ("read", "bad_gzip", names[1])


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).integers(0, 900, shape).astype("int16")


def test_the_channels_of_an_image_are_read_from_one_pass_over_its_file(tmp_path: Path) -> None:
    image = noise(*SHAPE, 4)
    write_nifti(tmp_path / "image.nii.gz", stored(image, "LPS"), np.diag([-1.0, -2.0, 3.0, 1.0]))
    write_nifti(tmp_path / "mask.nii.gz", blob(1), AFFINE)
    images = [(task, "image.nii.gz", channel) for task, channel in ((1, 0), (2, 1), (3, 2), (7, 3))]
    files = CountingFiles()
    reader = CaseReader(files, str(tmp_path))  # type: ignore[arg-type]
    read = list(reader.images(case_of(tmp_path, ["mask.nii.gz"], images)))
    assert [item.task for item, _ in read] == [1, 2, 3, 7]
    for channel, (_, volume) in enumerate(read):
        assert isinstance(volume, Volume)
        np.testing.assert_array_equal(volume.data, image[..., channel])
    assert files.opened == {"image.nii.gz": 1}


def test_the_voxels_of_one_image_are_freed_before_the_next_is_read(tmp_path: Path) -> None:
    names = [f"image_{number}.nii" for number in range(3)]
    for name in names:
        write_nifti(tmp_path / name, np.zeros((250, 200, 200), "int32"), AFFINE)
    case = case_of(tmp_path, names[:1], [(task, name, None) for task, name in enumerate(names, 1)])
    tracemalloc.start()
    try:
        for _, volume in CaseReader(LOCAL, str(tmp_path)).images(case):
            assert isinstance(volume, Volume)
            del volume
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.6 * 4 * 250 * 200 * 200  # the rest are the stream's buffers


def test_every_file_that_was_read_is_hashed_whole(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a/image.nii.gz", noise(*SHAPE), AFFINE)
    plain = write_nifti(tmp_path / "a/other.nii", noise(*SHAPE), AFFINE)
    plain.write_bytes(plain.read_bytes() + b"a note after the voxels")
    names = write_classes(tmp_path, [blob(1), blob(2)])
    broken = write_bytes(tmp_path / "a/broken.nii.gz", gzip.compress(noise(64, 64, 64).tobytes())[:-100])
    images = [(1, "a/image.nii.gz", None), (2, "a/other.nii", None), (3, "a/broken.nii.gz", None)]
    case = case_of(tmp_path, names, images, labels=(1, 2))
    reader = CaseReader(LOCAL, str(tmp_path))
    reader.mask(case)
    list(reader.images(case))
    assert broken.stat().st_size > 0
    expected = {file.path: hashlib.sha256((tmp_path / file.path).read_bytes()).hexdigest() for file in case.files}
    assert reader.sha256 == expected
    assert len(expected) == 5


def test_without_voxels_only_headers_of_images_are_read(tmp_path: Path) -> None:
    """What stands behind the header may then be missing; a file without a header is hashed whole."""
    write_nifti(tmp_path / "mask.nii.gz", blob(1), AFFINE)
    whole = nib.Nifti1Image(noise(60, 50, 40), AFFINE)
    whole.header.set_slope_inter(2.0, -5.0)
    content = gzip.compress(whole.to_bytes())
    write_bytes(tmp_path / "a.nii.gz", content[: len(content) // 2])
    write_bytes(tmp_path / "b.nii", b"no header" * 100)
    images: list[tuple[int, str, int | None]] = [(1, "a.nii.gz", None), (2, "b.nii", None)]
    case = case_of(tmp_path, ["mask.nii.gz"], images)
    reader = CaseReader(LOCAL, str(tmp_path), with_voxels=False)
    reader.mask(case)
    (_, volume), (_, fault) = reader.images(case)
    assert isinstance(volume, Volume)
    assert (volume.data.shape, volume.data.any(), volume.slope, volume.intercept) == ((60, 50, 40), False, 2.0, -5.0)
    assert isinstance(fault, DataFault)
    assert fault.reason == "bad_header"
    assert set(reader.sha256) == {"mask.nii.gz"}
    sha = {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("mask.nii.gz", "b.nii")}
    expected = {
        "a.nii.gz": ("", hashlib.sha256(whole.to_bytes()[:348]).hexdigest()),
        "b.nii": (sha["b.nii"], ""),
        "mask.nii.gz": (sha["mask.nii.gz"], ""),
    }
    assert reader.hashes(case) == expected
    assert CaseReader(LOCAL, str(tmp_path), with_voxels=False).hashes(case) == expected  # as one who adopts a shard
    assert CaseReader(LOCAL, str(tmp_path)).hashes(case)["a.nii.gz"].header_sha256 == ""


def test_a_damaged_image_is_its_own_fault_and_the_others_are_read(tmp_path: Path) -> None:
    write_nifti(tmp_path / "mask.nii.gz", blob(1), AFFINE)
    good = noise(*SHAPE)
    for name in ("first.nii.gz", "last.nii.gz"):
        write_nifti(tmp_path / name, good, AFFINE)
    content = (tmp_path / "first.nii.gz").read_bytes()
    write_bytes(tmp_path / "damaged.nii.gz", content[: len(content) // 2])
    write_bytes(tmp_path / "empty.nii", b"")
    write_bytes(tmp_path / "scan.img", b"ObjectType = Image")
    write_nifti(tmp_path / "flat.nii.gz", good, np.diag([1.0, 2.0, 3.0, 1.0]), zooms_mm=(1.0, 2.0, 0.0))
    images: list[tuple[int, str, int | None]] = [
        (1, "first.nii.gz", None),
        (2, "damaged.nii.gz", None),
        (3, "damaged.nii.gz", 1),
        (4, "empty.nii", None),
        (5, "scan.img", None),
        (6, "first.nii.gz", 1),
        (7, "flat.nii.gz", None),
        (8, "last.nii.gz", None),
    ]
    case = case_of(tmp_path, ["mask.nii.gz"], images)
    read = {image.task: volume for image, volume in CaseReader(LOCAL, str(tmp_path)).images(case)}
    faults = {task: (v.reason, v.path) for task, v in read.items() if isinstance(v, DataFault)}
    assert faults == {
        2: ("bad_gzip", "damaged.nii.gz"),
        3: ("bad_gzip", "damaged.nii.gz"),
        4: ("bad_header", "empty.nii"),
        5: ("unsupported_format", "scan.img"),
        6: ("channel_missing", "first.nii.gz"),
        7: ("bad_spacing", "flat.nii.gz"),
    }
    for task in (1, 8):
        np.testing.assert_array_equal(read[task].data, good)  # type: ignore[union-attr]


def test_a_file_that_cannot_be_opened_is_no_data_fault(tmp_path: Path) -> None:
    write_nifti(tmp_path / "mask.nii.gz", blob(1), AFFINE)
    case = case_of(tmp_path, ["mask.nii.gz"], [(1, "mask.nii.gz", None)])
    (tmp_path / "mask.nii.gz").unlink()
    reader = CaseReader(LOCAL, str(tmp_path))
    with pytest.raises(FileNotFoundError):
        reader.mask(case)
    with pytest.raises(FileNotFoundError):
        list(reader.images(case))


TABLE = replace(
    KITS23,
    tasks=tuple(replace(KITS23.tasks[0], number=n, member=f"echo{n}", mask_member="seg") for n in (1, 2)),
)


def test_images_and_mask_of_one_hdf5_file_are_told_apart_by_the_table(tmp_path: Path) -> None:
    echoes = noise(5, 6, 7, 2)
    onehot = np.random.default_rng(0).random((5, 6, 7, 3)) < 0.2
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["echo1"], file["echo2"], file["seg"] = echoes[..., 0], echoes[..., 1], onehot
    case = case_of(tmp_path, ["scan.h5"], [(1, "scan.h5", None), (2, "scan.h5", None)])
    reader = CaseReader(LOCAL, str(tmp_path), TABLE)
    mask = reader.mask(case)
    assert mask.overlap_voxels == (onehot.sum(axis=3) > 1).sum() > 0
    expected = np.where(onehot.any(axis=3), onehot.argmax(axis=3) + 1, 0)
    np.testing.assert_array_equal(mask.volume.data, expected[::-1, ::-1].transpose(2, 1, 0))
    for number, (_, volume) in enumerate(reader.images(case)):
        assert isinstance(volume, Volume)
        np.testing.assert_array_equal(volume.grid.affine_ras, mask.volume.grid.affine_ras)
        np.testing.assert_array_equal(volume.data, echoes[::-1, ::-1, :, number].transpose(2, 1, 0))
    assert reader.sha256 == {"scan.h5": hashlib.sha256((tmp_path / "scan.h5").read_bytes()).hexdigest()}


def test_a_dicom_folder_and_a_damaged_one_are_hashed_as_a_build_hashes_unread_sources(tmp_path: Path) -> None:
    pixels = noise(4, 5, 6).astype("<i2")
    for number, plane in enumerate(pixels):
        write_dicom(tmp_path / "ct" / str(9 - number), slice_dataset(plane, (0, 0, 2 * number)))
        write_dicom(tmp_path / "bad" / str(number), slice_dataset(plane, (0, 0, 2 * number**2)))
    write_nifti(tmp_path / "mask.nii.gz", blob(1), AFFINE)
    chosen = tuple(CaseImage(n, source_file(tmp_path, name), None, name) for n, name in ((1, "ct/"), (2, "bad/")))
    case = Case("Set", "case", "case", chosen, (source(tmp_path, "mask.nii.gz"),))
    reader = CaseReader(LOCAL, str(tmp_path))
    (_, good), (_, bad) = reader.images(case)
    assert isinstance(good, Volume)
    np.testing.assert_array_equal(good.data, pixels.transpose()[::-1, ::-1])  # LPS to RAS
    assert isinstance(bad, DataFault)
    assert (bad.reason, bad.path) == ("dicom_uneven_spacing", "bad/")
    assert reader.sha256 == {name: source_sha256(LOCAL, str(tmp_path), name) for name in ("ct/", "bad/")}


def test_a_film_is_read_in_the_pixel_size_of_its_table(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.zeros((9, 5), np.uint8)).save(tmp_path / "a.bmp")
    reader = CaseReader(LOCAL, str(tmp_path))
    film = reader.raw(source(tmp_path, "a.bmp"), 0.1)
    assert (film.data.shape, film.zooms_mm) == ((1, 5, 9), (0.1, 0.1, 0.1))
    assert set(reader.sha256) == {"a.bmp"}


def test_small_files_come_whole_and_large_ones_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes(tmp_path / "points.txt", b"1,2\n" * 9)
    reader = CaseReader(LOCAL, str(tmp_path))
    assert reader.content(source(tmp_path, "points.txt")) == b"1,2\n" * 9
    monkeypatch.setattr("medvision.transforms.read.MAX_CONTENT_BYTES", 35)
    with pytest.raises(DataFault) as caught:
        reader.content(source(tmp_path, "points.txt"))
    assert (caught.value.reason, caught.value.path) == ("volume_too_large", "points.txt")
    assert reader.sha256 == {"points.txt": hashlib.sha256(b"1,2\n" * 9).hexdigest()}
