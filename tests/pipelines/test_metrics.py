"""Counters of a build say what the manifest says; its file and its last line are made of them."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from promises.tiny_raw import write_acdc_case, write_kits_case

from medvision.pipelines.main import main
from medvision.pipelines.memory import PROCESS_BYTES, VOXEL_BYTES, largest_case_bytes
from medvision.pipelines.metrics import stage_line
from medvision.pipelines.run import BuildResult, run_build
from medvision.schemas.case import Case
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import find_dataset
from medvision.transforms.select import find_cases


@pytest.fixture
def options(tmp_path: Path) -> BuildOptions:
    """Three cases of KiTS23 of which one is damaged, one lacks its mask."""
    for index in range(3):
        write_kits_case(tmp_path / "raw", index)
    case = tmp_path / "raw/KiTS23/dataset/case_00001"
    (case / "imaging.nii.gz").write_bytes((case / "imaging.nii.gz").read_bytes()[:300])
    (tmp_path / "raw/KiTS23/dataset/case_00002/segmentation.nii.gz").unlink()
    return BuildOptions(str(tmp_path / "raw"), str(tmp_path / "out"), ("KiTS23",))


def test_counters_agree_with_the_manifest(options):
    result = run_build(options)
    assert result.manifest is not None
    stands = result.manifest["datasets"]["KiTS23"]
    for name in ("cases", "slices", "boxes", "ellipses", "landmarks"):
        assert result.counters[name] == stands[name]
    assert result.counters["shards"] == stands["shards"]
    assert "shards_reused" not in result.counters
    pairs = {name[6:]: count for name, count in result.counters.items() if name.startswith("pairs.") and count}
    assert pairs == stands["pairs"] != {}
    dead = {name[5:]: count for name, count in result.counters.items() if name.startswith("dead.")}
    assert dead == stands["dead_letters"] == {"bad_gzip": 1, "mask_missing": 1}
    again = run_build(options)
    assert again.counters["shards_reused"] == again.counters["shards"]
    assert again.counters["slices"] == stands["slices"]


def test_the_file_holds_them_by_kind(options, tmp_path, capsys):
    places = ["--raw", options.raw, "--out", options.out, "--workers", "1"]
    assert main(["build", "KiTS23", *places, "--private", "--metrics", str(tmp_path / "m.json")]) == 0
    figures = json.loads((tmp_path / "m.json").read_text())
    assert set(figures) == {"seconds", "stages_s", "pairs", "dead_letters", "counters"}
    assert figures["dead_letters"] == {"bad_gzip": 1, "mask_missing": 1}
    assert {"read", "measure", "encode", "write", "pairs", "manifest"} <= set(figures["stages_s"])
    assert sum(figures["stages_s"].values()) <= figures["seconds"]
    assert "of its workers together: " in capsys.readouterr().out


def test_the_longest_stage_comes_first():
    line = stage_line(BuildResult({}, {"ms.read": 1500, "ms.write": 20_000, "cases": 3}, 30.0))
    assert line == "30.0 s, of its workers together: write 20.0, read 1.5"
    assert stage_line(BuildResult({}, {}, 30.0)) == "30.0 s"


def test_memory_is_asked_for_by_the_voxels_of_the_largest_case(tmp_path):
    write_kits_case(tmp_path, 0)
    write_acdc_case(tmp_path, 0)
    image = tmp_path / "KiTS23/dataset/case_00000/imaging.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((200, 90, 50), np.int16), np.eye(4)), image)
    options = BuildOptions(str(tmp_path), "", ("ACDC", "KiTS23"))

    def cases() -> list[Case]:
        return [case for name in options.datasets for case in find_cases(find_dataset(name), options).cases]

    assert largest_case_bytes(cases(), str(tmp_path)) == PROCESS_BYTES + VOXEL_BYTES * 200 * 90 * 50
    image.write_bytes(b"damaged" * 1000)
    assert largest_case_bytes(cases(), str(tmp_path)) == PROCESS_BYTES + VOXEL_BYTES * 7000
    assert largest_case_bytes([], str(tmp_path)) == PROCESS_BYTES
