"""Stored files in few requests, none of them shorter than the file is."""

import io

import pytest
from fsspec.spec import AbstractFileSystem

from medvision.schemas.failures import StorageError
from medvision.transforms import ranges, retries
from medvision.transforms.ranges import RangeReader, is_file, is_folder, read_all

CONTENT = bytes(range(256)) * 4
SIZE = len(CONTENT)


class Served(AbstractFileSystem):
    """A server of one file, `cuts` of whose bodies end early; it may know no ranges."""

    protocol = "served"
    cachable = False

    def __init__(self, content: bytes = CONTENT, knows_ranges: bool = True, cuts: int = 0) -> None:
        super().__init__()
        self.content, self.knows_ranges, self.cuts = content, knows_ranges, cuts
        self.asked: list[tuple[int | None, int | None]] = []

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: object) -> bytes:
        self.asked.append((start, end))
        if self.knows_ranges and start is not None and start >= len(self.content):
            raise OSError("The requested range is not satisfiable")
        body = self.content[start:end] if self.knows_ranges else self.content
        self.cuts -= 1
        return body[: len(body) // 2] if self.cuts >= 0 else body

    def info(self, path: str, **_: object) -> dict[str, object]:
        return {"name": path, "type": "file", "size": len(self.content)}


class Away(Served):
    def info(self, path: str, **_: object) -> dict[str, object]:
        raise ConnectionResetError("peer")


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(retries, "LONGEST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(retries, "PATIENCE_SECONDS", 0.02)
    monkeypatch.setattr(retries._Outage, "given_up_at", float("-inf"))


@pytest.mark.parametrize("knows_ranges", [True, False])
@pytest.mark.parametrize("part", [1, 100, 512, SIZE - 1, SIZE, SIZE + 1])
@pytest.mark.parametrize("size", [None, SIZE])
def test_all_bytes_come(size: int | None, part: int, knows_ranges: bool) -> None:
    fs = Served(knows_ranges=knows_ranges)
    assert io.BufferedReader(RangeReader(fs, "x", size, part), 64).read() == CONTENT
    assert len(fs.asked) == (-(-SIZE // part) if knows_ranges else 1)


def test_a_file_of_known_size_is_one_request() -> None:
    fs = Served()
    assert RangeReader(fs, "x", SIZE).readall() == CONTENT
    assert fs.asked == [(None, None)]


@pytest.mark.parametrize("size", [None, 0])
def test_an_empty_file(size: int | None) -> None:
    assert RangeReader(Served(b""), "x", size).readall() == b""


@pytest.mark.parametrize("part", [100, SIZE])
def test_a_body_cut_short_is_asked_for_again(part: int) -> None:
    assert RangeReader(Served(cuts=3), "x", SIZE, part).readall() == CONTENT


@pytest.mark.parametrize("listed", [SIZE - 1, SIZE + 1])
def test_another_size_than_was_listed_is_a_fault_of_the_store(listed: int) -> None:
    with pytest.raises(StorageError, match=r"could not read served://x: .* bytes came"):
        RangeReader(Served(), "x", listed).readall()


def test_a_lost_connection_is_no_missing_file() -> None:
    for ask in (is_file, is_folder):
        with pytest.raises(StorageError, match="could not look for served://x: ConnectionResetError: peer"):
            ask(Away(), "x")


def test_a_small_file_is_one_request() -> None:
    fs = Served()
    assert read_all(fs, "x") == CONTENT
    assert fs.asked == [(None, None)]
    assert ranges.PART_BYTES >= 1 << 20
