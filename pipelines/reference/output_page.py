"""docs/output.md: every column of every table, from the Arrow schemas and their definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pyarrow as pa

from medvision.pipelines.reference.blocks import table
from medvision.schemas.definitions.definition import EXACT, NUMBERS, Definition
from medvision.schemas.definitions.lookup import SCHEMAS, SLICES, Column, columns, struct_of
from medvision.schemas.definitions.pairs import PAIR
from medvision.schemas.definitions.tables import MANIFEST_KEYS
from medvision.schemas.faults import REASONS
from medvision.schemas.pairs import LANDMARK_KINDS

HEAD = ("column", "type", "unit", "axes", "definition", "decided by")
LINES = "Lines"
"""Heading of the struct that many columns share."""


def output_blocks() -> dict[str, str]:
    """The made parts of the page, by marker."""
    anchors: dict[str, str] = {}
    own = {kind: [c for c in columns(kind) if c.path.partition(".")[0] not in PAIR] for kind in SCHEMAS}
    landmark_kind, *_ = LANDMARK_KINDS
    common = [c for c in columns(landmark_kind) if c.path.partition(".")[0] in PAIR]
    found = {
        SLICES: _sections(list(columns(SLICES)), "", anchors),
        "volumes": _sections(list(columns("volumes")), "`volumes/`: ", anchors),
        "pairs": _sections(common, "", anchors),
    }
    for kind in ("BoxSize", "MaskSize", "TumorLesionSize", "LesionDiameter", landmark_kind):
        found[kind] = _sections(own[kind], f"`{kind}`: ", anchors)
    for name in ("dead_letters", "sources", "files", "prompts"):
        found[name] = _sections(list(columns(name)), "", anchors)
    found["reasons"] = table(("reason", "message"), ((f"`{name}`", text) for name, text in REASONS.items()))
    keys = ((f"`{key}`", meaning.unit, _linked(meaning.text)) for key, meaning in MANIFEST_KEYS.items())
    found["manifest"] = table(("key", "unit", "definition"), keys)
    return found


def _sections(found: list[Column], where: str, anchors: dict[str, str]) -> str:
    """A table of the columns, then one under a heading of its own for each struct that was not shown before."""
    groups: dict[str, list[Column]] = {"": []}
    new: dict[str, str] = {}
    for column in found:
        parent = column.path.rpartition(".")[0]
        groups.setdefault(parent, []).append(column)
        struct = struct_of(column.kind)
        if struct is not None and str(struct) not in anchors:
            heading = LINES if _is_line(struct) else f"{where}fields of `{column.path}`"
            anchors[str(struct)] = heading[0].upper() + heading[1:]
            new[column.path] = anchors[str(struct)]
    parts = [_table(groups[""], anchors)]
    for path, heading in new.items():
        parts += [f"### {heading}", _table(groups[path], anchors)]
    return "\n\n".join(parts)


def _table(group: list[Column], anchors: Mapping[str, str]) -> str:
    return table(HEAD, (_row(column, anchors) for column in group))


def _row(column: Column, anchors: Mapping[str, str]) -> Iterator[str]:
    meaning = column.definition
    yield f"`{column.path.rpartition('.')[2]}`"
    yield _type(column.kind, meaning, anchors)
    yield meaning.unit
    yield meaning.axes
    yield _linked(meaning.text)
    yield "`exact` alone" if meaning.rules == EXACT else ", ".join(f"`{s}`" for s in meaning.rules.split(", ") if s)


def _linked(text: str) -> str:
    return re.sub(r"\b[a-z_]+\.md\b", r"[\g<0>](\g<0>)", text)


def _type(kind: pa.DataType, meaning: Definition, anchors: Mapping[str, str]) -> str:
    """Such as `float64[2]`, `list(string)`, or a link to a struct's own table."""
    struct = struct_of(kind)
    if struct is not None:
        heading = anchors[str(struct)]
        link = f"[{'line' if heading == LINES else 'struct'}](#{slug(heading)})"
        return f"list({link})" if pa.types.is_list(kind) else link
    if pa.types.is_list(kind):
        inner = _scalar(kind.value_type)
        return f"{inner}[{NUMBERS[meaning.axes]}]" if meaning.axes else f"list({inner})"
    return _scalar(kind)


def _scalar(kind: pa.DataType) -> str:
    return {"double": "float64"}.get(str(kind), str(kind))


def _is_line(struct: pa.StructType) -> bool:
    return any(struct.field(i).name == "length_mm" for i in range(struct.num_fields))


def slug(heading: str) -> str:
    """The anchor that code hosts and the site give a heading."""
    return "".join(c for c in heading.lower().replace(" ", "-") if c.isalnum() or c in "-_")
