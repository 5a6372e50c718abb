"""Upstream's own reader of plans, as published, reads ours and counts what our pairs count."""

import importlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from miniature import write_miniature
from reader_places import upstream_package

from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions
from medvision.schemas.pairs import LANDMARK_KINDS
from medvision.schemas.plans import AXES
from medvision.transforms.split import SIDES

pytestmark = pytest.mark.slow

CEPH = "Ceph-Biometrics-400"
DATASETS = ("BCV15", CEPH, "FeTA24", "KiTS23")
Row = dict[str, Any]


@pytest.fixture(scope="module")
def package() -> Iterator[None]:
    with upstream_package():
        yield


@pytest.fixture(scope="module")
def plan_utils(package: None) -> Any:
    return importlib.import_module("medvision_bm.utils.plan_utils")


@pytest.fixture(scope="module")
def summarize(package: None) -> Any:
    """Skips where it needs what is not installed."""
    try:
        return importlib.import_module("medvision_bm.utils.summarize_datasets")
    except ImportError as error:
        pytest.skip(f"the summary of medvision_bm cannot be imported: {error}")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("bm-release")
    write_miniature(home / "raw", DATASETS, cases=4)
    run_build(BuildOptions(str(home / "raw"), str(home / "out"), DATASETS, images="none"))
    return home / "out"


def plans(release: Path, dataset: str) -> str:
    return str(release / "plans/Datasets" / dataset)


def pairs(release: Path, dataset: str, kind: str) -> Iterator[tuple[tuple[int, str, str], Row]]:
    """Pairs with their task, plane and side."""
    for path in sorted((release / "pairs").glob(f"{dataset}_{kind}*_Task*/*.parquet")):
        found = re.fullmatch(r".+_Task(\d+)_(\w+)_(\w+)", path.parent.name)
        assert found is not None
        for row in pq.read_table(path).to_pylist():
            yield (int(found[1]), found[2], found[3].lower()), row


def test_the_newest_plan_up_to_a_version_is_found(plan_utils: Any, release: Path) -> None:
    kits = plans(release, "KiTS23")
    for kind, version in (("detection", "1.0.0"), ("segmentation", "1.0.0"), ("biometry", "1.4.0")):
        path = f"{kits}/benchmark_plan_{kind}_v{version}.json.gz"
        assert plan_utils.resolve_plan_path(kits, kind) == path
        assert plan_utils.resolve_plan_path(kits, kind, "1.4.0") == path
        assert plan_utils.plan_version_of(path) == tuple(map(int, version.split(".")))
    assert plan_utils.resolve_plan_path(kits, "biometry", "1.3.0") is None
    assert plan_utils.resolve_plan_path(plans(release, CEPH), "detection") is None
    for name in (CEPH, "FeTA24"):
        assert plan_utils.resolve_plan_path(plans(release, name), "biometry", "1.0.0").endswith(
            "biometry_v1.0.0.json.gz"
        )


@pytest.mark.parametrize(
    ("dataset", "plan", "kind"),
    [
        ("BCV15", "detection", "BoxSize"),
        ("BCV15", "segmentation", "MaskSize"),
        ("FeTA24", "detection", "BoxSize"),
        ("KiTS23", "segmentation", "MaskSize"),
        ("KiTS23", "biometry", "TumorLesionSize"),
        ("FeTA24", "biometry", "BiometricsFromLandmarks"),
        (CEPH, "biometry", "BiometricsFromLandmarks"),
    ],
)
def test_cases_slices_and_sizes_are_those_of_the_pairs(
    plan_utils: Any, release: Path, dataset: str, plan: str, kind: str
) -> None:
    loaded = plan_utils.load_benchmark_plan(plans(release, dataset), plan)
    found: Counter[tuple[Any, ...]] = Counter()
    for task in loaded["tasks"]:
        for side in SIDES:
            cases = plan_utils.split_cases(task, side)
            assert len(cases) == task[f"{side}_cases_number"]
            for case in cases:
                assert Path(case["image_file"]).parent.as_posix() == task["image_folder"]
                for axis in AXES:
                    plane = plan_utils.AXIS_TO_PLANE[axis]
                    size = plan_utils.slice_2d_size(case["image_file_info"]["array_size"], axis)
                    for entry in plan_utils.slice_entries(case, axis):
                        items = 1 if kind == "TumorLesionSize" else len(entry["slice_profile"])
                        found[int(task["task_ID"]), plane, side, entry["slice_idx"], *size] += items
        assert len(plan_utils.split_cases(task, "all")) == task["train_cases_number"] + task["test_cases_number"]
    expected = Counter(
        (*where, row["slice_idx"], *row["image_size_2d"]) for where, row in pairs(release, dataset, kind)
    )
    assert found == expected
    assert len(found) >= 3


@pytest.mark.parametrize("dataset", DATASETS)
def test_upstreams_counts_are_those_of_the_pairs(summarize: Any, release: Path, dataset: str) -> None:
    """Both its sets: all pairs, and those of one instance."""
    (single, _), (every, _) = summarize.count_benchmark_annotations(plans(release, dataset), dataset)
    boxes, lesions = ([row for _, row in pairs(release, dataset, kind)] for kind in ("BoxSize", "TumorLesionSize"))
    landmarks = sum(1 for kind in LANDMARK_KINDS if "_" not in kind for _ in pairs(release, dataset, kind))
    expected = {
        "BoxSize": (len(boxes), sum(row["single_instance"] for row in boxes)),
        "TumorLesionSize": (
            sum(len(row["biometric_profile"]) for row in lesions),
            sum(row["single_instance"] for row in lesions),
        ),
        "BiometricsFromLandmarks": (landmarks, landmarks),
    }
    assert every == {kind: count for kind, (count, _) in expected.items() if count}
    assert single == {kind: count for kind, (_, count) in expected.items() if count}
    assert every


@pytest.mark.parametrize("dataset", DATASETS)
def test_upstreams_measurements_are_those_of_the_pairs(summarize: Any, release: Path, dataset: str) -> None:
    found = summarize.process_measurements(plans(release, dataset), None).get("values", {})
    expected: dict[str, list[float]] = {}
    for _, row in pairs(release, dataset, "TumorLesionSize"):
        for profile in row["biometric_profile"]:
            expected.setdefault("major_axis_mm", []).append(profile["metric_value_major_axis"])
            expected.setdefault("minor_axis_mm", []).append(profile["metric_value_minor_axis"])
    for _, row in pairs(release, dataset, "BiometricsFromLandmarks"):
        metric = row["biometric_profile"]
        name = {"angle": "angle_deg", "distance": "distance_mm"}[metric["metric_type"]]
        expected.setdefault(name, []).append(metric["metric_value"])
    assert {name: sorted(values) for name, values in found.items()} == {n: sorted(v) for n, v in expected.items()}
    assert bool(found) == (dataset != "BCV15")


@pytest.mark.parametrize("dataset", DATASETS)
def test_upstreams_summary_of_a_dataset(summarize: Any, release: Path, dataset: str) -> None:
    _, summary, _ = summarize.process_dataset(str(release / "plans/Datasets"), dataset, None)
    rows = [
        row for path in (release / "annotations" / dataset).glob("*.parquet") for row in pq.read_table(path).to_pylist()
    ]
    seen = {(row["case_id"], row["task"]) for row in rows if row["mask_path"] or dataset == CEPH}
    assert summary["n_images_train"] + summary["n_images_test"] == len(seen)
    assert summary["n_image_files"] == len(seen)
