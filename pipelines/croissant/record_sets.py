"""Record sets: slices of each dataset, its pairs by kind, and the tables of files and of sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from medvision.pipelines.card.configs import Config
from medvision.pipelines.croissant.distribution import file_set
from medvision.schemas.record import FILE_SCHEMA, FILES_TABLE, SOURCE_SCHEMA, SOURCES_TABLE

SLICES = {"slices": "data", "annotations": "annotations"}
"""Family of configs to the folder of its files; the first that a dataset has is its record set."""
KEYS = {"slices": "slice_id", "annotations": "slice_id", "pairs": "pair_id", FILES_TABLE: "path"}

Resources = tuple[list[dict[str, Any]], list[dict[str, Any]]]
"""FileSets, record sets."""


def record_sets(configs: Sequence[Config]) -> Resources:
    """What the configs of a release can be read by. Columns that nest structs are left to readers of Parquet."""
    sets, records = [], []
    for name, family, schema, pattern, about in _readable(configs):
        sets.append(file_set(f"{name}-files", pattern, f"Files of {name}."))
        records.append(_record_set(name, about, schema, {"fileSet": {"@id": f"{name}-files"}}, KEYS[family]))
    for path, schema, about in (
        (FILES_TABLE, FILE_SCHEMA, "A row a published file, with its sha256."),
        (SOURCES_TABLE, SOURCE_SCHEMA, "A row a raw file that was read, with its sha256."),
    ):
        key = KEYS.get(path, "")
        records.append(_record_set(path.removesuffix(".parquet"), about, schema, {"fileObject": {"@id": path}}, key))
    return sets, records


def _readable(configs: Sequence[Config]) -> Iterator[tuple[str, str, pa.Schema, str, str]]:
    """Name, family, schema, pattern and description of each record set of slices and of pairs."""
    done: set[str] = set()
    for family, folder in SLICES.items():
        for config in configs:
            if config.family == family and config.dataset not in done:
                done.add(config.dataset)
                about = f"Slices of {config.dataset}: a row each{', with its image' * (family == 'slices')}."
                yield config.dataset, family, config.schema, f"{folder}/{config.dataset}/*.parquet", about
    for config in configs:
        name = f"{config.dataset}_{config.kind}"
        if config.family == "pairs" and name not in done:
            done.add(name)
            about = f"Image-annotation pairs of {config.dataset} on {config.kind}, of all tasks, planes and splits."
            yield name, "pairs", config.schema, f"pairs/{name}_Task*/*.parquet", about


def _record_set(name: str, about: str, schema: pa.Schema, source: dict[str, Any], key: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": about,
        **({"key": {"@id": f"{name}/{key}"}} if key else {}),
        "field": list(_fields(name, schema, source)),
    }


def _fields(name: str, schema: pa.Schema, source: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for column in schema:
        found = {"@type": "cr:Field", "@id": f"{name}/{column.name}", "name": column.name}
        extract = {**source, "extract": {"column": column.name}}
        if pa.types.is_struct(column.type):
            yield from _children(found, column.type, extract)
        elif pa.types.is_list(column.type) and not pa.types.is_nested(column.type.value_type):
            yield {**found, "dataType": _data_type(column.type.value_type), "repeated": True, "source": extract}
        elif not pa.types.is_nested(column.type):
            yield {**found, "dataType": _data_type(column.type), "source": extract}


def _children(found: dict[str, Any], kind: pa.StructType, extract: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The picture of an image column; of another struct each of its fields, as `column.field`."""
    names = [kind.field(i).name for i in range(kind.num_fields)]
    if set(names) == {"bytes", "path"}:
        yield {**found, "dataType": "sc:ImageObject", "source": {**extract, "transform": {"jsonPath": "bytes"}}}
        return
    for child in (kind.field(name) for name in names):
        own = {"@id": f"{found['@id']}.{child.name}", "name": f"{found['name']}.{child.name}"}
        path = {**extract, "transform": {"jsonPath": child.name}}
        yield {**found, **own, "dataType": _data_type(child.type), "source": path}


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"
