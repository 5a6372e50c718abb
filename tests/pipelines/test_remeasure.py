"""Rows of a build, measured again by other rules, are the rows of a build by those rules."""

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medvision.schemas.rules import RULES
from medvision.sources.registry import DATASETS
from medvision.transforms.remeasure.spacing import Voxels
from medvision.transforms.remeasure.table import needs_volumes, remeasure

MEASURED = ("pixel_spacing_mm", "mask_pixel_spacing_mm", "spacing_xyz_mm", "segments", "lesions", "biometrics")
NUMBERED = ("1.0.0", "1.1.0", "1.1.1", "1.4.0")


def rows_of(release: Path, dataset: str) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in sorted(release.glob(f"annotations/{dataset}/*.parquet")))


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return all(alike(one[name], other[name]) for name in other) and one.keys() == other.keys()
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return math.isclose(one, other, rel_tol=1e-9) if isinstance(one, float) else bool(one == other)


def compare(made: pa.Table, expected: pa.Table, also: set[str] | None = None) -> None:
    """Equal rows, but for `also`: slices that the rows measured cannot hold."""
    one = {row["slice_id"]: row for row in made.to_pylist()}
    other = {row["slice_id"]: row for row in expected.to_pylist()}
    assert other.keys() - one.keys() == (also or set())
    assert one.keys() <= other.keys()
    for slice_id, row in one.items():
        for name in MEASURED:
            assert alike(row[name], other[slice_id][name]), (slice_id, name)


@pytest.mark.parametrize(("built", "dataset"), [(rules, "KiTS23") for rules in NUMBERED] + [("1.4.0", "FeTA24")])
def test_numbered_rules_of_any_build(version, built, dataset):
    rows = rows_of(version(built), dataset)
    for asked in NUMBERED:
        compare(remeasure(rows, RULES[built], RULES[asked], DATASETS[dataset]), rows_of(version(asked), dataset))


@pytest.mark.parametrize("dataset", ["KiTS23", "CAMUS", "FeTA24"])
def test_exact_from_a_numbered_build(version, dataset):
    expected = rows_of(version("exact"), dataset)
    dropped = {f"{name}/{case}" for task in DATASETS[dataset].landmark_tasks for case in task.excluded_upstream
               for name in (task.group,)}  # fmt: skip
    lost = {row["slice_id"] for row in expected.to_pylist() if row["case_id"] in dropped and row["landmark_path"]}
    made = remeasure(rows_of(version("1.4.0"), dataset), RULES["1.4.0"], RULES["exact"], DATASETS[dataset])
    compare(made, expected, also=lost)
    assert bool(lost) == (dataset == "FeTA24")


def test_back_to_the_header_takes_volumes(version):
    rows, expected = rows_of(version("exact"), "KiTS23"), rows_of(version("1.4.0"), "KiTS23")
    asked = (rows, RULES["exact"], RULES["1.4.0"], DATASETS["KiTS23"])
    assert needs_volumes(RULES["exact"], RULES["1.4.0"]) == ["spacing_source"]
    with pytest.raises(KeyError):
        remeasure(*asked)
    volumes = {}
    for row in expected.to_pylist():
        key = (row["case_id"], row["task"], row["mask_path"], row["landmark_path"])
        volumes[key] = Voxels(tuple(row["spacing_xyz_mm"]), tuple(row["spacing_xyz_mm"]))
    compare(remeasure(*asked, volumes), expected)


def test_sections_that_are_not_asked_stay(version):
    rows = rows_of(version("1.0.0"), "KiTS23")
    made = remeasure(rows, RULES["1.0.0"], RULES["1.4.0"], DATASETS["KiTS23"], sections=("segments",))
    assert made["lesions"].to_pylist() == rows["lesions"].to_pylist()
