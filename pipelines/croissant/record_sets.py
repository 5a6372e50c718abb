"""Record sets: slices of each dataset, its pairs by kind, and the tables of files and of sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from medvision.pipelines.card.configs import Config
from medvision.pipelines.croissant.distribution import file_set
from medvision.schemas.definitions.definition import Definition
from medvision.schemas.definitions.lookup import SLICES, definition
from medvision.schemas.record import FILE_SCHEMA, FILES_TABLE, SOURCE_SCHEMA, SOURCES_TABLE

FOLDERS = {"slices": "data", "annotations": "annotations"}
"""Family of configs to the folder of its files; the first that a dataset has is its record set."""
Resources = tuple[list[dict[str, Any]], list[dict[str, Any]]]
"""FileSets, record sets."""


class Readable(NamedTuple):
    """What a record set is of: `table` is its key in the definitions, `key` the column that names a row, or ""."""

    name: str
    table: str
    schema: pa.Schema
    key: str
    about: str


def record_sets(configs: Sequence[Config]) -> Resources:
    """What the configs of a release can be read by. Columns that nest structs are left to readers of Parquet."""
    sets, records = [], []
    for readable, pattern in _readable(configs):
        files = f"{readable.name}-files"
        sets.append(file_set(files, pattern, f"Files of {readable.name}."))
        records.append(_record_set(readable, {"fileSet": {"@id": files}}))
    for path, schema, key, about in (
        (FILES_TABLE, FILE_SCHEMA, "path", "A row a published file, with its sha256."),
        (SOURCES_TABLE, SOURCE_SCHEMA, "", "A row a raw file that was read, with its sha256."),
    ):
        name = path.removesuffix(".parquet")
        records.append(_record_set(Readable(name, name, schema, key, about), {"fileObject": {"@id": path}}))
    return sets, records


def _readable(configs: Sequence[Config]) -> Iterator[tuple[Readable, str]]:
    """Each record set of slices and of pairs, and the pattern of its files."""
    done: set[str] = set()
    for family, folder in FOLDERS.items():
        for config in configs:
            if config.family == family and config.dataset not in done:
                done.add(config.dataset)
                about = f"Slices of {config.dataset}: a row each{', with its image' * (family == 'slices')}."
                readable = Readable(config.dataset, SLICES, config.schema, "slice_id", about)
                yield readable, f"{folder}/{config.dataset}/*.parquet"
    for config in configs:
        name = f"{config.dataset}_{config.kind}"
        if config.family == "pairs" and name not in done:
            done.add(name)
            about = f"Image-annotation pairs of {config.dataset} on {config.kind}, of all tasks, planes and splits."
            yield Readable(name, config.kind, config.schema, "pair_id", about), f"pairs/{name}_Task*/*.parquet"


def _record_set(readable: Readable, source: dict[str, Any]) -> dict[str, Any]:
    name, table, schema, key, about = readable
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": about,
        **({"key": {"@id": f"{name}/{key}"}} if key else {}),
        "field": list(_fields(name, table, schema, source)),
    }


def _fields(name: str, table: str, schema: pa.Schema, source: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for column in schema:
        found = _field(name, table, column.name)
        extract = {**source, "extract": {"column": column.name}}
        if pa.types.is_struct(column.type):
            yield from _children(name, table, column, extract)
        elif pa.types.is_list(column.type) and not pa.types.is_nested(column.type.value_type):
            yield {**found, "dataType": _data_type(column.type.value_type), "repeated": True, "source": extract}
        elif not pa.types.is_nested(column.type):
            yield {**found, "dataType": _data_type(column.type), "source": extract}


def _children(name: str, table: str, column: pa.Field, extract: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The picture of an image column; of another struct each of its fields, as `column.field`."""
    children = [column.type.field(i) for i in range(column.type.num_fields)]
    if {child.name for child in children} == {"bytes", "path"}:
        source = {**extract, "transform": {"jsonPath": "bytes"}}
        yield {**_field(name, table, column.name), "dataType": "sc:ImageObject", "source": source}
        return
    for child in children:
        source = {**extract, "transform": {"jsonPath": child.name}}
        found = _field(name, table, f"{column.name}.{child.name}")
        yield {**found, "dataType": _data_type(child.type), "source": source}


def _field(name: str, table: str, path: str) -> dict[str, Any]:
    about = _plain(definition(path, table))
    return {"@type": "cr:Field", "@id": f"{name}/{path}", "name": path, "description": about}


def _plain(meaning: Definition) -> str:
    """The definition as sentences without Markdown: what it is, its unit, its axes."""
    said = [
        meaning.text,
        *(f"{word}: {value}" for word, value in (("Unit", meaning.unit), ("Axes", meaning.axes)) if value),
    ]
    text = " ".join(f"{part[:1].upper()}{part[1:]}." for part in said)
    return text.replace("....", "...").replace("`", "")


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"
