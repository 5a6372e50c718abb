"""`medvision fetch` of one dataset: each file is fetched, verified, unpacked and only then given its name."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from medvision.pipelines.fetch.faults import FetchFault, Stopped
from medvision.pipelines.fetch.lock import Locked, LockFile, content_of, stamp_of
from medvision.pipelines.fetch.place import DatasetPlace
from medvision.pipelines.fetch.resolve import Resolver, list_key
from medvision.pipelines.fetch.standing import Standing
from medvision.pipelines.fetch.transfer import Remote, Transfer, forget
from medvision.pipelines.fetch.unpack.refusals import Refused
from medvision.pipelines.fetch.unpack.run import unpack_beside
from medvision.pipelines.fetch.verify import verified
from medvision.schemas.dataset import Dataset
from medvision.schemas.origin import HubFiles, Origin, Source

KEPT_REFUSALS = ("unsupported_method", "no_space")
"""Archives that another tool, or a larger disk, may still unpack."""


class Show(Protocol):
    """Told what happens, for whoever watches."""

    def begin(self, what: str, size: int | None) -> None: ...

    def move(self, count: int) -> None: ...

    def say(self, text: str) -> None: ...


@dataclass
class Outcome:
    """What became of a dataset's files, by key."""

    dataset: str
    fetched: list[str] = field(default_factory=list)
    stood: list[str] = field(default_factory=list)
    faults: list[FetchFault] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.faults


def chosen_sources(dataset: Dataset, parts: tuple[str, ...]) -> tuple[Source, ...]:
    """The sources of the named parts, of all where none is named. Raises ValueError."""
    origin = origin_of(dataset)
    by_key = {part.casefold(): part for part in origin.parts}
    for part in parts:
        if part.casefold() not in by_key:
            has = f"its parts are {', '.join(origin.parts)}" if origin.parts else "it has no parts"
            raise ValueError(f"{dataset.name} has no part {part!r}: {has}")
    wanted = {by_key[part.casefold()] for part in parts}
    return tuple(source for source in origin.sources if not wanted or source.part in wanted)


def origin_of(dataset: Dataset) -> Origin:
    """Raises ValueError where the table says nothing."""
    if dataset.origin is None:
        raise ValueError(f"the table of {dataset.name} does not say where its files are; see {dataset.homepage}")
    return dataset.origin


def fetch_dataset(
    dataset: Dataset, parts: tuple[str, ...], root: Path, given: Path | None, resolver: Resolver, show: Show
) -> Outcome:
    """Bring what is missing of a dataset below `root`; a second run finds nothing to do.

    Args:
        given: Folder with files that a person has downloaded, None for none.

    Raises:
        Stopped: `resolver.transfer.stop` was set; what is finished is kept.
    """
    sources = chosen_sources(dataset, parts)
    outcome = Outcome(dataset.name)
    if not sources:
        outcome.faults.append(FetchFault("not_given", dataset.name))
        return outcome
    try:
        place = DatasetPlace.below(root, dataset.name)
    except FetchFault as fault:
        outcome.faults.append(fault)
        return outcome
    with place.alone(lambda: show.say(f"another fetch of {dataset.name} is at work; waiting for it")):
        lock = LockFile(place.folder)
        fetch = _Fetch(place, lock, Standing(place.folder, lock), given, resolver, show, outcome)
        for source in sources:
            fetch.source(source)
        place.clean()
    return outcome


@dataclass
class _Fetch:
    place: DatasetPlace
    lock: LockFile
    standing: Standing
    given: Path | None
    resolver: Resolver
    show: Show
    outcome: Outcome
    transfer: Transfer = field(init=False)
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def source(self, source: Source) -> None:
        """All files of a source. Its faults are noted; the next source is tried all the same."""
        try:
            if found := self.standing.of_source(source):
                self.outcome.stood += found
                return
            remotes = self.resolver.remotes(source)
        except FetchFault as fault:
            self.outcome.faults.append(fault)
            return
        if not remotes:
            return
        sizes = [remote.bytes for remote in remotes]
        size = sum(s for s in sizes if s is not None) if None not in sizes else None
        try:
            self.place.check_all(f"{len(remotes):,} files", [r for r in remotes if self.lock.get(r.key) is None])
        except FetchFault as fault:
            self.outcome.faults.append(fault)
            return
        self.show.begin(f"fetching {remotes[0].name if len(remotes) == 1 else f'{len(remotes):,} files'}", size)
        before = len(self.outcome.faults)
        self.transfer = replace(self.resolver.transfer, told=self.show.move)  # shares client and stop
        if len(remotes) == 1:
            self._noted(remotes[0])
        else:
            self.transfer.connections = 1  # the files themselves are fetched at once
            with ThreadPoolExecutor(self.resolver.transfer.connections) as pool:
                try:
                    list(pool.map(self._noted, remotes))
                except BaseException:
                    self.resolver.transfer.stop.set()
                    raise
        if isinstance(source, HubFiles) and len(self.outcome.faults) == before:
            self.lock.add(Locked(list_key(source), "", size or 0, "", len(remotes), 0, "", ""))

    def _noted(self, remote: Remote) -> None:
        if self.resolver.transfer.stop.is_set():
            raise Stopped
        try:
            stood = self.file(remote)
        except FetchFault as fault:
            with self.one_at_a_time:
                self.outcome.faults.append(fault)
        except Refused as refused:
            with self.one_at_a_time:
                self.outcome.faults.append(FetchFault("refused", remote.name, str(refused)))
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            with self.one_at_a_time:
                text = error.strerror or type(error).__name__
                self.outcome.faults.append(FetchFault("no_space" if full else "disk", remote.name, text))
        else:
            with self.one_at_a_time:
                (self.outcome.stood if stood else self.outcome.fetched).append(remote.key)

    def file(self, remote: Remote) -> bool:
        """Whether the file stood there already. Raises FetchFault, Refused, Stopped, OSError of the disk."""
        target, first = self.place.target(remote), self.lock.get(remote.key)
        if os.path.lexists(target):
            if first is not None:
                self.standing.check(target, first)
                return True
            self.standing.adopt(target, remote)
            return True
        path, ours, sha256 = self._obtained(remote, first)
        if remote.unpack:
            self._unpacked(remote, path, ours, target, sha256, first)
        else:
            if not ours:
                path = self._copied(remote, path)
            size = path.stat().st_size
            content = content_of([(target.name, size, sha256)])
            self._settle(path, target, Locked(remote.key, remote.into, size, sha256, 1, size, content, ""))
        if not ours:  # what an earlier run downloaded of it is of no use any more
            forget(self.place.part(remote))
            self.place.whole(remote).unlink(missing_ok=True)
        return False

    def _copied(self, remote: Remote, path: Path) -> Path:
        """A verified file of a person's, on the disk of the dataset. A part of it never has the name of the whole."""
        part, whole = self.place.part(remote), self.place.whole(remote)
        forget(part)
        shutil.copyfile(path, part)
        return part.replace(whole)

    def _obtained(self, remote: Remote, first: Locked | None) -> tuple[Path, bool, str]:
        """The complete and verified file, whether it is ours to remove, and its sha256."""
        if self.given is not None and (self.given / remote.name).is_file():
            path = self.given / remote.name
            return path, False, verified(path, remote, first)
        if not remote.url:
            raise FetchFault("not_given", remote.name, "then --from its folder")
        part, whole = self.place.part(remote), self.place.whole(remote)
        if whole.exists():  # an earlier run came as far as this
            part = whole
        else:
            self.transfer.fetch(remote, part, lambda size: self.place.check_room(remote, size))
        try:
            sha256 = verified(part, remote, first)
        except FetchFault:
            forget(part)
            raise
        part.replace(whole)
        if part != whole:
            forget(part)
        return whole, True, sha256

    def _unpacked(
        self, remote: Remote, path: Path, ours: bool, target: Path, sha256: str, first: Locked | None
    ) -> None:
        self.show.begin(f"unpacking {remote.name}", None)
        try:
            outer = unpack_beside(path, self.place.work, told=self.show.move)
        except Refused as refused:
            if ours and refused.code not in KEPT_REFUSALS:
                path.unlink()
            elif ours:
                self.show.say(f"{remote.name} is kept as {path}")
            raise
        try:
            inner = outer.under(target.name)
            size, content = path.stat().st_size, content_of(inner.listing)
            if first is not None and content != first.content:
                if ours:
                    path.unlink()
                raise FetchFault("changed_since", remote.name, "what is inside differs")
            locked = Locked(remote.key, remote.into, size, sha256, len(inner.listing), inner.bytes, content, "")
            self._settle(inner.folder, target, locked)
        finally:
            shutil.rmtree(outer.folder, ignore_errors=True)
        if ours:
            path.unlink()

    def _settle(self, path: Path, target: Path, locked: Locked) -> None:
        """Give a finished file or folder its name. It is written down first: what stands there is always known."""
        if path.is_dir():
            os.sync()  # one call for any number of files
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())
        named = path if path.is_dir() or path.name == target.name else _renamed(path, target.name)
        stamped = replace(locked, stamp=stamp_of(named)[2])
        self.lock.add(stamped)
        target.parent.mkdir(parents=True, exist_ok=True)
        named.rename(target)
        if named.parent != path.parent:
            named.parent.rmdir()


def _renamed(path: Path, name: str) -> Path:
    """The file under its final name in a folder of its own, since the name is part of the stamp."""
    folder = path.with_name(f"unpacking-{path.stem}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path.rename(folder / name)
    return folder / name
