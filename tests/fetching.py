"""What tests of `medvision fetch` share: a table with one source, and a fetch of it that asks nobody but the test."""

import threading
from dataclasses import replace
from pathlib import Path

from medvision.pipelines.fetch.client import Client
from medvision.pipelines.fetch.resolve import Resolver, Services
from medvision.pipelines.fetch.run import Outcome, fetch_dataset
from medvision.pipelines.fetch.transfer import Patience, Transfer
from medvision.schemas.dataset import Dataset
from medvision.schemas.origin import Origin, Source
from medvision.sources.msd import MSD

QUICK = Patience(tries=4, first_wait_seconds=0.001, longest_wait_seconds=0.01)
NAME = "Tiny"


class Quiet:
    """Shows nothing, and keeps what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.moved = 0
        self._lock = threading.Lock()

    def begin(self, what: str, size: int | None) -> None:
        self.said.append(f"begin {what}")

    def move(self, count: int) -> None:
        with self._lock:
            self.moved += count

    def say(self, text: str) -> None:
        self.said.append(text)


def table(*sources: Source) -> Dataset:
    """A dataset of these sources."""
    return replace(MSD, name=NAME, origin=Origin("open", sources))


def resolver(services: Services | None = None, token: str = "", connections: int = 4, piece: int = 1 << 16) -> Resolver:
    transfer = Transfer(Client(silence_seconds=0.3), connections, QUICK, piece)
    return Resolver(transfer, services or Services(), token)


def fetch(root: Path, *sources: Source, given: Path | None = None, **how: object) -> Outcome:
    """Fetch a table of these sources below `root`."""
    return fetch_dataset(table(*sources), (), root, given, resolver(**how), Quiet())  # type: ignore[arg-type]


def files_of(folder: Path) -> dict[str, bytes]:
    """Path and content of the files below a folder, but for the lock."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in sorted(found.items()) if name != "fetch.lock.jsonl"}
