"""The text of plan files: gzip members a case at a time, so that neither writing nor reading holds a whole plan.

A file of several gzip members is a gzip file like any other. In ours each case is one, and so is what lies between.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

LEVEL = 6
GZIP = 31
"""`wbits` of zlib that makes a gzip member: without name and clock."""
BLOCK_BYTES = 1 << 16
CASE_START = '{"case_ID":'


class Readable(Protocol):
    """A binary stream."""

    def read(self, size: int, /) -> bytes: ...


def to_json(value: Any) -> str:
    """Without spaces: upstream indents by 4, which readers do not see."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def packed(text: str) -> bytes:
    """One gzip member, the same bytes each time."""
    return zlib.compress(text.encode(), LEVEL, GZIP)


def members(stream: Readable) -> Iterator[str]:
    """Text of each gzip member of a file, one in memory at a time.

    Raises:
        EOFError: The last member is cut off.
        ValueError: It is no gzip file.
    """
    unpack, parts, rest = zlib.decompressobj(GZIP), [], b""
    while data := rest or stream.read(BLOCK_BYTES):
        try:
            parts.append(unpack.decompress(data))
        except zlib.error as error:
            raise ValueError(f"not gzip: {error}") from error
        rest = unpack.unused_data
        if unpack.eof:
            yield b"".join(parts).decode()
            unpack, parts = zlib.decompressobj(GZIP), []
    if parts:
        raise EOFError("the last gzip member is cut off")


def read_plan(stream: Readable, reduce: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """A plan with `reduce(case)` in the place of each case.

    One case is in memory at a time where each is a member of its own; another plan, such as upstream's, is read whole.

    Raises:
        EOFError, ValueError: It is no gzip file of JSON.
        KeyError, TypeError: It is no plan.
    """
    reduced: list[Any] = []
    between = []
    for text in members(stream):
        if text.startswith(CASE_START):
            between.append(str(len(reduced)))
            reduced.append(reduce(json.loads(text)))
        else:
            between.append(text)
    plan: dict[str, Any] = json.loads("".join(between))
    for task in plan["tasks"]:
        for key in [key for key in task if key.endswith("_cases")]:
            task[key] = [reduced[case] if isinstance(case, int) else reduce(case) for case in task[key]]
    return plan
