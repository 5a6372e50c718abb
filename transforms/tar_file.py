"""A WebDataset tar: members of a sample adjacent and sorted, no clock and no owner in their headers."""

from __future__ import annotations

import tarfile

from medvision.transforms.store import HashingWriter

ENCODING = "utf-8", "surrogateescape"
NAME, SIZE, CHECKSUM = slice(0, 100), slice(124, 136), slice(148, 155)
"""Where a header keeps them. It is summed with its checksum, and the blank behind that, taken as eight blanks."""


def member_header(name: str, size: int) -> bytes:
    """The GNU header of a file of `size` bytes, as tarfile writes it.

    One header by tarfile is filled in for each member, which is ten times as fast as another by tarfile.
    """
    raw = name.encode(*ENCODING)
    if len(raw) > tarfile.LENGTH_NAME or size >= 8**11:
        return _by_tarfile(name, size)  # takes a further member, or another notation
    header = bytearray(_EMPTY)
    header[NAME] = raw.ljust(tarfile.LENGTH_NAME, b"\0")
    header[SIZE] = b"%011o\0" % size
    header[CHECKSUM] = b"%06o\0" % (_EMPTY_SUM + sum(raw) + sum(header[SIZE]))
    return bytes(header)


def _by_tarfile(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o644
    return member.tobuf(tarfile.GNU_FORMAT, *ENCODING)


_EMPTY = _by_tarfile("", 0)
_EMPTY_SUM = sum(_EMPTY) - sum(_EMPTY[CHECKSUM]) + 7 * ord(" ") - sum(_EMPTY[SIZE])


class TarFile:
    """Writes samples; `rows` counts them."""

    def __init__(self, out: HashingWriter) -> None:
        self.rows = 0
        self._out = out

    def write(self, key: str, text: bytes, picture: bytes | None) -> None:
        """Write a sample: its JSON, and its PNG where it has one."""
        self._add(f"{key}.json", text)
        if picture is not None:
            self._add(f"{key}.png", picture)
        self.rows += 1

    def close(self) -> None:
        """Write the end of the archive: two empty blocks, filled up to a whole record."""
        self._out.write(bytes(2 * tarfile.BLOCKSIZE))
        self._out.write(bytes(-self._out.tell() % tarfile.RECORDSIZE))

    def _add(self, name: str, data: bytes) -> None:
        self._out.write(member_header(name, len(data)))
        self._out.write(data)
        self._out.write(bytes(-len(data) % tarfile.BLOCKSIZE))
