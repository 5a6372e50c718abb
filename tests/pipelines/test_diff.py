"""`medvision diff`: what differs between releases by version, counted against their pair files, and why."""

import io
import json
import shutil
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from edited import copy_of
from PIL import Image

from medvision.pipelines.diff.meaning import SLICE
from medvision.pipelines.diff.report import Diff
from medvision.pipelines.diff.run import diff_releases, diff_rules
from medvision.pipelines.diff.tally import ANY
from medvision.pipelines.main import main
from medvision.schemas.rows import SCHEMA_VERSION
from medvision.schemas.rules import RULES
from medvision.transforms.plan import ALGORITHM_VERSION

VERSIONS = [("1.0.0", "1.1.0"), ("1.1.0", "1.1.1"), ("1.1.1", "1.4.0"), ("1.4.0", "exact")]
COMPARED = {
    "BoxSize": ["label_name", "excluded_reason", "pixel_size", "bounding_boxes"],
    "MaskSize": ["label_name", "excluded_reason", "pixel_size", "pixel_count", "ROI_area"],
    "TumorLesionSize": ["label_name", "excluded_reason", "pixel_size", "n_total_clusters", "biometric_profile"],
    "BiometricsFromLandmarks": ["definition", "landmark_source", "pixel_size", "biometric_profile"],
}


@pytest.fixture(scope="module")
def between(version) -> Callable[[str, str], Diff]:
    """Releases by two sets of rules, compared once."""
    return cache(lambda first, second: diff_releases(str(version(first)), str(version(second))))


def pairs_of(release: Path, kind: str) -> dict[str, dict]:
    paths = sorted((release / "pairs").glob(f"*_{kind}_Task*/*.parquet"))
    return {row["pair_id"]: row for path in paths for row in pq.read_table(path, partitioning=None).to_pylist()}


def rounded(value):
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.8e}") if isinstance(value, float) else value


def states_of(report: Diff) -> Counter:
    """Pairs by (kind, state)."""
    found: Counter = Counter()
    for key in report.tally.listed():
        if key.quantity == ANY:
            found[key.kind, key.state] += report.tally.count(key)
    return found


def causes_of(report: Diff, kind: str = "") -> Counter:
    """Pairs by cause."""
    found: Counter = Counter()
    for key in report.tally.listed():
        if key.quantity == ANY and kind in ("", key.kind):
            found[key.cause] += report.tally.count(key)
    return found


# Against the pair files


@pytest.mark.parametrize("versions", VERSIONS)
def test_counts_are_those_of_the_pair_files(version, between, versions):
    first, second = map(version, versions)
    report = between(*versions)
    found = states_of(report)
    for kind, columns in COMPARED.items():
        one, other = pairs_of(first, kind), pairs_of(second, kind)
        assert found[kind, "only_a"] == len(one.keys() - other.keys())
        assert found[kind, "only_b"] == len(other.keys() - one.keys())
        both = one.keys() & other.keys()
        changed = [key for key in both if any(rounded(one[key][c]) != rounded(other[key][c]) for c in columns)]
        assert found[kind, "changed"] == len(changed)
    assert report.unexplained == 0
    assert report.problems == {}
    assert report.different


def test_a_release_is_its_own_twin(version, tmp_path, capsys):
    twin = copy_of(version("1.4.0"), tmp_path)
    assert main(["diff", str(version("1.4.0")), str(twin)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "no differences"


def test_every_pair_is_seen(version, between):
    report = between("1.1.1", "1.4.0")
    for kind in COMPARED:
        for half, rules in (("a", "1.1.1"), ("b", "1.4.0")):
            seen = sum(report.tally.pairs[name, kind, half] for name in ("CAMUS", "FeTA24", "KiTS23"))
            assert seen == len(pairs_of(version(rules), kind)) > 0


# Causes between versions


def test_a_lower_limit_of_pixels_brings_lesions(between):
    report = between("1.0.0", "1.1.0")
    lesions = causes_of(report, "TumorLesionSize")
    assert lesions["lesion_min_pixels"] > 0
    assert set(lesions) <= {"lesion_min_pixels", "counted_clusters", "joint: lesion_min_pixels + counted_clusters"}
    assert set(causes_of(report)) == set(lesions)


def test_corrected_axes_have_two_causes(between):
    causes = causes_of(between("1.1.0", "1.1.1"))
    assert set(causes) == {"conic_length", "joint: conic_spacing + conic_length"}


def test_causes_turn_round_with_the_releases(between):
    forth = between("1.0.0", "1.1.0")
    back = between("1.1.0", "1.0.0")
    assert causes_of(forth) == causes_of(back)
    turned = {"only_a": "only_b", "only_b": "only_a", "changed": "changed"}
    assert states_of(back) == {(kind, turned[state]): n for (kind, state), n in states_of(forth).items()}


def test_causes_of_exact(between):
    report = between("1.4.0", "exact")
    found = {}
    for key in report.tally.listed():
        if key.quantity == ANY:
            found.setdefault((key.dataset, key.kind, key.state), set()).add(key.cause)
    assert found["CAMUS", SLICE, "only_a"] == {"physical_planes_only"}
    assert found["CAMUS", "MaskSize", "only_a"] == {"physical_planes_only"}
    assert found["CAMUS", "MaskSize", "changed"] == {"label_names"}
    assert found["FeTA24", SLICE, "only_b"] == {"drop_upstream_exclusions"}
    assert found["FeTA24", "BiometricsFromLandmarks", "changed"] == {"biometrics"}
    assert any("label_names on landmarks" in note for note in report.not_tested)


def test_quantiles_are_those_of_the_pairs(version, between):
    first, second = version("1.1.0"), version("1.1.1")
    report = between("1.1.0", "1.1.1")
    one, other = pairs_of(first, "TumorLesionSize"), pairs_of(second, "TumorLesionSize")
    changes = []
    for key in one.keys() & other.keys():
        values = [[item["metric_value_major_axis"] for item in pair[key]["biometric_profile"]] for pair in (one, other)]
        if len(values[0]) == len(values[1]):
            steps = [b - a for a, b in zip(*values, strict=True)]
            changes += [step for step in [max(steps, key=abs)] if abs(step) > 1e-7]
    keys = [key for key in report.tally.listed() if key.quantity == "major_mm"]
    group = report.tally.group(keys[0], keys)
    assert group.pairs == len(changes) > 0
    expected = (*np.quantile(changes, (0.05, 0.5, 0.95)), np.abs(changes).max())
    assert (group.p5, group.p50, group.p95, group.max_abs) == pytest.approx(expected, rel=1e-5)


# One build under two sets of rules


@pytest.mark.parametrize(
    ("built", "versions"), [("1.4.0", ("1.0.0", "1.1.0")), ("1.4.0", ("1.1.0", "1.1.1")), ("1.0.0", ("1.1.1", "1.4.0"))]
)
def test_rules_of_one_build_differ_as_two_builds_do(version, between, built, versions):
    of_builds = between(*versions)
    of_rules = diff_rules(str(version(built)), *versions)
    left, right = of_rules.tally.groups(), of_builds.tally.groups()
    assert [(group.key, group.pairs) for group in left] == [(group.key, group.pairs) for group in right]
    for one, other in zip(left, right, strict=True):
        numbers = [[value or 0.0 for value in (g.p5, g.p50, g.p95, g.max_abs)] for g in (one, other)]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-5, abs=1e-6)
    assert of_rules.moved == of_builds.moved


def test_rules_that_the_rows_cannot_follow_are_named(version):
    report = diff_rules(str(version("exact")), "1.4.0", "exact")
    notes = " ".join(report.not_compared)
    assert "CAMUS: planes that are no lengths: the build left them out" in report.not_compared
    assert "header's voxel sizes" not in notes  # volumes/ has them
    assert not any(key.kind == SLICE and key.dataset == "CAMUS" for key in report.tally.listed())


def test_lesions_of_exact_are_compared_by_their_regions(version):
    report = diff_rules(str(version("1.4.0")), "1.4.0", "exact")
    causes = {(key.kind, key.state, key.cause) for key in report.tally.listed() if key.dataset == "KiTS23"}
    assert ("TumorLesionSize", "changed", "lesion_axes") in causes
    assert ("LesionDiameter", "only_b", "lesion_axes") in causes
    assert not any(cause.startswith("unexplained") for _, _, cause in causes)


# The command line


def test_the_command_prints_tables_and_exits_with_1(version, capsys):
    assert main(["diff", str(version("1.0.0")), str(version("1.1.0"))]) == 1
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "lesion_min_pixels: 200 in A, 20 in B" in printed
    assert f"schema {SCHEMA_VERSION}, algorithm {ALGORITHM_VERSION}" in printed
    assert printed.splitlines()[-1].endswith("; 0 images on another side; 0 unexplained")


def test_json_is_stable(version, between, tmp_path, capsys):
    file = tmp_path / "report.json"
    command = ["diff", str(version("1.0.0")), str(version("1.1.0")), "--json"]
    assert main([*command, str(file)]) == 1
    first = file.read_text()
    assert main([*command, str(file)]) == 1
    assert file.read_text() == first
    capsys.readouterr()
    assert main([*command, "-"]) == 1
    assert capsys.readouterr().out == first
    document = json.loads(first)
    assert (document["format"], document["version"], document["unexplained"]) == ("medvision-diff", 1, 0)
    assert {item["name"] for item in document["switches"]} >= {"counted_clusters", "lesion_min_pixels"}
    by_cause = Counter()
    for group in document["groups"]:
        if group["quantity"] == "":
            by_cause[group["cause"]] += group["pairs"]
    assert by_cause == causes_of(between("1.0.0", "1.1.0"))


@pytest.mark.parametrize("second", ["1.0.0", "1.1.0"])
def test_the_plot_is_a_picture(version, tmp_path, second):
    file = tmp_path / "plot.png"
    main(["diff", str(version("1.1.0")), str(version(second)), "--plot", str(file)])
    picture = Image.open(io.BytesIO(file.read_bytes()))
    assert (picture.format, picture.size) == ("PNG", (1560, 720))
    pixels = np.asarray(picture.convert("RGB"))
    coloured = np.ptp(pixels.astype(int), axis=2) > 40
    assert len(np.unique(pixels)) > 10
    assert coloured.any() == (second == "1.0.0")  # bars where something differs


def test_limit_compares_the_first_cases(version, between):
    whole = between("1.1.1", "1.4.0")
    part = diff_releases(str(version("1.1.1")), str(version("1.4.0")), limit=1)
    rows = pq.read_table(version("1.4.0") / "annotations/KiTS23", partitioning=None).to_pylist()
    first = min(row["case_id"] for row in rows)
    expected = sum(row["case_id"] == first for row in rows)
    assert part.tally.pairs["KiTS23", SLICE, "b"] == expected
    assert whole.tally.pairs["KiTS23", SLICE, "b"] == len(rows) > expected


def test_hash_prints_both_contents(version, tmp_path, capsys):
    first, second = version("1.4.0"), copy_of(version("1.4.0"), tmp_path)
    assert main(["diff", str(first), str(second), "--hash", "--limit", "1"]) == 0
    hashes = [line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("   content ")]
    assert len(hashes) == 2
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 64
    main(["validate", str(first), "--deep"])
    assert f"content {hashes[0]}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["A"], "1 releases are given; two are compared, or one with --rules V W"),
        (["A", "B", "--rules", "1.0.0", "1.1.0"], "2 releases are given"),
        (["A", "--rules", "1.0.0", "9.9"], "no rules are named '9.9'"),
        (["A", "nowhere"], "has no manifest.json"),
        (["A", "A", "--limit", "-1"], "--limit -1 is not a whole number from 1"),
    ],
)
def test_what_cannot_start_exits_with_2(version, capsys, tmp_path, arguments, why):
    places = {"A": str(version("1.4.0")), "B": str(version("1.1.1")), "nowhere": str(tmp_path)}
    assert main(["diff", *(places.get(item, item) for item in arguments)]) == 2
    assert why in capsys.readouterr().err


def test_rules_of_an_unknown_name_cannot_start(version, tmp_path, capsys):
    other = copy_of(version("1.4.0"), tmp_path)
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps(manifest | {"rules": "2.0.0"}))
    assert main(["diff", str(version("1.4.0")), str(other)]) == 2
    assert "follows rules '2.0.0', which this program does not know" in capsys.readouterr().err
    assert "2.0.0" not in RULES


def test_another_algorithm_version_is_named(version, tmp_path, capsys):
    other = copy_of(version("1.4.0"), tmp_path)
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps(manifest | {"algorithm_version": 1}))
    assert main(["diff", str(version("1.4.0")), str(other)]) == 0
    assert "made by different versions of this program" in capsys.readouterr().out
    shutil.rmtree(other)
