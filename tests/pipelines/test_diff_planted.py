"""`medvision diff` on releases with something changed by hand: it is found, and no rule is blamed for it."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from edited import Row, copy_of, edit_rows
from tiny_release import TinyRelease, edit_manifest

from medvision.pipelines.diff.report import Diff
from medvision.pipelines.diff.run import diff_releases
from medvision.pipelines.diff.shards import Absences
from medvision.pipelines.diff.tally import ANY, Key
from medvision.pipelines.main import main
from medvision.schemas.rows import SCHEMA_VERSION

KITS, FETA = "annotations/KiTS23/*.parquet", "annotations/FeTA24/*.parquet"


Edit = Callable[[Row], Row | None]


def box_corner(row: Row) -> Row | None:
    row["segments"][0]["boxes"][0]["min_rc"][0] += 1
    return row


def box_size(row: Row) -> Row | None:
    row["segments"][0]["boxes"][0]["size_mm"][1] += 0.5
    return row


def area(row: Row) -> Row | None:
    row["segments"][0]["area_mm2"] *= 1 + 1e-6
    return row


def name(row: Row) -> Row | None:
    row["segments"][0]["name"] = "pancreas"
    return row


def pixels(row: Row) -> Row | None:
    row["segments"][0]["pixel_count"] += 1
    return row


def axis(row: Row) -> Row | None:
    for lesion in row["lesions"]:
        for ellipse in lesion["ellipses"]:
            ellipse["major_mm"] += 0.25
            return row
    return None


def ellipse_lost(row: Row) -> Row | None:
    for lesion in row["lesions"]:
        if len(lesion["ellipses"]) > 1:
            lesion["ellipses"].pop(0)
            return row
    return None


def clusters(row: Row) -> Row | None:
    for lesion in row["lesions"]:
        if lesion["n_total_clusters"] == 1 and lesion["ellipses"]:
            lesion["n_total_clusters"] = 3
            return row
    return None


def measure(row: Row) -> Row | None:
    for item in row["biometrics"]:
        if item["primary"] and item["definition"] == "upstream":
            item["value"] += 0.125
            return row
    return None


def patient_side(row: Row) -> Row | None:
    return row | {"side": "test" if row["side"] == "train" else "train"}


def row_lost(row: Row) -> Row | None:
    return {}


EDITS: list[tuple[str, Edit, set[tuple[str, str]], str]] = [
    (KITS, box_corner, {("BoxSize", "box_place_mm")}, "unexplained"),
    (KITS, box_size, {("BoxSize", "box_size_mm")}, "unexplained"),
    (KITS, area, {("MaskSize", "area_mm2")}, "unexplained"),
    (KITS, name, {("BoxSize", "label_name"), ("MaskSize", "label_name")}, "unexplained"),
    (KITS, pixels, {("MaskSize", "pixels")}, "unexplained: masks differ"),
    (KITS, axis, {("TumorLesionSize", "major_mm")}, "unexplained"),
    (KITS, ellipse_lost, {("TumorLesionSize", "ellipses")}, "unexplained"),
    (KITS, clusters, {("TumorLesionSize", "clusters"), ("TumorLesionSize", "single_instance")}, "unexplained"),
    (FETA, measure, {("BiometricsFromLandmarks", "value_mm")}, "unexplained"),
]


def found_in(report: Diff, quantity: str | None = None) -> list[Key]:
    return [key for key in report.tally.listed() if quantity is None or key.quantity == quantity]


def plant(release: Path, leave_out: tuple[Edit, ...] = ()) -> set[tuple[str, str, str]]:
    """Make every edit in a row of its own; returns (kind, cause, slice id) of each pair that it touches."""
    expected: set[tuple[str, str, str]] = set()
    touched: set[str] = set()
    for files, edit, seen, cause in EDITS:
        if edit in leave_out:
            continue

        def once(row: Row, edit: Edit = edit) -> Row | None:
            return None if row["slice_id"] in touched else edit(row)

        (row,) = edit_rows(release, files, once)
        touched.add(row["slice_id"])
        expected |= {(kind, cause, row["slice_id"]) for kind, _ in seen}
    return expected


def unexplained(report: Diff) -> set[tuple[str, str, str]]:
    """The same of the pairs without a cause; a report has up to five examples of a kind and cause."""
    suffix = {"BoxSize": "-box-", "MaskSize": "-mask-", "TumorLesionSize": "-lesion-"}
    found = [
        (kind, cause, pair_id.split(suffix.get(kind, "-landmark-"))[0])
        for (_, kind, cause), ids in report.tally.examples.items()
        if cause.startswith("unexplained")
        for pair_id in ids
    ]
    keys = [key for key in found_in(report, ANY) if key.cause.startswith("unexplained")]
    assert sum(map(report.tally.count, keys)) == len(found)
    return set(found)


def test_values_changed_by_hand_are_unexplained(version, tmp_path):
    release = copy_of(version("1.4.0"), tmp_path)
    expected = plant(release)
    for pair in ((version("1.4.0"), release), (release, version("1.4.0"))):
        report = diff_releases(*map(str, pair))
        assert unexplained(report) == expected
        keys = found_in(report)
        assert {(key.kind, key.quantity) for key in keys if key.quantity != ANY} == set().union(*(e[2] for e in EDITS))
        assert {key.state for key in keys} == {"changed"}
        # The pairs files were left as they are: each pair that was touched is at odds with them.
        assert sum(report.problems.values()) == len(expected)


@pytest.mark.parametrize("edited", ["1.1.1", "1.4.0"])
def test_no_rule_is_blamed_for_them(version, tmp_path, edited):
    release = copy_of(version(edited), tmp_path)
    # Rules 1.1.1 leave no slice of this archive with two ellipses.
    expected = plant(release, leave_out=(ellipse_lost,) if edited == "1.1.1" else ())
    pair = {"1.1.1": version("1.1.1"), "1.4.0": version("1.4.0"), edited: release}
    assert unexplained(diff_releases(str(pair["1.1.1"]), str(pair["1.4.0"]))) == expected


def test_another_patient_side_is_unexplained(version, tmp_path):
    release = copy_of(version("1.4.0"), tmp_path)
    edit_rows(release, KITS, patient_side)
    report = diff_releases(str(version("1.4.0")), str(release))
    assert {key.quantity for key in found_in(report)} == {ANY, "patient_side"}
    assert {key.cause for key in found_in(report)} == {"unexplained"}
    assert {key.kind for key in found_in(report)} >= {"Slice", "BoxSize", "MaskSize"}


def test_a_lost_row_is_unexplained(version, tmp_path):
    release = copy_of(version("1.4.0"), tmp_path)
    (lost,) = edit_rows(release, KITS, row_lost)
    for first, second, state in (("1.4.0", release, "only_a"), (release, "1.4.0", "only_b")):
        pair = [version(item) if isinstance(item, str) else item for item in (first, second)]
        report = diff_releases(*map(str, pair))
        assert {(key.cause, key.state) for key in found_in(report)} == {("unexplained", state)}
        slices = [key for key in found_in(report) if key.kind == "Slice"]
        assert [report.tally.count(key) for key in slices] == [1]
        assert report.tally.examples["KiTS23", "Slice", "unexplained"] == [lost["slice_id"]]
        masks = sum(report.tally.count(key) for key in found_in(report) if key.kind == "MaskSize")
        assert masks == len(lost["segments"])


def test_a_lost_row_between_rules_is_unexplained(version, tmp_path):
    release = copy_of(version("exact"), tmp_path)
    edit_rows(release, "annotations/CAMUS/*.parquet", row_lost)
    report = diff_releases(str(version("1.4.0")), str(release))
    counts = {
        key.cause: report.tally.count(key) for key in found_in(report, ANY) if key[1] == "Slice" and key[5] == "only_a"
    }
    assert counts["unexplained"] == 1
    assert counts["physical_planes_only"] > 1


@pytest.mark.parametrize("damage", ["shorter", "other"])
def test_another_mask_of_a_lesion_is_named(version, tmp_path, damage):
    def spoil(row: Row) -> Row | None:
        for lesion in row["lesions"]:
            if lesion["ellipses"]:
                runs = lesion["runs"]
                lesion["runs"] = runs[:-1] if damage == "shorter" else [0, sum(runs)]
                lesion["ellipses"][0]["major_mm"] += 1.0
                return row
        return None

    release = copy_of(version("1.4.0"), tmp_path)
    edit_rows(release, KITS, spoil)
    for pair in ((version("1.4.0"), release), (release, version("1.4.0")), (version("1.1.1"), release)):
        report = diff_releases(*map(str, pair))
        odd = [key for key in found_in(report, ANY) if key.cause.startswith("unexplained")]
        found = [(key.kind, key.cause, report.tally.count(key)) for key in odd]
        assert found == [("TumorLesionSize", "unexplained: masks differ", 1)]


def test_a_pair_changed_in_its_file_alone_is_a_problem(version, tmp_path, capsys):
    release = copy_of(version("1.4.0"), tmp_path)

    def spoil(row: Row) -> Row:
        row["bounding_boxes"][0]["max_coords"][1] += 1
        return row

    (pair,) = edit_rows(release, "pairs/KiTS23_BoxSize_Task01_Axial_Train/*.parquet", spoil)
    edit_rows(release, "pairs/KiTS23_MaskSize_Task01_Axial_Train/*.parquet", row_lost)
    report = diff_releases(str(version("1.4.0")), str(release))
    assert sorted(report.problems.values()) == [1, 1]
    assert report.unexplained == 2
    assert report.different
    assert main(["diff", str(version("1.4.0")), str(release)]) == 1
    printed = capsys.readouterr().out
    assert (
        f"problem: B: 1 BoxSize pairs of KiTS23 are not the same in pairs/ and annotations/, such as {pair['pair_id']}"
        in printed
    )


# What the builds were asked for


def remade(release: Path, **changes: object) -> Path:
    manifest = json.loads((release / "manifest.json").read_text())
    (release / "manifest.json").write_text(json.dumps(manifest | changes))
    return release


def without(release: Path, dataset: str, test: Callable[[Row], bool], kinds: tuple[str, ...]) -> None:
    """Take rows out of files of a dataset."""
    for kind in kinds:
        for path in release.glob(f"{kind}/{dataset}*/*.parquet"):
            table = pq.read_table(path, partitioning=None)
            keep = [not test(row) for row in table.to_pylist()]
            pq.write_table(table.filter(keep), path)


def test_a_plane_that_was_not_asked_for(version, tmp_path):
    release = copy_of(version("1.4.0"), tmp_path)
    switches = json.loads((release / "manifest.json").read_text())["switches"]
    remade(release, switches=switches | {"planes": ["axial"]})
    for dataset in ("KiTS23", "CAMUS", "FeTA24"):
        without(release, dataset, lambda row: row["slice_dim"] == 1, ("annotations", "pairs"))
    report = diff_releases(str(version("1.1.1")), str(release))
    lost = [key for key in found_in(report, ANY) if key.plane == "coronal"]
    assert {(key.state, key.cause) for key in lost} == {("only_a", "not built in B: plane")}
    assert report.unexplained == 0
    back = diff_releases(str(release), str(version("1.4.0")))
    assert {(key.state, key.cause) for key in found_in(back)} == {("only_b", "not built in A: plane")}


def test_a_dataset_that_was_not_asked_for(version, tmp_path):
    release = copy_of(version("1.4.0"), tmp_path)
    manifest = json.loads((release / "manifest.json").read_text())
    datasets = {name: item for name, item in manifest["datasets"].items() if name != "CAMUS"}
    remade(release, datasets=datasets)
    files = pq.read_table(release / "files.parquet")
    pq.write_table(files.filter([name != "CAMUS" for name in files["dataset"].to_pylist()]), release / "files.parquet")
    report = diff_releases(str(version("1.4.0")), str(release))
    assert {(key.dataset, key.state, key.cause) for key in found_in(report)} == {
        ("CAMUS", "only_a", "not built in B: dataset")
    }
    assert report.moved == {}


def test_a_limit(version, tmp_path):
    release = copy_of(version("1.4.0"), tmp_path)
    cases = sorted(set(pq.read_table(release / "annotations/KiTS23", partitioning=None)["case_id"].to_pylist()))
    remade(release, limit=1)
    without(release, "KiTS23", lambda row: cases[-1].split("/")[-1] in row["slice_id"], ("annotations", "pairs"))
    sources = pq.read_table(release / "sources.parquet")
    pq.write_table(
        sources.filter([case != cases[-1] for case in sources["case_id"].to_pylist()]), release / "sources.parquet"
    )
    report = diff_releases(str(version("1.4.0")), str(release))
    assert {(key.dataset, key.state, key.cause) for key in found_in(report)} == {
        ("KiTS23", "only_a", "not built in B: limit")
    }


def test_a_dead_letter(version, tmp_path):
    release = copy_of(version("1.4.0"), tmp_path)
    rows = pq.read_table(release / "annotations/FeTA24", partitioning=None).to_pylist()
    case = max(row["case_id"] for row in rows if row["mask_path"])
    name = case.replace("/", "-")
    without(release, "FeTA24", lambda row: f"FeTA24-{name}-" in row["slice_id"], ("annotations", "pairs"))
    letters = pq.read_table(release / "dead_letters/FeTA24.parquet")
    dead = letters.to_pylist()[0] | {"case_id": case, "reason": "bad_gzip"}
    pq.write_table(type(letters).from_pylist([dead], letters.schema), release / "dead_letters/FeTA24.parquet")
    report = diff_releases(str(version("1.4.0")), str(release))
    assert {(key.state, key.cause) for key in found_in(report)} == {("only_a", "left out of B: bad_gzip")}


# Sides


def test_moved_pairs_are_unexplained(version, tmp_path):
    release = copy_of(version("1.4.0"), tmp_path)
    moved = release / "pairs/KiTS23_BoxSize_Task01_Axial_Train"
    target = release / "pairs/KiTS23_BoxSize_Task01_Axial_Test"
    train, test = (pq.read_table(folder, partitioning=None) for folder in (moved, target))
    (file,) = target.glob("*.parquet")
    pq.write_table(train, file)
    pq.write_table(test, next(moved.glob("*.parquet")))
    report = diff_releases(str(version("1.4.0")), str(release))
    assert {key.cause for key in report.moved} == {"unexplained"}
    images = len(set(train["image_file"].to_pylist()) | set(test["image_file"].to_pylist()))
    assert sum(report.moved.values()) == images
    assert {(key.kind, key.task) for key in report.moved} == {("BoxSize", "01")}
    assert report.unexplained == images


def test_sides_by_patient_are_explained(version):
    report = diff_releases(str(version("1.4.0")), str(version("exact")))
    expected = 0
    for kind in ("BoxSize", "MaskSize"):
        sides = []
        for rules in ("1.4.0", "exact"):
            files = version(rules).glob(f"pairs/*_{kind}_Task*/*.parquet")
            tables = [(path.name.split("-")[0], pq.read_table(path, partitioning=None)) for path in files]
            sides.append({(kind, i): side for side, table in tables for i in table["image_file"].to_pylist()})
        expected += sum(sides[0][image] != sides[1][image] for image in sides[0].keys() & sides[1].keys())
    found = {key: count for key, count in report.moved.items() if key.kind in ("BoxSize", "MaskSize")}
    assert sum(found.values()) == expected > 0
    assert {key.cause for key in report.moved} == {"split_source"}


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ({("c", 0): "mask_empty"}, "left out of B: mask_empty"),
        ({("c", 1): "image_not_finite"}, "left out of B: image_not_finite"),
        ({("c", 2): "image_not_finite"}, ""),  # another image of the case
    ],
)
def test_a_dead_letter_speaks_of_its_own_image_alone(letters, expected):
    def build(name: str, held: dict[tuple[str, int], str]) -> SimpleNamespace:
        return SimpleNamespace(name=name, cases=lambda dataset: ["c"], dead_letters=lambda dataset: held)

    assert Absences((build("A", {}), build("B", letters)), "Toy").left_out("B", ("c", 1), "axial") == expected
    both = Absences((build("A", letters), build("B", letters)), "Toy")
    assert both.left_out("B", ("c", 1), "axial") == ""  # A left it out as well: that is not why B lacks a slice


def test_releases_of_an_older_schema_are_refused(tmp_path):
    root = TinyRelease.correct().write(tmp_path)
    edit_manifest(root, schema_version=SCHEMA_VERSION - 1)
    for command in (["diff", str(root), str(root)], ["inspect", str(root), "Tiny-Set_1-case_00-t01-axial-0000"]):
        assert main(command) == 2
