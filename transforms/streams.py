"""Byte streams over raw files: hashed while read, inflated under a bound, checked to the end."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import fsspec
from isal import igzip, isal_zlib

from medvision.schemas.faults import DataFault
from medvision.transforms.ranges import open_forward

CHUNK = 1 << 22
INFLATE_CHUNK = 1 << 18
"""Inflated bytes that pass at a time: they stay in the cache until they are copied or looked at."""
MAX_TRAILING = 1 << 26
"""Bytes after the voxels that are read (to check the CRC) before the file is refused."""
ZLIB_ERROR = cast(type[Exception], isal_zlib.error)
DAMAGE: tuple[type[Exception], ...] = (gzip.BadGzipFile, EOFError, ZLIB_ERROR)
"""What a damaged gzip stream raises. BadGzipFile derives from OSError, the mark of an environment fault."""
DEFLATE_LIMIT = 1032
"""No deflate stream expands further than this factor."""


class HashingReader(io.RawIOBase):
    """A forward-only stream that takes the sha256 of all that passes."""

    def __init__(self, raw: BinaryIO) -> None:
        self.raw = raw
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.raw.read(len(buffer))
        buffer[: len(data)] = data
        self.digest.update(data)
        return len(data)

    def finish(self) -> str:
        """Read what is left and return the hex sha256 of the whole file."""
        while data := self.raw.read(CHUNK):
            self.digest.update(data)
        return self.digest.hexdigest()


@contextmanager
def open_hashed(
    fs: fsspec.AbstractFileSystem, path: str, size: int | None = None
) -> Iterator[tuple[BinaryIO, HashingReader]]:
    """Open a raw file, of `size` bytes if known; yields a buffered stream of its bytes and the hasher beneath it."""
    with open_forward(fs, path, size) as raw:
        hasher = HashingReader(cast(BinaryIO, raw))
        yield cast(BinaryIO, io.BufferedReader(hasher, CHUNK)), hasher


def sha256_of(fs: fsspec.AbstractFileSystem, path: str) -> str:
    """Hex sha256 of a stored file."""
    with open_hashed(fs, path) as (_, hasher):
        return hasher.finish()


def read_bounded(stream: BinaryIO, limit: int) -> bytes:
    """The rest of a stream. Memory is taken as bytes come, not for `limit` at once.

    Raises:
        DataFault: volume_too_large if there are more than `limit` bytes.
    """
    parts, done = [], 0
    while part := stream.read(CHUNK):
        done += len(part)
        if done > limit:
            raise DataFault("read", "volume_too_large", bytes=done, limit=limit)
        parts.append(part)
    return b"".join(parts)


class Inflating:
    """Reads a plain or gzip stream exactly, turning damage into data faults.

    gzip errors derive from OSError, the mark of an environment fault; here they are told apart.
    """

    def __init__(self, stream: BinaryIO, compressed: bool) -> None:
        self.stream: Any = igzip.IGzipFile(fileobj=stream, mode="rb") if compressed else stream

    def read(self, count: int) -> bytes:
        """Up to `count` bytes (fewer only at the end)."""
        return b"".join(self._arriving(count))

    def read_into(self, buffer: memoryview) -> int:
        """Fill `buffer`; returns how many bytes came."""
        done = 0
        for part in self._arriving(len(buffer)):
            buffer[done : done + len(part)] = part
            done += len(part)
        return done

    def parts(self, count: int) -> Iterator[bytes]:
        """`count` bytes in parts of INFLATE_CHUNK, each but the last of that size; fewer only at the end."""
        for done in range(0, count, INFLATE_CHUNK):
            part = self.read(min(INFLATE_CHUNK, count - done))
            if not part:
                return
            yield part

    def skip(self, count: int) -> int:
        """Read and drop up to `count` bytes; returns how many came."""
        return sum(map(len, self._arriving(count)))

    def drain(self) -> None:
        """Read to the end, which checks the CRC of a gzip stream."""
        if self.skip(MAX_TRAILING + 1) > MAX_TRAILING:
            raise DataFault("read", "trailing_data")

    def _arriving(self, count: int) -> Iterator[bytes]:
        """Up to `count` bytes as they come, INFLATE_CHUNK at most at a time."""
        while count and (part := self._read(min(INFLATE_CHUNK, count))):
            count -= len(part)
            yield part

    def _read(self, count: int) -> bytes:
        try:
            return cast(bytes, self.stream.read(count))
        except DAMAGE as error:
            raise DataFault("read", "bad_gzip") from error


class Unpacking(Inflating):
    """The same for the packings of other formats: "raw", "gzip", or one "zlib" or "bzip2" stream to the file's end."""

    def __init__(self, stream: BinaryIO, packing: str) -> None:
        super().__init__(stream, packing == "gzip")
        if packing in ("zlib", "bzip2"):
            self.stream = _OneStream(stream, packing)


class _OneStream:
    """A zlib or bzip2 stream, read forward. Raises DataFault bad_voxels and trailing_data."""

    def __init__(self, stream: BinaryIO, packing: str) -> None:
        self.packed, self.packing = stream, packing
        self.unpacker: Any = isal_zlib.decompressobj() if packing == "zlib" else bz2.BZ2Decompressor()
        self.waiting = b""

    def read(self, count: int) -> bytes:
        """Up to `count` bytes, none at the end, where the checksum was found to be right."""
        while not self.unpacker.eof:
            fresh = b"" if self.waiting or not self._wants_more() else self.packed.read(INFLATE_CHUNK)
            try:
                part = self.unpacker.decompress(self.waiting or fresh, count)
            except (ZLIB_ERROR, OSError) as error:  # bz2 calls damage an OSError
                raise DataFault("read", "bad_voxels", format=self.packing) from error
            ended = not (self.waiting or fresh)
            self.waiting = b"" if self.packing == "bzip2" else self.unpacker.unconsumed_tail
            if part:
                return bytes(part)
            if ended and not self.unpacker.eof:
                raise DataFault("read", "bad_voxels", format=self.packing)
        if self.unpacker.unused_data or self.packed.read(1):
            raise DataFault("read", "trailing_data")
        return b""

    def _wants_more(self) -> bool:
        return bool(getattr(self.unpacker, "needs_input", True))
