"""The rules on members: which names, kinds and sizes may be written, decided before a byte of them is."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from medvision.pipelines.fetch.unpack.refusals import Refused

NAME_BYTES = 255
"""Of one part of a path, as ext4, APFS and NTFS take it."""
PATH_BYTES = 1024
GROWTH = 100
"""An archive may grow by this factor: images are packed already, and grow little."""
GROWTH_FLOOR = 1 << 26
"""Up to this many bytes an archive may grow by any factor: small text packs well."""
MEMBERS = 2_000_000
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Member:
    """One entry of an archive.

    Attributes:
        name: As it stands in the archive.
        size: Bytes that its header promises.
        kind: "file", "folder", "link" or "device".
    """

    name: str
    size: int = 0
    kind: str = "file"
    encrypted: bool = False


@dataclass(frozen=True)
class Limits:
    """What an archive may hold.

    Attributes:
        grown: Bytes of all members together before it counts as a bomb.
        free: Bytes of the disk that it may take.
    """

    grown: int
    free: int
    members: int = MEMBERS

    @classmethod
    def of(cls, packed: int, free: int) -> Limits:
        return cls(max(GROWTH_FLOOR, GROWTH * packed), free)


class Guard:
    """Admits members one by one. An archive is refused by the first that breaks a rule."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.members = 0
        self.promised = 0
        self._claimed: dict[str, tuple[str, bool]] = {}
        self._files: set[str] = set()

    def admit(self, member: Member) -> tuple[str, ...]:
        """Parts of the path to write to, none for the folder itself. Raises Refused."""
        self.members += 1
        if self.members > self.limits.members:
            raise Refused("too_many_members", detail=f"more than {self.limits.members:,}")
        parts = safe_parts(member.name)
        if member.kind in ("link", "device"):
            raise Refused(member.kind, member.name)
        if member.encrypted:
            raise Refused("encrypted", member.name)
        if not parts and member.kind == "file":
            raise Refused("empty_name", member.name)
        self.promised += max(0, member.size)
        self.hold(self.promised, member.name)
        for depth in range(1, len(parts) + 1):
            self._claim(parts[:depth], depth < len(parts) or member.kind == "folder", member.name)
        return parts

    def hold(self, size: int, name: str = "") -> None:
        """Raises Refused where `size` bytes in all are more than the archive may hold."""
        if size > self.limits.grown:
            raise Refused("bomb", name, f"over {self.limits.grown:,} bytes")
        if size > self.limits.free:
            raise Refused("no_space", name, f"over the {self.limits.free:,} bytes that are free")

    def _claim(self, parts: tuple[str, ...], folder: bool, name: str) -> None:
        path = "/".join(parts)
        spelled, was_folder = self._claimed.setdefault(_folded(path), (path, folder))
        if spelled != path:
            same = unicodedata.normalize("NFC", spelled) == unicodedata.normalize("NFC", path)
            raise Refused("unicode_collision" if same else "case_collision", name, f"and {ascii(spelled)[:200]}")
        if was_folder != folder:
            raise Refused("file_and_folder", name)
        if not folder:
            if path in self._files:
                raise Refused("duplicate_name", name)
            self._files.add(path)


def safe_parts(name: str) -> tuple[str, ...]:
    """The parts of a member's path, "." and doubled slashes left out. Raises Refused."""
    if any(ord(letter) < 32 or ord(letter) == 127 or 0xD800 <= ord(letter) <= 0xDFFF for letter in name):
        raise Refused("bad_characters", name)
    if "\\" in name:
        raise Refused("backslash", name)
    if name.startswith("/"):
        raise Refused("absolute_path", name)
    if _DRIVE.match(name):
        raise Refused("drive_path", name)
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise Refused("parent_path", name)
    if len(name.encode()) > PATH_BYTES or any(len(part.encode()) > NAME_BYTES for part in parts):
        raise Refused("name_too_long", name)
    return parts


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
