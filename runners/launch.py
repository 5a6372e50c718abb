"""What a build asks of an engine, and what an engine gives back: options for one run of the pipeline."""

from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from apache_beam.options.pipeline_options import PipelineOptions

UNLISTED = "--experiments=disable_logging_submission_environment"
"""Else Beam lists every package of this machine for the engine, by a pip that need not be there."""


@dataclass(frozen=True)
class Job:
    """A build as engines see it.

    Attributes:
        workers: Processes that build at a time, or the most of them where the engine scales by itself.
        beam_args: Options of Beam that the user gave; they win over every preset.
        places: Where the build reads and writes, paths or URLs; the release's folder is the last.
        labels: Marks of the job for whoever pays for it.
        case_bytes: Tells what a process takes for the largest case, 0 for unknown. Asked only by who chooses machines.
    """

    workers: int
    beam_args: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    case_bytes: Callable[[], int] = int


def _never(error: Exception) -> bool:
    return False


@dataclass(frozen=True)
class Launch:
    """How to run a pipeline on an engine, and what to make of it when that fails.

    Attributes:
        options: For `beam.Pipeline`.
        local: The workers are processes of this machine, so that files they leave here can be read.
        isolated: The workers are other processes than ours, so that a case may end one.
        failures: Errors by which the engine tells that a run failed; others are mistakes of whoever asked.
        lost: Whether a run failed for want of a worker or machine, and not by what it did.
        spare_tries: Times that a lost run is made again although it held no other case in hand than the one before.
        outlives_us: The job goes on where we stop waiting for it.
        deferred: Running writes a job file and ends; some other program starts the job.
        min_ram_bytes: What a machine takes for all cases that it builds at a time, for engines that choose machines
            by it; 0 says nothing.
    """

    options: PipelineOptions
    local: bool
    isolated: bool = False
    failures: tuple[type[Exception], ...] = (RuntimeError, OSError, MemoryError)
    lost: Callable[[Exception], bool] = _never
    spare_tries: int = 0
    outlives_us: bool = False
    deferred: bool = False
    min_ram_bytes: int = 0


JOB_SERVER_OPTIONS = (
    "disable_metrics",
    "execution_mode_for_batch",
    "execution_retry_delay",
    "files_to_stage",
    "flink_conf_dir",
    "number_of_execution_retries",
    "object_reuse",
)
"""Options of Flink's job server for a job of this kind. They are of its Java, so Beam here does not know them."""


def check_beam_args(beam_args: Sequence[str]) -> None:
    """Raises ValueError when Beam does not know an option: Beam itself would drop it and only log so."""
    foreign = tuple(f"--{name}" for name in JOB_SERVER_OPTIONS)
    unknown = [option for option in unknown_beam_args(beam_args) if option.partition("=")[0] not in foreign]
    if unknown:
        raise ValueError(f"unknown option {unknown[0]!r}: neither `medvision build` nor Beam has it")


def unknown_beam_args(beam_args: Sequence[str]) -> list[str]:
    """The options that Beam does not know."""
    parsers: list[ArgumentParser] = []
    PipelineOptions([]).get_all_options(add_extra_args_fn=parsers.append)
    return parsers[0].parse_known_args(list(beam_args))[1]


def given(beam_args: Sequence[str], name: str) -> str:
    """The value of `--name=value` or `--name value` among the options, the last one; "" when it is not there."""
    value = ""
    for index, argument in enumerate(beam_args):
        if argument.startswith(f"--{name}="):
            value = argument.partition("=")[2]
        elif argument == f"--{name}" and index + 1 < len(beam_args):
            value = beam_args[index + 1]
    return value
