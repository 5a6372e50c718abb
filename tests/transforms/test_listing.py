"""Sources of a raw folder, by every way to name it."""

import os
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from medvision.schemas.case import SourceFile
from medvision.transforms.listing import list_sources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folders in folders, an empty one, links to a file, a folder and nothing, and a name beyond ASCII."""
    home = tmp_path / "raw"
    for path in ("a/b/c/deep.nii.gz", "a/one.txt", "z.bin", "ä b/ü.nii"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_bytes(path.encode())
    (home / "empty").mkdir()
    (tmp_path / "apart").mkdir()
    (tmp_path / "apart/far.bin").write_bytes(b"far away")
    (home / "linked.bin").symlink_to(tmp_path / "apart/far.bin")
    (home / "linked").symlink_to(tmp_path / "apart")
    (home / "gone.bin").symlink_to("nowhere")
    return home


def test_every_way_to_name_a_folder_gives_the_same_sources(folder: Path) -> None:
    class Other(LocalFileSystem):  # takes the way of every other file system
        pass

    listed = list_sources(Other(), str(folder))
    assert [file.path for file in listed] == sorted(file.path for file in listed)
    assert SourceFile("linked.bin", 8, f"mtime:{(folder / 'linked.bin').lstat().st_mtime}") in listed
    for spelled in (str(folder), f"{folder}/", f"file://{folder}"):
        assert list_sources(LocalFileSystem(), spelled) == listed


def test_a_folder_that_is_absent_has_no_sources(tmp_path: Path) -> None:
    assert list_sources(LocalFileSystem(), str(tmp_path / "absent")) == []


def test_a_folder_that_may_not_be_listed_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cases would be left out without a word. (Permissions do not stop an administrator, hence the stand-in.)"""
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if path.endswith("/b"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("medvision.transforms.walk.os.scandir", refuse)
    with pytest.raises(PermissionError):
        list_sources(LocalFileSystem(), str(folder))
