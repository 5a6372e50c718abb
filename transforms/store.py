"""The release's storage: whole files only, create-only records, links; on a local disk or any fsspec store."""

from __future__ import annotations

import hashlib
import io
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

OBJECT_STORES = {"gs", "gcs", "s3", "s3a", "abfs", "az"}
"""Protocols whose objects appear, whole, when they are closed."""


PARTIAL = ".partial"
"""Ending of a file that is still being written."""
LISTING_TRIES = 20
BUFFER_BYTES = 1 << 18
"""Small writes are hashed and passed on together: formats make thousands of a few bytes each."""


class HashingWriter(io.RawIOBase):
    """A write-only stream that counts and hashes what passes to `raw`; `digest` knows what was flushed."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.digest = hashlib.sha256()
        self.count = 0
        self._small = bytearray()

    def writable(self) -> bool:
        return True

    def drop(self) -> None:
        """Let what is still written, by destructors of the formats, go nowhere."""
        self.raw = None
        self._small.clear()

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self.count += len(view)
        if len(self._small) + len(view) < BUFFER_BYTES:
            self._small += view
        else:
            self.flush()
            self._pass_on(view)
        return len(view)

    def flush(self) -> None:
        if self._small:
            self._pass_on(self._small)
            self._small = bytearray()

    def _pass_on(self, data: memoryview | bytearray) -> None:
        if self.raw is not None:
            self.raw.write(data)
        self.digest.update(data)

    def tell(self) -> int:
        return self.count


class Store:
    """Files below one root, by POSIX path relative to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)  # other workers write here too
        self.root = root.rstrip("/")
        self.local = isinstance(self.fs, LocalFileSystem)
        protocols = (self.fs.protocol,) if isinstance(self.fs.protocol, str) else self.fs.protocol
        self.appears_on_close = bool(OBJECT_STORES & set(protocols))

    def path(self, relative: str) -> str:
        return f"{self.root}/{relative}" if relative else self.root

    def exists(self, relative: str) -> bool:
        return bool(self.fs.exists(self.path(relative)))

    def read(self, relative: str) -> bytes:
        return bytes(self.fs.cat_file(self.path(relative)))

    def names(self, folder: str, partial: bool = False) -> list[str]:
        """Sorted relative paths of all files below `folder`, none when it is absent; unfinished ones on request."""
        base = self.path(folder)
        if not self.fs.exists(base):
            return []
        found = self._find(base)
        names = sorted(path[len(self.root) + 1 :] for path in found)
        return names if partial else [name for name in names if not name.endswith(PARTIAL)]

    def unfinished(self) -> list[str]:
        """Sorted names of the files directly below the root that a killed process left half written."""
        names = (path.rstrip("/").rsplit("/", 1)[-1] for path in self.fs.ls(self.root, detail=False))
        return sorted(name for name in names if name.endswith(PARTIAL))

    def _find(self, base: str) -> list[str]:
        """All files; listed again where another process removed one in the middle of it."""
        for _ in range(LISTING_TRIES - 1):
            try:
                return list(self.fs.find(base))
            except FileNotFoundError:
                continue
        return list(self.fs.find(base))

    @contextmanager
    def writing(self, relative: str) -> Iterator[HashingWriter]:
        """Write a file that appears under its name only when the block ends without an error."""
        target = self.path(relative)
        with self._uploading(target) if self.appears_on_close else self._renaming(target) as raw:
            out = HashingWriter(raw)
            try:
                yield out
                out.flush()
            except BaseException:
                out.drop()
                raise

    def replace(self, relative: str, data: bytes) -> None:
        """Write a whole file in place of what stands there."""
        with self.writing(relative) as out:
            out.write(data)

    def create(self, relative: str, data: bytes) -> bool:
        """Write a whole file only if none stands there; False when one does."""
        target = self.path(relative)
        if not self.local:
            try:
                self.fs.pipe_file(target, data, mode="create")
            except FileExistsError:
                return False
            return True
        partial = f"{target}.{uuid.uuid4().hex}{PARTIAL}"
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(partial).write_bytes(data)
        try:
            os.link(partial, target)
        except FileExistsError:
            return False
        finally:
            Path(partial).unlink(missing_ok=True)
        return True

    def link(self, source: str, target: str) -> None:
        """Give a file a second name: a hard link locally (a copy where links fail), a server-side copy elsewhere."""
        if not self.local:
            self.fs.copy(self.path(source), self.path(target))
            return
        final = Path(self.path(target))
        final.parent.mkdir(parents=True, exist_ok=True)
        partial = f"{final}.{uuid.uuid4().hex}{PARTIAL}"
        try:
            os.link(self.path(source), partial)
        except OSError:
            self.fs.copy(self.path(source), partial)
        Path(partial).replace(final)
        Path(partial).unlink(missing_ok=True)  # a rename between two names of one file does nothing

    def remove(self, relative: str) -> None:
        """Remove a file; nothing happens when it is absent."""
        try:
            self.fs.rm_file(self.path(relative))
        except FileNotFoundError:
            return

    def remove_empty(self, folder: str) -> None:
        """Remove a folder and those above it as far as they are empty; only a local disk has such."""
        place = Path(self.path(folder))
        while self.local and place != Path(self.root):
            try:
                place.rmdir()
            except OSError:
                return
            place = place.parent

    def modified(self, relative: str) -> float:
        """Time of last change in seconds since the epoch, for collecting garbage only."""
        return float(self.fs.modified(self.path(relative)).timestamp())

    @contextmanager
    def _uploading(self, target: str) -> Iterator[Any]:
        raw = self.fs.open(target, "wb")
        try:
            yield raw
        except BaseException:
            raw.discard()
            raw.closed = True  # else its destructor would upload what is buffered
            raise
        raw.close()

    @contextmanager
    def _renaming(self, target: str) -> Iterator[Any]:
        partial = f"{target}.{uuid.uuid4().hex}{PARTIAL}"
        if self.local:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(partial, "wb") if self.local else self.fs.open(partial, "wb") as raw:  # noqa: PTH123
                yield raw
            if self.local:
                Path(partial).replace(target)
            else:
                self.fs.mv(partial, target)
        except BaseException:
            with suppress(FileNotFoundError):
                self.fs.rm_file(partial)
            raise
