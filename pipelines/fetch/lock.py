"""What was fetched, beside the data: check sums that later fetches are held to, and how the files lay then.

`fetch.lock.jsonl` in a dataset's folder has a line a fetched file; of two lines with one key the later holds.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

LOCK_NAME = "fetch.lock.jsonl"
CHUNK = 1 << 22


@dataclass(frozen=True)
class Locked:
    """One fetched file or archive.

    Attributes:
        key: Where it is from.
        into: Where it stands, below the dataset's folder.
        bytes, sha256: Of the file that was fetched; of an archive, before it was unpacked.
        files, content_bytes: Number of files that stand there, and their size.
        content: Hash of their paths, sizes and sha256.
        stamp: Hash of their paths, sizes and times of change.
    """

    key: str
    into: str
    bytes: int
    sha256: str
    files: int
    content_bytes: int
    content: str
    stamp: str


class LockFile:
    """The lines of a dataset's lock."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_NAME
        self._found: dict[str, Locked] = {}
        self._adding = threading.Lock()
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                if not line:
                    continue
                try:
                    locked = Locked(**json.loads(line))
                except (ValueError, TypeError):
                    continue  # cut short when the machine stopped
                self._found[locked.key] = locked

    def get(self, key: str) -> Locked | None:
        return self._found.get(key)

    def below(self, prefix: str) -> list[tuple[str, Locked]]:
        """Key and entry of the files whose key begins so."""
        return [(key, locked) for key, locked in self._found.items() if key.startswith(prefix)]

    def add(self, locked: Locked) -> None:
        """Append, and see that it is on the disk. Safe for several threads."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._adding, self.path.open("a", encoding="utf-8") as file:
            file.write(f"\n{json.dumps(asdict(locked), sort_keys=True)}\n")  # the line before may be cut short
            file.flush()
            os.fsync(file.fileno())
        self._found[locked.key] = locked


def content_of(listing: Iterable[tuple[str, int, str]]) -> str:
    """Hash of path, bytes and sha256 of each file."""
    return _hash([list(item) for item in sorted(listing)])


def stamp_of(place: Path) -> tuple[int, int, str]:
    """Number, bytes and stamp of the files at a path, without reading them."""
    found = [(path, info.st_size, info.st_mtime_ns) for path, info in _stats(place)]
    return len(found), sum(size for _, size, _ in found), _hash([list(item) for item in sorted(found)])


def listing_of(place: Path) -> list[tuple[str, int, str]]:
    """Path, bytes and sha256 of the files at a path."""
    top = place if place.is_dir() else place.parent
    return sorted((path, info.st_size, sha256_of(top / path)) for path, info in _stats(place))


def sha256_of(path: Path, told: Callable[[int], None] = lambda count: None) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            digest.update(data)
            told(len(data))
    return digest.hexdigest()


def _stats(place: Path) -> Iterable[tuple[str, os.stat_result]]:
    if not place.is_dir():
        yield place.name, place.stat()
        return
    for folder, _, names in os.walk(place):
        for name in names:
            path = Path(folder, name)
            yield path.relative_to(place).as_posix(), path.stat()


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
