"""Every column has one definition, and what definitions say of lists and keys is true of a release."""

import re
from collections.abc import Iterator
from dataclasses import fields
from itertools import combinations
from typing import Any

import pyarrow as pa
import pytest
from tiny_release import TinyRelease

import medvision
from medvision.schemas.definitions.definition import EXACT, NUMBERS, Definition
from medvision.schemas.definitions.lookup import (
    OF_STRUCT,
    OF_TABLE,
    SCHEMAS,
    columns,
    definition,
    fields_of,
    struct_of,
)
from medvision.schemas.definitions.tables import MANIFEST_KEYS
from medvision.schemas.rules import Rules

UNITS = {
    *("", "pixels", "voxels", "mm", "mm²", "mm³", "degrees", "bytes"),
    *("`unit`", "`unit` of the measure", "metric_unit"),
}
SWITCHES = {field.name for field in fields(Rules)}
EVERY_TABLE = pytest.mark.parametrize("table", SCHEMAS)


def names_of(struct: pa.StructType) -> list[str]:
    return [struct.field(i).name for i in range(struct.num_fields)]


def leaves(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    """Paths by Arrow alone: what Parquet calls a.list.element.b is a.b here."""
    pending = [(field.name, field.type) for field in schema]
    while pending:
        path, kind = pending.pop(0)
        yield path, kind
        inner = kind.value_type if pa.types.is_list(kind) else kind
        if pa.types.is_struct(inner):
            pending += [(f"{path}.{inner.field(i).name}", inner.field(i).type) for i in range(inner.num_fields)]


@EVERY_TABLE
def test_each_column_has_a_definition_and_each_definition_a_column(table: str) -> None:
    assert set(OF_TABLE[table]) == set(SCHEMAS[table].names)
    found = {column.path: column.kind for column in columns(table)}
    assert found == dict(leaves(SCHEMAS[table]))


def test_each_struct_is_defined_once_and_whole() -> None:
    for struct, meanings in OF_STRUCT:
        assert list(meanings) == names_of(struct)
    for (one, _), (other, _) in combinations(OF_STRUCT, 2):
        assert not one.equals(other)
    used = {str(struct_of(kind)) for schema in SCHEMAS.values() for _, kind in leaves(schema)} - {"None"}
    assert used == {str(struct) for struct, _ in OF_STRUCT}


def test_a_struct_without_definitions_is_an_error() -> None:
    with pytest.raises(KeyError, match="no definitions of struct"):
        fields_of(pa.struct([("new_mm", pa.float64())]))


@EVERY_TABLE
def test_definitions_keep_their_form(table: str) -> None:
    for path, kind, meaning in columns(table):
        assert meaning.text, path
        assert re.search(r"[^.]$|\.\.\.$", meaning.text), path
        assert meaning.unit in UNITS, path
        assert set(filter(None, meaning.rules.split(", "))) <= SWITCHES | {EXACT}, path
        numeric = pa.types.is_list(kind) and not pa.types.is_struct(kind.value_type)
        assert not (meaning.axes and not (numeric or path == "image.bytes")), path


@EVERY_TABLE
def test_names_and_units_agree(table: str) -> None:
    """A name that carries its unit or axes has that unit, and those axes."""
    for path, kind, meaning in columns(table):
        name = path.rpartition(".")[2]
        if struct_of(kind) is not None:
            continue
        for suffix, unit in (("_mm2", "mm²"), ("_mm3", "mm³"), ("_mm", "mm"), ("_deg", "degrees"), ("_px", "pixels")):
            if name.endswith(suffix):
                assert meaning.unit == unit, path
        for suffix, axes in (("_rc", "r, c"), ("_xyz", "x, y, z"), ("_xyz_mm", "x, y, z"), ("affine_ras", "4 x 4")):
            if name.endswith(suffix):
                assert meaning.axes == axes, path


def test_a_path_finds_its_definition() -> None:
    assert definition("segments.boxes.min_rc") == Definition("pixels", "first row and column inside", "r, c")
    assert definition("lesions.lesions.volume_mm3", "volumes").unit == "mm³"
    assert definition("diameters.longest.length_mm", "LesionDiameter").unit == "mm"
    assert medvision.definition is definition


@pytest.mark.parametrize(("path", "table"), [("segments.boxes.left", "slices"), ("segments", "BoxSize"), ("a", "b")])
def test_an_unknown_path_is_an_error(path: str, table: str) -> None:
    with pytest.raises(KeyError, match=re.escape(repr(path) if table != "b" else repr(table))):
        definition(path, table)


def wrong_lengths(value: Any, kind: pa.DataType, path: str, table: str) -> Iterator[str]:
    """Paths below a value whose list does not hold as many numbers as its axes say."""
    if value is None:
        return
    struct = struct_of(kind)
    if struct is not None:
        for item in value if isinstance(value, list) else [value]:
            for i in range(struct.num_fields):
                field = struct.field(i)
                yield from wrong_lengths(item[field.name], field.type, f"{path}.{field.name}", table)
    elif pa.types.is_list(kind) and (axes := definition(path, table).axes) and len(value) not in (0, NUMBERS[axes]):
        yield path


@pytest.mark.slow
def test_lists_of_a_release_are_as_long_as_their_axes(tmp_path_factory: pytest.TempPathFactory) -> None:
    from miniature import write_miniature

    root = tmp_path_factory.mktemp("definitions")
    write_miniature(root / "raw", ["FeTA24", "KiTS23"], cases=1)
    release = medvision.build("all", raw=str(root / "raw"), out=str(root / "out"), rules="exact", images="none")
    tables = {"KiTS23_annotations": "slices", "FeTA24_annotations": "slices", "KiTS23_volumes": "volumes"}
    kinds = {name: kind for name in release.configs() for kind in SCHEMAS if f"_{kind}_Task" in name}
    seen: set[str] = set()
    for config, table in {**tables, **kinds}.items():
        rows = release.table(config)
        seen.add(table)
        for name in rows.column_names:
            for value in rows[name].to_pylist():
                assert list(wrong_lengths(value, rows.schema.field(name).type, name, table)) == []
    assert {"slices", "volumes", "BoxSize", "MaskSize", "TumorLesionSize", "LesionDiameter"} <= seen
    assert set(manifest_keys(release.manifest, "")) == set(MANIFEST_KEYS)


def manifest_keys(value: Any, path: str) -> Iterator[str]:
    """Keys of the manifest as definitions spell them: names of datasets, tables, kinds and reasons left out."""
    for key, inner in value.items():
        named = path in ("datasets", "tables", "documents")
        place = ".".join(filter(None, [path, "*" if named else key]))
        if not named:
            yield place
        if isinstance(inner, dict) and place not in ("switches.rules", "datasets.*.pairs", "datasets.*.dead_letters"):
            yield from manifest_keys(inner, place)


def test_a_release_written_by_hand_reads_by_the_definitions(tmp_path: Any) -> None:
    release = medvision.open_release(str(TinyRelease.correct().write(tmp_path)))
    (dataset,) = release.manifest["datasets"]
    names = release.table(f"{dataset}_annotations").column_names
    assert ["image", *names] == list(OF_TABLE["slices"])
