"""Local files behind fsspec protocols of their own, where the nth operation of a kind goes wrong as it is told.

`faulty://` is a file system of the usual kind: half a file may stand under its name. `faultyobjects://` is an object
store: a file appears, whole, when it is closed. Faults are of this process: set PLAN before a build that runs in it.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

KINDS = ("list", "look", "read", "create", "open", "write", "close", "rename", "copy", "remove")
"""Operations that are counted apart. `create` makes a file only where none stands; `open` is for writing."""
CHANGES = ("create", "open", "write", "close", "rename", "copy", "remove")
RAW = "/raw"
"""In the paths of raw files, whose operations are counted apart, too."""
SLOW_SECONDS = 0.02


@dataclass
class Plan:
    """Which operation goes wrong, and how. The default is none.

    Attributes:
        kinds: Of which operations are counted together.
        error: errno of the OSError; 0 makes all of these operations slow instead.
        nth: The operation that fails, from 1.
        lasting: All later ones of these kinds fail, too.
        after: The operation is carried out, and its answer lost.
        below: Only operations on paths that contain this are counted.
    """

    kinds: tuple[str, ...] = ()
    error: int = 0
    nth: int = 1
    lasting: bool = False
    after: bool = False
    below: str = ""
    seen: Counter[str] = field(default_factory=Counter)
    turn: int = 0
    injected: int = 0

    def strike(self, kind: str, path: str) -> OSError | None:
        """The error of this operation, if it is to have one."""
        self.seen[kind] += 1
        self.seen[f"{kind} {RAW}"] += RAW in path
        if kind not in self.kinds or self.below not in path:
            return None
        self.turn += 1
        if not self.error:
            self.injected += 1
            time.sleep(SLOW_SECONDS)
            return None
        if self.turn == self.nth or (self.lasting and self.turn > self.nth):
            self.injected += 1
            return OSError(self.error, os.strerror(self.error), path)
        return None


class _State:
    plan = Plan()


def set_plan(plan: Plan) -> Plan:
    """Make it the plan of this process."""
    _State.plan = plan
    return plan


def _ask(kind: str, path: str, act: Any) -> Any:
    """Carry an operation out, or not, by the plan."""
    error = _State.plan.strike(kind, path)
    if error is not None and not _State.plan.after:
        raise error
    answer = act()
    if error is not None:
        raise error
    return answer


class FaultyFiles(fsspec.AbstractFileSystem):
    """See the head of this module. Paths are those of the local disk."""

    protocol: str | tuple[str, ...] = "faulty"
    cachable = False
    appears_on_close = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.local = LocalFileSystem()

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(item) for item in path]
        bare = str(path).partition("://")[2] if "://" in str(path) else str(path)
        return bare.rstrip("/") or "/"

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        return _ask("list", path, lambda: self.local.ls(self._strip_protocol(path), detail=detail))

    def info(self, path: str, **options: Any) -> Any:
        return _ask("look", path, lambda: self.local.info(self._strip_protocol(path)))

    def modified(self, path: str) -> Any:
        return _ask("look", path, lambda: self.local.modified(self._strip_protocol(path)))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> Any:
        return _ask("read", path, lambda: self.local.cat_file(self._strip_protocol(path), start, end))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        target = Path(self._strip_protocol(path))
        target.parent.mkdir(parents=True, exist_ok=True)

        def create() -> None:
            with target.open("xb") as out:
                out.write(value)

        if mode == "create":
            _ask("create", path, create)
            return
        with self.open(path, "wb") as out:
            out.write(value)

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        place = Path(self._strip_protocol(path))
        if mode == "rb":
            return _ask("read", path, lambda: _Reader(place, path))
        place.parent.mkdir(parents=True, exist_ok=True)
        return _ask("open", path, lambda: _Writer(place, self.appears_on_close))

    def open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        return self._open(path, mode)

    def mv(self, path1: str, path2: str, **options: Any) -> None:
        source, target = (Path(self._strip_protocol(path)) for path in (path1, path2))
        target.parent.mkdir(parents=True, exist_ok=True)
        _ask("rename", path2, lambda: source.replace(target))

    def cp_file(self, path1: str, path2: str, **options: Any) -> None:
        source, target = (Path(self._strip_protocol(path)) for path in (path1, path2))
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.{uuid.uuid4().hex}.partial")

        def copy() -> None:
            shutil.copyfile(source, partial)
            partial.replace(target)

        _ask("copy", path2, copy)

    def rm_file(self, path: str) -> None:
        _ask("remove", path, Path(self._strip_protocol(path)).unlink)


class FaultyObjects(FaultyFiles):
    """The same as an object store: by its second name the product knows it as one."""

    protocol = ("faultyobjects", "abfs")
    appears_on_close = True


class _Reader(io.FileIO):
    """Reads that may fail."""

    def __init__(self, place: Path, path: str) -> None:
        super().__init__(place, "rb")
        self.path = path

    def readinto(self, buffer: Any) -> Any:
        return _ask("read", self.path, lambda: super(_Reader, self).readinto(buffer))

    def read(self, size: int | None = -1) -> Any:
        return _ask("read", self.path, lambda: super(_Reader, self).read(-1 if size is None else size))

    def readall(self) -> Any:
        return self.read()


class _Writer(io.RawIOBase):
    """Writes that may fail half-way, as on a full disk."""

    def __init__(self, path: Path, on_close: bool) -> None:
        super().__init__()
        self.target = path
        self.place = path.with_name(f"{path.name}.{uuid.uuid4().hex}.upload.partial") if on_close else path
        self.out = self.place.open("wb")

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        error = _State.plan.strike("write", str(self.target))
        if error is not None:
            if error.errno == errno.ENOSPC:
                self.out.write(view[: len(view) // 2])
            raise error
        self.out.write(view)
        return len(view)

    def close(self) -> None:
        if self.closed:
            return
        try:
            error = _State.plan.strike("close", str(self.target))
            self.out.close()
            if error is not None:
                raise error
            if self.place != self.target:
                self.place.replace(self.target)
        finally:
            super().close()

    def discard(self) -> None:
        """What an object store does to an upload that is given up."""
        self.out.close()
        self.place.unlink(missing_ok=True)


def register() -> None:
    """Make both protocols known to fsspec in this process."""
    fsspec.register_implementation("faulty", FaultyFiles, clobber=True)
    fsspec.register_implementation("faultyobjects", FaultyObjects, clobber=True)
