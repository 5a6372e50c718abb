"""Archives that nobody should unpack: one writer a format, one list of hostile members."""

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import py7zr

FORMATS = ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz", "7z")
PACKERS = {"tar.gz": gzip.compress, "tar.bz2": bz2.compress, "tar.xz": lzma.compress}
UNIX = 0x8000
"""Attribute bit of 7z: the upper half is a Unix mode."""


@dataclass(frozen=True)
class Entry:
    """A member as an attacker writes it. `mode` is a file type of `stat`, `target` what a link leads to."""

    name: str
    data: bytes = b"evil"
    mode: int = stat.S_IFREG
    target: str = ""
    hard: bool = False


@dataclass(frozen=True)
class Hostile:
    """A list of members, the code it is refused by, and the formats that can hold it."""

    what: str
    code: str
    entries: tuple[Entry, ...]
    formats: tuple[str, ...] = FORMATS


NOT_SEVEN = FORMATS[:-1]
PACKED = tuple(form for form in FORMATS if form != "tar")
GOOD = Entry("images/a.nii.gz", b"a" * 4000)
TARS = tuple(form for form in FORMATS if form.startswith("tar"))
LINK, FIFO, DISK, TTY, SOCKET = stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK, stat.S_IFCHR, stat.S_IFSOCK


def _names(what: str, code: str, *names: str, formats: tuple[str, ...] = FORMATS) -> list[Hostile]:
    return [Hostile(f"{what}: {ascii(name)[1:-1][:24]}", code, (GOOD, Entry(name)), formats) for name in names]


HOSTILE: tuple[Hostile, ...] = (
    *_names("dots", "parent_path", "../evil", "a/../../evil", "a/b/../evil", "..", "images/../../../../../evil"),
    *_names("absolute", "absolute_path", "/tmp/evil", "//server/share/evil"),
    *_names("drive", "drive_path", "C:/evil", "c:evil"),
    *_names("backslash", "backslash", "..\\evil", "a\\b", "\\\\server\\evil", formats=NOT_SEVEN),
    *_names("backslash, which 7z reads as a slash", "parent_path", "..\\evil", formats=("7z",)),
    *_names("control", "bad_characters", "a\nb", "a\x1b[2Jb", "a\x7fb"),
    *_names("NUL", "bad_characters", "a\x00/../evil", formats=("zip",)),
    *_names("not UTF-8", "bad_characters", "a\udcffb", formats=TARS),
    *_names("no name", "empty_name", "./", formats=TARS),
    *_names("long", "name_too_long", "n" * 256, "d/" * 600 + "x", "\u00e9" * 128),
    Hostile("twice the same name", "duplicate_name", (GOOD, Entry("images/a.nii.gz"))),
    Hostile("the same name by a dot", "duplicate_name", (GOOD, Entry("./images//a.nii.gz"))),
    Hostile("letter case, file", "case_collision", (GOOD, Entry("images/A.nii.gz"))),
    Hostile("letter case, folder", "case_collision", (GOOD, Entry("Images/b.nii.gz"))),
    Hostile("sharp s", "case_collision", (Entry("stra\u00dfe"), Entry("STRASSE"))),
    Hostile("accents", "unicode_collision", (Entry("caf\u00e9"), Entry("cafe\u0301"))),
    Hostile("file, then folder", "file_and_folder", (Entry("a"), Entry("a/b"))),
    Hostile("folder, then file", "file_and_folder", (Entry("a/b"), Entry("a"))),
    Hostile("symlink out", "link", (GOOD, Entry("out", b"../..", LINK, "../.."))),
    Hostile("symlink in", "link", (GOOD, Entry("in", b"images", LINK, "images"))),
    Hostile("symlink, then through it", "link", (Entry("d", b"/tmp", LINK, "/tmp"), Entry("d/evil"))),
    Hostile("hard link out", "link", (GOOD, Entry("h", b"", LINK, "../canary", hard=True)), TARS),
    Hostile("hard link in", "link", (GOOD, Entry("h", b"", LINK, "images/a.nii.gz", hard=True)), TARS),
    Hostile("pipe", "device", (GOOD, Entry("p", b"", FIFO))),
    Hostile("disk", "device", (GOOD, Entry("disk", b"", DISK))),
    Hostile("terminal", "device", (GOOD, Entry("tty", b"", TTY))),
    Hostile("socket", "device", (GOOD, Entry("s", b"", SOCKET)), ("zip", "7z")),
    Hostile("bomb", "bomb", (GOOD, Entry("zeros", bytes(66 << 20))), PACKED),
    Hostile("bomb of many", "bomb", tuple(Entry(f"zeros{n}", bytes(11 << 20)) for n in range(6)), PACKED),
)


def write(form: str, entries: tuple[Entry, ...], path: Path) -> Path:
    """The archive of these members, as they are."""
    if form == "zip":
        _write_zip(entries, path)
    elif form == "7z":
        _write_seven(entries, path)
    else:
        data = _tar_bytes(entries)
        path.write_bytes(PACKERS[form](data) if form in PACKERS else data)
    return path


def _write_zip(entries: tuple[Entry, ...], path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in entries:
            info = zipfile.ZipInfo("x")
            info.filename, info.create_system = entry.name, 3
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (entry.mode | 0o644) << 16
            archive.writestr(info, entry.data)


def _tar_bytes(entries: tuple[Entry, ...]) -> bytes:
    kinds = {FIFO: tarfile.FIFOTYPE, DISK: tarfile.BLKTYPE, TTY: tarfile.CHRTYPE, LINK: tarfile.SYMTYPE}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.name)
            info.type = tarfile.LNKTYPE if entry.hard else kinds.get(entry.mode, tarfile.REGTYPE)
            info.linkname = entry.target
            info.size = len(entry.data) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(entry.data))
    return out.getvalue()


def _write_seven(entries: tuple[Entry, ...], path: Path) -> None:
    """py7zr refuses to write such names, so they are put into its header before that is written."""
    with py7zr.SevenZipFile(path, "w", filters=[{"id": py7zr.FILTER_LZMA2, "preset": 1}]) as archive:
        for number, entry in enumerate(entries):
            archive.writestr(entry.data or b"\0", f"x{number}")
            written = archive.header.files_info.files[-1]
            written["filename"] = entry.name
            written["attributes"] = UNIX | (entry.mode | 0o644) << 16


GOOD_ENTRIES = (
    GOOD,
    Entry("labels/a.nii.gz", bytes(range(256)) * 40),
    Entry("dataset.json", b'{"name": "good"}'),
    Entry("inner.zip", b"PK\x03\x04 is not opened"),
)


def overlapping_zip(path: Path) -> Path:
    """Two entries of the directory for the bytes of one member, as in bombs without growth of a member."""
    write("zip", (Entry("aa", bytes(1 << 16)), Entry("bb", b"b")), path)
    data = bytearray(path.read_bytes())
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]  # offset of the local header
    path.write_bytes(data)
    return path


def lying_zip(path: Path, size: int) -> Path:
    """A member of 80,000 bytes whose directory entry promises `size`."""
    write("zip", (GOOD, Entry("lie", bytes(80000))), path)
    data = bytearray(path.read_bytes())
    last = data.rindex(b"PK\x01\x02")
    data[last + 24 : last + 28] = struct.pack("<I", size)
    path.write_bytes(data)
    return path


def encrypted(form: str, path: Path) -> Path:
    """A zip whose member says that it is encrypted, or a 7z with a password."""
    if form == "7z":
        with py7zr.SevenZipFile(path, "w", password="secret") as archive:
            archive.writestr(b"hidden", "a")
        return path
    write("zip", (GOOD,), path)
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)
    return path


def odd_tars() -> dict[str, tuple[str, bytes]]:
    """What only a tar can hold: name of the trick to the code it is refused by and the bytes."""
    found: dict[str, tuple[str, bytes]] = {}
    for what, code, headers in (
        ("pax path with dots", "parent_path", {"path": "../evil"}),
        ("pax path, absolute", "absolute_path", {"path": "/tmp/evil"}),
        ("pax path with NUL", "bad_characters", {"path": "a\x00b"}),
        ("pax header of 1 MB", "name_too_long", {"comment": "c" * (1 << 20)}),
        (
            "sparse bomb",
            "bomb",
            {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 40)},
        ),
    ):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            info = tarfile.TarInfo("a")
            body = b"1\n0\n4\n" + bytes(506) + b"evil" if "sparse" in what else b"evil"
            info.size, info.pax_headers = len(body), headers
            archive.addfile(info, io.BytesIO(body))
        found[what] = (code, out.getvalue())
    huge = bytearray(_tar_bytes((Entry("a"),)))
    huge[124:136] = b"\x80" + (1 << 60).to_bytes(11, "big")
    found["size of 2^60"] = ("bomb", _signed(huge))
    negative = bytearray(_tar_bytes((Entry("a"),)))
    negative[124:136] = b"\xff" * 12
    found["negative size"] = ("damaged", _signed(negative))
    whole = _tar_bytes((GOOD, Entry("b")))
    found["no end mark"] = ("truncated", whole[: 512 + 4096 + 1024])
    broken = bytearray(whole)
    broken[512 + 4096 + 3] ^= 0xFF
    found["broken header in the middle"] = ("damaged", bytes(broken))
    found["data after the end"] = ("trailing_data", whole + b"evil" * 100)
    found["two megabytes of padding"] = ("trailing_data", whole + bytes(2 << 20))
    found["gzip that grows after the end"] = ("trailing_data", gzip.compress(whole + bytes(200 << 20), 1))
    return found


def _signed(data: bytearray) -> bytes:
    """With the check sum of the first header made right."""
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)
