"""Tar archives, plain or packed, in one pass: each member is judged as it comes, and a true end is asked for.

The standard library's reader takes a cut or broken header past the first for the end of the archive, silently.
"""

from __future__ import annotations

import bz2
import lzma
import tarfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

from isal import igzip

from medvision.pipelines.fetch.unpack.guard import Member
from medvision.pipelines.fetch.unpack.place import CHUNK, Place
from medvision.pipelines.fetch.unpack.refusals import Refused
from medvision.transforms.streams import DAMAGE

LONGEST_HEADER = 1 << 16
"""Bytes of an extended header; it is read into memory as a whole."""
LONGEST_PADDING = 1 << 20
"""Zero bytes after the end of the archive: writers fill up a record of 10 kB, some a megabyte."""
EXTENDED = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
DAMAGED: tuple[type[Exception], ...] = (*DAMAGE, zlib.error, lzma.LZMAError, ValueError, OverflowError)
"""What the readers raise; of the ends that are missing, another clause tells first."""
OPENERS: dict[str, Callable[[Path], Any]] = {
    "tar": partial(open, mode="rb"),
    "gz": partial(igzip.open, mode="rb"),
    "bz2": partial(bz2.open, mode="rb"),
    "xz": partial(lzma.open, mode="rb"),
}


class _Header(tarfile.TarInfo):
    """A header that ends the archive only by the zero block that the format asks for."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> _Header:
        try:
            return cast(_Header, super().fromtarfile(tarfile))
        except _tar.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except (_tar.EmptyHeaderError, _tar.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            raise Refused("truncated", detail="no end mark") from error
        except _tar.HeaderError as error:  # type: ignore[attr-defined]
            raise Refused("damaged", detail=str(error)) from error

    def _proc_member(self, tarfile: tarfile.TarFile) -> Any:
        if self.type in EXTENDED and self.size > LONGEST_HEADER:
            raise Refused("name_too_long", self.name, f"a header of {self.size:,} bytes")
        return super()._proc_member(tarfile)  # type: ignore[misc]


_tar = tarfile


def unpack_tar(path: Path, place: Place, packing: str) -> None:
    """Write all members into `place`; `packing` is a key of OPENERS. Raises Refused."""
    try:
        with (
            OPENERS[packing](path) as stream,
            tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header, bufsize=CHUNK, errorlevel=2) as archive,
        ):
            for info in archive:
                member = _member(info)
                parts = place.guard.admit(member)
                if member.kind == "folder":
                    place.make(parts)
                else:
                    _write(archive, info, place, parts, member)
                archive.members.clear()  # type: ignore[attr-defined]  # it keeps them all, for random access
            _read_out(archive.fileobj)
    except (tarfile.TarError, EOFError) as error:
        cut = isinstance(error, EOFError) or "unexpected end" in str(error)
        raise Refused("truncated" if cut else "damaged", detail=str(error)) from error
    except DAMAGED as error:
        raise Refused("damaged", detail=str(error)) from error
    except OSError as error:
        if error.errno is None:  # of bz2: a stream that is not valid
            raise Refused("damaged", detail=str(error)) from error
        raise


def _write(
    archive: tarfile.TarFile, info: tarfile.TarInfo, place: Place, parts: tuple[str, ...], member: Member
) -> None:
    writer = place.open(parts, member)
    try:
        stream = archive.extractfile(info)
        while stream is not None and (data := stream.read(CHUNK)):
            writer.write(data)
    finally:
        writer.abandon()
    writer.finish()


def _member(info: tarfile.TarInfo) -> Member:
    kind = (
        "folder" if info.isdir() else "link" if info.issym() or info.islnk() else "file" if info.isreg() else "device"
    )
    if info.size < 0:
        raise Refused("damaged", info.name, "a negative size")
    return Member(info.name, 0 if kind == "folder" else info.size, kind)


def _read_out(stream: Any) -> None:
    """What follows the end: zero bytes, and with them the check sum of the packed stream."""
    left = LONGEST_PADDING
    while data := stream.read(CHUNK):
        left -= len(data)
        if left < 0 or data.strip(b"\0"):
            raise Refused("trailing_data")
