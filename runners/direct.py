"""Beam's in-process runner, named outright: `DirectRunner` would first try to download another engine."""

from argparse import ArgumentParser
from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions

from medvision.runners.workers import watch_workers


def check_beam_args(beam_args: Sequence[str]) -> None:
    """Raises ValueError when Beam does not know an option: Beam itself would drop it and only log so."""
    parsers: list[ArgumentParser] = []
    PipelineOptions([]).get_all_options(add_extra_args_fn=parsers.append)
    unknown = parsers[0].parse_known_args(list(beam_args))[1]
    if unknown:
        raise ValueError(f"unknown option {unknown[0]!r}: neither `medvision build` nor Beam has it")


def direct_options(workers: int, beam_args: Sequence[str] = ()) -> PipelineOptions:
    """Options for one machine.

    Args:
        workers: 1 runs in this process; more run as many worker processes.
        beam_args: Any further Beam options, which win over the preset.

    Raises:
        ValueError: No worker, or an option that Beam does not have.
    """
    check_beam_args(beam_args)
    if workers < 1:
        raise ValueError(f"workers is {workers}; at least 1 is needed")
    preset = ["--runner=FnApiRunner"]
    if workers > 1:
        watch_workers()
        preset += ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
    else:
        preset += ["--direct_running_mode=in_memory", "--direct_num_workers=1"]
    return PipelineOptions([*preset, *beam_args])
