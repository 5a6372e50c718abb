"""One file from a server into a `.part` file: by several ranged requests where the server can, resumed where it can.

Ranges are trusted only where the server names a version (a strong ETag, or a date of change) and repeats it: else the
file comes in one stream, from its start.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import requests

from medvision.pipelines.fetch.answers import Changed, check_answer, check_range, total_of, validator_of
from medvision.pipelines.fetch.client import CUT, Client, Passing, Secret, shown
from medvision.pipelines.fetch.faults import FetchFault, Stopped
from medvision.pipelines.fetch.pieces import PIECE_BYTES, Pieces
from medvision.transforms.retries import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS

T = TypeVar("T")
CHUNK = 1 << 18
RESTARTS = 3
"""Times that a file which changes, or a stream that cannot be taken up again, is begun anew."""


@dataclass(frozen=True)
class Remote:
    """One file to fetch, and what its publisher says of it.

    Attributes:
        key: What the lock calls it: where it is from, without anything that changes from run to run.
        name: Of the file.
        into: Place below the dataset's folder.
        bytes, md5, sha256: As stated; None and "" where nobody does.
        git_sha1: Of a small file of a Git repository, as Git hashes it; "" else.
        url: "" for one that a person downloads.
    """

    key: str
    url: str
    name: str
    into: str
    part: str = ""
    bytes: int | None = None
    md5: str = ""
    sha256: str = ""
    git_sha1: str = ""
    unpack: bool = True
    fixed: bool = True
    secret: Secret | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Patience:
    """How long failures that pass are borne.

    Attributes:
        tries: Requests in a row that bring no byte, before the file is given up.
    """

    tries: int = 7
    first_wait_seconds: float = FIRST_WAIT_SECONDS
    longest_wait_seconds: float = LONGEST_WAIT_SECONDS

    def wait_seconds(self, turn: int, asked: float) -> float:
        grown = min(self.longest_wait_seconds, self.first_wait_seconds * 2**turn)
        return max(asked, grown * random.uniform(0.5, 1.0))


@dataclass
class Transfer:
    """Settings and counters of transfers.

    Attributes:
        told: Called with bytes as they arrive; negative when arrived bytes are thrown away.
        stop: Ends every transfer when set.
    """

    client: Client
    connections: int = 4
    patience: Patience = Patience()
    piece_bytes: int = PIECE_BYTES
    told: Callable[[int], None] = lambda count: None
    stop: threading.Event = field(default_factory=threading.Event)

    def fetch(self, remote: Remote, part: Path, room: Callable[[int], None] = lambda size: None) -> int:
        """Bytes of the complete file at `part`. `room` is asked once with the size, and raises where it does not fit.

        Raises:
            FetchFault: It cannot be had; what has arrived is kept where a later run can use it.
            Stopped: `stop` was set.
        """
        for _ in range(RESTARTS):
            try:
                return self._once(remote, part, room)
            except Changed:
                forget(part)
        raise FetchFault("changed_meanwhile", shown(remote.url), f"{RESTARTS} times")

    def _once(self, remote: Remote, part: Path, room: Callable[[int], None]) -> int:
        what = shown(remote.url)
        if remote.bytes is not None and 0 < remote.bytes <= self.piece_bytes:  # one request is enough
            room(remote.bytes)
            return self._stream(remote, part, None)
        answer = self.asking(lambda: self.client.open(remote.url, {"Range": "bytes=0-0"}, remote.secret), what)
        try:
            total, validator = total_of(answer), validator_of(answer)
            check_answer(answer, total, remote.bytes, remote.name, what)
            if total is not None:
                room(total)
            if total == 0:
                part.write_bytes(b"")
                return 0
            if answer.status_code != 206 or total is None or not validator:
                first = answer if answer.status_code == 200 else None
                return self._stream(remote, part, first)
        finally:
            answer.close()
        return self._ranges(remote, part, Pieces.resume(part, remote.key, total, validator))

    def _ranges(self, remote: Remote, part: Path, pieces: Pieces) -> int:
        if not pieces.arrived:
            forget(part)
        self.told(pieces.arrived)
        handle = os.open(part, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            os.ftruncate(handle, pieces.total)
            pieces.save(handle)
            self._all_pieces(remote, handle, pieces)
        except Changed:
            self.told(-pieces.arrived)
            raise
        finally:
            os.close(handle)
        return pieces.total

    def _all_pieces(self, remote: Remote, handle: int, pieces: Pieces) -> None:
        """Bring what is missing by several threads. Of their faults the one that stopped the others is raised."""
        failed = threading.Event()

        def bring(piece: tuple[int, int]) -> None:
            try:
                if not failed.is_set():
                    self._piece(remote, handle, pieces, *piece, failed)
            except BaseException:
                failed.set()
                raise
            finally:
                pieces.save(handle)

        with ThreadPoolExecutor(max(1, self.connections)) as pool:
            try:
                futures = [pool.submit(bring, piece) for piece in pieces.missing(self.piece_bytes)]
                wait(futures)
            except BaseException:
                failed.set()
                raise
        faults = [fault for future in futures if (fault := future.exception()) is not None]
        for fault in sorted(faults, key=lambda fault: isinstance(fault, Stopped)):
            raise fault

    def _piece(
        self, remote: Remote, handle: int, pieces: Pieces, start: int, end: int, failed: threading.Event
    ) -> None:
        """The bytes from `start` to `end`, however many requests it takes."""
        turn = 0
        while start < end:
            headers = {"Range": f"bytes={start}-{end - 1}", "If-Range": pieces.validator}
            at = start
            try:
                answer = self.client.open(remote.url, headers, remote.secret)
                try:
                    check_range(answer, start, end, pieces)
                    for data in _bytes_of(answer, end - start):
                        os.pwrite(handle, data, start)
                        pieces.add(start, start + len(data))
                        start += len(data)
                        self.told(len(data))
                        if failed.is_set() or self.stop.is_set():
                            raise Stopped
                finally:
                    answer.close()
            except (Passing, *CUT) as error:
                turn = 0 if start > at else turn + 1
                self._wait(shown(remote.url), error, turn, failed)
            else:
                turn = 0 if start > at else turn + 1
                if start < end:
                    self._wait(shown(remote.url), Passing("ended early", "cut"), turn, failed)

    def _stream(self, remote: Remote, part: Path, answer: requests.Response | None) -> int:
        """The whole file in one response; begun anew where that breaks."""
        forget(part)
        what = shown(remote.url)
        for turn in range(self.patience.tries + 1):
            got = 0
            try:
                if answer is None:
                    answer = self.client.open(remote.url, {}, remote.secret)
                if answer.status_code != 200:  # a part of it, or none
                    raise FetchFault("answered", what, f"status {answer.status_code}, of the whole file")
                promised = total_of(answer)
                check_answer(answer, promised, remote.bytes, remote.name, what)
                with part.open("wb") as file:
                    for data in _bytes_of(answer, None):
                        file.write(data)
                        got += len(data)
                        self.told(len(data))
                        if self.stop.is_set():
                            raise Stopped
                        if remote.bytes is not None and got > remote.bytes:
                            forget(part)
                            raise FetchFault("size_differs", shown(remote.url), f"more than {remote.bytes:,} bytes")
                if promised is None or got == promised:
                    return got
                self._wait(shown(remote.url), Passing("ended early", "cut"), turn + 1)
            except (Passing, *CUT) as error:
                self._wait(shown(remote.url), error, turn + 1)
            finally:
                if answer is not None:
                    answer.close()
                answer = None
            self.told(-got)
        raise FetchFault("cut", shown(remote.url))

    def asking(self, ask: Callable[[], T], what: str = "") -> T:
        """An answer, asked for again while failures look passing. Raises FetchFault, Stopped."""
        turn = 0
        while True:
            try:
                return ask()
            except (Passing, *CUT) as error:
                turn += 1
                self._wait(what, error, turn)

    def _wait(self, what: str, error: Exception, turn: int, failed: threading.Event | None = None) -> None:
        """Sleep before the next request. Raises FetchFault at the end of patience, Stopped when told to.

        `failed` is set where another request of the same file has ended it.
        """
        if turn >= self.patience.tries:
            code = error.code if isinstance(error, Passing) else "cut"
            text = (
                str(error) if isinstance(error, Passing) else type(error).__name__
            )  # a library's may hold the address
            raise FetchFault(code, what, text) from error
        asked = error.wait_seconds if isinstance(error, Passing) else 0.0
        until = time.monotonic() + self.patience.wait_seconds(turn, asked)
        while (left := until - time.monotonic()) > 0:
            if self.stop.wait(min(left, 0.5)) or (failed is not None and failed.is_set()):
                raise Stopped
        if self.stop.is_set():
            raise Stopped


def forget(part: Path) -> None:
    """Remove a `.part` file and what is known of it."""
    part.unlink(missing_ok=True)
    part.with_name(f"{part.name}.json").unlink(missing_ok=True)


def _bytes_of(answer: requests.Response, most: int | None) -> Iterator[bytes]:
    """The body, no more than `most` bytes of it."""
    left = most
    while left is None or left > 0:
        data = answer.raw.read(CHUNK if left is None else min(CHUNK, left), decode_content=False)
        if not data:
            return
        left = None if left is None else left - len(data)
        yield data
