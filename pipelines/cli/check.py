"""`medvision check`."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from medvision.pipelines.cli.common import FAILED, OK, RULES_HELP, add_command
from medvision.schemas.options import BuildOptions
from medvision.schemas.rules import RULES


def add(commands: Any) -> None:
    """Add the parser."""
    check = add_command(
        commands,
        "check",
        "look at raw data before a build",
        run,
        "medvision check ROOT\nmedvision check ROOT MSD --deep",
        exits="0 nothing stands in the way, 1 something does, 2 cannot start",
    )
    check.add_argument("raw", metavar="ROOT", help="folder or URL with one folder a dataset")
    check.add_argument("datasets", nargs="*", metavar="DATASET", help="default: all that have a folder in ROOT")
    check.add_argument("--deep", action="store_true", help="read the masks too, not headers alone")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.add_argument("--rules", choices=sorted(RULES), default="1.4.0", help=RULES_HELP)


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.check import check_raw, show_check

    options = BuildOptions(raw=arguments.raw, out="", datasets=(), rules=arguments.rules)
    check = check_raw(arguments.datasets, options, arguments.deep)
    if arguments.json:
        console.print_json(check.to_json())
    else:
        show_check(check, console)
    return OK if check.ok else FAILED
