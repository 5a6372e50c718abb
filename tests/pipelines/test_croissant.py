"""croissant.json read by the reference library, offline: valid, every hash true, record sets that iterate."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import mlcroissant
import numpy as np
import pyarrow.parquet as pq
import pytest
from mlcroissant._src.core.issues import GenerationError

from medvision.pipelines.croissant.distribution import file_objects
from medvision.schemas.record import PublishedFile

WARNED = 'Property "https://schema.org/datePublished" is recommended'
"""The only warning: a date would make two builds of the same data differ."""


@pytest.fixture(scope="module")
def document(built: Any) -> dict[str, Any]:
    return dict(json.loads((built.out / "croissant.json").read_text()))


@pytest.fixture(scope="module")
def dataset(built: Any) -> mlcroissant.Dataset:
    return mlcroissant.Dataset(built.out / "croissant.json")


def values(record: dict[str, Any]) -> dict[str, Any]:
    """A record by column, its bytes as text."""
    decoded = {key: value.decode() if isinstance(value, bytes) else value for key, value in record.items()}
    return {key.split("/", 1)[1]: value for key, value in decoded.items()}


def test_it_is_valid(dataset: mlcroissant.Dataset) -> None:
    assert dataset.metadata.issues.errors == set()
    (warning,) = dataset.metadata.issues.warnings
    assert WARNED in warning


def test_every_file_of_the_release_stands_in_it_with_its_hash(built: Any, document: dict[str, Any]) -> None:
    objects = {item["contentUrl"]: item for item in document["distribution"] if item["@type"] == "cr:FileObject"}
    files = [path for path in built.out.rglob("*") if path.is_file() and ".shards" not in path.parts]
    expected = {path.relative_to(built.out).as_posix(): path for path in files}
    assert set(objects) == set(expected) - {"manifest.json", "croissant.json"}
    for name, path in expected.items():
        if name in objects:
            assert objects[name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
            assert objects[name]["contentSize"] == f"{path.stat().st_size} B"


def test_slices_iterate_with_their_images(built: Any, dataset: mlcroissant.Dataset) -> None:
    rows = {r["slice_id"]: r for p in built.out.glob("data/KiTS23/*") for r in pq.read_table(p).to_pylist()}
    seen = 0
    for record in map(values, dataset.records("KiTS23")):
        row = rows[record["slice_id"]]
        picture = np.asarray(record["image"])
        assert picture.shape == (row["height"], row["width"])
        assert picture.dtype == np.uint16
        assert record["pixel_spacing_mm"] == row["pixel_spacing_mm"]
        assert record["intensity_offset"] == row["intensity_offset"]
        seen += 1
    assert seen == len(rows) > 30


def test_pairs_iterate(built: Any, dataset: mlcroissant.Dataset) -> None:
    paths = sorted(built.out.glob("pairs/KiTS23_MaskSize_*/*.parquet"))
    rows = {row["pair_id"]: row["ROI_area"] for path in paths for row in pq.read_table(path).to_pylist()}
    assert {r["pair_id"]: r["ROI_area"] for r in map(values, dataset.records("KiTS23_MaskSize"))} == rows
    assert rows


def test_columns_of_structs_are_fields(tmp_path: Path) -> None:
    import pyarrow as pa

    from medvision.pipelines.croissant.record_sets import _fields
    from medvision.schemas.pairs import PAIR_SCHEMAS

    kind = "BiometricsFromLandmarks"
    fields = {f["name"]: f for f in _fields("x", kind, PAIR_SCHEMAS[kind], {"fileSet": {"@id": "f"}})}
    value = fields["biometric_profile.metric_value"]
    assert value["dataType"] == "sc:Float"
    assert value["source"]["transform"] == {"jsonPath": "metric_value"}
    assert value["description"].endswith(". Unit: metric_unit.")
    nested = PAIR_SCHEMAS["BoxSize"]
    assert "bounding_boxes" not in {f["name"] for f in _fields("x", "BoxSize", nested, {})}
    assert isinstance(nested.field("bounding_boxes").type, pa.ListType)


def test_fields_say_what_they_hold(built: Any, dataset: mlcroissant.Dataset) -> None:
    """As the output reference does: the unit and axes of a column stand in its field, without Markdown."""
    said = {field.id: field.description for records in dataset.metadata.record_sets for field in records.fields}
    assert said["KiTS23/pixel_spacing_mm"] == "Row step and column step of the image. Unit: mm. Axes: r, c."
    assert said["KiTS23/side"] == "Patient-level split: train or test."
    assert said["KiTS23_MaskSize/ROI_area"].endswith(" Unit: mm².")
    assert said["KiTS23/unit"] == "Of the intensities: HU, SUV, a.u., ..."
    assert said["files/bytes"] == "Its size. Unit: bytes."
    assert "KiTS23/image" in said
    assert {name for name, text in said.items() if not text or "`" in text} == set()


def test_a_tampered_table_is_refused_by_its_hash(built: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(built.out, out, ignore=shutil.ignore_patterns(".shards", "webdataset"))
    listed = [values(record)["path"] for record in mlcroissant.Dataset(out / "croissant.json").records("files")]
    assert listed == pq.read_table(out / "files.parquet")["path"].to_pylist()
    changed = bytearray((out / "files.parquet").read_bytes())
    changed[len(changed) // 2] ^= 1
    (out / "files.parquet").write_bytes(changed)
    with pytest.raises((GenerationError, ValueError), match=r"Hash of downloaded file|An error occurr?ed"):
        list(mlcroissant.Dataset(out / "croissant.json").records("files"))


def test_responsible_ai_fields_speak_of_this_release(document: dict[str, Any]) -> None:
    assert document["conformsTo"][1] == "http://mlcommons.org/croissant/RAI/1.0"
    said = {key: json.dumps(value) for key, value in document.items() if key.startswith("rai:")}
    assert len(said) >= 10
    assert "1.4.0" in said["rai:dataAnnotationProtocol"]
    assert "axial" in said["rai:dataPreprocessingProtocol"]
    assert "KiTS23" in said["rai:dataLimitations"]
    assert "de-identified" in said["rai:personalSensitiveInformation"]


def test_names_with_spaces_become_ids_that_the_library_takes() -> None:
    (item,) = file_objects([PublishedFile("plans/a b (1)/ü.json.gz", "plans", "X", 1, 0, "0" * 64)], {})
    assert item["@id"] == "plans/a%20b%20%281%29/%C3%BC.json.gz"
    assert item["contentUrl"] == "plans/a b (1)/ü.json.gz"
