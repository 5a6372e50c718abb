"""What `medvision build --runner dataflow` hands to the service: the file of the job, and the pipeline that it names.

After a change that is meant, or with another Beam:

    MEDVISION_UPDATE_GOLDEN=1 python -m pytest tests/promises/test_dataflow_job.py
"""

import json
import os
from pathlib import Path

import pytest
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from promises import gcs
from promises.dataflow import IMAGE, INSTALLED, OUT, Launched, comparable, launch
from promises.kill.runs import CONSOLE_SCRIPT

GOLDEN = Path(__file__).with_name("golden_dataflow_job.json")
MIN_RAM = "beam:resources:min_ram_bytes:v1"
BUILD = "Build shards/Build"
STEPS = (
    "Match cases/List and pair",
    "Drop empty masks/Look for labels",
    "Assign splits/Number splits",
    "Plan shards/Name shards",
    BUILD,
    "Publish/Take lock",
    "Publish/Name files",
    "Publish/Write pairs",
    "Publish/Write plans",
    "Publish/Write manifest",
)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Launched:
    places = ["--raw", f"gs://{gcs.BUCKET}/raw", "--out", OUT]
    command = [
        CONSOLE_SCRIPT,
        "build",
        "KiTS23",
        "MSD",
        *places,
        "--private",
        "--runner",
        "dataflow",
        "--workers",
        "64",
    ]
    return launch(command, tmp_path_factory.mktemp("job"))


def test_the_job_is_the_recorded_one(launched: Launched) -> None:
    found = comparable(launched.job)
    if os.environ.get("MEDVISION_UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    assert found == json.loads(GOLDEN.read_text()), "if that is meant: MEDVISION_UPDATE_GOLDEN=1"


def test_nothing_is_run_waited_for_or_locked(launched: Launched) -> None:
    assert "the job's file is written; nothing was run" in launched.output
    assert launched.written == []  # no lock and no folder of a release


def test_workers_get_the_pipeline_and_no_session_of_the_launcher(launched: Launched) -> None:
    assert "pickled_main_session" not in launched.staged
    assert launched.staged <= {"pipeline.pb", INSTALLED}
    assert b"__main__" not in launched.pipeline.SerializeToString()


def test_every_step_is_ours_and_runs_in_our_image(launched: Launched) -> None:
    components = launched.pipeline.components
    assert set(STEPS) <= {step.unique_name for step in components.transforms.values()}
    images = {
        beam_runner_api_pb2.DockerPayload.FromString(environment.payload).container_image
        for environment in components.environments.values()
    }
    assert images == {IMAGE}


def test_building_alone_asks_for_memory(launched: Launched) -> None:
    components = launched.pipeline.components
    asking = {
        step.unique_name: components.environments[step.environment_id].resource_hints[MIN_RAM]
        for step in components.transforms.values()
        if components.environments[step.environment_id].resource_hints
    }
    voxels = 12 * 10 * 6
    machine = (1 << 30) + 4 * ((600 << 20) + 10 * voxels)  # its system, and a case in each of four processes
    assert asking == {BUILD: str(machine).encode()}


def test_shards_are_shuffled_before_they_are_built_and_records_after(launched: Launched) -> None:
    """Dataflow may fuse steps of different hints, in an environment of all of them: only a shuffle keeps them apart."""
    components = launched.pipeline.components
    steps = {step.unique_name: step for step in components.transforms.values()}
    (shards,) = steps[BUILD].inputs.values()
    (records,) = steps[BUILD].outputs.values()
    assert shards in steps["Spread shards"].outputs.values()
    shuffles = {step.unique_name for step in steps.values() if step.spec.urn == "beam:transform:group_by_key:v1"}
    assert any(name.startswith("Spread shards/") for name in shuffles)
    readers = {name for name, step in steps.items() if records in step.inputs.values() and not step.subtransforms}
    assert readers
    assert all(name.startswith("Publish/Gather records/") for name in readers)
    assert any(name.startswith("Publish/Gather records/") for name in shuffles)


def test_a_runner_fuses_nothing_into_the_step_that_asks_for_memory(launched: Launched) -> None:
    _, stages = FnApiRunner().create_stages(launched.pipeline)
    (build,) = (stage for stage in stages if any(step.unique_name == BUILD for step in stage.transforms))
    ours = {step.unique_name for step in build.transforms if step.spec.urn == "beam:transform:pardo:v1"}
    assert ours == {BUILD}
