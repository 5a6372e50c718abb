"""A small release of films and fetal brains, under both rules: configs, counts, checks, inspect, loaders, pictures."""

import copy
import functools
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from miniature import truth, write_miniature

from medvision.pipelines.checks.findings import Findings
from medvision.pipelines.checks.landmarks import check_landmark_pairs, check_landmarks
from medvision.pipelines.inspect import inspect_row
from medvision.pipelines.main import main
from medvision.pipelines.release import Release, open_release
from medvision.pipelines.run import run_build
from medvision.pipelines.validate import report_lines, validate_release
from medvision.schemas.options import BuildOptions
from medvision.schemas.rows import ANNOTATION_SCHEMA
from medvision.transforms.biometrics import numbers_of
from medvision.transforms.render import render, render_batch

CEPH, FETA = "Ceph-Biometrics-400", "FeTA24"
FILMS = 4
ANGLES = {"Train": 2, "Test": 2}  # int(0.7 * 4) = 2 films train
EXACT_ANGLES = {"SNA", "SNB", "ANB", "ODI", "APDI", "FMA"}
Row = dict[str, Any]


@dataclass(frozen=True)
class Built:
    """A release of both datasets by one set of rules."""

    out: Path
    manifest: Row

    @property
    def release(self) -> Release:
        return open_release(str(self.out))

    @functools.cached_property
    def configs(self) -> dict[str, list[Row]]:
        """Pairs on landmarks by config."""
        found: dict[str, list[Row]] = {}
        for path in sorted(self.out.glob("pairs/*BiometricsFromLandmarks*/*.parquet")):
            found.setdefault(path.parent.name, []).extend(pq.read_table(path).to_pylist())
        return found

    @functools.cached_property
    def rows(self) -> list[Row]:
        """Rows of landmarks."""
        tables = [pq.read_table(path) for path in sorted(self.out.glob("annotations/*/*.parquet"))]
        return [row for table in tables for row in table.to_pylist() if row["landmark_path"]]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("landmarks-raw")
    write_miniature(root, [CEPH, FETA], cases=FILMS)
    return root


def build(raw: Path, out: Path, rules: str) -> Built:
    return Built(out, run_build(BuildOptions(str(raw), str(out), (CEPH, FETA), rules=rules)).manifest)


@pytest.fixture(scope="module")
def numbered(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(raw, tmp_path_factory.mktemp("landmarks") / "numbered", "1.4.0")


@pytest.fixture(scope="module")
def exact(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(raw, tmp_path_factory.mktemp("landmarks") / "exact", "exact")


@pytest.fixture(scope="module", params=["1.4.0", "exact"])
def either(request: pytest.FixtureRequest) -> Built:
    return request.getfixturevalue("numbered" if request.param == "1.4.0" else "exact")


def keys(pairs: list[Row]) -> Counter[str]:
    return Counter(pair["biometric_profile"]["metric_key"] for pair in pairs)


# Configs and counts


def test_film_configs_under_numbered_rules(numbered: Built) -> None:
    found = {name: len(pairs) for name, pairs in numbered.configs.items() if name.startswith(CEPH)}
    assert found == {
        f"{CEPH}_BiometricsFromLandmarks_{kind}_Task01_Sagittal_{side}": films * measures
        for kind, measures in (("Angle", 8), ("Distance", 11))
        for side, films in ANGLES.items()
    }
    assert sum(found.values()) == FILMS * (8 + 11)
    task_types = {pair["taskType"] for name in found for pair in numbered.configs[name]}
    assert task_types == {"Biometrics-From-Landmarks-Angle", "Biometrics-From-Landmarks-Distance"}
    assert all(pair["landmark_source"] == "senior" for name in found for pair in numbered.configs[name])


def test_fetal_configs_under_numbered_rules(numbered: Built) -> None:
    """Each measure in the config of its plane, once a subject that upstream keeps."""
    subjects = [case for case in truth(FETA, FILMS).landmarks if not case.excluded_upstream]
    measures = {"Sagittal": {"L-1-2", "L-3-4"}, "Coronal": {"L-9-10"}, "Axial": {"L-5-6", "L-7-8"}}
    for plane, expected in measures.items():
        pattern = rf"{FETA}_BiometricsFromLandmarks_Task01_{plane}_(Train|Test)"
        pairs = [pair for name, found in numbered.configs.items() if re.fullmatch(pattern, name) for pair in found]
        assert keys(pairs) == dict.fromkeys(expected, len(subjects))
    assert len([name for name in numbered.configs if name.startswith(FETA)]) == 6


def test_film_configs_under_exact_rules(exact: Built) -> None:
    found: dict[str, Counter[str]] = {}
    for name, pairs in exact.configs.items():
        if name.startswith(CEPH):
            found.setdefault(name.split("_")[2], Counter()).update(keys(pairs))
    assert set(found) == {"Angle", "Distance", "Ratio"}
    assert found["Angle"] == dict.fromkeys(EXACT_ANGLES, FILMS)
    assert found["Ratio"] == {"FHI": FILMS}
    assert len(found["Distance"]) == 11 + 1
    assert found["Distance"]["MW"] == FILMS
    assert all(pair["definition"] == "exact" for pairs in exact.configs.values() for pair in pairs)


def test_counts_of_the_manifest(either: Built) -> None:
    stated = Counter[str]()
    for name in (CEPH, FETA):
        stated.update(either.manifest["datasets"][name]["pairs"])
    landmarks = sum(count for kind, count in stated.items() if kind.startswith("BiometricsFromLandmarks"))
    assert landmarks == sum(map(len, either.configs.values())) > 0


def test_a_pair_is_a_measure_of_its_slice(either: Built) -> None:
    rows = {row["slice_id"]: row for row in either.rows}
    for pairs in either.configs.values():
        for pair in pairs:
            row, profile = rows[pair["slice_id"]], pair["biometric_profile"]
            (measure,) = (
                m
                for m in row["biometrics"]
                if m["primary"] and (m["definition"], m["key"]) == (pair["definition"], profile["metric_key"])
            )
            assert (profile["metric_value"], profile["metric_unit"]) == (measure["value"], measure["unit"])
            assert (pair["label"], pair["label_name"], pair["mask_file"]) == (0, measure["name"], "")
            assert (pair["landmark_file"], pair["image_file"]) == (row["landmark_path"], row["source_path"])
            assert (pair["slice_dim"], profile["slice_dim"]) == (row["slice_dim"], row["slice_dim"])
            assert (pair["single_instance"], pair["excluded_reason"]) == (True, "")


def test_dead_letters(numbered: Built, exact: Built) -> None:
    def letters(built: Built) -> set[tuple[str, str]]:
        tables = [pq.read_table(path).to_pylist() for path in built.out.glob("dead_letters/*.parquet")]
        return {(letter["case_id"], letter["reason"]) for table in tables for letter in table}

    always = {("399", "landmarks_missing"), ("realigned/sub-004_rec-mial", "landmarks_missing")}
    assert letters(exact) == always
    assert letters(numbered) == always | {("realigned/sub-005_rec-mial", "excluded_upstream")}
    assert {row["patient"] for row in exact.rows} - {row["patient"] for row in numbered.rows} == {"sub-005"}


# validate


def test_the_release_is_valid(either: Built, capsys: pytest.CaptureFixture[str]) -> None:
    report = validate_release(str(either.out), "deep")
    assert report.ok, report_lines(report)
    counted = {check.name: check.counted for check in report.checks}
    assert counted["biometrics"] == sum(len(row["biometrics"]) for row in either.rows)
    assert counted["landmarks_inside"] == counted["landmarks_mm"] == sum(len(row["landmarks"]) for row in either.rows)
    assert counted["pair_measures"] == sum(map(len, either.configs.values())) + 2
    assert main(["validate", str(either.out), "--deep"]) == 0
    assert "ok   biometrics" in capsys.readouterr().out


def first(rows: list[Row], dataset: str) -> Row:
    return next(row for row in rows if row["dataset"] == dataset)


def shift(row: Row, place: int, by: float) -> None:
    """Move a point in its slice, and its millimetres with it, so that only the measures are wrong."""
    point, affine = row["landmarks"][0], np.array(row["affine_ras"]).reshape(4, 4)
    point["position_rc"][place] += by
    axis = ((1, 2), (0, 2), (0, 1))[row["slice_dim"]][place]
    point["world_mm"] = (np.array(point["world_mm"]) + by * affine[:3, axis]).tolist()


ROW_CHANGES: dict[str, tuple[str, Callable[[Row], object], set[str]]] = {
    "a moved point": (CEPH, lambda r: shift(r, 0, 0.5), {"biometrics"}),
    "millimetres elsewhere": (FETA, lambda r: r["landmarks"][1]["world_mm"].__setitem__(0, 4.0), {"landmarks_mm"}),
    "no native point": (FETA, lambda r: r["landmarks"][0].update(native_mm=[]), {"landmarks_mm"}),
    "a native point of a film": (CEPH, lambda r: r["landmarks"][0].update(native_mm=[1.0, 2.0, 3.0]), {"landmarks_mm"}),
    "a point off the film": (CEPH, lambda r: shift(r, 1, 900.0), {"landmarks_inside", "biometrics"}),
    "a point twice": (CEPH, lambda r: r["landmarks"].append(r["landmarks"][0]), {"landmarks_inside"}),
    "a point lost": (FETA, lambda r: r["landmarks"].pop(), {"biometrics"}),
    "a value": (FETA, lambda r: r["biometrics"][0].update(value=12.5), {"biometrics"}),
    "a value that is none": (FETA, lambda r: r["biometrics"][0].update(value=float("nan")), {"biometrics"}),
    "an exact value": (
        CEPH,
        lambda r: exact_of(r, "ODI").update(value=exact_of(r, "ODI")["value"] + 1e-3),
        {"biometrics"},
    ),
    "a sign lost": (CEPH, lambda r: exact_of(r, "MW").update(value=-exact_of(r, "MW")["value"]), {"biometrics"}),
    "a ratio in mm": (CEPH, lambda r: exact_of(r, "FHI").update(unit="mm"), {"biometrics"}),
    "a measure twice": (CEPH, lambda r: r["biometrics"].append(r["biometrics"][0]), {"biometrics"}),
    "a key of no points": (FETA, lambda r: r["biometrics"][0].update(key="L-1"), {"biometrics"}),
    "another slice": (FETA, lambda r: r.update(slice_idx=r["slice_idx"] + 1), {"biometrics"}),
    "a mask as well": (FETA, lambda r: r.update(mask_path="sub-001_dseg.nii.gz"), {"rows_annotated"}),
    "no annotation": (FETA, lambda r: r.update(landmark_path=""), {"rows_annotated"}),
    "no measure": (FETA, lambda r: r.update(biometrics=[]), {"rows_annotated"}),
}


def exact_of(row: Row, key: str) -> Row:
    return next(m for m in row["biometrics"] if (m["definition"], m["key"], m["source"]) == ("exact", key, "senior"))


def failed(findings: Findings) -> set[str]:
    return {check.name for check in findings.checks() if not check.ok}


@pytest.mark.parametrize("name", ROW_CHANGES)
def test_a_changed_row_fails_its_check(numbered: Built, name: str) -> None:
    dataset, change, expected = ROW_CHANGES[name]
    row = copy.deepcopy(first(numbered.rows, dataset))
    before, after = Findings(), Findings()
    check_landmarks(pa.Table.from_pylist([row], ANNOTATION_SCHEMA), before)
    assert failed(before) == set()
    change(row)
    check_landmarks(pa.Table.from_pylist([row], ANNOTATION_SCHEMA), after)
    assert failed(after) == expected


def profile_with(table: pa.Table, **values: Any) -> pa.Table:
    pairs = table.to_pylist()
    pairs[0]["biometric_profile"].update(values)
    return pa.Table.from_pylist(pairs, table.schema)


def column_with(table: pa.Table, name: str, value: str) -> pa.Table:
    texts = [value, *table[name].to_pylist()[1:]]
    return table.set_column(table.schema.get_field_index(name), table.schema.field(name), pa.array(texts))


PAIR_CHANGES: dict[str, Callable[[pa.Table], pa.Table]] = {
    "another value": lambda t: profile_with(t, metric_value=12.5),
    "another unit": lambda t: profile_with(t, metric_unit="mm"),
    "another type": lambda t: profile_with(t, metric_type="distance"),
    "another key": lambda t: profile_with(t, metric_key="A-L_1_2-L_2_7"),
    "another reader": lambda t: column_with(t, "landmark_source", "junior"),
    "another convention": lambda t: column_with(t, "definition", "exact"),
    "another name": lambda t: column_with(t, "label_name", "SNX"),
    "a pair lost": lambda t: t.slice(1),
}


@pytest.mark.parametrize("name", PAIR_CHANGES)
def test_a_changed_pair_fails_its_check(numbered: Built, tmp_path: Path, name: str) -> None:
    out = shutil.copytree(
        numbered.out, tmp_path / "release", ignore=shutil.ignore_patterns(".shards", "data", "webdataset")
    )
    release = open_release(str(out))
    sound = {file.path for file in release.files()}
    before, after = Findings(), Findings()
    check_landmark_pairs(release, CEPH, sound, before)
    assert failed(before) == set()
    (path,) = out.glob(f"pairs/{CEPH}_BiometricsFromLandmarks_Angle_Task01_Sagittal_Train/*.parquet")
    pq.write_table(PAIR_CHANGES[name](pq.read_table(path)), path)
    check_landmark_pairs(release, CEPH, sound, after)
    assert failed(after) == {"pair_measures"}


@pytest.mark.parametrize(
    ("definition", "metric_type", "key", "numbers"),
    [
        ("upstream", "distance", "L-2-18", (2, 18)),
        ("upstream", "angle", "A-L_3_4-L_17_18", (3, 4, 17, 18)),
        ("exact", "distance", "L-1-2", (1, 2)),
        ("exact", "ratio", "FHI", (1, 10, 2, 8)),
        ("exact", "angle", "FHI", ()),
        ("upstream", "ratio", "FHI", ()),
        ("upstream", "distance", "L-1-2-3", ()),
        ("upstream", "angle", "L-1-2", ()),
        ("upstream", "distance", "L-a-b", ()),
    ],
)
def test_points_of_a_key(definition: str, metric_type: str, key: str, numbers: tuple[int, ...]) -> None:
    assert numbers_of(definition, metric_type, key) == numbers


# inspect


def test_inspect_prints_the_measures_of_a_film(numbered: Built) -> None:
    row = first(numbered.rows, CEPH)
    sna = next(m for m in row["biometrics"] if m["name"] == "SNA")
    point = row["landmarks"][0]
    text = "\n".join(inspect_row(str(numbered.out), row["slice_id"]))
    for part in (
        f"point 1 sella (senior): ({point['position_rc'][0]:g}, {point['position_rc'][1]:g}) at 0 across",
        f"A-L_1_2-L_2_5 SNA: {sna['value']:.6g} degree (senior, upstream, pairs, angle_folded)",
        f"FHI: {exact_of(row, 'FHI')['value']:.6g} (senior, exact, pairs)",
        f"MW: {exact_of(row, 'MW')['value']:.6g} mm (senior, exact, pairs)",
        "(mean, exact)",
        "space        native",
        f"landmarks    {row['landmark_path']}",
        f"A-L_1_2-L_2_5 SNA: {sna['value']:.6g} degree (senior, upstream), single-instance",
    ):
        assert part in text, part
    junior = row["landmark_path"].replace("senior", "junior")
    assert re.search(rf"sha256 [0-9a-f]{{64}} {junior}", text)
    assert "not recorded" not in text
    assert "mask  " not in text
    assert text.count("BiometricsFromLandmarks") == 8 + 11


def test_inspect_prints_both_spaces_of_a_fetal_brain(exact: Built) -> None:
    row = first(exact.rows, FETA)
    text = "\n".join(inspect_row(str(exact.out), row["slice_id"]))
    native = ", ".join(f"{mm:.6g}" for mm in row["landmarks"][0]["native_mm"])
    for part in (
        "space        realigned",
        f"native {native} mm",
        "_trf.txt",
        "biometry.tsv",
        "(biometry, exact), single",
    ):
        assert part in text, part


# Loaders and pictures


def test_datasets_opens_a_config(exact: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    for name in exact.configs:
        kind, split = name.split("_")[2], name.rsplit("_", 1)[1].lower()
        loaded = list(datasets.load_dataset(str(exact.out), name, split=split))
        assert loaded == exact.configs[name]
        if name.startswith(CEPH):
            assert {pair["biometric_profile"]["metric_type"] for pair in loaded} == {kind.lower()}
    slices = datasets.load_dataset(str(exact.out), CEPH)
    assert sum(map(len, slices.values())) == FILMS


def test_landmarks_move_with_the_picture(numbered: Built) -> None:
    """Each senior landmark of the films is the bright corner of a mark; it stays on it, turned and enlarged."""
    release = numbered.release
    for row in numbered.rows:
        if row["dataset"] != CEPH:
            continue
        full = release.find_row(row["slice_id"])
        for orientation, factor in (("array", 1), ("radiological", 1), ("radiological", 3)):
            shape = (row["height"], row["width"]) if orientation == "array" else (row["width"], row["height"])
            picture = render(full, orientation=orientation, size=tuple(side * factor for side in shape))
            points = [p for p in picture.landmarks if p["source"] == "senior"]
            assert len(points) == 14
            for point in points:
                r, c = (round(place) for place in point["position_rc"])
                assert picture.pixels[r, c] > 150, (orientation, factor, point)
        plain = render(full).landmarks
        assert plain == row["landmarks"]


def test_a_batch_has_the_moved_landmarks(numbered: Built) -> None:
    full = numbered.release.find_row(first(numbered.rows, CEPH)["slice_id"])
    batch = render_batch({name: [value] for name, value in full.items()}, orientation="radiological")
    assert batch["landmarks"] == [render(full, orientation="radiological").landmarks]
    moved, before = batch["landmarks"][0][0]["position_rc"], full["landmarks"][0]["position_rc"]
    assert moved == [full["width"] - 1 - before[1], full["height"] - 1 - before[0]]


def test_pairs_alone_say_which_slice(either: Built) -> None:
    for pairs in either.configs.values():
        for pair in pairs:
            ids = pq.read_table(either.out / pair["slice_file"], columns=["slice_id"])["slice_id"]
            assert pc.equal(ids[pair["slice_row"]], pair["slice_id"]).as_py()
