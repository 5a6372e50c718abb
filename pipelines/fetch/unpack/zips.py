"""Zip archives: the directory is checked as a whole before a member is opened."""

from __future__ import annotations

import stat
import zipfile
import zlib
from lzma import LZMAError
from pathlib import Path

from medvision.pipelines.fetch.unpack.guard import Member
from medvision.pipelines.fetch.unpack.place import CHUNK, Place
from medvision.pipelines.fetch.unpack.refusals import Refused

LOCAL_HEADER = 30
"""Bytes of a member's local header before its name."""
ENCRYPTED = 0x1


def unpack_zip(path: Path, place: Place) -> None:
    """Write all members into `place`. Raises Refused."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_overlaps(archive.infolist(), path.stat().st_size)
            admitted = [(info, member := _member(info), place.guard.admit(member)) for info in archive.infolist()]
            for info, member, parts in admitted:
                if member.kind == "folder":
                    place.make(parts)
                else:
                    _write(archive, info, place, parts, member)
    except NotImplementedError as error:
        raise Refused("unsupported_method", detail=str(error)) from error
    except (zipfile.BadZipFile, EOFError, zlib.error, LZMAError, ValueError, OverflowError) as error:
        raise _reading(error) from error
    except RuntimeError as error:
        if isinstance(error, Refused):
            raise
        raise Refused("encrypted", detail=str(error)) from error  # what zipfile raises for want of a password


def _write(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: Place, parts: tuple[str, ...], member: Member
) -> None:
    writer = place.open(parts, member)
    try:
        with archive.open(info) as stream:
            while data := stream.read(CHUNK):
                writer.write(data)
    except OSError as error:
        if error.errno is None:  # of bz2: a stream that is not valid
            raise Refused("damaged", member.name, str(error)) from error
        raise
    finally:
        writer.abandon()
    writer.finish()


def _member(info: zipfile.ZipInfo) -> Member:
    """zipfile cuts a name at its first NUL; the name as it stands is what is judged."""
    mode = info.external_attr >> 16
    kind = "folder" if info.filename.endswith("/") else "file"
    if stat.S_ISLNK(mode):
        kind = "link"
    elif stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        kind = "device"
    return Member(info.orig_filename, info.file_size, kind, bool(info.flag_bits & ENCRYPTED))


def _check_overlaps(infos: list[zipfile.ZipInfo], size: int) -> None:
    """Members whose packed bytes are shared make a bomb that no member's own growth shows."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise Refused("overlapping_members", info.orig_filename)
        end = info.header_offset + LOCAL_HEADER + len(info.filename.encode()) + info.compress_size
        if end > size:
            raise Refused("truncated", info.orig_filename)


def _reading(error: Exception) -> Refused:
    text = str(error)
    if isinstance(error, EOFError) or "truncated" in text.lower():
        return Refused("truncated", detail=text)
    if "overlap" in text.lower():
        return Refused("overlapping_members", detail=text)
    return Refused("damaged", detail=text)
