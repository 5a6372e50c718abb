"""Google Cloud Dataflow: machines that come and go with the work."""

from collections.abc import Iterator
from contextlib import contextmanager

from apache_beam.options.pipeline_options import PipelineOptions

from medvision.runners.launch import Job, Launch, given

NEEDED = {
    "project": "the project that pays, --project=PROJECT",
    "region": "where the machines stand, --region=REGION: best the bucket's",
    "temp_location": "a folder for Beam's own files, --temp_location=gs://BUCKET/tmp",
}
PRESET = (
    "--runner=DataflowRunner",
    "--number_of_worker_harness_threads=1",  # a process builds one shard at a time whatever its threads
    "--autoscaling_algorithm=THROUGHPUT_BASED",
)


@contextmanager
def launch_dataflow(job: Job) -> Iterator[Launch]:
    """A Dataflow job, or with `--template_location` the file of one.

    Raises:
        ValueError: An option is missing without which no job can start, or data stands where no worker can reach it.
    """
    args = job.beam_args
    missing = [what for name, what in NEEDED.items() if not given(args, name)]
    if missing:
        raise ValueError(f"Dataflow needs {'; '.join(missing)}")
    if not given(args, "sdk_container_image") and not given(args, "setup_file"):
        raise ValueError(
            "Dataflow's machines need this package: name a container with --sdk_container_image=IMAGE (docs/dataflow.md"
            " builds it), or pass --setup_file=./setup.py from a checkout"
        )
    local = [place for place in job.places if "://" not in place or place.startswith("file:")]
    if local:
        raise ValueError(
            f"Dataflow's machines cannot reach {local[0]}; copy it to a bucket and name that, gs://BUCKET/..."
        )
    preset = [*PRESET, f"--max_num_workers={job.workers}"]
    preset += [f"--labels={name}={value}" for name, value in sorted(job.labels.items())]
    if given(args, "sdk_container_image"):
        preset.append("--sdk_location=container")
    yield Launch(PipelineOptions([*preset, *args]), local=False, deferred=bool(given(args, "template_location")))
