"""Damage that any file can take: flipped bits, cut, filled, repeated, lengthened; numbers that no writer means."""

import struct

import numpy as np
from torture.mutants.attack import Rng, Way, on_bytes

HEADER = 400
"""Bytes at the start of a file that are hit more often than others."""
ODD_NUMBERS = [
    *(struct.pack("<h", n) for n in (0, -1, 1, 32767, -32768)),
    *(struct.pack("<i", n) for n in (0, -1, 2**31 - 1, -(2**31), 65536)),
    *(struct.pack("<q", n) for n in (0, -1, 2**63 - 1, 2**40)),
    *(struct.pack("<f", n) for n in (np.nan, np.inf, -np.inf, -1.0, 0.0, 1e38, 1e-38)),
    *(struct.pack("<d", n) for n in (np.nan, np.inf, -1.0, 1e300)),
]


def flip_bits(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """One to eight bits anywhere."""
    return _flipped(content, rng, len(content)), "bit flips"


def flip_header_bits(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """One to eight bits near the start."""
    return _flipped(content, rng, min(HEADER, len(content))), "bit flips in the header"


def _flipped(content: bytes, rng: Rng, within: int) -> bytes:
    changed = bytearray(content)
    for place in rng.integers(0, within, rng.integers(1, 9)):
        changed[place] ^= 1 << rng.integers(0, 8)
    return bytes(changed)


def cut(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """The start of the file alone."""
    return content[: rng.integers(0, len(content))], "truncation"


def cut_a_little(content: bytes, rng: Rng) -> tuple[bytes, str]:
    return content[: -int(rng.integers(1, 17))], "truncation by some bytes"


def fill(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """A stretch overwritten with zeros, ones or noise."""
    start = int(rng.integers(0, len(content)))
    count = min(int(rng.integers(1, 200)), len(content) - start)
    filler = (bytes(count), b"\xff" * count, rng.bytes(count))[rng.integers(0, 3)]
    return content[:start] + filler + content[start + count :], "overwritten stretch"


def take_out(content: bytes, rng: Rng) -> tuple[bytes, str]:
    start = int(rng.integers(0, len(content)))
    return content[:start] + content[start + int(rng.integers(1, 100)) :], "missing stretch"


def put_in(content: bytes, rng: Rng) -> tuple[bytes, str]:
    start = int(rng.integers(0, len(content)))
    return content[:start] + rng.bytes(int(rng.integers(1, 100))) + content[start:], "inserted noise"


def repeat(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """A stretch of the file once more where it ends."""
    start = int(rng.integers(0, len(content)))
    stop = start + int(rng.integers(1, 500))
    return content[:stop] + content[start:stop] + content[stop:], "repeated stretch"


def append(content: bytes, rng: Rng) -> tuple[bytes, str]:
    return content + rng.bytes(int(rng.integers(1, 2000))), "trailing garbage"


def odd_number(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """A number that no writer means, near the start."""
    number = ODD_NUMBERS[rng.integers(0, len(ODD_NUMBERS))]
    start = int(rng.integers(0, min(HEADER, len(content))))
    return (content[:start] + number + content[start + len(number) :])[: len(content)], "odd number in the header"


def empty(content: bytes, rng: Rng) -> tuple[bytes, str]:
    return b"", "empty file"


def noise(content: bytes, rng: Rng) -> tuple[bytes, str]:
    return rng.bytes(len(content)), "noise alone"


def doubled(content: bytes, rng: Rng) -> tuple[bytes, str]:
    return content + content, "file twice over"


OFTEN = (flip_bits, flip_header_bits, flip_header_bits, cut, fill, odd_number)
CHANGES = (*OFTEN, *OFTEN, cut_a_little, take_out, put_in, repeat, append, empty, noise, doubled)
"""All of them, the likelier kinds of damage more often."""


def ways(*paths: str) -> tuple[Way, ...]:
    """Ways to change one file among `paths`, or among all of a case."""
    return tuple(on_bytes(change, *paths) for change in CHANGES)
