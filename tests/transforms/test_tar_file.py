"""Tars byte for byte as tarfile writes them."""

import io
import tarfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from medvision.transforms.store import HashingWriter
from medvision.transforms.tar_file import TarFile, member_header

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=130)


def by_tarfile(samples: list[tuple[str, bytes, bytes | None]]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w|", format=tarfile.GNU_FORMAT) as tar:
        for key, text, picture in samples:
            for suffix, data in (("json", text), ("png", picture)):
                if data is not None:
                    member = tarfile.TarInfo(f"{key}.{suffix}")
                    member.size, member.mode = len(data), 0o644
                    tar.addfile(member, io.BytesIO(data))
    return raw.getvalue()


def by_us(samples: list[tuple[str, bytes, bytes | None]]) -> bytes:
    raw = io.BytesIO()
    out = HashingWriter(raw)
    tar = TarFile(out)
    for sample in samples:
        tar.write(*sample)
    tar.close()
    out.flush()
    assert tar.rows == len(samples)
    return raw.getvalue()


@settings(max_examples=300, deadline=None)
@given(name=NAMES, size=st.one_of(st.integers(0, 2048), st.integers(0, 1 << 40)))
@example(name="a" * 99, size=0)
@example(name="a" * 100, size=511)
@example(name="a" * 101, size=512)
@example(name="é" * 50, size=513)
@example(name="é" * 50 + "a", size=1)
@example(name="a", size=8**11 - 1)
@example(name="a", size=8**11)
@example(name="a" * 140, size=9 << 30)
def test_headers_are_those_of_tarfile(name, size):
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    assert member_header(name, size) == member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 9215, 9216, 9217, 300_000])
def test_archives_are_those_of_tarfile(size):
    samples = [("a" * length, b"{}" * length, bytes(range(256)) * 3 + bytes(size)) for length in (1, 94, 95, 96, 128)]
    assert by_us(samples) == by_tarfile(samples)
    without = [(key, text, None) for key, text, _ in samples]
    assert by_us(without) == by_tarfile(without)


def test_an_empty_archive_is_that_of_tarfile():
    assert by_us([]) == by_tarfile([])
