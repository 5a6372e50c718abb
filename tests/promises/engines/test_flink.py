"""A real Flink cluster builds the release of the direct engine, byte for byte, whatever dies or is cancelled."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from promises.engines.conftest import find_engine
from promises.engines.flink_cluster import BRIEF, FlinkCluster, flink_cluster, wait_until
from promises.kill import runs
from promises.release_bytes import attempts, release_bytes
from promises.tiny_raw import DATASETS

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]
BUILD_SECONDS = 240
PAUSE_SECONDS = "0.4"
SHARDS = 16


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    beam = find_engine("beam-flink", "beam-flink/job-server.jar").parent
    with flink_cluster(find_engine("flink", "flink"), beam, tmp_path_factory.mktemp("flink")) as running:
        yield running


class Build:
    """`medvision build --runner flink` of `raw` into `out`, in a process of its own."""

    def __init__(self, cluster: FlinkCluster, raw: Path, out: Path, pause: str = "", workers: str = "") -> None:
        self.out = out
        self.metrics = out.with_suffix(".json")
        engine = [
            "--runner",
            "flink",
            f"--flink_master={cluster.master}",
            f"--flink_job_server_jar={cluster.job_server}",
        ]
        places = ["--raw", str(raw), "--out", str(out), "--metrics", str(self.metrics), "--workers", "2"]
        slow = str(Path(__file__).parent / "slow")
        self.process = subprocess.Popen(
            [runs.CONSOLE_SCRIPT, "build", *DATASETS, *places, "--private", *engine],
            env={
                **os.environ,
                "PYTHONPATH": slow,
                "MEDVISION_TEST_SLOW": pause,
                "JAVA_TOOL_OPTIONS": " ".join(BRIEF),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait(self) -> tuple[int, str]:
        """Exit code, and what it said."""
        said, _ = self.process.communicate(timeout=BUILD_SECONDS)
        return self.process.returncode, said

    def records(self) -> int:
        return len(list(self.out.glob(".shards/*/record-*.json")))

    def in_the_middle(self) -> None:
        """Wait until some shards are built, and not all."""
        wait_until(lambda: self.records() >= 2 or self.process.poll() is not None, BUILD_SECONDS, "two shards stand")
        assert self.records() < SHARDS, "the build was over before it could be disturbed"


@pytest.fixture
def build(cluster: FlinkCluster, raw: Path, tmp_path: Path) -> Callable[..., Build]:
    return lambda pause="", workers="": Build(cluster, raw, tmp_path / "out", pause, workers)


@pytest.fixture
def workers() -> Iterator[str]:
    """Address of `medvision workers`, as it stands beside a TaskManager."""
    with subprocess.Popen([runs.CONSOLE_SCRIPT, "workers", "--port", "0"], stdout=subprocess.PIPE, text=True) as pool:
        assert pool.stdout is not None
        said = pool.stdout.readline()
        yield said.split("--environment_config=")[1].strip()
        pool.send_signal(signal.SIGINT)
        assert pool.wait(60) == 0


def workers_of(build: Build) -> list[int]:
    """Process ids of the workers that the build's pool has started."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(build.process.pid)], capture_output=True, text=True
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "pool_worker" in line]


def test_the_release_is_that_of_the_direct_engine(build: Callable[..., Build], workers: str, undisturbed: Path) -> None:
    """With workers that were there before, whose progress is to be had of the engine alone."""
    first = build(workers=workers)
    code, said = first.wait()
    assert code == 0, said
    assert release_bytes(first.out) == release_bytes(undisturbed)
    figures = json.loads(first.metrics.read_text())
    manifest: dict[str, Any] = json.loads((first.out / "manifest.json").read_text())
    built = manifest["datasets"].values()
    assert figures["counters"]["cases"] == sum(dataset["cases"] for dataset in built) == 24
    assert figures["counters"]["slices"] == sum(dataset["slices"] for dataset in built)
    assert sum(figures["pairs"].values()) == sum(sum(dataset["pairs"].values()) for dataset in built)
    assert {"read", "measure", "encode", "write", "pairs"} <= set(figures["stages_s"])


def test_a_killed_task_manager_costs_nothing(
    cluster: FlinkCluster, build: Callable[..., Build], undisturbed: Path
) -> None:
    disturbed = build(PAUSE_SECONDS)
    disturbed.in_the_middle()
    cluster.task_managers[0].kill()
    cluster.add_task_manager()
    code, said = disturbed.wait()
    assert code == 0, said
    assert release_bytes(disturbed.out) == release_bytes(undisturbed)


def test_a_killed_worker_costs_nothing(build: Callable[..., Build], undisturbed: Path) -> None:
    disturbed = build(PAUSE_SECONDS)
    disturbed.in_the_middle()
    workers = workers_of(disturbed)
    assert workers
    os.kill(workers[0], signal.SIGKILL)
    code, said = disturbed.wait()
    assert code == 0, said
    assert release_bytes(disturbed.out) == release_bytes(undisturbed)


def test_a_cancelled_job_goes_on_when_it_is_submitted_again(
    cluster: FlinkCluster, build: Callable[..., Build], undisturbed: Path
) -> None:
    cancelled = build(PAUSE_SECONDS)
    cancelled.in_the_middle()
    running = [job for job, state in cluster.jobs().items() if state == "RUNNING"]
    assert len(running) == 1
    cluster.cancel(running[0])
    code, said = cancelled.wait()
    assert code == 1, said
    assert "the job was cancelled" in said
    assert not (cancelled.out / "manifest.json").exists()
    kept = {path.split("/")[0] for path in attempts(cancelled.out)}
    again = build()
    code, said = again.wait()
    assert code == 0, said
    assert release_bytes(again.out) == release_bytes(undisturbed)
    figures = json.loads(again.metrics.read_text())
    assert 2 <= figures["counters"]["shards_reused"] <= len(kept)
