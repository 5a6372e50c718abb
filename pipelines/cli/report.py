"""`medvision report`."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from medvision.pipelines.cli.common import OK, add_command, positive

SAMPLES, MOST_MB = 120, 25
DESCRIPTION = (
    "Write one web page about a release: counts and sizes by dataset and label, charts, licences, what deserves a "
    "look, what was left out, and a gallery of its slices with their annotations. The page needs no network and no "
    "other file. Equal releases give equal pages."
)


def add(commands: Any) -> None:
    """Add the parser."""
    report = add_command(
        commands,
        "report",
        "one web page about a release, with pictures",
        run,
        "medvision report release\nmedvision report release --to kits.html --samples 40",
        description=DESCRIPTION,
        exits="0 written, 2 no release, or no such place",
    )
    report.add_argument("out", metavar="OUT", help="folder or URL of the release")
    report.add_argument("--to", default="", metavar="FILE.html", help="path or URL (default: OUT/report/index.html)")
    report.add_argument(
        "--samples", type=_count, default=SAMPLES, metavar="N", help="slices of the gallery (default: %(default)s)"
    )
    report.add_argument(
        "--max-mb", type=positive, default=MOST_MB, metavar="MB", help="size of the page (default: %(default)s)"
    )


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.report.run import write_report

    done = write_report(arguments.out, arguments.to, arguments.samples, arguments.max_mb)
    lines = [
        f"{done.place}: {done.bytes / 1e6:.1f} MB, {done.slices} slices of {done.datasets} datasets, "
        f"{done.doubts} kinds of doubt, {done.letters} left out"
    ]
    if done.imageless:
        lines.append(f"{done.imageless} of the datasets have no images here: their slices are drawn on an empty grid")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return OK


def _count(text: str) -> int:
    return 0 if text == "0" else positive(text)
