"""`medvision diff`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from medvision.pipelines.cli.common import add_command, new_file
from medvision.schemas.rules import RULES

SAME, DIFFERENT = 0, 1
STDOUT = Path("-")


def add(commands: Any) -> None:
    """Add the parser."""
    diff = add_command(
        commands,
        "diff",
        "what differs between two releases, or two sets of rules, and why",
        run,
        "medvision diff A B --plot changes.png\nmedvision diff release --rules 1.1.1 1.4.0",
        usage="medvision diff A B [options]\n       medvision diff OUT --rules V W [options]",
        exits="0 no differences, 1 differences, 2 cannot start",
    )
    diff.add_argument("releases", nargs="+", metavar="OUT", help="two releases, or one with --rules")
    diff.add_argument("--rules", nargs=2, metavar=("V", "W"), help=f"measure one release by two of {', '.join(RULES)}")
    diff.add_argument("--json", type=_report, metavar="FILE", help="write the whole report; - prints it alone")
    diff.add_argument("--plot", type=new_file, metavar="FILE.png", help="draw changes in mm and counts by cause")
    diff.add_argument("--limit", type=int, default=0, metavar="N", help="compare the first N cases of each dataset")
    diff.add_argument("--hash", action="store_true", help="print both content hashes (decodes every image)")


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.diff.run import diff_releases, diff_rules, with_hashes
    from medvision.pipelines.diff.show import show_diff

    releases, wanted = arguments.releases, 1 if arguments.rules else 2
    if len(releases) != wanted:
        raise ValueError(f"{len(releases)} releases are given; two are compared, or one with --rules V W")
    if arguments.limit < 0:
        raise ValueError(f"--limit {arguments.limit} is not a whole number from 1")
    if arguments.rules:
        report = diff_rules(releases[0], arguments.rules[0], arguments.rules[1], arguments.limit)
    else:
        report = diff_releases(releases[0], releases[1], arguments.limit)
    if arguments.hash:
        report = with_hashes(report)
    if arguments.plot:
        from medvision.pipelines.diff.plot import plot_png

        arguments.plot.write_bytes(plot_png(report))
    if arguments.json == STDOUT:
        console.print(report.to_json(), markup=False, highlight=False, soft_wrap=True, end="")
        return DIFFERENT if report.different else SAME
    if arguments.json:
        arguments.json.write_text(report.to_json())
    show_diff(report, console)
    return DIFFERENT if report.different else SAME


def _report(text: str) -> Path:
    return STDOUT if text == str(STDOUT) else new_file(text)
