"""What Flink and Prism have in common: Beam's job service, and workers that ask for nothing but an address."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from apache_beam.options.pipeline_options import PipelineOptions

from medvision.runners.launch import UNLISTED, Job, Launch, given
from medvision.runners.pool import worker_pool

SPARE_TRIES = 4
FAILED = "failed in state FAILED"
FINAL = ("JobCancellationException", "java.net.ConnectException", "Traceback (most recent call last)")
"""In what an engine says of a job that is not to be submitted again: cancelled, no cluster there, a step that raised.
It says other things, and many, of machines and workers that died."""


def is_lost_job(error: Exception) -> bool:
    """Whether a job that had started ended for want of a worker or machine."""
    said = str(error)
    return FAILED in said and not any(word in said for word in FINAL)


@contextmanager
def launch_portable(job: Job, preset: Sequence[str]) -> Iterator[Launch]:
    """A launch with workers of a pool of this process, or as the user's `--environment_type` says."""
    kind = given(job.beam_args, "environment_type")
    if kind:
        yield _launch(job, preset, local=kind == "LOOPBACK")
        return
    with worker_pool() as address:
        pool = ["--environment_type=EXTERNAL", f"--environment_config={address}"]
        yield _launch(job, [*preset, *pool], local=True)


def _launch(job: Job, preset: Sequence[str], local: bool) -> Launch:
    options = PipelineOptions([UNLISTED, *preset, *job.beam_args])
    isolated = given(job.beam_args, "environment_type") != "LOOPBACK"
    return Launch(options, local, isolated, lost=is_lost_job, spare_tries=SPARE_TRIES)
