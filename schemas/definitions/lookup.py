"""Find the definition of any column of any table of a release, nested ones by their path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from medvision.schemas import pairs as pair_structs
from medvision.schemas import prompts, rows, volumes
from medvision.schemas.definitions import lesions, pairs, slices, tables
from medvision.schemas.definitions import prompts as prompt_fields
from medvision.schemas.definitions import volumes as volume_fields
from medvision.schemas.definitions.definition import Definition, Fields
from medvision.schemas.faults import DEAD_LETTER_SCHEMA
from medvision.schemas.record import FILE_SCHEMA, SOURCE_SCHEMA

SLICES = "slices"

SCHEMAS: dict[str, pa.Schema] = {
    SLICES: rows.DATA_SCHEMA,
    "volumes": volumes.VOLUME_SCHEMA,
    **pair_structs.PAIR_SCHEMAS,
    "dead_letters": DEAD_LETTER_SCHEMA,
    "sources": SOURCE_SCHEMA,
    "files": FILE_SCHEMA,
    "prompts": prompts.PROMPT_SCHEMA,
}
"""Tables of a release: `slices` are the rows of `data/` and `annotations/`, pairs stand under their annotation kind.
And `prompts`, which are made of one."""

OF_TABLE: dict[str, Fields] = {
    SLICES: slices.SLICE,
    "volumes": volume_fields.VOLUME,
    "BoxSize": {**pairs.PAIR, **pairs.BOX_SIZE},
    "MaskSize": {**pairs.PAIR, **pairs.MASK_SIZE},
    "TumorLesionSize": {**pairs.PAIR, **pairs.TUMOR_LESION_SIZE},
    "LesionDiameter": {**pairs.PAIR, **pairs.LESION_DIAMETER},
    **{kind: {**pairs.PAIR, **pairs.LANDMARKS} for kind in pair_structs.LANDMARK_KINDS},
    "dead_letters": tables.LETTER,
    "sources": tables.SOURCE,
    "files": tables.FILE,
    "prompts": prompt_fields.PROMPT,
}

OF_STRUCT: list[tuple[pa.StructType, Fields]] = [
    (rows.IMAGE, slices.IMAGE_FIELDS),
    (rows.SEGMENT, slices.SEGMENT_FIELDS),
    (rows.BOX, slices.BOX_FIELDS),
    (rows.INSTANCE, slices.INSTANCE_FIELDS),
    (rows.LANDMARK, slices.LANDMARK_FIELDS),
    (rows.BIOMETRIC, slices.BIOMETRIC_FIELDS),
    (rows.LESION, lesions.LESION_FIELDS),
    (rows.ELLIPSE, lesions.ELLIPSE_FIELDS),
    (rows.REGION, lesions.REGION_FIELDS),
    (rows.CHORD, lesions.CHORD_FIELDS),
    (volumes.STRUCTURE, volume_fields.STRUCTURE_FIELDS),
    (volumes.BOX3D, volume_fields.BOX3D_FIELDS),
    (volumes.INSTANCE3D, volume_fields.INSTANCE3D_FIELDS),
    (volumes.LESIONS3D, volume_fields.LESIONS3D_FIELDS),
    (volumes.LESION3D, volume_fields.LESION3D_FIELDS),
    (pair_structs.BOUNDING_BOX, pairs.BOUNDING_BOX_FIELDS),
    (pair_structs.BIOMETRIC_PROFILE, pairs.AXES_FIELDS),
    (pair_structs.DIAMETER, pairs.DIAMETER_FIELDS),
    (pair_structs.LANDMARK_METRIC, pairs.LANDMARK_METRIC_FIELDS),
]
"""A struct means the same wherever it stands, so its fields are defined once."""


class Column(NamedTuple):
    """A column or nested field: its path, Arrow type and meaning."""

    path: str
    kind: pa.DataType
    definition: Definition


def definition(path: str, table: str = SLICES) -> Definition:
    """The meaning of a column.

    Args:
        path: Column name, nested fields joined by dots without the lists between: "segments.boxes.min_rc".
        table: Key of SCHEMAS: "slices" for `data/` and `annotations/`, "volumes", an annotation kind such as
            "BoxSize" for pairs, "dead_letters", "sources", "files", or "prompts" (of `medvision prompts`).

    Raises:
        KeyError: No such table, or it has no such column.
    """
    if table not in SCHEMAS:
        raise KeyError(f"{table!r} is no table of a release; they are {', '.join(SCHEMAS)}")
    for column in columns(table):
        if column.path == path:
            return column.definition
    raise KeyError(f"{table} has no column {path!r}")


def columns(table: str) -> Iterator[Column]:
    """Every column of a table and, after it, every field inside, in the order of the schema."""
    schema = SCHEMAS[table]
    yield from _walk("", [(field.name, field.type) for field in schema], OF_TABLE[table])


def struct_of(kind: pa.DataType) -> pa.StructType | None:
    """The struct that a column is, or a list of; None for numbers, texts and lists of them."""
    inner = kind.value_type if pa.types.is_list(kind) else kind
    return inner if pa.types.is_struct(inner) else None


def _walk(before: str, fields: list[tuple[str, pa.DataType]], meanings: Fields) -> Iterator[Column]:
    for name, kind in fields:
        yield Column(before + name, kind, meanings[name])
        struct = struct_of(kind)
        if struct is not None:
            inside = [(struct.field(i).name, struct.field(i).type) for i in range(struct.num_fields)]
            yield from _walk(f"{before}{name}.", inside, fields_of(struct))


def fields_of(struct: pa.StructType) -> Fields:
    """The meanings of a struct's fields. Raises KeyError for one that has none."""
    for known, fields in OF_STRUCT:
        if known.equals(struct):
            return fields
    raise KeyError(f"no definitions of {struct}")
