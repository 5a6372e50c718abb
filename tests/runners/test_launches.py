"""What each engine is asked for, and what is said where something is missing."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from medvision.runners.dataflow import launch_dataflow
from medvision.runners.direct import launch_direct
from medvision.runners.flink import launch_flink
from medvision.runners.launch import Job, check_beam_args, given
from medvision.runners.prism import launch_prism

CLOUD = (
    "--project=p",
    "--region=r",
    "--temp_location=gs://b/t",
    "--sdk_container_image=example.org/image:1",
)
PLACES = ("gs://b/raw", "gs://b/out")


def told(options: PipelineOptions, *names: str) -> list[Any]:
    found = options.get_all_options()
    return [found[name] for name in names]


def test_an_option_that_beam_does_not_know_is_an_error():
    check_beam_args(["--temp_location=/tmp", "--flink_master=[local]", "--files_to_stage=x.jar", "--object_reuse"])
    with pytest.raises(ValueError, match="unknown option '--tmp_location=/tmp'"):
        check_beam_args(["--tmp_location=/tmp"])


def test_an_option_is_found_in_both_spellings_and_the_last_one_wins():
    assert given(["--region=a", "--region", "b"], "region") == "b"
    assert given(["--regional=a"], "region") == ""


def test_direct_names_the_in_process_runner():
    with launch_direct(Job(2)) as launch:
        runner, mode, workers = told(launch.options, "runner", "direct_running_mode", "direct_num_workers")
    assert (runner, mode, workers) == ("FnApiRunner", "multi_processing", 2)
    assert launch.local
    assert not launch.deferred
    with pytest.raises(ValueError, match="workers is 0"), launch_direct(Job(0)):
        pass


def test_flink_on_this_machine_gets_workers_of_ours(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: name)
    for master in ("", "[local]", "localhost:8081", "http://127.0.0.1:8081", "[::1]:8081"):
        args = (f"--flink_master={master}",) if master else ()
        with launch_flink(Job(3, args)) as launch:
            kind, place = told(launch.options, "environment_type", "environment_config")
            assert kind == "EXTERNAL"
            assert place.startswith("127.0.0.1:")
            assert launch.local


def test_a_distant_flink_cluster_must_have_workers(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: name)
    far = "--flink_master=flink.example.org:8081"
    with pytest.raises(ValueError, match=r"medvision workers.*--environment_type=DOCKER"), launch_flink(Job(3, (far,))):
        pass
    theirs = (far, "--environment_type=EXTERNAL", "--environment_config=localhost:50000")
    with launch_flink(Job(3, theirs)) as launch:
        assert told(launch.options, "environment_config") == ["localhost:50000"]
        assert not launch.local


def test_flink_needs_java_unless_a_job_server_runs(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match="no `java` on PATH"), launch_flink(Job(2)):
        pass
    with launch_flink(Job(2, ("--job_endpoint=localhost:8099",))) as launch:
        assert told(launch.options, "job_endpoint") == ["localhost:8099"]


def test_prism_is_never_downloaded(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match=r"go install \S+/prism@v2\.\d+\.\d+"), launch_prism(Job(1)):
        pass
    monkeypatch.setattr(shutil, "which", lambda name: "/opt/prism" if name == "prism" else None)
    with launch_prism(Job(1)) as launch:
        assert told(launch.options, "prism_location", "environment_type") == ["/opt/prism", "EXTERNAL"]


@pytest.mark.parametrize(("left_out", "asked"), [(0, "--project"), (1, "--region"), (2, "--temp_location")])
def test_dataflow_says_what_is_missing(left_out, asked):
    args = tuple(option for index, option in enumerate(CLOUD) if index != left_out)
    with pytest.raises(ValueError, match=f"Dataflow needs.*{asked}"), launch_dataflow(Job(9, args, PLACES)):
        pass


def test_dataflow_needs_the_package_and_data_in_reach():
    with pytest.raises(ValueError, match="--sdk_container_image"), launch_dataflow(Job(9, CLOUD[:3], PLACES)):
        pass
    for place in ("raw", "/data/raw", "file:///data/raw"):
        with pytest.raises(ValueError, match="cannot reach"), launch_dataflow(Job(9, CLOUD, (place, "gs://b/out"))):
            pass


@pytest.mark.parametrize("launcher", [launch_direct, launch_flink, launch_prism, launch_dataflow])
def test_what_the_user_gives_wins(launcher: Callable[..., Any], monkeypatch, tmp_path: Path):
    monkeypatch.setattr(shutil, "which", lambda name: name)
    args = (*CLOUD, "--job_name=mine", "--number_of_worker_harness_threads=3", "--environment_type=EXTERNAL")
    with launcher(Job(2, args, PLACES)) as launch:
        assert told(launch.options, "job_name", "number_of_worker_harness_threads") == ["mine", 3]


def test_only_workers_of_other_processes_are_apart() -> None:
    """In them a case may end its worker."""
    for workers, args, apart in ((1, (), False), (2, (), True), (2, ("--direct_running_mode=in_memory",), False)):
        with launch_direct(Job(workers, args)) as launch:
            assert launch.isolated is apart
            assert launch.spare_tries == 1
    for kind, apart in (("LOOPBACK", False), ("EXTERNAL", True), ("DOCKER", True)):
        args = (f"--environment_type={kind}", "--environment_config=x", "--job_endpoint=localhost:8099")
        with launch_flink(Job(2, args)) as launch:
            assert launch.isolated is apart
