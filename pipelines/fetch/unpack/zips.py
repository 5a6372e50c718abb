"""Zip archives: the directory is checked as a whole before a member is opened."""

from __future__ import annotations

import stat
import struct
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
UTF8 = 0x800
"""Flag of a member whose name is UTF-8; that of any other is read as code page 437, a byte a letter."""
END = struct.Struct("<4s6xH8x2x")
"""The record that ends a directory: its mark and how many members it states, of APPNOTE.TXT 4.3.16."""
END_64_LOCATOR = 20
END_64 = struct.Struct("<4s28xQ16x")
"""The same of an archive that needs 64 bits, of APPNOTE.TXT 4.3.14; a locator stands between the two."""
LONGEST_COMMENT = 1 << 16


def unpack_zip(path: Path, place: Place) -> None:
    """Write all members into `place`. Raises Refused."""
    try:
        with zipfile.ZipFile(path) as archive:
            check_count(path, len(archive.infolist()))
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


def check_count(path: Path, found: int) -> None:
    """A damaged length in the directory swallows the members after it, and zipfile reads to where it ends."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - END.size - LONGEST_COMMENT - END_64_LOCATOR - END_64.size))
        tail = stream.read()
    at = len(tail) - END.size
    if tail[at : at + 4] != b"PK\5\6" or tail[-2:] != b"\0\0":  # a comment follows it
        at = tail.rindex(b"PK\5\6", 0, at + 4)
    _, stated = END.unpack_from(tail, at)
    at -= END_64_LOCATOR + END_64.size
    if stated == 0xFFFF and at >= 0 and tail[at : at + 4] == b"PK\6\6":
        _, stated = END_64.unpack_from(tail, at)
    elif stated == found & 0xFFFF:  # old programs state 16 bits of more members
        return
    if stated != found:
        raise Refused("damaged", detail=f"its directory states {stated} members and holds {found}")


def _check_overlaps(infos: list[zipfile.ZipInfo], size: int) -> None:
    """Members whose packed bytes are shared make a bomb that no member's own growth shows."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise Refused("overlapping_members", info.orig_filename)
        name = info.orig_filename.encode("utf-8" if info.flag_bits & UTF8 else "cp437")
        end = info.header_offset + LOCAL_HEADER + len(name) + info.compress_size
        if end > size:
            raise Refused("truncated", info.orig_filename)


def _reading(error: Exception) -> Refused:
    text = str(error)
    if isinstance(error, EOFError) or "truncated" in text.lower():
        return Refused("truncated", detail=text)
    if "overlap" in text.lower():
        return Refused("overlapping_members", detail=text)
    return Refused("damaged", detail=text)
