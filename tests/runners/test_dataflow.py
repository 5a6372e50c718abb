"""The options of a Dataflow job, by the dictionary that Beam makes of them."""

import re
from typing import Any

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator

from medvision.runners.dataflow import job_name, launch_dataflow
from medvision.runners.launch import Job, Launch

pytest.importorskip("google.cloud.dataflow", reason="Dataflow needs the gcp extra")

NEEDED = ("--project=p-1", "--region=europe-west4", "--temp_location=gs://b/tmp", "--sdk_container_image=x.io/y:1")
PLACES = ("gs://b/raw", "gs://b/out")


def launched(*args: str, without: str = "", **job: Any) -> Launch:
    kept = [option for option in NEEDED if not (without and option.startswith(f"--{without}="))]
    with launch_dataflow(Job(**{"workers": 20, "places": PLACES, **job}, beam_args=(*kept, *args))) as launch:
        return launch


def options(*args: str, **job: Any) -> dict[str, Any]:
    return dict(launched(*args, **job).options.get_all_options())


def test_the_preset() -> None:
    found = options(labels={"medvision": "1.4.0", "datasets": "AbdomenCT-1K_" * 6})
    assert found["runner"] == "DataflowRunner"
    assert found["autoscaling_algorithm"] == "THROUGHPUT_BASED"
    assert found["save_main_session"] is False
    assert found["sdk_location"] == "container"
    assert found["machine_type"] == "e2-standard-4"
    assert found["max_num_workers"] == 5  # machines, each with four processes
    assert found["labels"] == [f"datasets={('abdomenct-1k_' * 6)[:63]}", "medvision=1_4_0"]  # as the service asks
    assert found["number_of_worker_harness_threads"] is None  # of a machine, not of a process: 1 would leave 3 idle


def test_every_option_is_one_of_beam() -> None:
    assert launched().options.get_all_options(retain_unknown_options=True).keys() == (
        PipelineOptions([]).get_all_options().keys()
    )


@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        ("--max_num_workers=3", "max_num_workers", 3),
        ("--machine_type=n2-highmem-8", "machine_type", "n2-highmem-8"),
        ("--worker_machine_type=n2-highmem-8", "machine_type", "n2-highmem-8"),
        ("--job_name=mine", "job_name", "mine"),
        ("--autoscaling_algorithm=NONE", "autoscaling_algorithm", "NONE"),
    ],
)
def test_the_user_has_the_last_word(option: str, name: str, value: object) -> None:
    assert options(option)[name] == value


@pytest.mark.parametrize("name", ["project", "region", "temp_location", "sdk_container_image"])
def test_what_no_job_can_do_without_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"--{name}="):
        launched(without=name)


def test_one_folder_of_beam_is_enough() -> None:
    assert launched("--staging_location=gs://b/staging", without="temp_location")
    assert (
        launched("--setup_file=./setup.py", without="sdk_container_image").options.get_all_options()["sdk_location"]
        == "default"
    )


@pytest.mark.parametrize("place", ["raw", "/data/plans", "file:///data/out"])
def test_places_that_no_worker_reaches_are_refused(place: str) -> None:
    with pytest.raises(ValueError, match=place):
        launched(places=("gs://b/raw", place, "gs://b/out"))


def test_a_job_file_is_deferred() -> None:
    assert not launched().deferred
    assert launched("--template_location=gs://b/job").deferred


def test_flexrs_gets_no_hint() -> None:
    """Right fitting, which reads the hints, does not go with it."""
    assert launched(case_bytes=lambda: 1 << 30).min_ram_bytes == 5 << 30
    assert launched("--flexrs_goal=COST_OPTIMIZED", case_bytes=lambda: 1 << 30).min_ram_bytes == 0


@pytest.mark.parametrize("out", ["gs://b/Release 1.4_final", "gs://b/", "gs://b/ÄÖ", f"gs://b/{'x' * 90}", "gs://b/7"])
def test_names_are_ones_that_dataflow_takes(out: str) -> None:
    name = job_name(out)
    assert re.fullmatch(PipelineOptionsValidator.JOB_PATTERN, name)
    assert len(name) <= 63


def test_a_folder_has_one_name_and_another_folder_another() -> None:
    assert job_name("gs://b/out") == job_name("gs://b/out/") == options()["job_name"]
    assert job_name("gs://b/out") != job_name("gs://c/out")
