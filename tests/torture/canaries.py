"""Secrets to hide in raw archives: texts that occur nowhere else, each with the place where it was hidden."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

PATTERN = re.compile(rb"qzcanary\d{5}x", re.IGNORECASE)


@dataclass
class Canaries:
    """`places` says where each was hidden, in the order of their numbers."""

    places: list[str] = field(default_factory=list)

    def hide(self, place: str) -> str:
        """A new one, of 14 characters."""
        self.places.append(place)
        return f"QzCanary{len(self.places) - 1:05d}x"

    def found_in(self, content: bytes) -> Iterator[str]:
        """Places of those that bytes hold, as they stand or as UTF-16, in any case of letters."""
        for text in (content, content.replace(b"\0", b"")):
            for match in PATTERN.finditer(text):
                yield self.places[int(match[0][8:13])]
