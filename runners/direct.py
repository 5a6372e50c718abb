"""Beam's in-process runner, named outright: `DirectRunner` would first try to download another engine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions

from medvision.runners.launch import Job, Launch
from medvision.runners.workers import is_dead_worker, watch_workers

SPARE_TRIES = 1
"""A worker that died without a case in hand was ended by something outside, once."""


def direct_options(workers: int, beam_args: Sequence[str] = ()) -> PipelineOptions:
    """Options for one machine.

    Args:
        workers: 1 runs in this process; more run as many worker processes.
        beam_args: Any further Beam options, which win over the preset.

    Raises:
        ValueError: No worker.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}; at least 1 is needed")
    preset = ["--runner=FnApiRunner"]
    if workers > 1:
        watch_workers()
        preset += ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
    else:
        preset += ["--direct_running_mode=in_memory", "--direct_num_workers=1"]
    return PipelineOptions([*preset, *beam_args])


@contextmanager
def launch_direct(job: Job) -> Iterator[Launch]:
    """This machine alone; nothing is downloaded."""
    options = direct_options(job.workers, job.beam_args)
    apart = options.view_as(DirectOptions).direct_running_mode == "multi_processing"
    yield Launch(options, local=True, isolated=apart, lost=is_dead_worker, spare_tries=SPARE_TRIES)
