"""Unpacking: what comes out, where it stands, and what is refused with which words."""

import hashlib
import io
import random
import shutil
import struct
import zipfile
import zlib

import py7zr
import pytest
from hostile_archives import FORMATS, GOOD_ENTRIES, Entry, write

from medvision.pipelines.fetch.unpack import zips
from medvision.pipelines.fetch.unpack.guard import Guard, Limits, Member, safe_parts
from medvision.pipelines.fetch.unpack.refusals import REFUSALS, Refused
from medvision.pipelines.fetch.unpack.run import kind_of, unpack

WHOLE = {entry.name: entry.data for entry in GOOD_ENTRIES}


@pytest.mark.parametrize("form", FORMATS)
def test_a_good_archive_comes_out_as_it_went_in(form, tmp_path):
    archive = write(form, GOOD_ENTRIES, tmp_path / "named.anything")
    unpacked = unpack(archive, tmp_path / "target")
    assert {
        p.relative_to(unpacked.folder).as_posix(): p.read_bytes() for p in unpacked.folder.rglob("*") if p.is_file()
    } == WHOLE
    expected = sorted((name, len(data), hashlib.sha256(data).hexdigest()) for name, data in WHOLE.items())
    assert unpacked.listing == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["named.anything", "target"]


@pytest.mark.parametrize("form", ["zip", "tar", "gztar", "bztar", "xztar"])
def test_archives_of_the_standard_library_with_empty_files_and_folders(form, tmp_path):
    (tmp_path / "in" / "Task" / "empty folder").mkdir(parents=True)
    (tmp_path / "in" / "Task" / "empty.txt").touch()
    archive = shutil.make_archive(str(tmp_path / "archive"), form, tmp_path / "in", "Task")
    unpacked = unpack(tmp_path / archive, tmp_path / "out")
    assert (tmp_path / "out" / "Task" / "empty folder").is_dir()
    assert [path for path, *_ in unpacked.listing] == ["Task/empty.txt"]


def test_a_folder_that_is_called_as_its_place_is_not_doubled(tmp_path):
    archive = write("tar", (Entry("./Task04/imagesTr/a"), Entry("Task04/b")), tmp_path / "a.tar")
    unpacked = unpack(archive, tmp_path / "Task04")
    assert [path for path, *_ in unpacked.listing] == ["b", "imagesTr/a"]
    assert (tmp_path / "Task04" / "imagesTr" / "a").read_bytes() == b"evil"


def test_modes_of_the_archive_are_not_taken(tmp_path):
    unpack(write("zip", (Entry("a", mode=0o104777),), tmp_path / "a.zip"), tmp_path / "out")
    assert (tmp_path / "out" / "a").stat().st_mode & 0o7111 == 0


def test_what_stands_there_is_left_alone(tmp_path):
    (tmp_path / "target").mkdir()
    with pytest.raises(FileExistsError):
        unpack(write("zip", GOOD_ENTRIES, tmp_path / "a.zip"), tmp_path / "target")
    assert list((tmp_path / "target").iterdir()) == []


def test_a_refusal_names_the_rule_and_the_member(tmp_path):
    with pytest.raises(Refused) as refused:
        unpack(write("zip", (Entry("../evil"),), tmp_path / "a.zip"), tmp_path / "target")
    assert refused.value.code == "parent_path"
    assert str(refused.value) == "a member leads out of the folder by '..': '../evil' [parent_path]"


def test_limits_are_those_of_the_disk_and_of_growth(tmp_path):
    archive = write("tar.gz", (Entry("a", bytes(1000)), Entry("b", bytes(1000))), tmp_path / "a")
    for limits, code in (
        (Limits(1999, 5000), "bomb"),
        (Limits(5000, 1999), "no_space"),
        (Limits(5000, 5000, 1), "too_many_members"),
    ):
        with pytest.raises(Refused) as refused:
            unpack(archive, tmp_path / "target", limits)
        assert refused.value.code == code
    assert unpack(archive, tmp_path / "target", Limits(2000, 2000)).bytes == 2000
    assert Limits.of(10**12, 10**15).grown == 10**14


def test_a_method_that_is_not_supported_is_said(tmp_path):
    archive = write("zip", GOOD_ENTRIES, tmp_path / "a.zip")
    data = bytearray(archive.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(mark) + offset] = 9  # Deflate64, as Windows packs large files
    archive.write_bytes(data)
    with pytest.raises(Refused) as refused:
        unpack(archive, tmp_path / "target")
    assert refused.value.code == "unsupported_method"


def test_every_code_has_a_text_and_every_kind_is_told_by_its_first_bytes(tmp_path):
    assert all(text and not text.endswith(".") for text in REFUSALS.values())
    kinds = {form: kind_of(write(form, GOOD_ENTRIES, tmp_path / "x")) for form in FORMATS}
    assert kinds == {"zip": "zip", "tar": "tar", "tar.gz": "gz", "tar.bz2": "bz2", "tar.xz": "xz", "7z": "7z"}
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    assert kind_of(tmp_path / "empty.zip") == "zip"


@pytest.mark.parametrize(
    ("name", "parts"),
    [("./a//b/./c", ("a", "b", "c")), ("a/", ("a",)), ("./", ()), ("..a/b..", ("..a", "b..")), ("ab:c", ("ab:c",))],
)
def test_names_that_are_fine(name, parts):
    assert safe_parts(name) == parts


def test_folders_may_come_twice():
    guard = Guard(Limits(100, 100))
    for name, kind in (("a/", "folder"), ("a", "folder"), ("a/b/", "folder"), ("a/b/c", "file")):
        guard.admit(Member(name, 1, kind))
    with pytest.raises(Refused, match="duplicate_name"):
        guard.admit(Member("a/b/c", 1))


def test_names_of_a_zip_may_be_in_the_code_page_of_dos(tmp_path):
    """As Windows packs them: a byte a letter, and nothing between a member and the next."""
    archive, names = tmp_path / "a.zip", ["\u00e9tude/a.txt", "\u00e9tude/b.txt"]
    members, directory = b"", b""
    for name in names:
        raw, data, at = name.encode("cp437"), name.encode(), len(members)
        about = (20, 0, 0, 0, 33, zlib.crc32(data), len(data), len(data), len(raw))
        members += struct.pack("<4s5H3I2H", b"PK\3\4", *about, 0) + raw + data
        directory += struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, *about, 0, 0, 0, 0, 0, at) + raw
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 2, 2, len(directory), len(members), 0)
    archive.write_bytes(members + directory + end)
    assert [path for path, *_ in unpack(archive, tmp_path / "target").listing] == names


def seven(path, method, encoded=True):
    """A 7z archive of that method."""
    with py7zr.SevenZipFile(path, "w", filters=[{"id": method}]) as archive:
        archive.set_encoded_header_mode(encoded)
        archive.writef(io.BytesIO(bytes(random.Random(1).choices(b"abcdefgh", k=5000))), "a.txt")
    return path


@pytest.mark.parametrize("method", [py7zr.FILTER_LZMA2, py7zr.FILTER_BZIP2, py7zr.FILTER_DEFLATE, py7zr.FILTER_COPY])
def test_damage_within_a_7z_is_damage_whatever_packs_it(method, tmp_path):
    archive = seven(tmp_path / "a.7z", method)
    assert unpack(archive, tmp_path / "whole").bytes == 5000
    whole, chance = archive.read_bytes(), random.Random(2)
    for turn in range(40):
        data = bytearray(whole)
        data[chance.randrange(32, 1000)] ^= 1 << chance.randrange(8)
        archive.write_bytes(data)
        with pytest.raises(Refused) as refused:
            unpack(archive, tmp_path / f"target{turn}")
        assert refused.value.code == "damaged"


@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize("method", [py7zr.FILTER_PPMD, py7zr.FILTER_ZSTD, py7zr.FILTER_BROTLI])
def test_decoders_of_7z_that_trust_what_they_are_given_are_given_nothing(method, encoded, tmp_path):
    """PPMd ends the process at a flipped bit; of 19 kB of Zstandard come 600 MB in memory."""
    archive = seven(tmp_path / "a.7z", method, encoded)
    with pytest.raises(Refused) as refused:
        unpack(archive, tmp_path / "target")
    assert refused.value.code == "unsupported_method"


def test_nor_is_the_list_of_members_of_a_7z(tmp_path, monkeypatch):
    header = py7zr.archiveinfo.Header
    pack, method = header._encode_header, [{"id": py7zr.FILTER_ZSTD}]
    monkeypatch.setattr(header, "_encode_header", lambda self, file, after, _: pack(self, file, after, method))
    archive = seven(tmp_path / "a.7z", py7zr.FILTER_LZMA2)
    monkeypatch.setattr(py7zr, "SevenZipFile", None)
    with pytest.raises(Refused) as refused:
        unpack(archive, tmp_path / "target")
    assert refused.value.code == "unsupported_method"


@pytest.mark.parametrize("comment", [b"", b"of the archive"])
def test_a_zip_whose_directory_swallows_members_is_damaged(comment, tmp_path):
    """One flipped bit: the second member's comment is then the rest of the directory, and zipfile sees two members."""
    archive = write("zip", GOOD_ENTRIES, tmp_path / "a.zip")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.comment = comment
    data = bytearray(archive.read_bytes())
    entry = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    data[entry + 33] |= 0x08
    assert len(unpack(archive, tmp_path / "whole").listing) == 4
    archive.write_bytes(data)
    with pytest.raises(Refused) as refused:
        unpack(archive, tmp_path / "target")
    assert refused.value.code == "damaged"
    assert "states 4 members and holds 2" in str(refused.value)


@pytest.mark.parametrize("count", [65535, 65537])
def test_a_zip_of_more_members_than_sixteen_bits_count(count, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(count):
            archive.writestr(zipfile.ZipInfo(f"{number:05}"), b"")
    zips.check_count(tmp_path / "a.zip", count)
    with pytest.raises(Refused, match=f"states {count} members and holds {count - 65535}"):
        zips.check_count(tmp_path / "a.zip", count - 65535)
