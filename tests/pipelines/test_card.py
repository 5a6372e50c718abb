"""The card of a release: its YAML as the hub reads it, and what it says against what was published."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from medvision.pipelines.card.front_matter import scalar
from medvision.pipelines.card.limits import known_limits
from medvision.pipelines.card.write import card_text
from medvision.pipelines.release import open_release
from medvision.pipelines.validate import validate_release
from medvision.schemas.dataset import PLANES
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import DATASETS

LESIONS = "KiTS23_TumorLesionSize_Task01_Axial_Train"


@pytest.fixture(scope="module")
def text(built: Any) -> str:
    return (built.out / "README.md").read_text()


@pytest.fixture(scope="module")
def card(text: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text.split("---\n", 2)[1]))


def test_every_table_stands_in_one_config_and_in_one_of_each_plane(built: Any, card: dict[str, Any]) -> None:
    files = {c["config_name"]: {d["split"]: d["path"] for d in c["data_files"]} for c in card["configs"]}
    planes = {c["config_name"]: c["filters"] for c in card["configs"] if "filters" in c}
    assert planes == {f"{name}_axial": [["plane", "==", "axial"]] for name in ("ACDC", "KiTS23")}
    matched: set[str] = set()
    for config in sorted(set(files) - set(planes)):
        for split, pattern in files[config].items():
            found = {path.relative_to(built.out).as_posix() for path in built.out.glob(pattern)}
            assert found, (config, split)
            assert found.isdisjoint(matched)
            matched |= found
    kinds = ("data", "annotations", "volumes", "pairs")
    assert matched == {file.path for file in open_release(str(built.out)).files() if file.kind in kinds}
    assert all(files[f"{name}_axial"] == files[name] for name in ("ACDC", "KiTS23"))
    assert {"ACDC", "ACDC_annotations", "KiTS23_volumes", LESIONS} <= set(files)


def test_sizes_and_features_are_those_of_the_files(built: Any, card: dict[str, Any]) -> None:
    from datasets import Features

    infos = {info["config_name"]: info for info in card["dataset_info"]}
    assert set(infos) == {config["config_name"] for config in card["configs"]}
    for config in card["configs"]:
        info = infos[config["config_name"]]
        paths = {d["split"]: sorted(built.out.glob(d["path"])) for d in config["data_files"]}
        footer = pq.read_schema(next(iter(paths.values()))[0]).metadata[b"huggingface"]
        assert Features._from_yaml_list(info["features"]) == Features.from_dict(json.loads(footer)["info"]["features"])
        if "filters" in config:
            assert "splits" not in info
            continue
        rows = {split: sum(pq.read_metadata(path).num_rows for path in found) for split, found in paths.items()}
        assert {split["name"]: split["num_examples"] for split in info["splits"]} == rows
        total = sum(path.stat().st_size for found in paths.values() for path in found)
        assert info["download_size"] == info["dataset_size"] == sum(s["num_bytes"] for s in info["splits"]) == total


def test_the_body_names_licences_sources_rules_and_counts(built: Any, text: str, card: dict[str, Any]) -> None:
    pairs = sum(sum(item["pairs"].values()) for item in built.manifest["datasets"].values())
    assert card["size_categories"] == ["n<1K" if pairs < 1000 else "1K<n<10K"]
    body = text.split("---\n", 2)[2]
    for name in ("ACDC", "KiTS23"):
        dataset, item = DATASETS[name], built.manifest["datasets"][name]
        assert dataset.citation in body
        assert f"| {dataset.licence} | {dataset.spdx} | **no** | yes | {dataset.access} |" in body
        (line,) = [line for line in body.splitlines() if line.startswith(f"| {name} |")]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        sides = [
            sum(pq.read_metadata(path).num_rows for path in built.out.glob(f"annotations/{name}/{side}-*"))
            for side in ("train", "test")
        ]
        assert cells[1:4] == [str(item["cases"]), *(f"{count:,}" for count in sides)]
        assert cells[4] == f"{item['pairs']['BoxSize']:,}"
    assert "release 1.4.0 computes them" in body
    assert "**This copy is private.** It holds images whose sources forbid passing them on: ACDC, KiTS23." in body
    assert 'load_dataset("OUT", "ACDC_axial"' in body


def test_the_card_names_the_licence_where_there_is_one(built: Any) -> None:
    datasets, summary = (DATASETS["KiTS23"],), {"KiTS23": built.manifest["datasets"]["KiTS23"]}
    files = open_release(str(built.out)).files(dataset="KiTS23")
    shared = card_text(datasets, files, summary, replace(built.options, annotations_only=("KiTS23",)))
    assert yaml.safe_load(shared.split("---\n", 2)[1])["license"] == "cc-by-nc-sa-4.0"
    assert "private" not in shared.split("---\n", 2)[2].split("## Load it")[0]
    assert "Annotations only, without images, by licence: KiTS23." in shared


def test_limits_follow_the_rules_and_the_datasets() -> None:
    def limits(names: tuple[str, ...], rules: str) -> str:
        options = BuildOptions("raw", "out", names, rules, PLANES)
        summary = {name: {"dead_letters": {"mask_empty": 2}} for name in names}
        return "\n".join(known_limits([DATASETS[name] for name in names], summary, options))

    numbered, exact = limits(("CAMUS", "FeTA24"), "1.4.0"), limits(("CAMUS", "FeTA24"), "exact")
    for said in ("conic", "folded", "approximated", "exchanged"):
        assert said in numbered
        assert said not in exact
    for said in ("4 cases or images", "Not every axis of CAMUS", "diagnosis", "burned into"):
        assert said in numbered
        assert said in exact
    assert "AbdomenAtlas1.0Mini" in limits(("KiTS23",), "exact")


@pytest.mark.parametrize("value", ["train", "a/b-*.parquet", "no", "1.0", "x: y", '"', "-", "", "null", "é #", "on"])
def test_scalars_read_back(value: str) -> None:
    assert yaml.safe_load(f"key: {scalar(value)}") == {"key": value}


def test_validate_finds_a_changed_document(built: Any, tmp_path: Path) -> None:
    import shutil

    out = tmp_path / "out"
    shutil.copytree(built.out, out, ignore=shutil.ignore_patterns(".shards"))
    stated = built.manifest["documents"]["README.md"]
    assert hashlib.sha256((out / "README.md").read_bytes()).hexdigest() == stated["sha256"]
    assert validate_release(str(out), "quick").ok
    (out / "README.md").write_text((out / "README.md").read_text().replace("**no**", "yes"))
    report = validate_release(str(out), "quick")
    assert [check.name for check in report.checks if not check.ok] == ["documents"]
