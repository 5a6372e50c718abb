"""One release, every reader of it, and each finds the same slices, boxes and lesions in it; none changes a byte."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import duckdb
import highdicom
import mlcroissant
import pandas
import polars
import pyarrow.parquet as pq
import pytest
import webdataset
from miniature import write_miniature
from own_series import NAME, table, write_series
from pycocotools.coco import COCO
from reader_places import read_with, upstream_package

from medvision.pipelines.export.job import FormOptions
from medvision.pipelines.export.run import export_release
from medvision.pipelines.export.select import Selection
from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions
from medvision.schemas.plans import AXES
from medvision.sources.registry import DATASETS

NAMES = (NAME, "KiTS23")
Found = dict[str, Any]


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("raw")
    write_series(root)
    write_miniature(root, ["KiTS23"], cases=2)
    return root


@pytest.fixture(scope="module")
def release(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """DICOM series and NIfTI volumes in two planes, in every format; the same bytes after all were here."""
    out = tmp_path_factory.mktemp("matrix") / "release"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATASETS, NAME, table())
        options = BuildOptions(str(raw), str(out), NAMES, planes=("sagittal", "axial"))
        run_build(BuildOptions(**{**options.__dict__, "formats": ("parquet", "webdataset", "plans")}))
    before = hashes(out)
    yield out
    assert hashes(out) == before


@pytest.fixture(scope="module")
def expected(release: Path) -> Found:
    """Counted from the tables, row by row."""
    paths = sorted(release.glob("annotations/*/*.parquet"))
    rows = [row for path in paths for row in pq.read_table(path).to_pylist()]
    boxes = [box for row in rows for segment in row["segments"] for box in segment["boxes"]]
    lesions = [ellipse for row in rows for lesion in row["lesions"] for ellipse in lesion["ellipses"]]
    assert len(rows) > 50
    assert len(boxes) > len(lesions) > 20
    return {
        "slices": sorted(row["slice_id"] for row in rows),
        "boxes": len(boxes),
        "box_px": sum(box["pixel_count"] for box in boxes),
        "lesions": len(lesions),
    }


def counted(rows: list[Found]) -> Found:
    boxes = [box for row in rows for segment in row["segments"] for box in segment["boxes"]]
    return {
        "slices": sorted(row["slice_id"] for row in rows),
        "boxes": len(boxes),
        "box_px": sum(int(box["pixel_count"]) for box in boxes),
        "lesions": sum(len(lesion["ellipses"]) for row in rows for lesion in row["lesions"]),
    }


def by_datasets(release: Path, home: Path) -> Found:
    loaded = [datasets.load_dataset(str(release), name, cache_dir=str(home)) for name in NAMES]
    rows = [row for tables in loaded for split in tables.values() for row in split]
    assert all(row["image"].size == (row["width"], row["height"]) for row in rows)
    return counted(rows)


def by_webdataset(release: Path, home: Path) -> Found:
    tars = sorted(map(str, release.glob("webdataset/*/*.tar")))
    return counted([sample["json"] for sample in webdataset.WebDataset(tars, shardshuffle=False).decode("l")])


def by_croissant(release: Path, home: Path) -> Found:
    document = mlcroissant.Dataset(release / "croissant.json")
    records = [(name, record) for name in NAMES for record in document.records(name)]
    return {"slices": sorted(record[f"{name}/slice_id"].decode() for name, record in records)}


def by_duckdb(release: Path, home: Path) -> Found:
    files = f"FROM '{release}/annotations/*/*.parquet'"
    ids = [row[0] for row in duckdb.sql(f"SELECT slice_id {files} ORDER BY 1").fetchall()]
    segments = f"(SELECT unnest(segments) AS segment {files})"
    boxes = f"(SELECT unnest(segment.boxes) AS box FROM {segments})"
    ((count, pixels),) = duckdb.sql(f"SELECT count(*), sum(box.pixel_count) FROM {boxes}").fetchall()
    lesions = f"(SELECT unnest(lesions) AS lesion {files})"
    ((ellipses,),) = duckdb.sql(f"SELECT sum(len(lesion.ellipses)) FROM {lesions}").fetchall()
    return {"slices": ids, "boxes": count, "box_px": pixels, "lesions": ellipses}


def by_polars(release: Path, home: Path) -> Found:
    return counted(polars.read_parquet(f"{release}/data/*/*.parquet").to_dicts())


def by_pandas(release: Path, home: Path) -> Found:
    paths = sorted(release.glob("data/*/*.parquet"))
    frame = pandas.concat([pandas.read_parquet(path, partitioning=None) for path in paths])
    return counted(frame.to_dict("records"))


def by_pycocotools(release: Path, home: Path) -> Found:
    export_release(str(release), "coco", str(home / "coco"))
    found: Found = {"slices": [], "boxes": 0}
    for path in sorted((home / "coco").rglob("*.json")):
        if "annotations" in json.loads(path.read_text()):
            coco = COCO(str(path))
            found["slices"] += [Path(image["file_name"]).stem for image in coco.imgs.values()]
            found["boxes"] += len(coco.anns)
    return {**found, "slices": sorted(found["slices"])}


QUICK: dict[str, Callable[[Path, Path], Found]] = {
    "datasets": by_datasets,
    "webdataset": by_webdataset,
    "mlcroissant": by_croissant,
    "DuckDB": by_duckdb,
    "Polars": by_polars,
    "pandas": by_pandas,
    "pycocotools": by_pycocotools,
}


@pytest.mark.parametrize("name", QUICK)
def test_reader(name: str, release: Path, expected: Found, tmp_path: Path) -> None:
    found = QUICK[name](release, tmp_path)
    assert found == {fact: expected[fact] for fact in found}


def test_medvision_bm(release: Path) -> None:
    """Upstream's reader of plans finds as many masks and lesions as the pairs have."""
    with upstream_package():
        from medvision_bm.utils import plan_utils

        for plan, kind in (("segmentation", "MaskSize"), ("biometry", "TumorLesionSize")):
            loaded = [plan_utils.load_benchmark_plan(str(release / "plans/Datasets" / name), plan) for name in NAMES]
            cases = [
                case for plans in loaded for task in plans["tasks"] for case in plan_utils.split_cases(task, "all")
            ]
            entries = [entry for case in cases for axis in AXES for entry in plan_utils.slice_entries(case, axis)]
            found = sum(1 if plan == "biometry" else len(entry["slice_profile"]) for entry in entries)
            pairs = sorted(release.glob(f"pairs/*_{kind}_*/*.parquet"))
            assert found == sum(pq.read_metadata(path).num_rows for path in pairs) > 20


def test_highdicom(release: Path, raw: Path, tmp_path: Path) -> None:
    """A report a case, of slices that the series has images of."""
    options = FormOptions(raw=str(raw))
    export_release(str(release), "dicom-sr", str(tmp_path / "sr"), Selection(datasets=(NAME,)), options)
    reports = [highdicom.sr.srread(path) for path in sorted((tmp_path / "sr").rglob("*.dcm"))]
    groups = [group for report in reports for group in report.content.get_image_measurement_groups()]
    cases = {
        row for path in release.glob(f"annotations/{NAME}/*") for row in pq.read_table(path)["case_id"].to_pylist()
    }
    assert len(reports) == len(cases) == 3
    assert len(groups) > 6
    assert all(group.get_measurements() for group in groups)


@pytest.mark.heavy
def test_datasets_of_old(release: Path, expected: Found, tmp_path: Path) -> None:
    found = read_with("datasets-3.6.0", "card_by_datasets.py", release, tmp_path, alone=True)
    rows = [split["rows"] for name in NAMES for split in found["configs"][name].values()]
    assert sum(rows) == len(expected["slices"])
