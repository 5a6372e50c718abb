"""Stored files read forward in a few large requests: one a file, up to a size, and none for its particulars."""

from __future__ import annotations

import errno
import io
import stat
from pathlib import Path
from typing import cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from medvision.schemas.faults import DataFault
from medvision.transforms.retries import CutShort, asking

PART_BYTES = 1 << 25
"""Bytes of one request, and held in memory at a time; a larger file takes several."""


class RangeReader(io.RawIOBase):
    """The bytes of a stored file, forward only.

    A server that knows no ranges gives the whole file at the first request; it is then held in memory.

    Args:
        size: Bytes of the file as listed; None or 0 where that is not known.
        part_bytes: Bytes of each request, for one who means to read the start alone.

    Raises:
        FileNotFoundError: There is no such file.
        StorageError: The store failed, or has fewer or more bytes than were listed.
    """

    def __init__(
        self, fs: fsspec.AbstractFileSystem, path: str, size: int | None = None, part_bytes: int = PART_BYTES
    ) -> None:
        self.fs, self.path, self.size, self.part_bytes = fs, path, size or None, part_bytes
        self.offset = 0  # of what was fetched
        self.ended = False
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer)).cast("B")
        if not self._left and not self.ended:
            self._left = memoryview(self._fetch())
        count = min(len(view), len(self._left))
        view[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def _fetch(self) -> bytes:
        whole = self.size is not None and self.offset == 0 and self.size <= self.part_bytes
        end = self.offset + self.part_bytes if self.size is None else min(self.size, self.offset + self.part_bytes)
        data = asking(self.fs, f"read {self.fs.unstrip_protocol(self.path)}", lambda: self._ask(whole, end))
        self.offset += len(data)
        if self.size is None:
            self.size = self._size_after(data)
        self.ended = self.offset >= self.size
        return data

    def _size_after(self, first: bytes) -> int:
        """Of a file whose size was not listed: what came, or what the store says of one that may go on."""
        if len(first) < self.part_bytes:
            return len(first)
        stated = asking(self.fs, f"look at {self.fs.unstrip_protocol(self.path)}", lambda: self.fs.info(self.path))
        return int(stated.get("size") or len(first))  # a server that tells no size knows no ranges either

    def _ask(self, whole: bool, end: int) -> bytes:
        """Checked against the size: a body that a proxy cut would look like a truncated file, a fault of the data."""
        if whole:
            data = bytes(self.fs.cat_file(self.path))
        else:
            try:
                data = bytes(self.fs.cat_file(self.path, start=self.offset, end=end))
            except Exception as error:
                if self.size is None and _past_the_end(error):
                    return b""
                raise
        expected = end - self.offset
        if self.size is None:
            return data
        if len(data) < expected:
            raise CutShort(f"{len(data)} bytes came of {expected}")
        if len(data) > expected and len(data) != self.size:
            raise OSError(f"{len(data)} bytes came, {self.size} were listed: it changed, or is stored compressed")
        return data


def open_forward(
    fs: fsspec.AbstractFileSystem, path: str, size: int | None = None, part_bytes: int = PART_BYTES
) -> io.RawIOBase:
    """A file to be read forward: through the file system's own buffer on a local disk, by RangeReader elsewhere.

    Raises:
        DataFault: not_a_file.
    """
    check_file(fs, path)
    if isinstance(fs, LocalFileSystem):
        return cast(io.RawIOBase, fs.open(path, "rb"))
    return RangeReader(fs, path, size, part_bytes)


def check_file(fs: fsspec.AbstractFileSystem, path: str) -> None:
    """Refuse what a local disk lists and is no file: who opens a named pipe waits for ever.

    Raises:
        DataFault: not_a_file, also for a link that leads nowhere.
        FileNotFoundError: Nothing stands there.
    """
    if not isinstance(fs, LocalFileSystem):
        return
    place = Path(path)
    try:
        mode = place.stat().st_mode
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP) and place.is_symlink():
            raise DataFault("read", "not_a_file") from error
        raise
    if not stat.S_ISREG(mode):
        raise DataFault("read", "not_a_file")


def read_all(fs: fsspec.AbstractFileSystem, path: str) -> bytes:
    """The whole of a small file, in one request."""
    return bytes(asking(fs, f"read {fs.unstrip_protocol(path)}", lambda: fs.cat_file(path)))


def is_file(fs: fsspec.AbstractFileSystem, path: str) -> bool:
    """Whether a file stands there. fsspec's own `isfile` takes a lost connection for a no."""
    if isinstance(fs, LocalFileSystem):
        return bool(fs.isfile(path))
    try:
        return bool(asking(fs, f"look for {fs.unstrip_protocol(path)}", lambda: fs.info(path))["type"] == "file")
    except FileNotFoundError:
        return False


def is_folder(fs: fsspec.AbstractFileSystem, path: str) -> bool:
    """Whether a folder stands there. fsspec's own `isdir` takes a refused connection for a no."""
    if "http" in fs.protocol or isinstance(fs, LocalFileSystem):  # every URL has information as of a file
        return bool(asking(fs, f"look for {path}", lambda: fs.isdir(path)))
    try:
        return bool(asking(fs, f"look for {fs.unstrip_protocol(path)}", lambda: fs.info(path))["type"] == "directory")
    except FileNotFoundError:
        return False


def _past_the_end(error: Exception) -> bool:
    """A range that begins where the file ends."""
    return "416" in str(getattr(error, "status", getattr(error, "code", ""))) or "satisfiable" in str(error)
