"""A launch on Dataflow up to the file of the job: what it prints, that file, and what it staged in the bucket."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apache_beam.portability.api import beam_runner_api_pb2
from promises import gcs
from promises.tiny_raw import write_kits_case, write_msd_case

IMAGE = "europe-west4-docker.pkg.dev/example-project/medvision/medvision:0.1.0"
OUT = f"gs://{gcs.BUCKET}/release"
PLACES = {
    "project": "example-project",
    "region": "europe-west4",
    "temp_location": f"gs://{gcs.BUCKET}/tmp",
    "staging_location": f"gs://{gcs.BUCKET}/staging",
    "sdk_container_image": IMAGE,
}
INSTALLED = "submission_environment_dependencies.txt"
"""What `pip freeze` says where the job is launched; Beam stages it for its records, if there is a pip."""
OFFLINE = Path(__file__).with_name("offline")


@dataclass(frozen=True)
class Launched:
    """What a launch left.

    Attributes:
        output: What it printed, both streams.
        job: The file of the job, as written.
        pipeline: The pipeline that the job's workers read.
        staged: Names of the files beside it.
        written: Names of everything in the bucket that was not there before, without those.
    """

    output: str
    job: dict[str, Any]
    pipeline: beam_runner_api_pb2.Pipeline
    staged: set[str]
    written: list[str]


def launch(command: list[str], home: Path) -> Launched:
    """Run a command that launches a build of two cases, with the options that say where, against the emulator."""
    write_kits_case(home / "raw", 0)
    write_msd_case(home / "raw", 0)
    job_file = home / "job.json"
    with gcs.emulator() as bucket:
        bucket.put(home / "raw", "raw")
        before = set(bucket.names(""))
        places = [f"--{name}={value}" for name, value in PLACES.items()]
        ran = subprocess.run(
            [*command, *places, f"--template_location={job_file}"],
            env={
                **os.environ,
                "STORAGE_EMULATOR_HOST": bucket.url,
                "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
                "PYTHONPATH": str(OFFLINE),
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        found = set(bucket.names("")) - before
        staging = {name for name in found if name.startswith("staging/")}
        bucket.get("staging", home / "staging")
    (pipeline_file,) = (home / "staging").rglob("pipeline.pb")
    return Launched(
        output=ran.stdout + ran.stderr,
        job=json.loads(job_file.read_text()),
        pipeline=beam_runner_api_pb2.Pipeline.FromString(pipeline_file.read_bytes()),
        staged={name.rpartition("/")[2] for name in staging},
        written=sorted(found - staging),
    )


def comparable(job: dict[str, Any]) -> dict[str, Any]:
    """The job without what differs from one launch, Python or order of a set to the next, and without what is said
    twice: display data are the options again."""
    text = re.sub(r"\.\d{10}\.\d{6}", ".TIME", json.dumps(job))
    text = re.sub(r"(ython ?)3\.\d+", r"\g<1>3.X", text)
    copy = json.loads(text)
    copy["clientRequestId"] = "CHANGES"
    environment = copy["environment"]
    del environment["sdkPipelineOptions"]["display_data"]
    options = environment["sdkPipelineOptions"]["options"]
    options.update(
        pipelineProtoHash="CHANGES", template_location="CHANGES", beam_plugins=sorted(options["beam_plugins"])
    )
    for pool in environment["workerPools"]:
        pool["packages"] = [package for package in pool.get("packages", []) if package["name"] != INSTALLED]
        pool["sdkHarnessContainerImages"].sort(key=lambda image: image["environmentId"])
        for image in pool["sdkHarnessContainerImages"]:
            image["capabilities"].sort()
    return dict(copy)
