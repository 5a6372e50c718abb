"""The folders of one dataset: where its data goes, and where work in progress lies that no build may see."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from medvision.pipelines.fetch.faults import FetchFault
from medvision.pipelines.fetch.transfer import Remote
from medvision.pipelines.fetch.unpack.run import RESERVE

WORK = ".fetch"
"""Beside the datasets' folders: a build matches files at any depth below those."""
GROWS = 1.1
"""Bytes unpacked for each byte of an archive of images, about: they are packed already."""
LOOK_SECONDS = 0.5
MAKING_TRIES = 20


@dataclass(frozen=True)
class DatasetPlace:
    """Folders of a dataset: `folder` for its data, `work` on the same disk for what is not done."""

    name: str
    folder: Path
    work: Path

    @classmethod
    def below(cls, root: Path, name: str) -> DatasetPlace:
        """Raises FetchFault where nothing can be renamed from the one to the other."""
        folder = Path(os.path.realpath(root / name))
        work = folder.parent / WORK / name
        for left in reversed(range(MAKING_TRIES)):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                work.mkdir(parents=True, exist_ok=True)
                if folder.stat().st_dev != work.stat().st_dev:
                    raise FetchFault("other_disk", name)
                break
            except (FileNotFoundError, FileExistsError):  # another fetch has just removed what was empty
                if not left:
                    raise
        return cls(name, folder, work)

    def target(self, remote: Remote) -> Path:
        """Where a file goes. Raises ValueError for a table that leads out of the folder."""
        target = (self.folder / remote.into).resolve()
        if target == self.folder or not target.is_relative_to(self.folder):
            raise ValueError(f"{self.name}: {remote.into!r} does not lie below the dataset's folder")
        return target

    def part(self, remote: Remote) -> Path:
        """The file in the making."""
        return self.work / f"{hashlib.sha256(remote.key.encode()).hexdigest()[:12]}.part"

    def whole(self, remote: Remote) -> Path:
        """The verified file, until it is unpacked or moved."""
        return self.part(remote).with_suffix(".whole")

    @contextmanager
    def alone(self, waiting: Callable[[], None]) -> Iterator[None]:
        """One fetch of a dataset at a time; `waiting` is called once where another is at work.

        The lock is the kernel's: it ends with its process, however that ends.
        """
        with ExitStack() as held:
            told = False
            while not self._locked(held):
                if not told:
                    waiting()
                told = True
                time.sleep(LOOK_SECONDS)
            self.folder.mkdir(parents=True, exist_ok=True)
            for left in self.work.glob("unpacking-*"):
                shutil.rmtree(left, ignore_errors=True)
            yield

    def _locked(self, held: ExitStack) -> bool:
        """Whether the lock is ours now. The holder before us may have removed its file: then it is of no use."""
        path = self.work / "lock"
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            file = path.open("w")
        except (FileNotFoundError, FileExistsError):  # it is removing the folder now
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                held.enter_context(file)
                return True
        except (BlockingIOError, FileNotFoundError):
            pass
        file.close()
        return False

    def clean(self) -> None:
        """Remove the work folder where nothing is left in it but the lock, and the dataset's where it is empty."""
        if {path.name for path in self.work.iterdir()} <= {"lock"}:
            shutil.rmtree(self.work, ignore_errors=True)
            for folder in (self.work.parent, self.folder):
                with suppress(OSError):  # not empty, or removed by another fetch
                    folder.rmdir()

    def check_room(self, remote: Remote, size: int) -> None:
        """Raises FetchFault where the disk cannot hold the file and what is in it."""
        part = self.part(remote)
        there = part.stat().st_blocks * 512 if part.exists() else 0
        self._check_free(remote.name, _needed(remote, size) - there)

    def check_all(self, what: str, remotes: list[Remote]) -> None:
        """The same for files that are fetched at once, as far as their sizes are known."""
        if len(remotes) > 1:
            self._check_free(what, sum(_needed(remote, remote.bytes or 0) for remote in remotes))

    def _check_free(self, what: str, needed: float) -> None:
        free = max(0, shutil.disk_usage(self.work).free - RESERVE)
        if needed > free:
            raise FetchFault("no_space", what, f"{needed / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free")


def _needed(remote: Remote, size: int) -> float:
    return size * (1 + GROWS if remote.unpack else 1)
