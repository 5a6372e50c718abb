"""The commands that read finished releases and count or compare, `stats` and `diff`; and the workers of a cluster."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from medvision.schemas.rules import RULES

SAME, DIFFERENT = 0, 1
WORKER_PORT = 50000
STATS_HELP = (
    "Counts as upstream's dataset-info gives them. images, masks: its 3D images and masks. slices: its non-empty 2D "
    "slices. multi: its multi-instance samples, all pairs. single: its single-instance samples, after its load-time "
    "filters; BoxSize, TumorLesionSize and landmarks together are the totals of its tables, MaskSize is counted apart. "
    "ellipses: its T/L ellipses (multi), every measured cluster."
)
DIFF_HELP = "Exit codes: 0 no differences, 1 differences, 2 cannot start."


def add_stats(commands: Any) -> None:
    """Add `stats` to the parsers of the commands."""
    stats = commands.add_parser("stats", help="count a release as published tables do", description=STATS_HELP)
    stats.add_argument("out", metavar="OUT")
    stats.add_argument("--json", action="store_true", help="print JSON")
    stats.add_argument("--by", choices=["label", "plane"], default="", help="count pairs by label or plane too")
    stats.set_defaults(run=_stats)


def add_diff(commands: Any) -> None:
    """Add `diff`."""
    diff = commands.add_parser(
        "diff",
        help="what differs between two releases, or two sets of rules, and why",
        usage="medvision diff A B [options]\n       medvision diff OUT --rules V W [options]",
        epilog=DIFF_HELP,
    )
    diff.add_argument("releases", nargs="+", metavar="OUT", help="two releases, or one with --rules")
    diff.add_argument("--rules", nargs=2, metavar=("V", "W"), help=f"measure one release by two of {', '.join(RULES)}")
    diff.add_argument("--json", metavar="FILE", help="write the whole report; - prints it alone")
    diff.add_argument("--plot", metavar="FILE.png", help="draw changes in mm and counts by cause")
    diff.add_argument("--limit", type=int, default=0, metavar="N", help="compare the first N cases of each dataset")
    diff.add_argument("--hash", action="store_true", help="print both content hashes (decodes every image)")
    diff.set_defaults(run=_diff)


def add_workers(commands: Any) -> None:
    """Add `workers`."""
    workers = commands.add_parser(
        "workers",
        help="serve a Flink cluster with worker processes, on each of its machines",
        description="Start and stop worker processes as the TaskManagers of this machine ask for them, until "
        "interrupted. Whoever reaches the port can run code: keep it on the machine or in a closed network.",
    )
    workers.add_argument("--port", type=int, default=WORKER_PORT, help="(default: %(default)s)")
    workers.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    workers.set_defaults(run=_workers)


def _workers(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    import threading

    from medvision.runners.pool import worker_pool

    with worker_pool(arguments.port, arguments.host) as address:
        line = f"workers at {address}; pass --environment_type=EXTERNAL --environment_config={address}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return SAME
    return SAME


def _stats(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.stats import count_release
    from medvision.pipelines.stats_table import show_stats

    found = count_release(arguments.out, arguments.by)
    if arguments.json:
        console.print(found.to_json(), markup=False, highlight=False, soft_wrap=True, end="")
    else:
        show_stats(found, console)
    return SAME


def _diff(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
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

        Path(arguments.plot).write_bytes(plot_png(report))
    if arguments.json == "-":
        console.print(report.to_json(), markup=False, highlight=False, soft_wrap=True, end="")
        return DIFFERENT if report.different else SAME
    if arguments.json:
        Path(arguments.json).write_text(report.to_json())
    show_diff(report, console)
    return DIFFERENT if report.different else SAME
