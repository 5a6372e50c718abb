"""Walks that are complete or an error, where fsspec's own leaves out what it could not list."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from medvision.schemas.failures import StorageError
from medvision.transforms import retries
from medvision.transforms.store import Store
from medvision.transforms.walk import LISTING_TRIES, find_files, walk_local

NAMES = ("a/b/c/deep.nii.gz", "a/one.txt", "b/two.txt", "z.bin")


class Odd(fsspec.AbstractFileSystem):
    """A store on a local folder; `trouble` may raise before a folder is listed."""

    protocol = "odd"
    cachable = False
    trouble: Callable[[str], None] = staticmethod(lambda path: None)

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        type(self).trouble(path)
        return LocalFileSystem().ls(path, detail=detail)

    def info(self, path: str, **options: Any) -> Any:
        return LocalFileSystem().info(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(retries.time, "sleep", lambda _: None)
    monkeypatch.setattr(retries._Outage, "given_up_at", float("-inf"))
    fsspec.register_implementation("odd", Odd, clobber=True)
    return tmp_path


def failing(times: int, error: Exception, at: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """`times` listings of the folder `at` fail; what was listed is kept."""
    asked: list[str] = []

    def trouble(path: str) -> None:
        asked.append(path)
        if path.endswith(at) and sum(other.endswith(at) for other in asked) <= times:
            raise error

    monkeypatch.setattr(Odd, "trouble", staticmethod(trouble))
    return asked


def names(fs: fsspec.AbstractFileSystem, folder: Path) -> list[str]:
    return sorted(path[len(str(folder)) + 1 :] for path, _ in find_files(fs, str(folder)))


def test_the_walk_lists_what_fsspec_lists(folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "apart").symlink_to(folder / "a")
    (folder / "linked.bin").symlink_to(folder / "z.bin")
    (folder / "gone.bin").symlink_to("nowhere")
    found = LocalFileSystem().find(str(folder), detail=True)
    kept = {path: {key: info[key] for key in ("size", "mtime", "created")} for path, info in found.items()}
    assert dict(walk_local(str(folder))) == kept
    assert [name for name in names(Odd(), folder) if name in NAMES] == sorted(NAMES)


def test_memory_and_absent_folders(folder: Path) -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/walked/a/b", b"12")
    try:
        assert [(path, info["size"]) for path, info in find_files(fs, "/walked")] == [("/walked/a/b", 2)]
        assert list(find_files(fs, "/walked/c")) == []
    finally:
        fs.rm("/walked", recursive=True)
    for other in (Odd(), LocalFileSystem()):
        assert list(find_files(other, str(folder / "absent"))) == []


@pytest.mark.parametrize("at", ["", "/a", "/a/b/c"])
def test_a_folder_that_cannot_be_listed_for_a_while_is_listed_again(
    at: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = failing(2, OSError(errno.ETIMEDOUT, "timed out"), f"{folder.name}{at}", monkeypatch)
    assert names(Odd(), folder) == sorted(NAMES)
    assert asked.count(f"{folder}{at}") == 3


@pytest.mark.parametrize("at", ["", "/a", "/a/b/c"])
def test_a_folder_that_cannot_be_listed_is_an_error(at: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(1, OSError(errno.EIO, "Input/output error"), f"{folder.name}{at}", monkeypatch)
    with pytest.raises(StorageError, match="could not list odd://"):
        names(Odd(), folder)


def test_a_store_names_all_of_its_files_or_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(f"odd://{folder}")
    failing(1, OSError(errno.EIO, "Input/output error"), "/a/b", monkeypatch)
    with pytest.raises(StorageError):
        store.names("")
    assert store.names("a") == ["a/b/c/deep.nii.gz", "a/one.txt"]


def test_a_folder_out_of_which_a_file_went_meanwhile_is_listed_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(3, FileNotFoundError("one of its files"), "/a", monkeypatch)
    assert names(Odd(), folder) == sorted(NAMES)
    failing(LISTING_TRIES, FileNotFoundError("one of its files"), "/a", monkeypatch)
    with pytest.raises(FileNotFoundError):
        names(Odd(), folder)


def test_a_folder_that_went_meanwhile_has_no_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def trouble(path: str) -> None:
        if path.endswith("/b") and not path.endswith("/a/b"):
            (folder / "b/two.txt").unlink()
            (folder / "b").rmdir()

    monkeypatch.setattr(Odd, "trouble", staticmethod(trouble))
    assert names(Odd(), folder) == sorted(set(NAMES) - {"b/two.txt"})
