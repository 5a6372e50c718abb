"""`medvision inspect`."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from medvision.pipelines.cli.common import OK, add_command


def add(commands: Any) -> None:
    """Add the parser."""
    inspect = add_command(
        commands,
        "inspect",
        "show one row of a release",
        run,
        "medvision inspect release KiTS23-case_00000-t01-axial-0123",
        exits="0 shown, 2 no such row or release",
    )
    inspect.add_argument("out", metavar="OUT", help="folder or URL of the release")
    inspect.add_argument("row_id", metavar="ROW_ID", help="a slice_id or volume_id")
    inspect.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.inspect import inspect_json, inspect_row

    if arguments.json:
        text = inspect_json(arguments.out, arguments.row_id)
        console.print(text, markup=False, highlight=False, soft_wrap=True, end="")
        return OK
    for line in inspect_row(arguments.out, arguments.row_id):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return OK
