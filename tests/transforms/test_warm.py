"""Warming up leaves nothing to compile for real shards, and nothing behind."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from promises.tiny_raw import DATASETS, write_tiny_archive

from medvision.pipelines.run import run_build
from medvision.schemas.case import CaseImage
from medvision.schemas.options import BuildOptions
from medvision.schemas.volume import Volume
from medvision.transforms import warm
from medvision.transforms.rows import CaseLabels, Lesions

CODE = """
import json, sys
import numba.core.dispatcher
from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions
from medvision.transforms.warm import warm_up

def compiled():
    kernels = {}
    for name, module in list(sys.modules.items()):
        if name.startswith("medvision."):
            for kernel in vars(module).values():
                if isinstance(kernel, numba.core.dispatcher.Dispatcher):
                    kernels[f"{kernel.__module__}.{kernel.__name__}"] = sorted(map(str, kernel.signatures))
    return kernels

options = BuildOptions(raw=sys.argv[1], out=sys.argv[2], datasets=tuple(sys.argv[4:]), rules=sys.argv[3])
warm_up(options)
before = compiled()
run_build(options)
after = compiled()
late = {name: found for name, found in after.items() if found != before.get(name)}
print(json.dumps({"kernels": sum(map(len, before.values())), "late": late}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("rules", ["1.4.0", "exact"])
def test_nothing_is_left_to_compile(tmp_path: Path, rules: str) -> None:
    raw = write_tiny_archive(tmp_path / "raw", 2)
    command = [sys.executable, "-c", CODE, str(raw), str(tmp_path / "out"), rules, *DATASETS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["kernels"] > 0
    assert found["late"] == {}


def test_tiny_cases_are_whole_built_once_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, np.dtype, int]] = []
    image_rows = warm.image_rows

    def spied(labels: CaseLabels, image: CaseImage, volume: Volume, lesions: Lesions, *others: Any) -> Any:
        seen.append((labels.case.case_id, labels.mask.volume.data.dtype, len(lesions)))
        return image_rows(labels, image, volume, lesions, *others)

    monkeypatch.setattr(warm, "image_rows", spied)
    warm._warm_up.cache_clear()
    for out in ("one", "two"):
        warm.warm_up(BuildOptions(raw="raw", out=out, datasets=("ACDC",)))
    names = ("classes/tiny", "whole/tiny", "wide/tiny")
    assert seen == list(zip(names, (np.uint8, np.uint8, np.uint16), (0, 2, 0), strict=True))
    assert fsspec.filesystem("memory").glob("/warm-*") == []


def test_a_build_warms_up_before_its_first_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from medvision.pipelines import steps

    order: list[str] = []
    build_shard = steps.build_shard
    monkeypatch.setattr(steps, "warm_up", lambda options: order.append("warm"))
    monkeypatch.setattr(steps, "build_shard", lambda *given: order.append("shard") or build_shard(*given))
    raw = write_tiny_archive(tmp_path / "raw", 1)
    run_build(BuildOptions(raw=str(raw), out=str(tmp_path / "out"), datasets=("ACDC",)))
    assert order[0] == "warm"
    assert "shard" in order
