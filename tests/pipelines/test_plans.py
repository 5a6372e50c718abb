"""Plans of a small release against a plain planner on the raw files, the splits and the pairs; and releases without."""

import gzip
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pyarrow.parquet as pq
import pytest
from miniature import write_miniature
from scipy import ndimage

from medvision.pipelines.checks.findings import Findings
from medvision.pipelines.checks.plans import check_plans
from medvision.pipelines.main import main
from medvision.pipelines.plans import write_plans
from medvision.pipelines.preflight import PreflightError
from medvision.pipelines.release import Release, open_release
from medvision.pipelines.run import run_build
from medvision.pipelines.validate import report_lines, validate_release
from medvision.schemas.options import FORMATS, SHARD_FORMATS, BuildOptions
from medvision.schemas.record import Shard, ShardFile, ShardRecord
from medvision.sources.kits23 import KITS23
from medvision.transforms.plans.text import packed
from medvision.transforms.split import SIDES

CEPH = "Ceph-Biometrics-400"
NAMES = ("BCV15", CEPH, "FeTA24", "KiTS23")
Plan = dict[str, Any]


@dataclass(frozen=True)
class Planned:
    """A release without images."""

    options: BuildOptions

    @property
    def out(self) -> Path:
        return Path(self.options.out)

    @property
    def plans(self) -> Path:
        return self.out / "plans"

    def plan(self, dataset: str, kind: str, version: str = "1.0.0") -> Plan:
        path = self.plans / "Datasets" / dataset / f"benchmark_plan_{kind}_v{version}.json.gz"
        with gzip.open(path, "rt") as stream:
            return dict(json.load(stream))

    def cases(self, dataset: str, kind: str, version: str = "1.0.0") -> dict[str, Plan]:
        """Every case by its image file."""
        tasks = self.plan(dataset, kind, version)["tasks"]
        return {case["image_file"]: case for task in tasks for side in SIDES for case in task[f"{side}_cases"]}

    def landmarks(self, dataset: str, case: Plan) -> Plan:
        return dict(
            json.loads(gzip.decompress((self.plans / "Datasets" / dataset / case["landmark_file"]).read_bytes()))
        )

    def rows(self, folder: str, dataset: str) -> list[Plan]:
        return [row for path in sorted((self.out / folder).glob(dataset)) for row in pq.read_table(path).to_pylist()]


@pytest.fixture(scope="module")
def raw_of_plans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("plans-raw")
    write_miniature(root, NAMES, cases=5)
    return root


def build(raw: Path, out: Path, datasets: tuple[str, ...] = NAMES, **options: Any) -> Planned:
    chosen = BuildOptions(str(raw), str(out), datasets, images="none", **options)
    run_build(chosen)
    return Planned(chosen)


@pytest.fixture(scope="module")
def planned(raw_of_plans: Path, tmp_path_factory: pytest.TempPathFactory) -> Planned:
    return build(raw_of_plans, tmp_path_factory.mktemp("plans") / "release")


@pytest.fixture
def own(planned: Planned, tmp_path: Path) -> Planned:
    """A copy to be changed."""
    shutil.copytree(planned.out, tmp_path / "own")
    return Planned(replace(planned.options, out=str(tmp_path / "own")))


def small(raw: Path, out: Path, **options: Any) -> Planned:
    return build(raw, out, ("KiTS23",), planes=("axial",), **options)


def test_a_release_has_a_plan_of_each_kind(planned):
    plans = sorted(path.relative_to(planned.plans).as_posix() for path in planned.plans.rglob("benchmark_plan_*"))
    assert plans == [
        "Datasets/BCV15/benchmark_plan_detection_v1.0.0.json.gz",
        "Datasets/BCV15/benchmark_plan_segmentation_v1.0.0.json.gz",
        f"Datasets/{CEPH}/benchmark_plan_biometry_v1.0.0.json.gz",
        "Datasets/FeTA24/benchmark_plan_biometry_v1.0.0.json.gz",
        "Datasets/FeTA24/benchmark_plan_detection_v1.0.0.json.gz",
        "Datasets/FeTA24/benchmark_plan_segmentation_v1.0.0.json.gz",
        "Datasets/KiTS23/benchmark_plan_biometry_v1.4.0.json.gz",
        "Datasets/KiTS23/benchmark_plan_detection_v1.0.0.json.gz",
        "Datasets/KiTS23/benchmark_plan_segmentation_v1.0.0.json.gz",
    ]
    report = validate_release(str(planned.out))
    assert report.ok, report_lines(report)
    counted = {check.name: check.counted for check in report.checks}
    assert counted["plan_pairs"] > 30
    assert counted["landmark_files"] > 10


def test_plans_and_landmark_files_are_listed(planned):
    listed = {file.path: file for file in open_release(str(planned.out)).files("plans")}
    found = {path.relative_to(planned.out).as_posix() for path in planned.plans.rglob("*") if path.is_file()}
    assert set(listed) == found
    plan = "plans/Datasets/KiTS23/benchmark_plan_detection_v1.0.0.json.gz"
    assert (listed[plan].dataset, listed[plan].rows) == ("KiTS23", 5)
    assert {file.rows for path, file in listed.items() if "/Landmarks" in path} == {0}


# Against the raw files


def boxes(mask: np.ndarray, spacing_mm: tuple[float, ...]) -> list[Plan]:
    """Components of a binary array of any dimension, one by one."""
    numbered, count = ndimage.label(mask)
    found = []
    for number in range(1, count + 1):
        places = np.argwhere(numbered == number)
        low, high = places.min(axis=0).tolist(), places.max(axis=0).tolist()
        size = [b - a + 1 for a, b in zip(low, high, strict=True)]
        box = {"min_coords": low, "max_coords": high}
        box["center_coords"] = [int((a + b) / 2) for a, b in zip(low, high, strict=True)]
        box |= {"dimensions": size, "sizes": [n * mm for n, mm in zip(size, spacing_mm, strict=True)]}
        found.append({**box, "mask_image_ratio": len(places) / mask.size})
    return found


def plain_profiles(mask: np.ndarray, zooms: tuple[float, ...], kind: str) -> Plan:
    """Slice profiles as upstream's planner finds them, slice by slice and label by label."""
    profiles: Plan = {}
    for dim, axis in enumerate("xyz"):
        spacing = tuple(mm for other, mm in enumerate(zooms) if other != dim)
        entries = []
        for index in range(mask.shape[dim]):
            plane = np.take(mask, index, dim)
            values, counts = np.unique(plane, return_counts=True)
            labels = [(value, count) for value, count in zip(values.tolist(), counts.tolist(), strict=True) if value]
            items = [
                {"label": float(label), "bboxes": boxes(plane == label, spacing)}
                if kind == "detection"
                else {"label": float(label), "pixel_count": count, "ROI_area": count * (spacing[0] * spacing[1])}
                for label, count in labels
            ]
            entries += [{"slice_idx": index, "slice_profile": items}] if items else []
        profiles[f"slice_profiles_{axis}"] = entries
    return profiles


def info(image: Any) -> Plan:
    return {
        "voxel_size": [round(float(zoom), 3) for zoom in image.header.get_zooms()[:3]],
        "affine": np.round(image.affine, 3).tolist(),
        "orientation": ["R", "A", "S"],
        "array_size": list(image.shape),
    }


@pytest.mark.parametrize("kind", ["detection", "segmentation"])
def test_cases_are_those_of_a_plain_planner(planned, raw_of_plans, kind):
    """Key for key in order; floats to the last digit but one."""
    cases = planned.cases("KiTS23", kind)
    assert len(cases) == 5
    for folder in sorted((raw_of_plans / "KiTS23").rglob("case_*"))[:2]:
        image, mask = (
            nib.as_closest_canonical(nib.load(folder / f"{name}.nii.gz")) for name in ("imaging", "segmentation")
        )
        labels = np.asanyarray(mask.dataobj)
        zooms = tuple(float(zoom) for zoom in mask.header.get_zooms())
        expected = {"case_ID": folder.name, "image_file": f"Images/{folder.name}.nii.gz"}
        expected |= {"mask_file": f"Masks/{folder.name}.nii.gz"}
        expected |= {"image_file_info": info(image), "mask_file_info": info(mask)}
        expected |= plain_profiles(labels, zooms, kind)
        if kind == "detection":
            values = [value for value in np.unique(labels).tolist() if value]
            expected["profile_3D"] = [{"label": float(v), "bboxes": boxes(labels == v, zooms)} for v in values]
        assert rounded(cases[f"Images/{folder.name}.nii.gz"]) == rounded(expected)


def rounded(value: Any) -> str:
    return json.dumps(json.loads(json.dumps(value), parse_float=lambda text: f"{float(text):.11g}"))


def test_lesion_cases_hold_the_ellipses_of_the_rows(planned):
    rows = [row for row in planned.rows("annotations", "KiTS23/*.parquet") if row["lesions"]]
    assert rows
    cases = planned.cases("KiTS23", "biometry", "1.4.0")
    keys = ["case_ID", "image_file", "mask_file", "landmark_file", "image_file_info", "mask_file_info"]
    assert all(list(case) == [*keys, *(f"slice_profiles_{axis}" for axis in "xyz")] for case in cases.values())
    shown = 0
    for row in rows:
        case = cases[f"Images/{row['upstream_name']}"]
        axis = "xyz"[row["slice_dim"]]
        entries = [e for e in case[f"slice_profiles_{axis}"] if e["slice_idx"] == row["slice_idx"]]
        (lesion,) = row["lesions"]
        if not lesion["ellipses"]:
            assert entries == []
            continue
        shown += 1
        (entry,) = entries
        assert entry["n_total_clusters"] == lesion["n_total_clusters"]
        axes = [[metric["metric_value"] for metric in cluster] for cluster in entry["slice_profile"]]
        assert axes == [[ellipse["major_mm"], ellipse["minor_mm"]] for ellipse in lesion["ellipses"]]
        landmarks = json.loads(
            gzip.decompress((planned.plans / "Datasets/KiTS23" / case["landmark_file"]).read_bytes())
        )
        (points,) = [e for e in landmarks[f"slice_landmarks_{axis}"] if e["slice_idx"] == row["slice_idx"]]
        sizes = [ellipse["pixel_count"] for ellipse in lesion["ellipses"]]
        assert [cluster["ROI_pixels_count"] for cluster in points["landmarks"]] == sizes == sorted(sizes, reverse=True)
        assert [list(cluster["measurements"].values()) for cluster in points["landmarks"]] == axes
    assert shown == sum(len(case[f"slice_profiles_{axis}"]) for case in cases.values() for axis in "xyz")


def test_landmark_cases_have_no_masks(planned):
    for name in (CEPH, "FeTA24"):
        for case in planned.cases(name, "biometry").values():
            assert [key for key in case if not key.startswith("slice")] == [
                *("case_ID", "image_file", "landmark_file", "image_file_info"),
            ]
    case = planned.cases("FeTA24", "biometry")["Images-reoriented/sub-001_rec-mial_T2w.nii.gz"]
    metrics = [len(case[f"slice_profiles_{axis}"]) for axis in "xyz"]
    assert metrics == [2, 1, 2]


# Order and sides


def test_cases_stand_in_the_order_of_upstreams_shuffle(planned):
    for dataset, kind, version in (
        ("BCV15", "detection", "1.0.0"),
        ("KiTS23", "biometry", "1.4.0"),
        ("FeTA24", "segmentation", "1.0.0"),
        (CEPH, "biometry", "1.0.0"),
    ):
        for task in planned.plan(dataset, kind, version)["tasks"]:
            listed = [case["image_file"].rsplit("/", 1)[1] for side in SIDES for case in task[f"{side}_cases"]]
            names = sorted(listed)
            random.Random(1024).shuffle(names)
            assert listed == names
            assert task["train_cases_number"] == len(task["train_cases"]) == int(0.7 * len(names))


def test_own_plans_give_the_same_sides_and_plans_again(planned, raw_of_plans, tmp_path):
    again = build(raw_of_plans, tmp_path / "again", splits_from=str(planned.plans))
    for path in planned.plans.rglob("*.gz"):
        assert (again.plans / path.relative_to(planned.plans)).read_bytes() == path.read_bytes()
    pairs = again.rows("pairs", "*/*.parquet")
    assert {pair["split_source"] for pair in pairs} == {"published"}
    sides = [
        sorted(path.relative_to(made.out) for path in (made.out / "pairs").rglob("*")) for made in (planned, again)
    ]
    assert sides[0] == sides[1]


def test_other_published_sides_are_taken_in_their_order(planned, raw_of_plans, tmp_path):
    """Sides exchanged and lists reversed in the plans come out exchanged and reversed."""
    shutil.copytree(planned.plans, tmp_path / "plans")
    expected = {}
    for path in (tmp_path / "plans/Datasets/KiTS23").glob("benchmark_plan_*"):
        plan = json.loads(gzip.decompress(path.read_bytes()))
        (task,) = plan["tasks"]
        task["train_cases"], task["test_cases"] = task["test_cases"][::-1], task["train_cases"][::-1]
        expected[path.name] = [[case["case_ID"] for case in task[f"{side}_cases"]] for side in SIDES]
        path.write_bytes(gzip.compress(json.dumps(plan, indent=4).encode()))
    made = small(raw_of_plans, tmp_path / "out", splits_from=str(tmp_path / "plans"))
    for name, sides in expected.items():
        (task,) = json.loads(gzip.decompress((made.plans / "Datasets/KiTS23" / name).read_bytes()))["tasks"]
        assert [[case["case_ID"] for case in task[f"{side}_cases"]] for side in SIDES] == sides


def test_a_dead_image_is_in_no_plan(raw_of_plans, tmp_path, planned):
    shutil.copytree(raw_of_plans / "KiTS23", tmp_path / "raw/KiTS23")
    image = next((tmp_path / "raw").rglob("case_00002/imaging.nii.gz"))
    image.write_bytes(image.read_bytes()[:400])
    made = small(tmp_path / "raw", tmp_path / "out")
    for kind, version in (("detection", "1.0.0"), ("biometry", "1.4.0")):
        whole, left = (release.plan("KiTS23", kind, version)["tasks"][0] for release in (planned, made))
        for side in SIDES:
            names = [case["case_ID"] for case in whole[f"{side}_cases"] if case["case_ID"] != "case_00002"]
            assert [case["case_ID"] for case in left[f"{side}_cases"]] == names
            assert left[f"{side}_cases_number"] == len(names)
    assert not list(made.plans.rglob("case_00002*"))
    assert validate_release(str(made.out)).ok


# Versions and planes


@pytest.mark.parametrize(
    ("rules", "version", "folder", "counts", "measured"),
    [
        ("1.0.0", "1.0.0", "Landmarks-Label2", False, False),
        ("1.1.0", "1.1.0", "Landmarks-Label2-v1.1.0", True, False),
        ("1.3.0", "1.1.1", "Landmarks-Label2-v1.1.1", True, True),
    ],
)
def test_older_rules_have_older_plans(raw_of_plans, tmp_path, rules, version, folder, counts, measured):
    made = small(raw_of_plans, tmp_path / "out", rules=rules)
    cases = made.cases("KiTS23", "biometry", version).values()
    entries = [entry for case in cases for entry in case["slice_profiles_z"]]
    assert entries
    assert {"n_total_clusters" in entry for entry in entries} == {counts}
    assert {case["landmark_file"].split("/")[0] for case in cases} == {folder}
    for case in cases:
        assert case["slice_profiles_x"] == case["slice_profiles_y"] == []
        landmarks = made.landmarks("KiTS23", case)
        for entry in landmarks["slice_landmarks_z"]:
            assert {"measurements" in cluster for cluster in entry["landmarks"]} == {measured}
    assert validate_release(str(made.out)).ok


# Asked for or not


def test_formats_hold_plans_where_upstream_has_them():
    assert BuildOptions("raw", "out", ("ACDC",)).formats == FORMATS
    assert BuildOptions("raw", "out", ("ACDC",), rules="1.0.0").formats == FORMATS
    assert BuildOptions("raw", "out", ("ACDC",), rules="exact").formats == SHARD_FORMATS
    assert BuildOptions("raw", "out", ("ACDC",), formats=("plans",)).shard_formats == ()


def test_exact_rules_make_no_plans(raw_of_plans, tmp_path, capsys):
    made = small(raw_of_plans, tmp_path / "out", rules="exact")
    assert list((made.out / "pairs").glob("*_LesionDiameter_*"))  # a kind without plans anywhere
    assert validate_release(str(made.out), "deep").ok
    assert not made.plans.exists()
    asked = replace(made.options, out=str(tmp_path / "never"), formats=("parquet", "plans"))
    with pytest.raises(PreflightError, match="no plans by rules exact; leave plans out of --formats"):
        run_build(asked)
    arguments = ["--raw", asked.raw, "--out", asked.out, "--rules", "exact", "--formats", "parquet,plans"]
    assert main(["build", "KiTS23", *arguments]) == 2
    assert "upstream has no plans by rules exact" in capsys.readouterr().err
    assert not (tmp_path / "never").exists()


def test_plans_come_and_go_without_building_a_shard(raw_of_plans, tmp_path):
    made = small(raw_of_plans, tmp_path / "out", formats=("parquet",))
    attempts = sorted((made.out / ".shards").glob("*/attempt-*"))
    switches = open_release(str(made.out)).manifest["switches"]
    assert not made.plans.exists()
    with_plans = replace(made.options, formats=("parquet", "plans"))
    assert run_build(with_plans).manifest["plans"] is True
    assert made.plans.exists()
    stray = made.plans / "Datasets/KiTS23/benchmark_plan_biometry_v1.1.0.json.gz"
    stray.write_bytes(packed("{}"))
    run_build(with_plans)
    assert not stray.exists(), "plans of an older release are garbage"
    with pytest.raises(ValueError, match="holds a release with plans"):
        run_build(made.options)
    assert run_build(replace(made.options, replace=True)).manifest["plans"] is False
    assert not made.plans.exists()
    assert sorted((made.out / ".shards").glob("*/attempt-*")) == attempts
    assert open_release(str(made.out)).manifest["switches"] == switches


def test_slices_without_volumes_are_an_error(planned, tmp_path):
    shard = Shard("KiTS23", "train", 0, 1, "key", "print", "plan", 1)
    record = ShardRecord(shard, "", (ShardFile("annotations", "a.parquet", 1, "", 1),))
    with pytest.raises(ValueError, match="shard train-00000-of-00001 of KiTS23 has slices and no volumes"):
        write_plans("detection", [record], {}, KITS23, replace(planned.options, out=str(tmp_path)))


# Validation


def problems(release: Release) -> dict[str, str]:
    findings = Findings()
    check_plans(release, findings)
    return {check.name: check.detail for check in findings.checks() if not check.ok}


KITS = "plans/Datasets/KiTS23/benchmark_plan_segmentation_v1.0.0.json.gz"


def changed(change: Callable[[Plan], object]) -> Callable[[Path], object]:
    def apply(out: Path) -> None:
        plan = json.loads(gzip.decompress((out / KITS).read_bytes()))
        change(plan)
        (out / KITS).write_bytes(gzip.compress(json.dumps(plan).encode()))

    return apply


CHANGES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a case less": (
        changed(lambda p: p["tasks"][0]["train_cases"].pop()),
        "plans",
        "train_cases_number: 3, expected 2",
    ),
    "another number": (changed(lambda p: p["tasks"][0].update(test_cases_number=9)), "plans", "test_cases_number: 9"),
    "a task less": (changed(lambda p: p["tasks"].clear()), "plans", "tasks_number: 1, expected 0"),
    "another kind": (changed(lambda p: p["tasks"][0].update(task_type="detection")), "plans", "task_type: 'detection'"),
    "a slice less": (
        changed(lambda p: p["tasks"][0]["test_cases"][0]["slice_profiles_y"].pop()),
        "plan_pairs",
        "task 01 coronal test",
    ),
    "another task": (changed(lambda p: p["tasks"][0].update(task_ID="02")), "plan_pairs", "task 01 axial test: 0"),
    "no key": (changed(lambda p: p.pop("tasks_number")), "plans", "KeyError"),
    "no JSON": (lambda out: (out / KITS).write_bytes(packed("{")), "plans", "JSONDecodeError"),
    "cut off": (lambda out: (out / KITS).write_bytes((out / KITS).read_bytes()[:-3]), "plans", "EOFError"),
    "gone": (lambda out: (out / KITS).unlink(), "plans", "FileNotFoundError"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_plan_is_found(own, name):
    change, check, text = CHANGES[name]
    assert problems(open_release(str(own.out))) == {}
    change(own.out)
    found = problems(open_release(str(own.out)))
    assert text in found[check], found
    assert KITS in found[check]
    assert "sha256" in {check.name for check in validate_release(str(own.out)).checks if not check.ok}


def test_a_missing_plan_or_landmark_file_is_found(own):
    release = open_release(str(own.out))
    landmark = next(file.path for file in release.files("plans", "KiTS23") if "Landmarks" in file.path)
    for path, check in ((KITS, "plans"), (landmark, "landmark_files")):
        less = open_release(str(own.out))
        less.__dict__["_listed"] = tuple(file for file in release.files() if file.path != path)
        assert list(problems(less)) == [check]
    (own.out / landmark).write_bytes(packed('{"slice_landmarks_x":[]}'))
    assert list(problems(release)) == ["landmark_files"]


def test_a_release_without_plans_need_not_have_any(own):
    release = open_release(str(own.out))
    release.__dict__["_listed"] = tuple(file for file in release.files() if file.kind != "plans")
    assert set(problems(release)) == {"plans"}
    release.manifest["plans"] = False
    assert problems(release) == {}
