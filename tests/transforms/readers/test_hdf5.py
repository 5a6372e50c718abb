"""HDF5 arrays: written with h5py, read in SKM-TEA's frame."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from miniature import write_bytes
from raw_sources import opened, read, read_ras, reason_of

from medvision.schemas.faults import DataFault
from medvision.transforms.readers.hdf5 import read_hdf5


def write_h5(path: Path, **arrays: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name.replace("__", "/"), data=array, chunks=True, compression="gzip")
    return path


@pytest.mark.parametrize("dtype", ["int16", ">i2", "float32", "uint8", "bool"])
@pytest.mark.parametrize("ending", [".h5", ".hdf5"])
def test_a_member_comes_back_as_written(tmp_path: Path, dtype: str, ending: str) -> None:
    array = np.random.default_rng(0).integers(0, 2, (5, 6, 7)).astype(dtype)
    write_h5(tmp_path / f"a{ending}", echo1=1 - array.astype(int), group__echo2=array)
    volume = read(tmp_path, f"a{ending}", member="group/echo2")
    np.testing.assert_array_equal(volume.data, array)
    assert volume.data.dtype == (np.uint8 if dtype == "bool" else np.dtype(dtype).newbyteorder("="))
    assert volume.zooms_mm == (0.3125, 0.3125, 0.8)


def test_the_axes_are_inferior_posterior_right(tmp_path: Path) -> None:
    array = np.zeros((5, 6, 7), np.int16)
    array[1, 2, 3] = 9  # second from the top, third from the front, fourth from the left
    write_h5(tmp_path / "a.h5", echo1=array)
    volume = read_ras(tmp_path, "a.h5", member="echo1")
    assert (volume.grid.raw_axes, volume.grid.shape_xyz) == ("IPR", (7, 6, 5))
    assert volume.grid.affine_spacing_xyz_mm == volume.grid.zooms_xyz_mm == (0.8, 0.3125, 0.3125)
    assert np.argwhere(volume.data == 9).tolist() == [[3, 5 - 2, 4 - 1]]
    np.testing.assert_array_equal(volume.data, array[::-1, ::-1].transpose(2, 1, 0))


@pytest.mark.parametrize("dtype", ["uint8", "bool", "float32"])
def test_one_hot_classes_are_labels_from_1_and_overlaps_are_counted(tmp_path: Path, dtype: str) -> None:
    rng = np.random.default_rng(1)
    onehot = rng.random((9, 8, 7, 6)) < 0.15
    write_h5(tmp_path / "a.h5", seg=onehot.astype(dtype))
    mask = read(tmp_path, "a.h5", member="seg", is_mask=True)
    expected = np.zeros((9, 8, 7), np.uint8)
    for label in range(6, 0, -1):
        expected[onehot[..., label - 1]] = label  # the lowest comes last and wins
    np.testing.assert_array_equal(mask.data, expected)
    assert mask.overlap_voxels == (onehot.sum(axis=3) > 1).sum() > 0
    assert read(tmp_path, "a.h5", member="seg").data.shape == (9, 8, 7, 6)  # as an image: channels


def test_of_soft_classes_the_largest_wins_if_above_one_half(tmp_path: Path) -> None:
    soft = np.zeros((2, 2, 2, 3), np.float32)
    soft[0, 0, 0] = (0.6, 0.9, 0.1)
    soft[0, 0, 1] = (0.4, 0.5, 0.1)
    soft[1, 1, 1] = (0.0, 0.2, 0.51)
    write_h5(tmp_path / "a.h5", seg=soft)
    mask = read(tmp_path, "a.h5", member="seg", is_mask=True)
    assert (mask.data[0, 0, 0], mask.data[0, 0, 1], mask.data[1, 1, 1]) == (2, 0, 3)
    assert mask.overlap_voxels == 1


def test_members_that_are_no_volume_are_faults(tmp_path: Path) -> None:
    write_h5(tmp_path / "a.h5", flat=np.zeros((3, 4)), big=np.zeros((2, 2, 2), complex), inside__echo=np.zeros(3))
    reasons = {name: reason_of(tmp_path, "a.h5", member=name) for name in ("none", "", "inside", "flat", "big", "a/b")}
    assert reasons == {
        "none": "member_missing",
        "": "member_missing",
        "inside": "member_missing",
        "a/b": "member_missing",
        "flat": "bad_dims",
        "big": "unsupported_dtype",
    }


def test_an_array_outside_of_the_file_is_never_opened(tmp_path: Path) -> None:
    write_h5(tmp_path / "other.h5", echo1=np.zeros((2, 2, 2)))
    write_bytes(tmp_path / "raw", bytes(64))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["link"] = h5py.ExternalLink("other.h5", "echo1")
        file["folder"] = h5py.ExternalLink("other.h5", "/")
        file.create_dataset("external", (2, 2, 2), "f8", external=[("raw", 0, 64)])
        layout = h5py.VirtualLayout((2, 2, 2), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "echo1", (2, 2, 2))
        file.create_virtual_dataset("virtual", layout)
    for name in ("link", "folder/echo1", "external", "virtual"):
        assert reason_of(tmp_path, "a.h5", member=name) == "external_file", name


def test_an_array_larger_than_its_file_can_hold_is_not_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("echo1", (4000, 4000, 400), "f4", chunks=(100, 100, 100))  # nothing is written
    assert reason_of(tmp_path, "a.h5", member="echo1") == "volume_too_large"
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("echo1", (1000, 1000, 400), "f4", chunks=(100, 100, 100))
    assert reason_of(tmp_path, "b.h5", member="echo1") == "dims_exceed_file"
    write_h5(tmp_path / "c.h5", echo1=np.zeros((2, 3, 4), np.int16))
    with pytest.raises(DataFault, match="48 bytes decompressed, the limit is 47"):
        read_hdf5(opened(tmp_path, "c.h5", member="echo1"), max_bytes=47)


def test_a_damaged_file_is_a_fault(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 999, (20, 20, 20)).astype(np.int16)
    whole = write_h5(tmp_path / "a.h5", echo1=array).read_bytes()
    for content in (b"", b"no HDF5", whole[:1000], whole[: len(whole) // 2]):
        write_bytes(tmp_path / "b.h5", content)
        assert reason_of(tmp_path, "b.h5", member="echo1") == "bad_header"
    bad = bytearray(whole)
    bad[len(bad) - 3000 : len(bad) - 2000] = bytes(1000)
    write_bytes(tmp_path / "b.h5", bytes(bad))
    assert reason_of(tmp_path, "b.h5", member="echo1") == "bad_voxels"
