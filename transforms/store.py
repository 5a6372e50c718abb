"""The release's storage: whole files only, create-only records, links; on a local disk or any fsspec store."""

from __future__ import annotations

import hashlib
import io
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem


class HashingWriter(io.RawIOBase):
    """A write-only stream that counts and hashes what passes to `raw`."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.digest = hashlib.sha256()
        self.count = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self.raw.write(view)
        self.digest.update(view)
        self.count += len(view)
        return len(view)

    def tell(self) -> int:
        return self.count


class Store:
    """Files below one root, by POSIX path relative to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.fs, root = fsspec.core.url_to_fs(url)
        self.root = root.rstrip("/")
        self.local = isinstance(self.fs, LocalFileSystem)

    def path(self, relative: str) -> str:
        return f"{self.root}/{relative}" if relative else self.root

    def exists(self, relative: str) -> bool:
        return bool(self.fs.exists(self.path(relative)))

    def read(self, relative: str) -> bytes:
        return bytes(self.fs.cat_file(self.path(relative)))

    def names(self, folder: str) -> list[str]:
        """Sorted relative paths of all files below `folder`, none when it is absent."""
        base = self.path(folder)
        if not self.fs.exists(base):
            return []
        return sorted(found[len(self.root) + 1 :] for found in self.fs.find(base))

    @contextmanager
    def writing(self, relative: str) -> Iterator[HashingWriter]:
        """Write a file that appears under its name only when the block ends without an error."""
        target = self.path(relative)
        if not self.local:
            raw = self.fs.open(target, "wb")
            try:
                yield HashingWriter(raw)
            except BaseException:
                discard = getattr(raw, "discard", None)
                if discard is not None:
                    discard()
                raise
            raw.close()
            return
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        partial = f"{target}.{uuid.uuid4().hex}.partial"
        try:
            with open(partial, "wb") as raw:  # noqa: PTH123
                yield HashingWriter(raw)
            Path(partial).replace(target)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
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
        partial = f"{target}.{uuid.uuid4().hex}.partial"
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
        partial = f"{final}.{uuid.uuid4().hex}.partial"
        try:
            os.link(self.path(source), partial)
        except OSError:
            self.fs.copy(self.path(source), partial)
        Path(partial).replace(final)

    def remove(self, relative: str) -> None:
        """Remove a file; nothing happens when it is absent."""
        try:
            self.fs.rm_file(self.path(relative))
        except FileNotFoundError:
            return

    def modified(self, relative: str) -> float:
        """Time of last change in seconds since the epoch, for collecting garbage only."""
        return float(self.fs.modified(self.path(relative)).timestamp())
