"""A JSON list written item by item, so that its length costs no memory."""

from __future__ import annotations

from typing import Any, BinaryIO

import orjson


class JsonList:
    """Items between brackets that the caller writes, one a line."""

    def __init__(self, out: BinaryIO) -> None:
        self.out = out
        self.count = 0

    def add(self, item: Any) -> None:
        self.out.write(b",\n" if self.count else b"\n")
        self.out.write(orjson.dumps(item))
        self.count += 1
