"""`medvision validate`."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from medvision.pipelines.cli.common import FAILED, OK, add_command


def add(commands: Any) -> None:
    """Add the parser."""
    validate = add_command(
        commands,
        "validate",
        "check a release",
        run,
        "medvision validate release\nmedvision validate gs://bucket/release --quick --json",
        exits="0 sound, 1 not, or no release",
    )
    validate.add_argument("out", metavar="OUT", help="folder or URL of the release")
    level = validate.add_mutually_exclusive_group()
    level.add_argument(
        "--quick", dest="level", action="store_const", const="quick", default="normal", help="look at sizes only"
    )
    level.add_argument("--deep", dest="level", action="store_const", const="deep", help="decode every image")
    validate.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.validate import report_lines, validate_release

    report = validate_release(arguments.out, arguments.level)
    if arguments.json:
        console.print(report.to_json(), markup=False, highlight=False, soft_wrap=True, end="")
        return OK if report.ok else FAILED
    for line in report_lines(report):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return OK if report.ok else FAILED
