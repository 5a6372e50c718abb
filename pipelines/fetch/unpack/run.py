"""`unpack`: from an archive to a folder, by way of a new folder beside it that is renamed when all is well."""

from __future__ import annotations

import errno
import os
import shutil
import tarfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from medvision.pipelines.fetch.unpack.guard import Guard, Limits
from medvision.pipelines.fetch.unpack.place import Listing, Place, Told
from medvision.pipelines.fetch.unpack.refusals import Refused
from medvision.pipelines.fetch.unpack.sevens import unpack_seven
from medvision.pipelines.fetch.unpack.tars import unpack_tar
from medvision.pipelines.fetch.unpack.zips import unpack_zip

RESERVE = 1 << 28
"""Bytes of the disk that are left alone."""
MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b", "gz"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"Rar!\x1a\x07", "rar"),
)


@dataclass(frozen=True)
class Unpacked:
    """What was written; `folder` is where it stands until it is given its final name.

    Attributes:
        listing: Path, bytes and sha256 of every file, sorted.
    """

    folder: Path
    listing: Listing

    @property
    def bytes(self) -> int:
        return sum(size for _, size, _ in self.listing)

    def under(self, name: str) -> Unpacked:
        """The same, to be called `name`: the one inner folder where that is all there is and is called so already."""
        entries = list(self.folder.iterdir())
        if len(entries) != 1 or entries[0].name != name or not entries[0].is_dir():
            return self
        return Unpacked(
            entries[0], [(path.removeprefix(f"{name}/"), size, sha256) for path, size, sha256 in self.listing]
        )


def kind_of(path: Path) -> str:
    """ "zip", "7z", "tar", "gz", "bz2", "xz" or "rar" by the first bytes; the name says nothing. Raises Refused."""
    with path.open("rb") as file:
        start = file.read(tarfile.BLOCKSIZE)
    for magic, kind in MAGIC:
        if start.startswith(magic):
            return kind
    try:
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
    except tarfile.TarError as error:
        raise Refused("not_an_archive", detail="a web page" if b"<html" in start.lower() else "") from error
    return "tar"


def unpack_beside(archive: Path, work: Path, limits: Limits | None = None, told: Told | None = None) -> Unpacked:
    """Unpack into a new folder in `work`, from which the caller renames it.

    A member of the archive that is itself an archive is a file like any other.

    Raises:
        Refused: The archive breaks a rule; the new folder is gone.
        OSError: Of the disk; the new folder is gone too.
    """
    kind = kind_of(archive)
    if kind == "rar":
        raise Refused("rar")
    packed = archive.stat().st_size
    guard = Guard(limits or Limits.of(packed, max(0, shutil.disk_usage(work).free - RESERVE)))
    place = Place(work / f"unpacking-{uuid.uuid4().hex}", guard, told)
    try:
        if kind == "zip":
            unpack_zip(archive, place)
        elif kind == "7z":
            unpack_seven(archive, place)
        else:
            unpack_tar(archive, place, kind)
    except BaseException as error:
        shutil.rmtree(place.folder, ignore_errors=True)
        if isinstance(error, ImportError):
            raise Refused("unsupported_method", detail="7z needs pip install medvision-pipelines[fetch]") from error
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Refused("no_space") from error
        raise
    return Unpacked(place.folder, sorted(place.listing))


def unpack(archive: Path, target: Path, limits: Limits | None = None, told: Told | None = None) -> Unpacked:
    """Unpack to `target`, which must not stand there yet. Raises Refused, FileExistsError, OSError."""
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "something stands there already", str(target))
    outer = unpack_beside(archive, target.parent, limits, told)
    try:
        inner = outer.under(target.name)
        inner.folder.rename(target)
    finally:
        shutil.rmtree(outer.folder, ignore_errors=True)
    return Unpacked(target, inner.listing)
