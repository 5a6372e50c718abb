"""The release's storage: whole files only, create-only records, links; on a local disk or any fsspec store.

Every request to a store that is not the local disk is made through `asking`: it is tried again for a bounded time, and
raises StorageError.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from medvision.schemas.failures import StorageError
from medvision.transforms.retries import asking, is_passing, working
from medvision.transforms.upload import Upload
from medvision.transforms.walk import find_files

T = TypeVar("T")

OBJECT_STORES = {"gs", "gcs", "s3", "s3a", "abfs", "az"}
"""Protocols whose objects appear, whole, when they are closed."""


WHOLE_BYTES = 1 << 25
"""Files up to this size are read in one request and held in memory, where they stand in an object store."""
PARTIAL = ".partial"
"""Ending of a file that is still being written."""
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
"""What a disk says that knows no hard links."""
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
        self._small = bytearray()  # not cleared: the error that is on its way may hold a view of it

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

    def _ask(self, verb: str, relative: str, ask: Callable[[], T]) -> T:
        return asking(self.fs, f"{verb} {self.url.rstrip('/')}/{relative}", ask)

    def exists(self, relative: str) -> bool:
        if self.local:
            return bool(self.fs.exists(self.path(relative)))
        try:
            self._ask("look for", relative, lambda: self.fs.info(self.path(relative)))
        except FileNotFoundError:
            return False
        return True

    def all_stand(self, folder: str, relatives: Iterable[str]) -> bool:
        """Whether all of these files stand; they are below `folder`, of which a remote store is asked once."""
        if self.local:
            return all(map(self.exists, relatives))
        return set(relatives) <= set(self.names(folder))

    def read(self, relative: str) -> bytes:
        return self._ask("read", relative, lambda: bytes(self.fs.cat_file(self.path(relative))))

    def read_if_any(self, relative: str) -> bytes | None:
        """What stands there, None for nothing: one request, where `exists` and `read` are three."""
        try:
            return self.read(relative)
        except FileNotFoundError:
            return None

    def open(self, relative: str, size: int) -> BinaryIO:
        """A file of `size` bytes to be read in any order; a small one of an object store comes in one request."""
        if not self.local and size <= WHOLE_BYTES:
            return io.BytesIO(self.read(relative))
        return cast(BinaryIO, self._ask("read", relative, lambda: self.fs.open(self.path(relative), "rb")))

    def names(self, folder: str, partial: bool = False) -> list[str]:
        """Sorted relative paths of all files below `folder`, none when it is absent; unfinished ones on request."""
        names = sorted(path[len(self.root) + 1 :] for path, _ in find_files(self.fs, self.path(folder)))
        return names if partial else [name for name in names if not name.endswith(PARTIAL)]

    def entries(self) -> list[str]:
        """Sorted names of the files and folders directly below the root, none when it is absent."""
        try:
            found = self._ask("list", "", lambda: self.fs.ls(self.root, detail=False))
        except FileNotFoundError:
            return []
        return sorted({path.rstrip("/").rsplit("/", 1)[-1] for path in found})

    def unfinished(self) -> list[str]:
        """Sorted names of the files directly below the root that a killed process left half written."""
        return [name for name in self.entries() if name.endswith(PARTIAL)]

    @contextmanager
    def writing(self, relative: str) -> Iterator[HashingWriter]:
        """Write a file that appears under its name only when the block ends without an error."""
        target = self.path(relative)
        with Upload(self.fs, target) if self.appears_on_close else self._renaming(relative) as raw:
            out = HashingWriter(raw)
            try:
                yield out
                out.flush()
            except BaseException:
                out.drop()
                raise

    def replace(self, relative: str, data: bytes) -> None:
        """Write a whole file in place of what stands there."""

        def write() -> None:
            with self.writing(relative) as out:
                out.write(data)

        write() if self.local else working(write)

    def create(self, relative: str, data: bytes) -> bool:
        """Write a whole file only if none stands there; whether what stands there then is `data`.

        A store may carry out a request whose answer is lost. Tried again it finds its own file in the way: so what
        stands there decides, and `data` must be the writer's alone. On a disk without hard links (exFAT, some network
        disks) two that look at the same moment may both pass; the file is whole there, too.
        """
        target = self.path(relative)
        if not self.local:
            try:
                self._ask("create", relative, lambda: self.fs.pipe_file(target, data, mode="create"))
            except FileExistsError:
                return self.read_if_any(relative) == data
            return True
        partial = f"{target}.{uuid.uuid4().hex}{PARTIAL}"
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(partial).write_bytes(data)
        try:
            os.link(partial, target)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            if os.path.lexists(target):
                return False
            Path(partial).replace(target)
        finally:
            Path(partial).unlink(missing_ok=True)
        return True

    def link(self, source: str, target: str) -> None:
        """Give a file a second name: a hard link locally (a copy where links fail), a server-side copy elsewhere."""
        if not self.local:
            self._ask("copy to", target, lambda: self.fs.cp_file(self.path(source), self.path(target)))
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
            self._ask("remove", relative, lambda: self.fs.rm_file(self.path(relative)))
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
        return self._ask("look at", relative, lambda: float(self.fs.modified(self.path(relative)).timestamp()))

    @contextmanager
    def _renaming(self, relative: str) -> Iterator[Any]:
        target = self.path(relative)
        partial = f"{target}.{uuid.uuid4().hex}{PARTIAL}"
        if self.local:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(partial, "wb") if self.local else _Telling(self.fs, partial) as raw:  # noqa: PTH123
                yield raw
            if self.local:
                Path(partial).replace(target)
            else:
                self._ask("rename to", relative, lambda: self.fs.mv(partial, target))
        except BaseException:
            with suppress(OSError):  # what failed must show, not that the rest of it cannot be removed
                self.fs.rm_file(partial)
            raise


class _Telling:
    """A file of a store that is written in place. Its errors are StorageErrors: whether they pass decides on a retry.

    As a context, it is closed at the end.
    """

    def __init__(self, fs: fsspec.AbstractFileSystem, path: str) -> None:
        self.what = f"write {fs.unstrip_protocol(path)}"
        self.raw: Any = asking(fs, self.what, lambda: fs.open(path, "wb"))

    def __enter__(self) -> _Telling:
        return self

    def write(self, data: Any) -> None:
        with self._telling():
            self.raw.write(data)

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is None:
            with self._telling():
                self.raw.close()
            return
        with suppress(OSError):
            self.raw.close()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError.because_of(self.what, error, is_passing(error)) from error
