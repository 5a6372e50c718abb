"""The command line: what `medvision --help` lists, one module of `cli/` a command."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence

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
from medvision.pipelines.cli.common import FAILED, USAGE, make_console
from medvision.pipelines.lock import PublishLocked
from medvision.schemas.failures import KEPT, BuildFailed
from medvision.schemas.secrets import without_secrets

COMMANDS = (
    *(datasets, fetch, check, build, retry, validate, inspect, view, report, stats, diff),
    *(export, prompts, graph, workers, completion),
)
"""In the order of the help."""
MISPLACED = (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
"""What the system says of a path that was given wrongly, and not of a disk or a line that failed."""
BUILDS = ("build", "retry")
"""They take options of Beam, and go on from where they stopped."""
SILENT = logging.CRITICAL + 1
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
    if rest and arguments.command not in BUILDS:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    _set_up_log(logging.INFO if arguments.verbose else SILENT)
    console, errors = make_console(), make_console(stderr=True)

    def tell(said: object) -> None:
        line = without_secrets(f"medvision {arguments.command}: {said}")
        errors.print(line, style="red", markup=False, soft_wrap=True)

    try:
        return int(arguments.run(arguments, rest, console))
    except BuildFailed as error:
        if arguments.verbose:
            raise
        tell(error)
        return FAILED
    except (ValueError, PublishLocked) as error:
        tell(error)
        return USAGE
    except OSError as error:
        if arguments.verbose:
            raise
        tell(_system_error(error))
        return USAGE if isinstance(error, MISPLACED) else FAILED
    except KeyboardInterrupt:
        if arguments.verbose:
            raise
        tell(f"stopped; {KEPT}" if arguments.command in BUILDS else "stopped")
        return FAILED


def _system_error(error: OSError) -> str:
    """What the system refused, of which file, and what is left to do."""
    if error.errno is None or error.filename is None:
        return str(error)
    return f"{error.filename}: {error.strerror}; mend that, or name another place"


def _set_up_log(level: int) -> None:
    """Records of worker processes are handed on past their logger's level, so the handlers need it too.

    Beam logs the traceback of each step that fails, and of each worker that is interrupted: the one line of `main`
    says it.
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
