"""What a name on the command line asks for: a slice, or one pair of a slice."""

from __future__ import annotations

import re
from dataclasses import dataclass

from medvision.schemas.dataset import PLANES
from medvision.transforms.pairs import ANNOTATION_KEY

PAIR = re.compile(rf"(.+-(?:{'|'.join(PLANES)})-\d{{4,}})-({'|'.join(ANNOTATION_KEY.values())}|landmark)-\d{{2,}}-(.+)")
"""`<slice_id>-<annotation>-<task>-<label or measure>`, as pair ids are made."""
KIND_OF = {key: kind for kind, key in ANNOTATION_KEY.items()}


@dataclass(frozen=True)
class Target:
    """A slice, and what of it is asked for: "" and None for all."""

    slice_id: str
    kind: str = ""
    label: int | None = None
    measure: str = ""


def parse_target(row_id: str) -> Target:
    """A slice id as it stands, or a pair id taken apart: the release needs no look at its pairs for that."""
    found = PAIR.fullmatch(row_id)
    if found is None:
        return Target(row_id)
    slice_id, key, last = found.groups()
    if key == "landmark":
        return Target(slice_id, measure=last)
    if not last.isdecimal():
        return Target(row_id)
    return Target(slice_id, KIND_OF[key], int(last))
