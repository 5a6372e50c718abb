"""`medvision retry`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.console import Console
from rich.table import Table

from medvision.pipelines.cli.build import DEFAULT_WORKERS, RUNNER_HELP, WORKERS_HELP
from medvision.pipelines.cli.common import FAILED, OK, add_command, make_console, positive
from medvision.pipelines.tables import show_table

EXAMPLES = """
medvision retry release --raw ROOT
medvision retry gs://bucket/release --raw gs://bucket/raw --json
"""
DESCRIPTION = (
    "Build again what a release left out (dead letters and unbuilt cases), after the raw files were mended: the same "
    "build, with the rules, planes, formats and datasets that its manifest names. Shards of which no raw file changed "
    "are kept."
)


def add(commands: Any) -> None:
    """Add the parser."""
    retry = add_command(
        commands,
        "retry",
        "build again what was left out, once it was mended",
        run,
        EXAMPLES,
        description=DESCRIPTION,
        notes="Options that are not listed here are passed to Beam.",
        exits="0 nothing is left out any more, 1 something still is or the build failed, 2 cannot start",
    )
    retry.add_argument("out", metavar="OUT", help="folder or URL of the release")
    retry.add_argument("--raw", required=True, metavar="ROOT", help="folder or URL with one folder a dataset")
    retry.add_argument("--splits-from", default="", metavar="DIR", help="as the build was given it")
    retry.add_argument("--workers", type=positive, default=0, metavar="N", help=WORKERS_HELP)
    retry.add_argument("--runner", choices=list(DEFAULT_WORKERS), default="direct", help=RUNNER_HELP)
    retry.add_argument("--json", action="store_true", help="print what was built and what was not as JSON")


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.retry import retry

    progress = make_console(stderr=True) if arguments.json else console
    workers = arguments.workers or DEFAULT_WORKERS[arguments.runner]
    done = retry(arguments.out, arguments.raw, workers, arguments.splits_from, rest, progress, arguments.runner)
    if arguments.json:
        console.print_json(json.dumps(done.to_json()))
    elif done.result is None:
        console.print(f"{arguments.out} left nothing out: nothing to do", markup=False, soft_wrap=True)
    else:
        table = Table("dataset", "case", "task", "now")
        for word, items in (("built", done.built), ("still", done.still), ("new", done.new)):
            for item in items:
                now = "built" if word == "built" else f"{word} left out: {item.reason}"
                table.add_row(item.dataset, item.case_id, str(item.task or "all"), now)
        show_table(console, table)
    return FAILED if done.still or done.new else OK
