"""Prism, by the protocols of a real cluster: the release of the direct engine, byte for byte."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from promises.kill import kill_points, runs
from promises.release_bytes import release_bytes
from promises.tiny_raw import DATASETS

from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]


def test_the_release_is_that_of_the_direct_engine(prism: Path, raw: Path, undisturbed: Path, tmp_path: Path) -> None:
    options = BuildOptions(raw=str(raw), out=str(tmp_path / "out"), datasets=DATASETS)
    result = run_build(options, 1, [f"--prism_location={prism}"], engine="prism")
    assert release_bytes(tmp_path / "out") == release_bytes(undisturbed)
    assert result.manifest is not None
    assert result.counters["cases"] == sum(d["cases"] for d in result.manifest["datasets"].values())


def test_what_a_killed_build_left_is_taken_up(prism: Path, raw: Path, undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    places = ["--raw", str(raw), "--out", str(out), "--runner", "prism", f"--prism_location={prism}"]
    killed = subprocess.run(
        [runs.CONSOLE_SCRIPT, "build", *DATASETS, *places, "--private"],
        env={**os.environ, "PYTHONPATH": str(Path(kill_points.__file__).parent), "MEDVISION_TEST_KILL": "mid-links"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert killed.returncode in (1, -signal.SIGKILL), killed.stderr
    assert not (out / "manifest.json").exists()
    options = BuildOptions(raw=str(raw), out=str(out), datasets=DATASETS)
    result = run_build(options, 1, [f"--prism_location={prism}"], engine="prism")
    assert result.counters["shards_reused"] == result.counters["shards"]
    assert release_bytes(out) == release_bytes(undisturbed)
