"""Entry of a Dataflow Flex Template: the launcher's parameters, made into those of `medvision build`."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence

from medvision.pipelines.main import main as medvision

SWITCHES = ("replace", "private")
"""Parameters that are true or false: a template can pass no bare flag."""
FORWARDED = ("raw", "out", "rules", "planes", "formats", "images", "licenses", "limit", "splits-from")
"""Parameters that `medvision build` has under the same name, with - for _."""


def main(argv: Sequence[str] | None = None) -> int:
    """Build by the parameters of `runners/container/metadata.json`; the return value is the exit code.

    Everything else that the launcher passes (project, region, job name, where to write the job's file) goes to Beam.
    What Beam does not know is left out with a warning: the launcher belongs to the service and may learn new words.
    """
    from medvision.runners.launch import unknown_beam_args

    arguments, rest = _parser().parse_known_args(argv)
    unknown = unknown_beam_args(rest)
    if unknown:
        logging.getLogger(__name__).warning("left out, as Beam does not know them: %s", " ".join(unknown))
    beam_args = [argument for argument in rest if argument not in unknown]
    return medvision(["build", *_build_arguments(arguments), "--runner=dataflow", *beam_args])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="medvision-flex", description=__doc__, allow_abbrev=False)
    parser.add_argument("--datasets", required=True, help="names, separated by commas, or `all`")
    for name in FORWARDED:
        parser.add_argument(f"--{name.replace('-', '_')}", default="")
    for name in SWITCHES:
        parser.add_argument(f"--{name}", choices=["true", "false", ""], default="")
    parser.add_argument("--runner", default="", help="passed by the launcher; it is Dataflow in any case")
    return parser


def _build_arguments(arguments: argparse.Namespace) -> list[str]:
    """An optional parameter left empty in the console is passed as "", and means its default."""
    given = {name: getattr(arguments, name.replace("-", "_")) for name in FORWARDED}
    switches = [f"--{name}" for name in SWITCHES if getattr(arguments, name) == "true"]
    names = [name.strip() for name in arguments.datasets.split(",") if name.strip()]
    return [*names, *(f"--{name}={value}" for name, value in given.items() if value), *switches]
