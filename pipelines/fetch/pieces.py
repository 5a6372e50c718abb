"""What of a file has arrived: ranges of bytes, kept beside the `.part` file so that a later run goes on from there."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

PIECE_BYTES = 1 << 25
"""Bytes of one ranged request."""
Range = tuple[int, int]
"""From, to (not included)."""


class Pieces:
    """Ranges of one version of one file. Safe for several threads.

    Attributes:
        total: Bytes of the whole file.
        validator: Of the version, as the server gives it for `If-Range`.
    """

    def __init__(self, part: Path, key: str, total: int, validator: str, done: Iterable[Range] = ()) -> None:
        self.path = part.with_name(f"{part.name}.json")
        self.key, self.total, self.validator = key, total, validator
        self._done = merged(done)
        self._lock, self._saving = threading.Lock(), threading.Lock()

    @classmethod
    def resume(cls, part: Path, key: str, total: int, validator: str) -> Pieces:
        """What an earlier run left of the same version; nothing where it was another one."""
        fresh = cls(part, key, total, validator)
        try:
            kept = json.loads(fresh.path.read_text())
            same = (kept["key"], kept["total"], kept["validator"]) == (key, total, validator)
            if same and part.stat().st_size == total:
                return cls(part, key, total, validator, [(int(a), int(b)) for a, b in kept["done"] if a < b <= total])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return fresh

    def add(self, start: int, end: int) -> None:
        with self._lock:
            self._done = merged([*self._done, (start, end)])

    @property
    def arrived(self) -> int:
        with self._lock:
            return sum(end - start for start, end in self._done)

    def missing(self, piece_bytes: int = PIECE_BYTES) -> list[Range]:
        """What is left to ask for, in order."""
        with self._lock:
            edges = [(0, 0), *self._done, (self.total, self.total)]
        gaps = [(left[1], right[0]) for left, right in pairwise(edges) if left[1] < right[0]]
        return [(a, min(a + piece_bytes, end)) for start, end in gaps for a in range(start, end, piece_bytes)]

    def save(self, handle: int) -> None:
        """Write down what has arrived in the open `.part` file, once that is on the disk: else a machine that stops
        may leave a note of bytes that were never written.
        """
        with self._saving:
            with self._lock:
                kept = {"key": self.key, "total": self.total, "validator": self.validator, "done": self._done}
            os.fsync(handle)
            text = self.path.with_name(f"{self.path.name}.new")
            text.write_text(json.dumps(kept))
            text.replace(self.path)


def merged(ranges: Iterable[Range]) -> list[Range]:
    """The same bytes by ranges that neither touch nor overlap, in order."""
    found: list[Range] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found
