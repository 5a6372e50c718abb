"""`medvision stats`."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from medvision.pipelines.cli.common import OK, add_command

DESCRIPTION = (
    "Counts as upstream's dataset-info gives them. images, masks: its 3D images and masks. slices: its non-empty 2D "
    "slices. multi: its multi-instance samples, all pairs. single: its single-instance samples, after its load-time "
    "filters; BoxSize, TumorLesionSize and landmarks together are the totals of its tables, MaskSize is counted apart. "
    "ellipses: its T/L ellipses (multi), every measured cluster."
)


def add(commands: Any) -> None:
    """Add the parser."""
    stats = add_command(
        commands,
        "stats",
        "count a release as published tables do",
        run,
        "medvision stats release\nmedvision stats release --by label --json",
        description=DESCRIPTION,
        exits="0 counted, 2 no release",
    )
    stats.add_argument("out", metavar="OUT", help="folder or URL of the release")
    stats.add_argument("--json", action="store_true", help="print JSON")
    stats.add_argument("--by", choices=["label", "plane"], default="", help="count pairs by label or plane too")


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.stats import count_release
    from medvision.pipelines.stats_table import show_stats

    found = count_release(arguments.out, arguments.by)
    if arguments.json:
        console.print(found.to_json(), markup=False, highlight=False, soft_wrap=True, end="")
    else:
        show_stats(found, console)
    return OK
