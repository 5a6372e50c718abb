"""The command line: what `medvision --help` lists, one module of `cli/` a command."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence

from rich.console import Console

import medvision
from medvision.pipelines.cli import (
    build,
    check,
    completion,
    datasets,
    diff,
    export,
    fetch,
    graph,
    inspect,
    prompts,
    report,
    retry,
    stats,
    validate,
    view,
    workers,
)
from medvision.pipelines.cli.common import FAILED, USAGE
from medvision.pipelines.lock import PublishLocked
from medvision.schemas.failures import BuildFailed
from medvision.schemas.secrets import without_secrets

COMMANDS = (
    *(datasets, fetch, check, build, retry, validate, inspect, view, report, stats, diff),
    *(export, prompts, graph, workers, completion),
)
"""In the order of the help."""
IN_THE_WAY = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError)
"""What a place that was named is not, or does not allow."""
PIPE_COLUMNS = 160
"""Where no terminal sets a width: tables must not lose text."""
EPILOG = """\
a first release:
  medvision datasets                                what there is to build
  medvision check ROOT                              is the raw data whole?
  medvision build MSD ACDC --raw ROOT --out release
  medvision validate release

exit codes: 0 done, 1 failed, incomplete or different, 2 cannot start
`medvision COMMAND --help` has examples of each."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the exit code: 0 done, 1 failed or incomplete, 2 cannot start."""
    parser = make_parser()
    arguments, rest = parser.parse_known_args(argv)
    if rest and arguments.command not in ("build", "retry"):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    _set_up_log(logging.INFO if arguments.verbose else logging.CRITICAL)
    console, errors = Console(), Console(stderr=True)
    if not console.is_terminal:
        console.width = PIPE_COLUMNS

    def tell(error: Exception) -> None:
        line = without_secrets(f"medvision {arguments.command}: {error}")
        errors.print(line, style="red", markup=False, soft_wrap=True)

    try:
        return int(arguments.run(arguments, rest, console))
    except BuildFailed as error:
        if arguments.verbose:
            raise
        tell(error)
        return FAILED
    except (ValueError, *IN_THE_WAY, PublishLocked) as error:
        tell(error)
        return USAGE
    except OSError as error:  # of a disk, while at work
        if arguments.verbose:
            raise
        tell(error)
        return FAILED


def _set_up_log(level: int) -> None:
    """Records of worker processes are handed on past their logger's level, so the handlers need it too.

    Beam logs the traceback of each step that fails as an error, and then raises it: the one line of `main` says it.
    """
    logging.basicConfig(level=level)
    for handler in logging.getLogger().handlers:
        handler.setLevel(level)


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="medvision",
        description="Regenerate MedVision dataset releases from raw public archives.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"medvision {medvision.__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the log of Beam and its workers")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser
