"""What the commands share: exit codes, the shape of their help, and types of arguments."""

from __future__ import annotations

import argparse
import os
import shutil
import textwrap
from pathlib import Path
from typing import Any

from rich.console import Console

OK, FAILED, USAGE = 0, 1, 2
"""Exit codes: done; failed, incomplete or different; cannot start as asked."""
PIPE_COLUMNS = 160
"""Of a table where neither a terminal nor COLUMNS sets a width."""
RULES_HELP = "what to measure and keep: a version of upstream, or exact (default: %(default)s)"


def add_command(commands: Any, name: str, summary: str, run: Any, examples: str = "", **options: Any) -> Any:
    """A parser for `medvision NAME`, its help ending in examples (lines of commands) and the exit codes.

    Args:
        commands: What `add_subparsers` returned.
        summary: Its line in the list of commands.
        run: Called with the parsed arguments, unknown arguments and the console; returns the exit code.
        options: Further arguments of ArgumentParser; `exits` replaces the line on exit codes.
    """
    exits = options.pop("exits", "0 done, 1 failed, 2 cannot start")
    shown = "\n".join(f"  {line}" for line in examples.strip().splitlines())
    epilog = (f"examples:\n{shown}\n\n" if shown else "") + f"exit codes: {exits}"
    notes = options.pop("notes", "")
    parser = commands.add_parser(
        name,
        help=summary,
        description=_wrapped(options.pop("description", summary[0].upper() + summary[1:] + ".")),
        epilog=f"{_wrapped(notes)}\n\n{epilog}" if notes else epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **options,
    )
    parser.set_defaults(run=run)
    return parser


def make_console(stderr: bool = False) -> Console:
    """A console that prints text as it is: a colon before and after a word makes no emoji of it."""
    console = Console(stderr=stderr, emoji=False)
    if not console.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        console.width = PIPE_COLUMNS
    return console


def _wrapped(text: str) -> str:
    """Text at the width of argparse's own, which leaves it alone for the sake of the examples.

    Lines end between words only, so that docs/cli.md, made from it, does not depend on the width.
    """
    width = shutil.get_terminal_size().columns - 2
    return textwrap.fill(text, width, break_on_hyphens=False, break_long_words=False)


def subset(allowed: tuple[str, ...]) -> Any:
    """A type of argument: comma-separated names of `allowed`, returned in its order."""

    def parse(text: str) -> tuple[str, ...]:
        asked = {part.strip() for part in text.split(",") if part.strip()}
        unknown = asked - set(allowed)
        if unknown or not asked:
            raise argparse.ArgumentTypeError(f"{text!r} is not a list of {', '.join(allowed)}")
        return tuple(name for name in allowed if name in asked)

    return parse


def amount(text: str) -> float:
    """A type of argument: a number from 0."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return number


def new_file(text: str) -> Path:
    """A type of argument: a file to be written, in a folder that stands; asked before any work is done."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder; name a file")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} needs the folder {str(path.parent)!r}; make it first")
    return path


def positive(text: str) -> int:
    """A type of argument: a whole number from 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)
