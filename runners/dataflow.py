"""Google Cloud Dataflow: machines that come and go with the work."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from apache_beam.options.pipeline_options import PipelineOptions

from medvision.runners.launch import UNLISTED, Job, Launch, given
from medvision.runners.machines import choose_machines

NEEDED = {
    ("project",): "the project that pays, --project=PROJECT",
    ("region",): "where the machines stand, --region=REGION: best the bucket's",
    ("temp_location", "staging_location"): "a folder for Beam's own files, --temp_location=gs://BUCKET/tmp",
}
"""Options of which one must be given, and what they are for."""
PRESET = (
    "--runner=DataflowRunner",
    UNLISTED,
    "--autoscaling_algorithm=THROUGHPUT_BASED",
    # Else Beam pickles `__main__` for this engine alone, and workers import what the launcher's script imports.
    "--no_save_main_session",
)
NAME_CHARACTERS = 24
"""Most of the folder's name in the job's."""
LABEL_CHARACTERS = 63
"""Most that a label's value may have on Google Cloud."""


@contextmanager
def launch_dataflow(job: Job) -> Iterator[Launch]:
    """A Dataflow job, or with `--template_location` the file of one.

    Raises:
        ValueError: An option is missing without which no job can start, data stands where no worker can reach it, or
            a case is larger than the machines.
    """
    args = job.beam_args
    _check(args, job.places)
    machines = choose_machines(job.case_bytes(), args)
    preset = [*PRESET, *machines.options, f"--job_name={job_name(job.places[-1])}"]
    preset.append(f"--max_num_workers={-(-job.workers // machines.processes)}")
    preset += [f"--labels={name}={label_value(value)}" for name, value in sorted(job.labels.items())]
    if given(args, "sdk_container_image"):
        preset.append("--sdk_location=container")
    yield Launch(
        PipelineOptions([*preset, *args]),
        local=False,
        isolated=True,
        failures=(Exception,),  # its errors have no class in common
        outlives_us=True,
        deferred=bool(given(args, "template_location")),
        min_ram_bytes=0 if given(args, "flexrs_goal") else machines.min_ram_bytes,  # FlexRS takes no hints
    )


def job_name(out: str) -> str:
    """A name for all builds into a folder: Dataflow refuses a job while another of its name runs in the region."""
    place = out.rstrip("/")
    folder = re.sub(r"[^a-z0-9]+", "-", place.rpartition("/")[2].lower()).strip("-")[:NAME_CHARACTERS].strip("-")
    digest = hashlib.sha256(place.encode()).hexdigest()[:8]
    return "-".join(part for part in ("medvision", folder, digest) if part)


def label_value(text: str) -> str:
    """The text as the value of a label: lower-case letters, digits, _ and -."""
    return re.sub(r"[^a-z0-9_-]", "_", text.lower())[:LABEL_CHARACTERS]


def _check(args: Sequence[str], places: Sequence[str]) -> None:
    missing = [what for names, what in NEEDED.items() if not any(given(args, name) for name in names)]
    if missing:
        raise ValueError(f"Dataflow needs {'; '.join(missing)}")
    if not given(args, "sdk_container_image") and not given(args, "setup_file"):
        raise ValueError(
            "Dataflow's machines need this package: name a container with --sdk_container_image=IMAGE (docs/dataflow.md"
            " builds it), or pass --setup_file=./setup.py from a checkout"
        )
    local = [place for place in places if "://" not in place or place.startswith("file:")]
    if local:
        raise ValueError(
            f"Dataflow's machines cannot reach {local[0]}; copy it to a bucket and name that, gs://BUCKET/..."
        )
    try:
        import apache_beam.runners.dataflow.internal.apiclient  # noqa: F401
    except ImportError as error:
        raise ValueError("Dataflow needs more of Beam: pip install 'medvision-pipelines[gcp]'") from error
