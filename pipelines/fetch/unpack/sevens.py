"""7z archives, by py7zr: the list of members is checked as a whole, then each goes to a writer of ours."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterable
from lzma import LZMAError
from pathlib import Path
from typing import Any, BinaryIO

from medvision.pipelines.fetch.unpack.guard import Member
from medvision.pipelines.fetch.unpack.place import Place, Writer
from medvision.pipelines.fetch.unpack.refusals import Refused

METHODS = frozenset(
    (
        *("COPY", "LZMA", "LZMA2", "DELTA", "MISC_BZIP2", "MISC_DEFLATE", "CRYPT_AES256_SHA256"),
        *("BCJ", "PPC", "IA64", "ARM", "ARMT", "SPARC"),
        *("P7Z_BCJ", "BCJ_PPC", "BCJ_IA64", "BCJ_ARM", "BCJ_ARMT", "BCJ_SPARC"),
    )
)
"""As py7zr names them: those whose decoders bear hostile bytes. That of PPMd crashes, that of Zstandard unpacks into
memory without a bound. What AES packs is refused as encrypted."""


def unpack_seven(path: Path, place: Place) -> None:
    """Write all members into `place`. Raises Refused, and ImportError without py7zr."""
    import py7zr
    from py7zr import exceptions as faults

    try:
        with path.open("rb") as file:  # a file, not a path: one thread, in order
            _check_packed_list(file)
            with py7zr.SevenZipFile(file) as archive:
                if archive.needs_password():
                    raise Refused("encrypted")
                streams = archive.header.main_streams
                _check_methods(streams.unpackinfo.folders if streams else ())
                writers = _writers(archive, place)
                if writers.admitted:
                    archive.extract(place.folder, targets=list(writers.admitted), factory=writers.factory())
                writers.finish()
    except faults.PasswordRequired as error:
        raise Refused("encrypted") from error
    except (faults.UnsupportedCompressionMethodError, NotImplementedError) as error:
        raise Refused("unsupported_method", detail=str(error)) from error
    except (EOFError, faults.ArchiveError, LZMAError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _damage(error) from error
    except (OverflowError, AssertionError, MemoryError, zlib.error) as error:
        raise _damage(error) from error
    except OSError as error:
        if error.errno is None:  # of bz2: a stream that is not valid
            raise _damage(error) from error
        raise


def _check_packed_list(file: BinaryIO) -> None:
    """The list of members may be packed as well, and is unpacked as soon as py7zr opens the archive."""
    from py7zr.archiveinfo import HeaderStreamsInfo, SignatureHeader
    from py7zr.properties import PROPERTY

    start = SignatureHeader.retrieve(file)
    file.seek(start.nextheaderofs, os.SEEK_CUR)
    if file.read(1) == PROPERTY.ENCODED_HEADER:
        _check_methods(HeaderStreamsInfo.retrieve(file).unpackinfo.folders)
    file.seek(0)


def _check_methods(folders: Iterable[Any]) -> None:
    """Of folders in the sense of the format: streams that are packed as one. Raises Refused."""
    from py7zr.properties import COMPRESSION_METHOD

    borne = {getattr(COMPRESSION_METHOD, name) for name in METHODS}
    for folder in folders:
        for coder in folder.coders:
            if coder["method"] not in borne:
                raise Refused("unsupported_method", detail=f"7z method {coder['method'].hex()}")


def _writers(archive: Any, place: Place) -> _Writers:
    writers = _Writers(place)
    for entry in archive.files:
        member = _member(entry)
        parts = place.guard.admit(member)
        if member.kind == "folder":
            place.make(parts)
        else:
            writers.admitted[entry.filename] = (parts, member)
    return writers


class _Writers:
    """The writers that py7zr asks for by path below the folder."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.admitted: dict[str, tuple[tuple[str, ...], Member]] = {}
        self.open: Writer | None = None

    def factory(self) -> Any:
        from py7zr.io import Py7zIO, WriterFactory

        by_parts = dict(self.admitted.values())
        writers = self

        class Factory(WriterFactory):
            def create(self, filename: str) -> Py7zIO:
                parts = Path(filename).relative_to(writers.place.folder).parts
                writers.finish()
                writers.open = writers.place.open(parts, by_parts[parts])
                return Sink(writers.open)

        class Sink(Py7zIO):
            def __init__(self, writer: Writer) -> None:
                self.writer = writer

            def write(self, s: bytes | bytearray) -> int:
                return self.writer.write(bytes(s))

            def read(self, size: int | None = None) -> bytes:
                raise OSError("this file is written only")

            def seek(self, offset: int, whence: int = 0) -> int:
                return 0

            def flush(self) -> None:
                pass

            def size(self) -> int:
                return self.writer.got

        return Factory()

    def finish(self) -> None:
        """Close the file in the making. Raises Refused where it is short."""
        writer, self.open = self.open, None
        if writer is not None:
            writer.finish()


def _member(entry: Any) -> Member:
    kind = "folder" if entry.is_directory else "file"
    form = entry.st_fmt
    if entry.is_symlink or entry.is_junction or (form is not None and stat.S_ISLNK(form)):
        kind = "link"
    elif form is not None and stat.S_IFMT(form) not in (0, stat.S_IFREG, stat.S_IFDIR):
        kind = "device"
    return Member(entry.filename, 0 if kind == "folder" else int(entry.uncompressed), kind)


def _damage(error: BaseException) -> Refused:
    cut = isinstance(error, EOFError) or "exceeds the archive size" in str(error)
    return Refused("truncated" if cut else "damaged", detail=f"{type(error).__name__}: {error}"[:200])
