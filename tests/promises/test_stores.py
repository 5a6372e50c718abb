"""Raw files and release in memory or in an object store: the bytes of a local build."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from promises import gcs
from promises.kill import kill_points, runs
from promises.release_bytes import attempts, release_bytes
from promises.tiny_raw import write_kits_case, write_msd_case

from medvision.pipelines.release import open_release
from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions

DATASETS = ("KiTS23", "MSD")


@pytest.fixture(scope="module")
def two_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = tmp_path_factory.mktemp("stores") / "raw"
    write_kits_case(raw, 0)
    write_msd_case(raw, 0)
    return raw


@pytest.fixture(scope="module")
def local(two_cases: Path) -> Path:
    out = two_cases.with_name("local")
    run_build(BuildOptions(raw=str(two_cases), out=str(out), datasets=DATASETS))
    return out


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    fs = fsspec.filesystem("memory")
    yield fs
    for folder in ("/stores-raw", "/stores-out"):
        if fs.exists(folder):
            fs.rm(folder, recursive=True)


def test_memory_to_memory(memory: fsspec.AbstractFileSystem, two_cases: Path, local: Path, tmp_path: Path) -> None:
    memory.put(f"{two_cases}/", "/stores-raw/", recursive=True)
    for turn in range(2):
        run_build(BuildOptions(raw="memory://stores-raw", out="memory://stores-out", datasets=DATASETS))
        assert open_release("memory://stores-out").manifest["complete"] is True
        copy = tmp_path / f"copy{turn}"
        memory.get("/stores-out/", f"{copy}/", recursive=True)
        assert release_bytes(copy) == release_bytes(local)
    assert attempts(tmp_path / "copy0") == attempts(tmp_path / "copy1")


def medvision_build(bucket: gcs.Bucket, stage: str = "") -> subprocess.CompletedProcess[str]:
    """Build from gs:// to gs:// in a new process, which is killed if it comes to `stage`."""
    places = ["--raw", f"gs://{gcs.BUCKET}/raw", "--out", f"gs://{gcs.BUCKET}/out", "--workers", "1"]
    return subprocess.run(
        [runs.CONSOLE_SCRIPT, "build", *DATASETS, *places, "--private"],
        env={
            **os.environ,
            "STORAGE_EMULATOR_HOST": bucket.url,
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
            "PYTHONPATH": str(Path(kill_points.__file__).parent),
            "MEDVISION_TEST_KILL": stage,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
def test_object_store_to_object_store(two_cases: Path, local: Path, tmp_path: Path) -> None:
    with gcs.emulator() as bucket:
        bucket.put(two_cases, "raw")
        assert medvision_build(bucket, stage="attempt").returncode == -signal.SIGKILL
        first = medvision_build(bucket)
        assert first.returncode == 0, first.stderr
        assert release_bytes(bucket.get("out", tmp_path / "first")) == release_bytes(local)
        second = medvision_build(bucket, stage="attempt")
        assert second.returncode == 0, f"the second build began to build a shard: {second.stderr}"
        assert release_bytes(bucket.get("out", tmp_path / "second")) == release_bytes(local)
