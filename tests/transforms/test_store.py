"""Whole files only: local folders, fsspec stores, and stores whose objects appear when they are closed."""

import errno
import gc
import hashlib
import io
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem
from torture import faulty_files
from torture.faulty_files import Plan

from medvision.schemas.failures import StorageError
from medvision.transforms import store as store_module
from medvision.transforms.store import BUFFER_BYTES, HashingWriter, Store


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "local":
        yield Store(str(tmp_path / "out"))
        return
    yield Store("memory://test_store/out")
    fs = fsspec.filesystem("memory")
    if fs.exists("/test_store"):
        fs.rm("/test_store", recursive=True)


def test_a_file_is_read_back_and_replaced(store):
    assert not store.exists("a/b/file.bin")
    store.replace("a/b/file.bin", b"first")
    assert store.read("a/b/file.bin") == b"first"
    store.replace("a/b/file.bin", b"2")
    assert store.read("a/b/file.bin") == b"2"
    assert store.names("") == ["a/b/file.bin"]


def test_nothing_stands_under_the_name_before_the_end(store):
    with store.writing("a/file.bin") as out:
        out.write(b"half")
        assert not store.exists("a/file.bin")
        out.write(b" and half")
    assert store.read("a/file.bin") == b"half and half"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_nothing(store, error):
    def fail() -> None:
        with store.writing("a/file.bin") as out:
            out.write(b"half")
            raise error("stop")

    with pytest.raises(error, match="stop"):
        fail()
    assert store.names("") == []


def test_an_exception_keeps_what_stood_there(store):
    store.replace("file.bin", b"whole")

    def fail() -> None:
        with store.writing("file.bin") as out:
            out.write(b"half")
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        fail()
    assert store.read("file.bin") == b"whole"
    assert store.names("") == ["file.bin"]


def test_unfinished_files_are_those_beside_the_manifest(tmp_path):
    root = tmp_path / "a [b] *"  # no pattern
    (root / "folder").mkdir(parents=True)
    for name in ("manifest.json", "x.partial", "folder/y.partial", "a.partial"):
        (root / name).write_bytes(b"")
    assert Store(str(root)).unfinished() == ["a.partial", "x.partial"]


def test_create_is_create_only(store):
    assert store.create("a/lock", b"mine") is True
    assert store.create("a/lock", b"yours") is False
    assert store.read("a/lock") == b"mine"
    assert store.names("") == ["a/lock"]
    store.remove("a/lock")
    assert store.create("a/lock", b"yours") is True


def test_a_create_whose_answer_was_lost_knows_its_own_file(monkeypatch):
    """A library that tries again finds the file in the way that its first try wrote."""
    store = Store("memory://test_store_lost/out")
    pipe_file = store.fs.pipe_file

    def lose_answer(path: str, data: bytes, mode: str) -> None:
        if not store.fs.exists(path):
            pipe_file(path, data)
        raise FileExistsError(path)

    monkeypatch.setattr(store.fs, "pipe_file", lose_answer)
    assert store.create("record", b"mine") is True
    assert store.create("record", b"yours") is False
    assert store.read("record") == b"mine"
    store.remove("record")


def test_of_eight_racing_creates_one_wins(tmp_path):
    store = Store(str(tmp_path))
    for turn in range(25):
        start = threading.Barrier(8)

        def race(number: int, name: str = f"locks/{turn}", start: threading.Barrier = start) -> bool:
            start.wait()
            return store.create(name, str(number).encode() * 1000)

        with ThreadPoolExecutor(8) as threads:
            won = list(threads.map(race, range(8)))
        assert won.count(True) == 1
        assert store.read(f"locks/{turn}") == str(won.index(True)).encode() * 1000
    assert store.names("locks") == sorted(f"locks/{turn}" for turn in range(25))


def test_link_gives_a_second_name_and_replaces(store):
    store.replace("shards/a", b"new")
    store.replace("data/x", b"old")
    store.link("shards/a", "data/x")
    store.link("shards/a", "data/deep/y")
    assert [store.read(name) for name in ("data/x", "data/deep/y", "shards/a")] == [b"new"] * 3
    assert store.names("") == ["data/deep/y", "data/x", "shards/a"]
    store.remove("shards/a")
    assert store.read("data/x") == b"new"


def test_a_local_link_costs_no_bytes(tmp_path):
    store = Store(str(tmp_path))
    store.replace("shards/a", b"content")
    store.link("shards/a", "data/x")
    store.link("shards/a", "data/x")
    assert (tmp_path / "data/x").stat().st_ino == (tmp_path / "shards/a").stat().st_ino
    assert (tmp_path / "data/x").stat().st_nlink == 2
    assert store.names("") == ["data/x", "shards/a"]


def test_where_links_fail_a_copy_is_made(tmp_path, monkeypatch):
    store = Store(str(tmp_path))
    store.replace("shards/a", b"content")

    def refuse(source: object, target: object) -> None:
        raise OSError("links are not supported")

    monkeypatch.setattr(os, "link", refuse)
    store.link("shards/a", "data/x")
    assert store.read("data/x") == b"content"
    assert (tmp_path / "data/x").stat().st_nlink == 1
    assert store.names("") == ["data/x", "shards/a"]


def test_where_links_fail_a_create_is_create_only_all_the_same(tmp_path, monkeypatch):
    """As on exFAT; what another error says of a disk is raised."""

    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    store = Store(str(tmp_path))
    monkeypatch.setattr(os, "link", no_links)
    assert store.create("a/lock", b"mine") is True
    assert store.create("a/lock", b"yours") is False
    assert store.read("a/lock") == b"mine"
    assert store.names("", partial=True) == ["a/lock"]

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "link", broken)
    with pytest.raises(OSError, match="Input/output"):
        store.create("a/other", b"mine")
    assert store.names("", partial=True) == ["a/lock"]


def test_linking_what_is_absent_fails_and_leaves_nothing(store):
    with pytest.raises(FileNotFoundError):
        store.link("shards/a", "data/x")
    assert store.names("data") == []


def test_names_are_sorted_and_below_the_folder(store):
    for name in ("b/2", "b/10", "b/deep/1", "a/1", "bb/1"):
        store.replace(name, b"")
    assert store.names("b") == ["b/10", "b/2", "b/deep/1"]
    assert store.names("absent") == []
    assert store.names("") == ["a/1", "b/10", "b/2", "b/deep/1", "bb/1"]


def test_removing_what_is_absent_is_no_error(store):
    store.replace("a", b"")
    store.remove("a")
    store.remove("a")
    assert not store.exists("a")


def test_modified_is_in_seconds_since_the_epoch(store):
    store.replace("a", b"")
    assert abs(store.modified("a") - time.time()) < 60
    if store.local:
        os.utime(store.path("a"), (1e9, 1e9))
        assert store.modified("a") == 1e9


def test_a_trailing_slash_or_a_relative_root_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Store("out/").replace("a", b"1")
    assert Store(str(tmp_path / "out")).read("a") == b"1"
    assert Store("out").names("") == ["a"]


def test_the_hashing_writer_counts_and_hashes_any_buffer():
    raw = io.BytesIO()
    out = HashingWriter(raw)
    assert out.write(b"abc") == 3
    assert out.write(memoryview(b"\x00\x01" * 50).cast("H")) == 100
    assert out.write(b"") == 0
    assert out.count == out.tell() == 103
    assert out.write(bytes(BUFFER_BYTES)) == BUFFER_BYTES
    assert out.write(b"end") == 3
    out.flush()
    assert raw.getvalue() == b"abc" + b"\x00\x01" * 50 + bytes(BUFFER_BYTES) + b"end"
    assert out.digest.hexdigest() == hashlib.sha256(raw.getvalue()).hexdigest()
    assert out.writable()


def test_the_digest_of_a_written_file_is_that_of_its_bytes(store):
    with store.writing("file.bin") as out:
        for size in (1, 70_000, 3):
            out.write(os.urandom(size))
    content = store.read("file.bin")
    assert (out.count, out.digest.hexdigest()) == (70_004, hashlib.sha256(content).hexdigest())


# Stores whose objects appear on close


class Upload(AbstractBufferedFile):
    """A file that is uploaded on close; `discard` does nothing before the first chunk was sent, as in gcsfs."""

    def _initiate_upload(self) -> None: ...

    def _upload_chunk(self, final: bool = False) -> bool:
        if final:
            self.fs.objects[self.path] = self.buffer.getvalue()
        return True

    def discard(self) -> None: ...


class Bucket(AbstractFileSystem):
    protocol = ("test-bucket",)
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, bytes] = {}

    def _open(self, path: str, mode: str = "rb", **options: object) -> Upload:
        return Upload(self, path, mode)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Store:
    fs = Bucket()
    monkeypatch.setattr(store_module, "OBJECT_STORES", {"test-bucket"})
    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda url, **options: (fs, url))
    return Store("out")


def test_an_object_is_written_under_its_own_name(bucket):
    with bucket.writing("a/file.bin") as out:
        out.write(b"whole")
        assert bucket.fs.objects == {}
    assert bucket.fs.objects == {"out/a/file.bin": b"whole"}


def test_a_dropped_upload_is_not_finished_by_its_destructor(bucket):
    def fail() -> None:
        with bucket.writing("a/file.bin") as out:
            out.write(b"half")
            raise OSError("no network")

    with pytest.raises(OSError, match="no network"):
        fail()
    gc.collect()
    assert bucket.fs.objects == {}


@pytest.mark.parametrize(("url", "expected"), [("memory://x", False), ("/tmp/x", False)])
def test_only_object_stores_are_trusted_to_write_whole_objects(url, expected):
    assert Store(url).appears_on_close is expected


def test_an_error_that_holds_what_was_written_is_not_hidden(tmp_path):
    """A view of the buffer, as it hangs on the frames of an error, forbids to clear it."""
    views = []

    class Full:
        def write(self, data: bytearray) -> None:
            views.append(memoryview(data))
            raise OSError(errno.ENOSPC, "no space left on device")

    def fail() -> None:
        with Store(str(tmp_path)).writing("x") as out:
            out.raw = Full()
            out.write(b"a little")

    with pytest.raises(OSError, match="no space left on device"):
        fail()
    assert len(views) == 1


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Store]:
    """Behind a file system that is no object store and fails as it is told."""
    faulty_files.register()
    yield Store(f"faulty://{tmp_path}/out")
    faulty_files.set_plan(Plan())


@pytest.mark.parametrize("kind", ["open", "write", "close", "rename"])
def test_a_fault_that_passes_does_not_stop_a_small_file(faulty, kind):
    plan = faulty_files.set_plan(Plan((kind,), errno.ETIMEDOUT))
    faulty.replace("a/x", b"whole")
    assert plan.injected == 1
    assert faulty.read("a/x") == b"whole"
    assert faulty.names("", partial=True) == ["a/x"]


@pytest.mark.parametrize("kind", ["open", "write", "close", "rename"])
def test_another_fault_says_what_could_not_be_done(faulty, kind):
    faulty.replace("a/x", b"old")
    faulty_files.set_plan(Plan((kind,), errno.ENOSPC))
    verb = "rename to" if kind == "rename" else "write"
    with pytest.raises(StorageError, match=f"^could not {verb} {faulty.url}/a/x.*: OSError: .*28"):
        faulty.replace("a/x", b"new")
    assert faulty.read("a/x") == b"old"
    assert faulty.names("", partial=True) == ["a/x"]


def test_entries_are_files_and_folders_of_the_root(tmp_path):
    store = Store(str(tmp_path / "out"))
    assert store.entries() == []
    store.replace("a/b/c", b"")
    store.replace("d", b"")
    assert store.entries() == ["a", "d"]
