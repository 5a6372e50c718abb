"""Sources that readers open: hashed whole, copied where they are not local, never outside of the dataset's folder."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
from miniature import write_bytes
from raw_sources import LOCAL, opened

from medvision.schemas.case import SourceFile
from medvision.schemas.faults import DataFault
from medvision.transforms.readers.opened import Opened, folder_files, source_sha256
from medvision.transforms.readers.registry import find_reader

HEADER = b"ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = %s\n"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_folder_is_hashed_by_the_names_and_contents_of_its_own_files(tmp_path: Path) -> None:
    for name in ("b", "a", "._a", "sub/c"):
        write_bytes(tmp_path / "top/series" / name, name.encode())
    folder = opened(tmp_path / "top", "series/")
    assert folder.files() == ["series/a", "series/b"]
    expected = sha(json.dumps([["a", sha(b"a")], ["b", sha(b"b")]]).encode())
    assert folder.read_file("series/a") == b"a"  # what was read is not read again, the rest is
    assert folder.digest() == source_sha256(LOCAL, str(tmp_path / "top"), "series/") == expected
    write_bytes(tmp_path / "top/series/b", b"B")
    assert source_sha256(LOCAL, str(tmp_path / "top"), "series/") != expected


def test_a_stream_left_early_is_hashed_to_its_end(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", b"x" * 10_000_000)
    source = opened(tmp_path, "file")
    with source.stream() as stream:
        stream.read(3)
    assert source.sha256 == sha(b"x" * 10_000_000) == source_sha256(LOCAL, str(tmp_path), "file")


def test_a_remote_file_is_copied_hashed_and_the_copy_removed() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/copied/a/scan.h5", b"content")
    source = Opened(memory, "/copied", SourceFile("a/scan.h5", 7, ""))
    with source.local_copy() as path:
        assert path.read_bytes() == b"content"
        assert source.sha256 == sha(b"content")
    assert not path.exists()


def test_a_remote_header_is_read_with_its_data_file() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/pair/heads/scan.mhd", HEADER % b"../voxels/scan.raw")
    memory.pipe("/pair/voxels/scan.raw", b"01234567")
    source = Opened(memory, "/pair", SourceFile("heads/scan.mhd", 100, ""))
    assert source.data_file() == "voxels/scan.raw"
    with source.part("voxels/scan.raw") as (stream, size):
        assert (stream.read(3), size) == (b"012", 8)
    memory.pipe("/pair/voxels/scan.raw", b"changed since")  # hashed as it was read
    assert source._parts == {"voxels/scan.raw": sha(b"01234567")}
    source.digest()
    memory.pipe("/pair/voxels/scan.raw", b"01234567")
    names = [["../voxels/scan.raw", sha(b"01234567")], ["scan.mhd", sha(HEADER % b"../voxels/scan.raw")]]
    assert source.sha256 == sha(json.dumps(names).encode()) == source_sha256(memory, "/pair", "heads/scan.mhd")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"../../secret.raw", "external_file"),
        (b"/etc/hostname", "external_file"),
        (b"linked.raw", "external_file"),
        (b"LIST", "external_file"),
        (b"scan_%03d.raw 1 3 1", "external_file"),
        (b"", "external_file"),
        (b"none.raw", "data_file_missing"),
        (b"loop.raw", "data_file_missing"),
        (b"a\0.raw", "external_file"),
        (b"..", "data_file_missing"),
    ],
)
def test_a_data_file_is_one_file_below_the_root(tmp_path: Path, name: bytes, reason: str) -> None:
    write_bytes(tmp_path / "secret.raw", b"01234567")
    write_bytes(tmp_path / "set/a/scan.mhd", HEADER % name)
    (tmp_path / "set/a/linked.raw").symlink_to(tmp_path / "secret.raw")
    (tmp_path / "set/a/loop.raw").symlink_to("loop.raw")
    source = opened(tmp_path / "set", "a/scan.mhd")
    with pytest.raises(DataFault) as caught:
        source.data_file()
    assert caught.value.reason == reason
    assert source.digest() == sha(HEADER % name)  # the record of a bad case still names what it saw


def test_links_to_files_are_files_of_a_folder(tmp_path: Path) -> None:
    """Users keep raw trees as links. A link to nothing stands for a file that is missing: it is not passed over."""
    (tmp_path / "far").write_bytes(b"slice")
    folder = tmp_path / "set/series"
    folder.mkdir(parents=True)
    (folder / "1").symlink_to(tmp_path / "far")
    (folder / "2").symlink_to(tmp_path / "gone")
    os.mkfifo(folder / "3")
    (folder / "4").symlink_to(tmp_path)
    assert folder_files(LOCAL, str(tmp_path / "set"), "series/") == ["series/1", "series/2", "series/3"]
    source = opened(tmp_path / "set", "series/1")
    assert source.read_file("series/1") == b"slice"
    for name in ("2", "3", "4"):
        with pytest.raises(DataFault) as caught:
            source.read_file(f"series/{name}")
        assert caught.value.reason == "not_a_file"


@pytest.mark.parametrize("ending", [".h5", ".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".bmp", ".dcm"])
@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to(path.name)])
def test_no_reader_opens_what_is_no_file(tmp_path: Path, ending: str, make: Callable[[Path], None]) -> None:
    make(tmp_path / f"a{ending}")
    source = Opened(LOCAL, str(tmp_path), SourceFile(f"a{ending}", 4096, ""))
    with pytest.raises(DataFault) as caught:
        find_reader(source.source.path)(source)
    assert caught.value.reason == "not_a_file"
    assert source.digest() in ("", sha(b""))
