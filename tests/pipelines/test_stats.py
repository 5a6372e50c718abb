"""`medvision stats`: counts against the truth of the miniature archives and against rows counted one by one."""

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from miniature import truth, write_miniature

from medvision.pipelines.main import main
from medvision.pipelines.release import ReleaseError
from medvision.pipelines.run import run_build
from medvision.pipelines.stats import Stats, count_release
from medvision.schemas.options import BuildOptions
from medvision.schemas.pairs import KINDS

NAMES = ("CAMUS", "FeTA24", "KiTS23")


@pytest.fixture(scope="module")
def release(version) -> Path:
    return version("1.4.0")


@pytest.fixture(scope="module")
def stats(release) -> Stats:
    return count_release(str(release))


def pairs_of(release: Path, dataset: str) -> list[tuple[str, str, dict]]:
    """Config, split and row of every pair."""
    found = []
    for path in sorted((release / "pairs").glob(f"{dataset}_*/*.parquet")):
        rows = pq.read_table(path, partitioning=None).to_pylist()
        found += [(path.parent.name, path.name.split("-")[0], row) for row in rows]
    return found


@pytest.mark.parametrize("dataset", ["CAMUS", "KiTS23"])
def test_images_masks_patients_and_slices_are_the_archives(stats, dataset):
    cases = [case for case in truth(dataset, cases=2).cases if case.scan.labels("uint8").any()]
    found = stats.datasets[dataset]
    assert found.images == sum(len(case.names) for case in cases)
    assert found.masks == len(cases)
    assert found.patients == len({case.patient for case in cases})
    slices: Counter[str] = Counter()
    for case in cases:
        labelled = case.scan.labels("uint8") > 0
        for dim, plane in ((1, "coronal"), (2, "axial")):
            across = tuple(axis for axis in range(3) if axis != dim)
            slices[plane] += int(np.count_nonzero(labelled.any(axis=across))) * len(case.names)
    assert found.slices == slices


def test_an_image_with_mask_and_landmarks_counts_once(stats, release):
    found = stats.datasets["FeTA24"]
    rows = pq.read_table(release / "annotations/FeTA24", partitioning=None).to_pylist()
    of_masks = [row for row in rows if row["mask_path"]]
    assert {row["source_path"] for row in rows if not row["mask_path"]} <= {row["source_path"] for row in of_masks}
    assert found.images == len({row["source_path"] for row in of_masks})
    assert found.slices.total() == len(of_masks) < len(rows)


@pytest.mark.parametrize("dataset", NAMES)
def test_pairs_by_kind_set_and_split(stats, release, dataset):
    expected: Counter[tuple[str, str, str]] = Counter()
    ellipses: Counter[str] = Counter()
    for config, split, row in pairs_of(release, dataset):
        (kind,) = [kind for kind in KINDS if f"_{kind}_Task" in config]
        expected[kind, "multi", split] += 1
        expected[kind, "single", split] += row["single_instance"]
        if kind == "TumorLesionSize":
            ellipses[split] += len(row["biometric_profile"])
    assert {key: count for key, count in stats.datasets[dataset].pairs.items() if count} == {**+expected}
    assert +stats.datasets[dataset].ellipses == +ellipses


@pytest.mark.parametrize("by", ["label", "plane"])
def test_parts_add_up_to_the_whole(release, by):
    for dataset, found in count_release(str(release), by).datasets.items():
        rows = pairs_of(release, dataset)
        named = {row["label_name"] if by == "label" else config.split("_")[-2].lower() for config, _, row in rows}
        assert set(found.parts) == named
        total: Counter[tuple[str, str, str]] = Counter()
        for part, pairs in found.parts.items():
            total.update(pairs)
            mine = [row for config, _, row in rows if part in (row["label_name"], config.split("_")[-2].lower())]
            assert sum(count for key, count in pairs.items() if key[1] == "multi") == len(mine)
        assert total == found.pairs


def test_two_images_of_one_file_are_two(tmp_path):
    write_miniature(tmp_path / "raw", ["SKM-TEA"], cases=1)
    out = tmp_path / "out"
    run_build(BuildOptions(str(tmp_path / "raw"), str(out), ("SKM-TEA",), planes=("axial",), images="none"))
    found = count_release(str(out)).datasets["SKM-TEA"]
    cases = [case for case in truth("SKM-TEA", cases=1).cases if case.scan.labels("uint8").any()]
    assert (found.images, found.masks) == (2 * len(cases), len(cases))


def test_totals_are_sums(stats):
    total = stats.total
    assert total.images == sum(found.images for found in stats.datasets.values())
    for key in total.pairs:
        assert total.pairs[key] == sum(found.pairs[key] for found in stats.datasets.values())


def test_json_is_stable_and_says_what_it_is(release, tmp_path, capsys):
    assert main(["stats", str(release), "--json"]) == 0
    printed = capsys.readouterr().out
    document = json.loads(printed)
    assert (document["format"], document["version"], document["rules"]) == ("medvision-stats", 1, "1.4.0")
    lesions = document["datasets"]["KiTS23"]["pairs"]["TumorLesionSize"]["multi"]
    assert lesions["total"] == lesions["train"] + lesions["test"] > 0
    elsewhere = shutil.copytree(release, tmp_path / "elsewhere", ignore=shutil.ignore_patterns(".shards"))
    assert main(["stats", str(elsewhere), "--json"]) == 0
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("by", [(), ("--by", "label"), ("--by", "plane")])
def test_a_pipe_gets_plain_tables(release, capsys, by):
    assert main(["stats", str(release), *by]) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert all(name in printed for name in NAMES)
    found = count_release(str(release)).total
    assert f" {found.pairs['BoxSize', 'multi', 'train']:,} " in printed
    assert f" {found.slices['axial']:,} " in printed


def test_no_release_is_a_usage_error(tmp_path, capsys):
    with pytest.raises(ReleaseError):
        count_release(str(tmp_path))
    assert main(["stats", str(tmp_path)]) == 2
    assert "has no manifest.json" in capsys.readouterr().err
