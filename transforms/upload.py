"""An object of a store, written forward: a small one in one request, which can be made again, a large one in parts."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Any

import fsspec

from medvision.schemas.failures import StorageError
from medvision.transforms.retries import asking, is_passing

PART_BYTES = 1 << 23
"""What is sent at a time, and held in memory; Google advises at least 8 MB."""


class Upload:
    """As a context, a binary stream whose object appears when the block ends without an error.

    Parts of a large object are sent again by the store's own library, as far as that is possible; where it gives up,
    what was sent is discarded and the StorageError is marked as passing: whoever made the object may begin it again.
    """

    def __init__(self, fs: fsspec.AbstractFileSystem, target: str) -> None:
        self.fs, self.target = fs, target
        self.what = f"write {fs.unstrip_protocol(target)}"
        self._small = bytearray()
        self._raw: Any = None

    def __enter__(self) -> Upload:
        return self

    def write(self, data: bytes | memoryview) -> None:
        if self._raw is None and len(self._small) + len(data) <= PART_BYTES:
            self._small += data
            return
        try:
            if self._raw is None:
                self._raw = self.fs.open(self.target, "wb", block_size=PART_BYTES)
                self._raw.write(bytes(self._small))
                self._small.clear()
            self._raw.write(data)
        except Exception as error:
            raise StorageError.because_of(self.what, error, is_passing(error)) from error

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._raw is None:
            if error is None:
                asking(self.fs, self.what, lambda: self.fs.pipe_file(self.target, bytes(self._small)))
            return
        try:
            if error is None:
                self._raw.close()
                return
        except Exception as broken:
            self._drop()
            raise StorageError.because_of(self.what, broken, is_passing(broken)) from broken
        self._drop()

    def _drop(self) -> None:
        self._raw.closed = True  # else its destructor would upload what is buffered
        with suppress(Exception):  # what broke the upload must show, not this; stores forget an unfinished one anyway
            self._raw.discard()
