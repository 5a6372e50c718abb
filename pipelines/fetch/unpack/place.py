"""Where members are written: a fresh folder that nothing else knows, each file once, each byte counted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from medvision.pipelines.fetch.unpack.guard import Guard, Member
from medvision.pipelines.fetch.unpack.refusals import Refused

CHUNK = 1 << 20
Told = Callable[[int], None]
"""Called with bytes as they are written."""
Listing = list[tuple[str, int, str]]
"""Path, bytes and sha256 of files."""


class Place:
    """A new folder below which admitted members are written.

    Attributes:
        listing: Of the files that are complete.
    """

    def __init__(self, folder: Path, guard: Guard, told: Told | None = None) -> None:
        folder.mkdir()
        self.folder = folder
        self.guard = guard
        self.told = told
        self.written = 0
        self.listing: Listing = []

    def make(self, parts: tuple[str, ...]) -> None:
        """The folder of these parts."""
        self.folder.joinpath(*parts).mkdir(parents=True, exist_ok=True)

    def open(self, parts: tuple[str, ...], member: Member) -> Writer:
        """A writer of a new file; closing it raises Refused unless the promised bytes came."""
        self.make(parts[:-1])
        return Writer(self, parts, member)


class Writer:
    """One file in the making."""

    def __init__(self, place: Place, parts: tuple[str, ...], member: Member) -> None:
        self.place = place
        self.path = "/".join(parts)
        self.member = member
        self.got = 0
        self.digest = hashlib.sha256()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        self.file = os.fdopen(os.open(place.folder.joinpath(*parts), flags, 0o666), "wb")

    def write(self, data: bytes) -> int:
        self.got += len(data)
        if self.got > self.member.size:
            raise Refused("size_lies", self.member.name, f"more than the promised {self.member.size:,} bytes")
        self.place.written += len(data)
        self.place.guard.hold(self.place.written, self.member.name)
        self.digest.update(data)
        self.file.write(data)
        if self.place.told:
            self.place.told(len(data))
        return len(data)

    def finish(self) -> None:
        """Raises Refused where fewer bytes came than promised."""
        self.file.close()
        if self.got != self.member.size:
            raise Refused("size_lies", self.member.name, f"{self.got:,} of the promised {self.member.size:,} bytes")
        self.place.listing.append((self.path, self.got, self.digest.hexdigest()))

    def abandon(self) -> None:
        self.file.close()
