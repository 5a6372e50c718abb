"""Transfers: ranges, versions, and what a later run need not ask for again."""

import random
import threading
import time

import pytest
from faulty_web import web
from fetching import resolver
from hypothesis import given
from hypothesis import strategies as st

from medvision.pipelines.fetch.faults import FetchFault, Stopped
from medvision.pipelines.fetch.pieces import Pieces, merged
from medvision.pipelines.fetch.transfer import Remote

DATA = random.Random(1).randbytes(500_000)
PIECE = 1 << 16


def remote(url: str, **how: object) -> Remote:
    return Remote(key=url, url=url, name="a.bin", into="a.bin", **how)  # type: ignore[arg-type]


def ranges(server) -> list[str]:
    return [asked.headers["range"] for asked in server.asked if "if-range" in asked.headers]


def test_a_file_comes_by_ranges_of_one_version(tmp_path):
    with web() as server:
        url = server.serve("/a", DATA)
        assert resolver().transfer.fetch(remote(url), tmp_path / "a.part") == len(DATA)
        assert (tmp_path / "a.part").read_bytes() == DATA
        expected = {f"bytes={start}-{min(start + PIECE, len(DATA)) - 1}" for start in range(0, len(DATA), PIECE)}
        assert set(ranges(server)) == expected


def test_a_later_run_asks_for_what_is_missing(tmp_path):
    with web() as server:
        url = server.serve("/a", DATA, cut=30_000, cuts=10**9)
        transfer = resolver(connections=1).transfer
        transfer.told = lambda count: transfer.stop.set() if server.sent > 200_000 else None
        with pytest.raises(Stopped):
            transfer.fetch(remote(url), tmp_path / "a.part")
        arrived = server.sent
        assert 200_000 < arrived < 300_000
        server.serve("/a", DATA)
        assert resolver().transfer.fetch(remote(url), tmp_path / "a.part") == len(DATA)
        assert (tmp_path / "a.part").read_bytes() == DATA
        assert server.sent < len(DATA) + 40_000


def test_another_version_is_begun_anew(tmp_path):
    new = bytes(reversed(DATA))
    with web() as server:
        url = server.serve("/a", DATA)
        transfer = resolver(connections=1).transfer
        transfer.told = lambda count: transfer.stop.set() if count and server.sent > 200_000 else None
        with pytest.raises(Stopped):
            transfer.fetch(remote(url), tmp_path / "a.part")
        server.serve("/a", new)
        resolver().transfer.fetch(remote(url), tmp_path / "a.part")
        assert (tmp_path / "a.part").read_bytes() == new


def test_bytes_are_counted_once_even_where_they_come_twice(tmp_path):
    moved = [0]
    lock = threading.Lock()

    def told(count):
        with lock:
            moved[0] += count

    with web() as server:
        transfer = resolver().transfer
        transfer.told = told
        for path, how in (("/a", {}), ("/b", {"ranges": False, "cut": 300_000, "cuts": 2}), ("/c", {"etag": ""})):
            moved[0] = 0
            transfer.fetch(remote(server.serve(path, DATA, **how)), tmp_path / path[1:])
            assert moved[0] == len(DATA)


def test_a_stated_size_is_held_before_a_byte_is_fetched(tmp_path):
    with web() as server:
        url = server.serve("/a", DATA)
        with pytest.raises(FetchFault, match="500,000 bytes, not 499,999") as fault:
            resolver().transfer.fetch(remote(url, bytes=499_999), tmp_path / "a.part")
        assert fault.value.code == "size_differs"
        assert server.sent <= 1
        url = server.serve("/b", DATA, ranges=False, headers={"Content-Length": None})
        with pytest.raises(FetchFault, match="more than 1,000 bytes"):
            resolver().transfer.fetch(remote(url, bytes=1000), tmp_path / "b.part")
        assert not list(tmp_path.iterdir())


def test_the_disk_is_asked_for_room_first(tmp_path):
    def room(size):
        raise FetchFault("no_space", "a.bin", f"{size}")

    with web() as server:
        url = server.serve("/a", DATA)
        with pytest.raises(FetchFault, match="no_space"):
            resolver().transfer.fetch(remote(url), tmp_path / "a.part", room)
        assert server.sent <= 1
        assert not (tmp_path / "a.part").exists()


def test_whoever_stops_it_does_not_wait_for_the_server(tmp_path, monkeypatch):
    """Ctrl-C comes to the thread that waits for the others; a server asks these to come back in a minute."""
    transfer = resolver().transfer

    def wait(futures):
        while len(server.asked) < 3:
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr("medvision.pipelines.fetch.transfer.wait", wait)
    with web() as server:
        url = server.serve("/a", DATA, statuses=[0, *[503] * 100], retry_after="60")
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            transfer.fetch(remote(url), tmp_path / "a.part")
        assert time.monotonic() - begun < 10


def test_a_part_is_not_taken_for_the_whole(tmp_path):
    """Of a server that answers by a range where none was asked for."""
    with web() as server:
        server.files["/a"] = lambda asked, body: (206, {"Content-Range": f"bytes 0-9/{len(DATA)}"}, DATA[:10])
        with pytest.raises(FetchFault, match="status 206"):
            resolver().transfer.fetch(remote(f"{server.url}/a"), tmp_path / "a.part")


def test_what_is_noted_as_arrived_is_on_the_disk(tmp_path, monkeypatch):
    """Another thread's bytes arrive while the disk is told to keep what there is: they are not noted yet."""
    part = tmp_path / "a.part"
    part.write_bytes(bytes(100))
    pieces = Pieces(part, "key", 100, '"1"', [(0, 10)])
    monkeypatch.setattr("os.fsync", lambda handle: pieces.add(50, 60))
    with part.open("rb") as file:
        pieces.save(file.fileno())
    assert Pieces.resume(part, "key", 100, '"1"').arrived == 10


def test_half_written_notes_are_no_notes(tmp_path):
    part = tmp_path / "a.part"
    part.write_bytes(bytes(10))
    for text in ("", "{", "[]", '{"key": "k", "total": 10, "validator": "v", "done": [["x", 1]]}'):
        (tmp_path / "a.part.json").write_text(text)
        assert Pieces.resume(part, "k", 10, "v").missing() == [(0, 10)]
    whole = Pieces(part, "k", 10, "v", [(0, 4), (6, 8)])
    with part.open("rb") as file:
        whole.save(file.fileno())
    assert Pieces.resume(part, "k", 10, "v").missing() == [(4, 6), (8, 10)]
    for other in (("q", 10, "v"), ("k", 11, "v"), ("k", 10, "w")):
        assert Pieces.resume(part, *other).arrived == 0
    part.write_bytes(bytes(9))
    assert Pieces.resume(part, "k", 10, "v").arrived == 0


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12), st.integers(1, 7))
def test_what_is_missing_is_what_has_not_arrived(spans, size):
    total = 80
    done = [(start, start + length) for start, length in spans]
    arrived = {byte for start, end in done for byte in range(start, end)}
    assert {byte for start, end in merged(done) for byte in range(start, end)} == arrived

    class Nowhere:
        name = "x"

        def with_name(self, name):
            return self

    pieces = Pieces(Nowhere(), "k", total, "v", done)  # type: ignore[arg-type]
    missing = pieces.missing(size)
    assert [byte for start, end in missing for byte in range(start, end)] == sorted(set(range(total)) - arrived)
    assert all(0 < end - start <= size for start, end in missing)
    assert pieces.arrived == len(arrived)
