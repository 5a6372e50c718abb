"""A release read by the libraries of its users, offline: the newest datasets, webdataset, DuckDB."""

import json
from pathlib import Path

import cv2
import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
import webdataset
import yaml
from miniature import write_miniature

from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions

PAIRS = "KiTS23_BoxSize_Task01_Axial_Train"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """The library `datasets`, offline, with a cache of its own."""
    import datasets

    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return datasets


def rows_of(out: Path, pattern: str) -> list[dict]:
    return [row for path in sorted(out.glob(pattern)) for row in pq.read_table(path).to_pylist()]


def decoded(png: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


def assert_slice(row: dict, expected: dict) -> None:
    """A row from a loader is the published row, its image the same array."""
    pixels = np.asarray(row["image"])
    assert pixels.shape == (row["height"], row["width"])
    np.testing.assert_array_equal(pixels, decoded(expected["image"]["bytes"]))
    names = ("slice_id", "segments", "lesions", "affine_ras", "pixel_spacing_mm", "flags", "intensity_scale")
    assert {name: row[name] for name in names} == {name: expected[name] for name in names}


def test_datasets_loads_slices_with_their_images(built, hub):
    loaded = hub.load_dataset(str(built.out), "KiTS23")
    assert {split: len(table) for split, table in loaded.items()} == {
        split: len(rows_of(built.out, f"data/KiTS23/{split}-*.parquet")) for split in loaded
    }
    expected = {row["slice_id"]: row for row in rows_of(built.out, "data/KiTS23/*.parquet")}
    seen = 0
    for table in loaded.values():
        assert table.features["image"] == hub.Image()
        for row in table:
            assert_slice(row, expected[row["slice_id"]])
            seen += 1
    assert seen == len(expected) > 30


def test_datasets_streams_slices(built, hub):
    expected = {row["slice_id"]: row for row in rows_of(built.out, "data/ACDC/*.parquet")}
    loaded = hub.load_dataset(str(built.out), "ACDC", streaming=True)
    rows = [row for split in loaded.values() for row in split]
    assert sorted(row["slice_id"] for row in rows) == sorted(expected)
    for row in rows:
        assert_slice(row, expected[row["slice_id"]])


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    "config", [PAIRS, "KiTS23_MaskSize_Task01_Axial_Train", "KiTS23_TumorLesionSize_Task01_Axial_Train"]
)
def test_datasets_loads_pairs(built, hub, config, streaming):
    loaded = hub.load_dataset(str(built.out), config, split="train", streaming=streaming)
    expected = rows_of(built.out, f"pairs/{config}/train-*.parquet")
    assert list(loaded) == expected
    assert len(expected) > 5


def test_datasets_loads_annotations_without_images(built, hub):
    loaded = hub.load_dataset(str(built.out), "ACDC_annotations")
    assert all("image" not in table.column_names for table in loaded.values())
    ids = [slice_id for table in loaded.values() for slice_id in table["slice_id"]]
    assert sorted(ids) == sorted(row["slice_id"] for row in rows_of(built.out, "annotations/ACDC/*.parquet"))


def test_datasets_loads_a_single_file_by_its_footer(built, hub):
    path = next((built.out / "data/ACDC").glob("*.parquet"))
    loaded = hub.load_dataset("parquet", data_files=str(path), split="train")
    assert loaded.features["image"] == hub.Image()
    assert_slice(loaded[0], pq.read_table(path).slice(0, 1).to_pylist()[0])


def test_a_pair_leads_to_its_slice_by_file_and_row(built):
    for pair in rows_of(built.out, "pairs/*/*.parquet"):
        row = pq.read_table(built.out / pair["slice_file"]).slice(pair["slice_row"], 1).to_pylist()[0]
        assert row["slice_id"] == pair["slice_id"]
        assert pair["label"] in {segment["label"] for segment in row["segments"]}


def test_webdataset_reads_every_slice_of_the_table(built):
    tars = sorted(str(path) for path in built.out.glob("webdataset/*/*.tar"))
    expected = {row["slice_id"]: row for row in rows_of(built.out, "data/*/*.parquet")}
    samples = list(webdataset.WebDataset(tars, shardshuffle=False))
    assert sorted(sample["__key__"] for sample in samples) == sorted(expected)
    for sample in samples:
        row = dict(expected[sample["__key__"]])
        assert sample["png"] == row.pop("image")["bytes"]
        assert json.loads(sample["json"]) == row


def test_duckdb_joins_pairs_to_slices_and_unnests_boxes(built):
    joined = duckdb.sql(
        f"""
        select p.pair_id, p.slice_id, s.modality, octet_length(s.image.bytes) as size
        from '{built.out}/pairs/{PAIRS}/*.parquet' p
        join '{built.out}/data/KiTS23/*.parquet' s using (slice_id)
        order by p.pair_id
        """
    ).fetchall()
    pairs = rows_of(built.out, f"pairs/{PAIRS}/*.parquet")
    images = {row["slice_id"]: len(row["image"]["bytes"]) for row in rows_of(built.out, "data/KiTS23/*.parquet")}
    expected = [(pair["pair_id"], pair["slice_id"], "CT", images[pair["slice_id"]]) for pair in pairs]
    assert joined == sorted(expected)
    assert joined
    annotations = f"'{built.out}/annotations/KiTS23/*.parquet'"
    widest = duckdb.sql(
        f"""
        select max(box.size_mm[2]), count(*) from
        (select unnest(segment.boxes) as box from (select unnest(segments) as segment from {annotations}))
        """
    ).fetchall()
    boxes = [
        box
        for row in rows_of(built.out, "annotations/KiTS23/*.parquet")
        for segment in row["segments"]
        for box in segment["boxes"]
    ]
    assert widest == [(max(box["size_mm"][1] for box in boxes), len(boxes))]


def test_png8_and_no_images_load_too(raw, hub, tmp_path):
    base = BuildOptions(str(raw), "", ("ACDC",), planes=("axial",), formats=("parquet",), limit=1)
    for images in ("png8", "none"):
        out = tmp_path / images
        run_build(BuildOptions(**{**base.__dict__, "out": str(out), "images": images}))
        name = "ACDC" if images == "png8" else "ACDC_annotations"
        row = next(iter(hub.load_dataset(str(out), name).values()))[0]
        if images == "png8":
            assert np.asarray(row["image"]).dtype == np.uint8
            assert np.asarray(row["image"]).shape == (row["height"], row["width"])
        else:
            assert not (out / "data").exists()
            assert row["segments"]


def test_a_dataset_of_two_sides_has_both_splits(hub, tmp_path):
    """Twelve patients fall on both sides of the patient-level split."""
    write_miniature(tmp_path / "raw", ["ACDC"], cases=12)
    out = tmp_path / "out"
    run_build(BuildOptions(str(tmp_path / "raw"), str(out), ("ACDC",), planes=("axial",), formats=("parquet",)))
    loaded = hub.load_dataset(str(out), "ACDC")
    assert list(loaded) == ["train", "test"]
    patients = {side: set(table["patient"]) for side, table in loaded.items()}
    assert patients["train"].isdisjoint(patients["test"])
    assert len(patients["train"] | patients["test"]) == 12


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_loads_one_plane(hub, tmp_path_factory, two_planes, streaming):
    for plane in ("coronal", "axial"):
        loaded = hub.load_dataset(str(two_planes), f"ACDC_{plane}", split="train", streaming=streaming)
        expected = [row for row in rows_of(two_planes, "data/ACDC/train-*.parquet") if row["plane"] == plane]
        found = list(loaded)
        assert [row["slice_id"] for row in found] == [row["slice_id"] for row in expected]
        assert_slice(found[0], expected[0])
        assert len(expected) > 5


@pytest.fixture(scope="module")
def two_planes(raw, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("planes") / "out"
    planes = ("coronal", "axial")
    run_build(BuildOptions(str(raw), str(out), ("ACDC",), planes=planes, formats=("parquet", "webdataset"), limit=2))
    return out


def test_datasets_loads_every_config_of_the_card(built, hub):
    front = yaml.safe_load((built.out / "README.md").read_text().split("---\n", 2)[1])
    assert len(front["configs"]) > 12
    for config in front["configs"]:
        loaded = hub.load_dataset(str(built.out), config["config_name"])
        assert {split["split"] for split in config["data_files"]} == set(loaded), config["config_name"]
        for split in config["data_files"]:
            rows = rows_of(built.out, split["path"])
            assert len(loaded[split["split"]]) == len(rows) > 0


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_reads_the_tars(two_planes, hub, streaming):
    tars = sorted(str(path) for path in two_planes.glob("webdataset/ACDC/train-*.tar"))
    loaded = hub.load_dataset("webdataset", data_files={"train": tars}, split="train", streaming=streaming)
    expected = {row["slice_id"]: row for row in rows_of(two_planes, "data/ACDC/train-*.parquet")}
    seen = 0
    for sample in loaded:
        row = expected[sample["__key__"]]
        assert sample["json"]["segments"][0]["pixel_count"] == row["segments"][0]["pixel_count"]
        np.testing.assert_array_equal(np.asarray(sample["png"]), decoded(row["image"]["bytes"]))
        seen += 1
    assert seen == len(expected)


def test_keys_of_samples_hold_no_dot_and_are_short(built):
    keys = [row["slice_id"] for row in rows_of(built.out, "annotations/*/*.parquet")]
    assert all("." not in key and len(key) <= 128 for key in keys)
    assert len(keys) == len(set(keys))


def test_footers_name_no_type_that_older_versions_lack(built):
    for path in built.out.rglob("*.parquet"):
        found = pq.read_schema(path).metadata[b"huggingface"].decode()
        assert '"List"' not in found
        assert '"LargeList"' not in found
        assert '"Sequence"' in found or path.name in ("files.parquet", "sources.parquet") or "dead" in str(path)


def test_the_documented_line_gives_the_intensities_of_the_raw_file_back(raw, built, hub):
    """The line of the card, against the volume as nibabel reads it."""
    import nibabel

    (line,) = [line for line in (built.out / "README.md").read_text().splitlines() if line.startswith("values = ")]
    row = hub.load_dataset(str(built.out), "KiTS23", split="test")[3]
    values = eval(line.removeprefix("values = "), {"numpy": np, "row": row})
    image = nibabel.as_closest_canonical(nibabel.load(raw / "KiTS23" / row["source_path"]))
    expected = image.get_fdata()[:, :, row["slice_idx"]]
    np.testing.assert_array_equal(values, expected)
    assert expected.min() < -100, "an offset that matters"
