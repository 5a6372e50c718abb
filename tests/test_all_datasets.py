"""Miniature archives of all datasets, built whole, against what their builder knows of them."""

import functools
import math
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from layouts.archive import CaseTruth, LandmarkTruth, Value
from miniature import truth, write_miniature
from phantom import Scan, Solid

from medvision.pipelines.release import Release, open_release
from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import DATASETS

PLANES = ("sagittal", "coronal", "axial")
AXES = ((1, 2), (0, 2), (0, 1))
DIFFERENT_UNDER_EXACT = ("AMOS22", "AbdomenCT-1K", "CAMUS", "Ceph-Biometrics-400", "FeTA24", "ToothFairy2")
CONFIGS = {
    "BoxSize": 324,
    "MaskSize": 324,
    "TumorLesionSize": 162,
    "BiometricsFromLandmarks": 6,
    "BiometricsFromLandmarks_Distance": 2,
    "BiometricsFromLandmarks_Angle": 2,
}
# Dataset, label, name under numbered rules, name under exact.
NAMES = [
    ("AMOS22", 8, "arota", "aorta"),
    ("CAMUS", 1, "left ventricular myocardium", "left ventricular cavity"),
    ("CAMUS", 2, "left ventricle", "left ventricular myocardium"),
    ("CAMUS", 3, "left atrium", "left atrium"),
    ("ToothFairy2", 11, "upper right central incisor", "upper right central incisor"),
]
ALL = pytest.mark.parametrize("name", DATASETS)
WITH_MASKS = pytest.mark.parametrize("name", [name for name, dataset in DATASETS.items() if dataset.tasks])
WITH_LANDMARKS = pytest.mark.parametrize("name", [name for name, d in DATASETS.items() if d.landmark_tasks])


@dataclass(frozen=True)
class Built:
    """One release and the rules it follows."""

    release: Release
    rules: str

    @functools.cache  # noqa: B019 (two releases a session)
    def table(self, kind: str, name: str) -> list[dict[str, Any]]:
        files = self.release.files(kind, name)
        return [row for file in files for row in pq.read_table(self.release.locate(file.path)).to_pylist()]

    def rows(self, name: str) -> list[dict[str, Any]]:
        return self.table("annotations", name)

    def of_image(self, name: str) -> dict[tuple[str, int], list[dict[str, Any]]]:
        """Rows with a mask by case and task."""
        found: dict[tuple[str, int], list[dict[str, Any]]] = {}
        for row in self.rows(name):
            if row["mask_path"]:
                found.setdefault((row["case_id"], row["task"]), []).append(row)
        return found


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("all-raw")
    write_miniature(root)
    return root


def build(raw: Path, out: Path, rules: str, datasets: Iterable[str]) -> Built:
    run_build(
        BuildOptions(
            raw=str(raw), out=str(out), datasets=tuple(datasets), rules=rules, formats=("parquet",), images="none"
        )
    )
    return Built(open_release(str(out)), rules)


@pytest.fixture(scope="session")
def numbered(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(raw, tmp_path_factory.mktemp("all-numbered"), "1.4.0", DATASETS)


@pytest.fixture(scope="session")
def exact(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(raw, tmp_path_factory.mktemp("all-exact"), "exact", DIFFERENT_UNDER_EXACT)


def seen_slices(scan: Scan, axis: int) -> set[int]:
    return {index for solid in scan.solids for index in range(solid.low[axis], solid.high[axis] + 1)}


def solids_at(scan: Scan, label: int, axis: int, index: int) -> list[Solid]:
    return [s for s in scan.solids if s.label == label and s.low[axis] <= index <= s.high[axis]]


def largest_of(scan: Scan, label: int) -> list[Solid]:
    """The largest solid of a label, none where the scan lacks it."""
    found = (solid for solid in scan.solids if solid.label == label)
    return sorted(found, key=lambda solid: -math.prod(map(solid.size, range(3))))[:1]


def images(cases: Iterable[CaseTruth]) -> dict[tuple[str, int], CaseTruth]:
    return {(case.case_id, task): case for case in cases for task in case.names if case.scan.solids}


def letters(built: Built, name: str) -> Counter[tuple[str, int, str]]:
    return Counter((row["case_id"], row["task"], row["reason"]) for row in built.table("dead_letters", name))


# Every dataset, rules 1.4.0


@ALL
def test_cases_patients_tasks_and_names(numbered: Built, name: str) -> None:
    expected = truth(name)
    found = {
        (row["case_id"], row["patient"], row["task"], row["upstream_name"], row["raw_axes"])
        for row in numbered.rows(name)
    }
    wanted = {
        (case.case_id, case.patient, task, file, case.scan.axes)
        for case in expected.cases
        for task, file in case.names.items()
        if case.scan.solids
    }
    wanted |= {
        (case.case_id, case.patient, task, file, case.axes)
        for case in expected.landmarks
        for task, file in case.names.items()
        if not case.excluded_upstream
    }
    assert found == wanted
    assert {task for _, _, task, _, _ in found} >= {task.number for task in DATASETS[name].tasks}


@ALL
def test_dead_letters_are_the_traps(numbered: Built, name: str) -> None:
    assert letters(numbered, name) == Counter(truth(name).dead)


@ALL
def test_a_patient_is_on_one_side(numbered: Built, name: str) -> None:
    sides: dict[str, set[str]] = {}
    for row in numbered.rows(name):
        sides.setdefault(row["patient"], set()).add(row["side"])
    assert all(len(found) == 1 for found in sides.values())


@WITH_MASKS
def test_slices_of_each_plane(numbered: Built, name: str) -> None:
    expected = images(truth(name).cases)
    found = numbered.of_image(name)
    assert set(found) == set(expected)
    for key, rows in found.items():
        scan = expected[key].scan
        for axis, plane in enumerate(PLANES):
            indices = [row["slice_idx"] for row in rows if row["plane"] == plane]
            assert sorted(indices) == sorted(seen_slices(scan, axis)), (key, plane)


@WITH_MASKS
def test_geometry(numbered: Built, name: str) -> None:
    expected = images(truth(name).cases)
    for key, rows in numbered.of_image(name).items():
        case = expected[key]
        scan = case.scan
        for row in rows:
            across = row["slice_dim"]
            sides = [scan.shape_ras[axis] for axis in AXES[across]]
            assert row["shape_xyz"] == list(scan.shape_ras)
            assert [row["height"], row["width"]] == sides
            pixel_mm = pytest.approx([scan.spacing_mm[axis] for axis in AXES[across]], rel=1e-6)
            assert row["pixel_spacing_mm"] == pixel_mm
            assert row["mask_pixel_spacing_mm"] == pixel_mm
            linear = np.reshape(row["affine_ras"], (4, 4))[:3, :3]
            assert np.linalg.norm(linear, axis=0) == pytest.approx(np.array(scan.spacing_mm), rel=1e-6)
            assert row["obliquity_deg"] == pytest.approx(scan.tilt_deg, abs=1e-3)
            assert row["grid_mismatch_mm"] == pytest.approx(0.0, abs=1e-4)
            assert row["overlap_voxels"] == case.overlap_voxels
            assert case.flags <= set(row["flags"])
            unspatial = name == "CAMUS" and row["plane"] != "axial"
            assert ("not_spatial" in row["flags"]) == unspatial


@WITH_MASKS
def test_labels_and_names(numbered: Built, name: str) -> None:
    dataset = DATASETS[name]
    expected = images(truth(name).cases)
    for key, rows in numbered.of_image(name).items():
        found = {(s["label"], s["name"]) for row in rows for s in row["segments"]}
        labels = {solid.label for solid in expected[key].scan.solids}
        assert found == {(label, dataset.task(key[1]).labels.get(label, "")) for label in labels}
    for task in dataset.tasks:
        shown = {s.label for (_, number), case in expected.items() if number == task.number for s in case.scan.solids}
        assert len(shown) > 9 if task.class_files else set(task.labels) <= shown


@WITH_MASKS
def test_boxes_of_every_solid(numbered: Built, name: str) -> None:
    """At the middle of each solid, on each plane: its outline's box, among as many boxes as solids are cut."""
    expected = images(truth(name).cases)
    for key, rows in numbered.of_image(name).items():
        scan = expected[key].scan
        by_slice = {(row["slice_dim"], row["slice_idx"]): row for row in rows}
        for solid in scan.solids:
            for axis in (2,) if solid.hollow else range(3):
                row = by_slice[axis, solid.middle(axis)]
                (segment,) = (s for s in row["segments"] if s["label"] == solid.label)
                _check_boxes(segment, scan, solid, axis)


def _check_boxes(segment: dict[str, Any], scan: Scan, solid: Solid, axis: int) -> None:
    low, high = ([ends[a] for a in AXES[axis]] for ends in (solid.low, solid.high))
    sizes = [solid.size(a) for a in AXES[axis]]
    mm = [scan.spacing_mm[a] for a in AXES[axis]]
    (box,) = (box for box in segment["boxes"] if (box["min_rc"], box["max_rc"]) == (low, high))
    assert len(segment["boxes"]) == len(solids_at(scan, solid.label, axis, solid.middle(axis)))
    assert box["size_px"] == sizes
    assert box["size_mm"] == pytest.approx([n * size for n, size in zip(sizes, mm, strict=True)], rel=1e-6)
    assert box["center_rc"] == [(a + b) // 2 for a, b in zip(low, high, strict=True)]
    if solid.kind == "box":
        assert box["pixel_count"] == math.prod(sizes)
    assert segment["pixel_count"] == sum(b["pixel_count"] for b in segment["boxes"])
    assert segment["area_mm2"] == pytest.approx(segment["pixel_count"] * math.prod(mm), rel=1e-6)


@pytest.mark.parametrize("name", [name for name, dataset in DATASETS.items() if dataset.lesion_tasks])
def test_diameters_of_every_lesion(numbered: Built, name: str) -> None:
    """At a lesion's middle the fitted axes are its extents through pixel centres, within a pixel and 2 %."""
    expected = images(truth(name).cases)
    found = numbered.of_image(name)
    for lesion in DATASETS[name].lesion_tasks:
        measured = 0
        for (case_id, task), rows in found.items():
            if task != lesion.task:
                assert all(lesion.number != x["lesion_task"] for row in rows for x in row["lesions"])
                continue
            scan = expected[case_id, task].scan
            by_slice = {(row["slice_dim"], row["slice_idx"]): row for row in rows}
            for solid in largest_of(scan, lesion.target):
                for axis in range(3):
                    row = by_slice[axis, solid.middle(axis)]
                    (shown,) = (x for x in row["lesions"] if x["lesion_task"] == lesion.number)
                    assert shown["label"] == lesion.target
                    cut = solids_at(scan, lesion.target, axis, solid.middle(axis))
                    assert shown["n_total_clusters"] == len(cut)
                    largest = shown["ellipses"][0]
                    mm = [scan.spacing_mm[a] for a in AXES[axis]]
                    axes = [(solid.size(a) - 1) * step for a, step in zip(AXES[axis], mm, strict=True)]
                    assert abs(largest["major_mm"] - max(axes)) <= max(mm) + 0.02 * max(axes)
                    assert abs(largest["minor_mm"] - min(axes)) <= max(mm) + 0.02 * min(axes)
                    middle = [(solid.low[a] + solid.high[a]) / 2 for a in AXES[axis]]
                    assert largest["center_rc"] == pytest.approx(middle, abs=0.75)
                    measured += 1
        assert measured >= 9


@ALL
def test_numbered_splits_are_a_shuffle_of_the_basenames(numbered: Built, name: str) -> None:
    dataset, expected = DATASETS[name], truth(name)
    names: dict[tuple[bool, int], set[str]] = {}
    for case in expected.cases:
        for task, file in case.names.items():
            names.setdefault((False, task), set()).add(file)
    for landmark in expected.landmarks:
        for task, file in landmark.names.items():
            if not landmark.excluded_upstream:
                names.setdefault((True, task), set()).add(file)
    image_task = {lesion.number: lesion.task for lesion in dataset.lesion_tasks}
    shown = {row["slice_id"]: row["upstream_name"] for row in numbered.rows(name)}
    checked: dict[tuple[bool, int], set[str]] = {}
    for file in numbered.release.files("pairs", name):
        for pair in pq.read_table(numbered.release.locate(file.path)).to_pylist():
            kind, number = pair["taskType"], int(pair["taskID"])
            task = image_task[number] if kind == "Tumor-Lesion-Size" else number
            key = (kind.startswith("Biometrics"), task)
            side = "train" if shown[pair["slice_id"]] in _train_names(frozenset(names[key])) else "test"
            assert file.path.endswith(f"/{side}-00000.parquet")
            assert pair["split_source"] == ("recomputed" if kind == "Tumor-Lesion-Size" else "approximated")
            checked.setdefault(key, set()).add(side)
    assert all(sides == {"train", "test"} for sides in checked.values())
    assert set(checked) == set(names)


@functools.cache
def _train_names(names: frozenset[str]) -> set[str]:
    ordered = sorted(names)
    random.seed(1024)
    random.shuffle(ordered)
    return set(ordered[: int(0.7 * len(ordered))])


@ALL
def test_pairs_are_the_annotations(numbered: Built, name: str) -> None:
    rows = numbered.rows(name)
    counts = Counter(pair["taskType"] for pair in numbered.table("pairs", name))
    segments = sum(len(row["segments"]) for row in rows)
    several = {m.kind for task in DATASETS[name].landmark_tasks for m in task.measures} > {"distance"}
    measures = Counter(
        "Biometrics-From-Landmarks" + several * f"-{b['metric_type'].title()}"
        for row in rows
        for b in row["biometrics"]
        if b["primary"] and b["definition"] == "upstream"
    )
    lesions = sum(bool(lesion["ellipses"]) for row in rows for lesion in row["lesions"])
    wanted = Counter({"Box-Size": segments, "Mask-Size": segments, "Tumor-Lesion-Size": lesions}) + measures
    assert counts == wanted


def test_configs_under_numbered_rules(numbered: Built) -> None:
    names = {file.path.split("/")[1] for file in numbered.release.files("pairs")}
    kinds = Counter(kind for name in names for kind in CONFIGS if f"_{kind}_Task" in name)
    assert kinds == CONFIGS
    assert len(names) == 820


# Landmarks


@WITH_LANDMARKS
@pytest.mark.parametrize("rules", ["1.4.0", "exact"])
def test_distances_and_angles(request: pytest.FixtureRequest, name: str, rules: str) -> None:
    built = request.getfixturevalue("numbered" if rules == "1.4.0" else "exact")
    expected = {case.case_id: case for case in truth(name).landmarks if rules == "exact" or not case.excluded_upstream}
    found: dict[str, dict[tuple[str, str, str], tuple[int, int, float]]] = {}
    for row in built.rows(name):
        for b in row["biometrics"]:
            place = (row["slice_dim"], row["slice_idx"], b["value"])
            found.setdefault(row["case_id"], {})[b["source"], b["definition"], b["key"]] = place
    assert set(found) == set(expected)
    for case_id, case in expected.items():
        values = case.values if rules == "1.4.0" else case.values_exact
        assert set(found[case_id]) == {(v.source, v.definition, v.key) for v in values}
        for value in values:
            dim, index, measured = found[case_id][value.source, value.definition, value.key]
            assert (dim, index) == (value.slice_dim, value.slice_idx), value
            assert measured == pytest.approx(value.value, rel=1e-6, abs=1e-6), value


def primary(values: Iterable[Value], definition: str) -> Counter[str]:
    values = list(values)
    return Counter(v.key for v in values if v.source == values[0].source and v.definition == definition)


@WITH_LANDMARKS
@pytest.mark.parametrize(("rules", "definition"), [("1.4.0", "upstream"), ("exact", "exact")])
def test_pairs_of_landmarks(request: pytest.FixtureRequest, name: str, rules: str, definition: str) -> None:
    built = request.getfixturevalue("numbered" if rules == "1.4.0" else "exact")
    wanted: Counter[str] = Counter()
    for case in truth(name).landmarks:
        if rules == "exact" or not case.excluded_upstream:
            wanted += primary(case.values, definition)
    pairs = [pair for pair in built.table("pairs", name) if pair["taskType"].startswith("Biometrics")]
    assert Counter(pair["biometric_profile"]["metric_key"] for pair in pairs) == wanted
    assert {pair["definition"] for pair in pairs} == {definition}


def test_realigned_points_go_back_to_native_space(numbered: Built) -> None:
    expected: dict[str, LandmarkTruth] = {case.case_id: case for case in truth("FeTA24").landmarks}
    checked = 0
    for row in numbered.rows("FeTA24"):
        if row["mask_path"]:
            assert row["space"] == "native"
            continue
        assert row["space"] == "realigned"
        case = expected[row["case_id"]]
        assert row["shape_xyz"] == list(case.shape_ras)
        assert row["spacing_xyz_mm"] == pytest.approx(case.spacing_mm)
        for point in row["landmarks"]:
            assert point["native_mm"] == pytest.approx(case.native_mm[point["number"]], abs=1e-3)
            checked += 1
    assert checked == 3 * 10


def test_fetal_subject_without_biometry_has_boxes(numbered: Built) -> None:
    rows = [row for row in numbered.rows("FeTA24") if row["patient"] == "sub-004"]
    assert rows
    assert not any(row["biometrics"] for row in rows)


# Rules exact, where they say something else


@pytest.mark.parametrize("name", DIFFERENT_UNDER_EXACT)
def test_dead_letters_under_exact(exact: Built, name: str) -> None:
    expected = truth(name)
    assert letters(exact, name) == Counter(expected.dead if expected.dead_exact is None else expected.dead_exact)


@pytest.mark.parametrize(("name", "label", "before", "after"), NAMES)
def test_label_names_under_both_rules(
    numbered: Built, exact: Built, name: str, label: int, before: str, after: str
) -> None:
    for built, text in ((numbered, before), (exact, after)):
        assert {s["name"] for row in built.rows(name) for s in row["segments"] if s["label"] == label} == {text}


def test_camus_has_only_the_image_plane_under_exact(numbered: Built, exact: Built) -> None:
    assert {row["plane"] for row in numbered.rows("CAMUS")} == set(PLANES)
    assert {row["plane"] for row in exact.rows("CAMUS")} == {"axial"}
    assert all("label_name_known_wrong" in row["flags"] for row in numbered.rows("CAMUS"))
    assert not any("label_order_doubtful" in row["flags"] for row in numbered.rows("CAMUS"))
    axial = [row for row in numbered.rows("CAMUS") if row["plane"] == "axial"]
    assert len(exact.rows("CAMUS")) == len(axial)


def test_teeth_without_meaning_are_background_under_exact(numbered: Built, exact: Built) -> None:
    found = [
        {(s["label"], s["name"]) for row in built.rows("ToothFairy2") for s in row["segments"]}
        for built in (numbered, exact)
    ]
    assert found[0] - found[1] == {(19, ""), (40, "na")}
    assert found[1] < found[0]


def test_made_up_voxel_size_is_left_out_under_exact(numbered: Built, exact: Built) -> None:
    cases = [{row["case_id"] for row in built.rows("AbdomenCT-1K")} for built in (numbered, exact)]
    assert cases[0] - cases[1] == {"Case_00078"}
    assert cases[1] < cases[0]


def test_fetal_label_order_follows_the_table_under_exact(numbered: Built, exact: Built) -> None:
    """The case with labels 1 and 2 exchanged measures the vermis as L-1-2 until the table decides."""
    case = next(c for c in truth("FeTA24").landmarks if c.values != c.values_exact)
    lengths = []
    for built in (numbered, exact):
        rows = [row for row in built.rows("FeTA24") if row["case_id"] == case.case_id]
        lengths += [b["value"] for row in rows for b in row["biometrics"] if b["name"] == "LCC"][:1]
        exchanged = {"label_order_exchanged" in row["flags"] for row in rows}
        assert exchanged == {built.rules == "exact"}
    assert lengths[0] < 5.0 < 10.0 < lengths[1]


def test_exact_keeps_patients_together_in_pairs(exact: Built) -> None:
    for name in DIFFERENT_UNDER_EXACT:
        for file in exact.release.files("pairs", name):
            table = pq.read_table(exact.release.locate(file.path), columns=["patient_side", "split_source"])
            assert set(table["split_source"].to_pylist()) == {"patient_hash"}
            assert set(table["patient_side"].to_pylist()) == {file.path.rsplit("/", 1)[1].split("-")[0]}
