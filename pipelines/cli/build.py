"""`medvision build`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from medvision.pipelines.card.configs import pair_columns
from medvision.pipelines.cli.common import (
    FAILED,
    OK,
    RULES_HELP,
    add_command,
    amount,
    make_console,
    new_file,
    positive,
    subset,
)
from medvision.pipelines.licences import ANY, COMMERCIAL, annotations_only
from medvision.pipelines.tables import show_table
from medvision.schemas.dataset import PLANES
from medvision.schemas.options import CASE_MINUTES, FORMATS, IMAGES, BuildOptions
from medvision.schemas.rules import RULES

DEFAULT_WORKERS = {"direct": 2, "prism": 1, "flink": 2, "dataflow": 20}
"""Processes by engine; of Dataflow the most that it may take."""
RUNNER_HELP = "the engine: this machine alone, or one of docs/running.md (default: %(default)s)"
WORKERS_HELP = (
    "processes; the most of them on dataflow; 1 on direct builds in this process, which a case that crashes or hangs "
    "takes with it (default: " + ", ".join(f"{count} {name}" for name, count in DEFAULT_WORKERS.items()) + ")"
)
CASE_HELP = (
    "a case that takes a worker process longer than this twice is left out as unbuilt; 0 for no limit (default: "
    "%(default)g)"
)
MEMORY_HELP = "memory that a worker process may take; a case that needs more is left out as unbuilt (default: no limit)"
EXAMPLES = """
medvision build MSD ACDC --raw ROOT --out release
medvision build all --raw gs://bucket/raw --out gs://bucket/release --runner dataflow
medvision build KiTS23 --raw ROOT --out try --limit 3 --planes axial
"""


def add(commands: Any) -> None:
    """Add the parser."""
    build = add_command(
        commands,
        "build",
        "build a release",
        run,
        EXAMPLES,
        notes="Options that are not listed here are passed to Beam.",
        exits="0 complete, 1 failed, incomplete, or cases left out under --strict, 2 cannot start",
    )
    build.add_argument("datasets", nargs="+", metavar="DATASET", help="names, or `all` that have a folder in ROOT")
    build.add_argument("--raw", required=True, metavar="ROOT", help="folder or URL with one folder a dataset")
    build.add_argument("--out", required=True, help="folder or URL of the release")
    build.add_argument("--rules", choices=sorted(RULES), default="1.4.0", help=RULES_HELP)
    planes_help = f"comma-separated: {','.join(PLANES)} (default: all)"
    build.add_argument("--planes", type=subset(PLANES), default=PLANES, help=planes_help)
    formats_help = (
        f"comma-separated: {','.join(FORMATS)} (default: all; no plans by rules exact, no tars without images)"
    )
    build.add_argument("--formats", type=subset(FORMATS), default=(), help=formats_help)
    build.add_argument("--images", choices=IMAGES, default="png16", help="how slices are kept (default: %(default)s)")
    build.add_argument(
        "--licenses",
        default=ANY,
        metavar="LIST",
        help=f"whose images may enter: {ANY}, {COMMERCIAL}, or comma-separated SPDX ids; others give annotations "
        "only (default: %(default)s)",
    )
    build.add_argument(
        "--private",
        action="store_true",
        help="this copy is not passed on: keep images of sources that forbid redistribution too",
    )
    build.add_argument("--workers", type=positive, default=0, metavar="N", help=WORKERS_HELP)
    build.add_argument("--case-minutes", type=amount, default=CASE_MINUTES, metavar="N", help=CASE_HELP)
    build.add_argument("--worker-gb", type=amount, default=0.0, metavar="N", help=MEMORY_HELP)
    build.add_argument("--limit", type=positive, default=0, metavar="N", help="first N cases of each dataset")
    build.add_argument("--splits-from", default="", metavar="DIR", help="published plan files to take splits from")
    build.add_argument("--strict", action="store_true", help="exit 1 when any case was left out")
    build.add_argument("--replace", action="store_true", help="replace another release that stands in OUT")
    build.add_argument("--runner", choices=list(DEFAULT_WORKERS), default="direct", help=RUNNER_HELP)
    build.add_argument("--json", action="store_true", help="print the manifest as JSON; all else goes to stderr")
    build.add_argument("--metrics", type=new_file, metavar="FILE", help="write counters and seconds by stage as JSON")


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.metrics import stage_line, write_metrics
    from medvision.pipelines.run import run_build
    from medvision.sources.registry import DATASETS

    options = BuildOptions(
        raw=arguments.raw,
        out=arguments.out,
        datasets=tuple(arguments.datasets),
        rules=arguments.rules,
        planes=arguments.planes,
        formats=arguments.formats,
        images=arguments.images,
        annotations_only=annotations_only(DATASETS.values(), arguments.licenses, arguments.private),
        limit=arguments.limit,
        splits_from=arguments.splits_from,
        replace=arguments.replace,
        case_minutes=arguments.case_minutes,
        worker_gb=arguments.worker_gb,
    )
    workers = arguments.workers or DEFAULT_WORKERS[arguments.runner]
    progress = make_console(stderr=True) if arguments.json else console
    result = run_build(options, workers, rest, progress, arguments.runner)
    manifest = result.manifest
    if manifest is None:
        console.print("the job's file is written; nothing was run", markup=False)
        return OK
    if arguments.metrics:
        write_metrics(result, arguments.metrics)
    left_out = _show_release(manifest, arguments.out, progress)
    progress.print(stage_line(result), markup=False, highlight=False, soft_wrap=True)
    if arguments.json:
        console.print_json(json.dumps(manifest, sort_keys=True))
    if not manifest["complete"]:
        progress.print(f"incomplete: {len(manifest['unbuilt'])} cases unbuilt; build again to try them")
        return FAILED
    return FAILED if arguments.strict and left_out else OK


def _show_release(manifest: dict[str, Any], out: str, console: Console) -> int:
    """Print the summary table and what was left out; returns the number of dead letters."""
    table = Table(Column("dataset", no_wrap=True))
    for heading in ("cases", "slices", "boxes", "masks", "lesions", "landmarks", "MB", "left out"):
        table.add_column(heading, justify="right")
    reasons = []
    left_out = 0
    for name, item in manifest["datasets"].items():
        dead = sum(item["dead_letters"].values())
        left_out += dead
        counts = [item["cases"], item["slices"], *pair_columns(item["pairs"])]
        table.add_row(name, *(f"{count:,}" for count in counts), f"{item['bytes'] / 1e6:.1f}", f"{dead:,}")
        if dead:
            named = ", ".join(f"{count} {reason}" for reason, count in item["dead_letters"].items())
            reasons.append(f"left out of {name}: {named} (see dead_letters/{name}.parquet)")
    show_table(console, table)
    if withheld := manifest.get("annotations_only"):
        reasons.append(f"annotations only, by licence: {', '.join(withheld)} (a copy that you keep: --private)")
    for line in [*reasons, f"release by rules {manifest['rules']} in {out}: start with README.md there"]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return left_out
