"""The command line: `medvision datasets | check | build | validate | inspect | stats | diff | graph | workers`."""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table

import medvision
from medvision.pipelines.card import pair_columns
from medvision.pipelines.commands import add_diff, add_stats, add_workers
from medvision.pipelines.graph.command import add_graph
from medvision.pipelines.lock import PublishLocked
from medvision.schemas.dataset import PLANES
from medvision.schemas.failures import BuildFailed
from medvision.schemas.options import FORMATS, IMAGES, BuildOptions
from medvision.schemas.rules import RULES

OK, FAILED, USAGE = 0, 1, 2
RULES_HELP = "what to measure and keep: a version of upstream, or exact (default: %(default)s)"
DEFAULT_WORKERS = {"direct": min(2, os.cpu_count() or 1), "prism": 1, "flink": 2, "dataflow": 20}
"""Processes by engine; of Dataflow the most that it may take."""
RUNNER_HELP = "the engine: this machine alone, or one of docs/running.md (default: %(default)s)"
WORKERS_HELP = "processes; the most of them on dataflow (default: " + (
    ", ".join(f"{count} {name}" for name, count in DEFAULT_WORKERS.items()) + ")"
)
PIPE_COLUMNS = 160
"""Where no terminal sets a width: tables must not lose text."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the exit code: 0 done, 1 failed or incomplete, 2 cannot start."""
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if rest and arguments.command != "build":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    _set_up_log(logging.INFO if arguments.verbose else logging.ERROR)
    console, errors = Console(), Console(stderr=True)
    if not console.is_terminal:
        console.width = PIPE_COLUMNS
    try:
        return int(arguments.run(arguments, rest, console))
    except BuildFailed as error:
        if arguments.verbose:
            raise
        errors.print(f"medvision {arguments.command}: {error}", style="red", markup=False, soft_wrap=True)
        return FAILED
    except (ValueError, FileNotFoundError, PublishLocked) as error:
        errors.print(f"medvision {arguments.command}: {error}", style="red", markup=False, soft_wrap=True)
        return USAGE


def _set_up_log(level: int) -> None:
    """Records of worker processes are handed on past their logger's level, so the handlers need it too."""
    logging.basicConfig(level=level)
    for handler in logging.getLogger().handlers:
        handler.setLevel(level)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="medvision", description="Regenerate MedVision dataset releases from raw public archives."
    )
    parser.add_argument("--version", action="version", version=f"medvision {medvision.__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the log of Beam and its workers")
    commands = parser.add_subparsers(dest="command", required=True)

    datasets = commands.add_parser("datasets", help="list the supported datasets")
    datasets.add_argument("--json", action="store_true", help="print JSON")
    datasets.set_defaults(run=_datasets)

    build = commands.add_parser(
        "build", help="build a release", epilog="Options that are not listed here are passed to Beam."
    )
    build.add_argument("datasets", nargs="+", metavar="DATASET", help="names, or `all` that have a folder in ROOT")
    build.add_argument("--raw", required=True, metavar="ROOT", help="folder or URL with one folder a dataset")
    build.add_argument("--out", required=True, help="folder or URL of the release")
    build.add_argument("--rules", choices=sorted(RULES), default="1.4.0", help=RULES_HELP)
    planes_help = f"comma-separated: {','.join(PLANES)} (default: all)"
    build.add_argument("--planes", type=_subset(PLANES), default=PLANES, help=planes_help)
    formats_help = (
        f"comma-separated: {','.join(FORMATS)} (default: all; no plans by rules exact, no tars without images)"
    )
    build.add_argument("--formats", type=_subset(FORMATS), default=(), help=formats_help)
    build.add_argument("--images", choices=IMAGES, default="png16", help="how slices are kept (default: %(default)s)")
    build.add_argument("--workers", type=_positive, default=0, metavar="N", help=WORKERS_HELP)
    build.add_argument("--limit", type=_positive, default=0, metavar="N", help="first N cases of each dataset")
    build.add_argument("--splits-from", default="", metavar="DIR", help="published plan files to take splits from")
    build.add_argument("--strict", action="store_true", help="exit 1 when any case was left out")
    build.add_argument("--replace", action="store_true", help="replace another release that stands in OUT")
    build.add_argument("--runner", choices=list(DEFAULT_WORKERS), default="direct", help=RUNNER_HELP)
    build.add_argument("--metrics", default="", metavar="FILE", help="write counters and seconds by stage as JSON")
    build.set_defaults(run=_build)

    check = commands.add_parser("check", help="look at raw data before a build")
    check.add_argument("raw", metavar="ROOT", help="folder or URL with one folder a dataset")
    check.add_argument("datasets", nargs="*", metavar="DATASET", help="default: all that have a folder in ROOT")
    check.add_argument("--deep", action="store_true", help="read the masks too, not headers alone")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.add_argument("--rules", choices=sorted(RULES), default="1.4.0", help=RULES_HELP)
    check.set_defaults(run=_check)

    validate = commands.add_parser("validate", help="check a release")
    validate.add_argument("out", metavar="OUT")
    level = validate.add_mutually_exclusive_group()
    level.add_argument("--quick", dest="level", action="store_const", const="quick", default="normal")
    level.add_argument("--deep", dest="level", action="store_const", const="deep", help="decode every image")
    validate.set_defaults(run=_validate)

    inspect = commands.add_parser("inspect", help="show one row of a release")
    inspect.add_argument("out", metavar="OUT")
    inspect.add_argument("row_id", metavar="ROW_ID", help="a slice_id or volume_id")
    inspect.set_defaults(run=_inspect)
    add_stats(commands)
    add_diff(commands)
    add_graph(commands)
    add_workers(commands)
    return parser


def _datasets(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.sources.registry import DATASETS

    rows = [
        {
            "name": dataset.name,
            "modalities": sorted({task.modality for task in dataset.tasks}),
            "tasks": len(dataset.tasks),
            "lesion_tasks": len(dataset.lesion_tasks),
            "licence": dataset.licence,
            "access": dataset.access,
            "images_published": dataset.images_published,
            "masks_published": dataset.masks_published,
            "homepage": dataset.homepage,
        }
        for dataset in DATASETS.values()
    ]
    if arguments.json:
        console.print_json(json.dumps(rows))
        return OK
    table = Table(Column("dataset", no_wrap=True))
    for heading in ("modality", "tasks", "lesion tasks", "images", "masks", "access", "licence"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        numbers = [f"{row[name]:,}" for name in ("tasks", "lesion_tasks", "images_published", "masks_published")]
        modalities = ", ".join(row["modalities"])  # type: ignore[arg-type]
        table.add_row(str(row["name"]), modalities, *numbers, str(row["access"]), str(row["licence"]))
    console.print(table)
    return OK


def _build(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.metrics import stage_line, write_metrics
    from medvision.pipelines.run import run_build

    options = BuildOptions(
        raw=arguments.raw,
        out=arguments.out,
        datasets=tuple(arguments.datasets),
        rules=arguments.rules,
        planes=arguments.planes,
        formats=arguments.formats,
        images=arguments.images,
        limit=arguments.limit,
        splits_from=arguments.splits_from,
        replace=arguments.replace,
    )
    workers = arguments.workers or DEFAULT_WORKERS[arguments.runner]
    result = run_build(options, workers, rest, console, arguments.runner)
    manifest = result.manifest
    if manifest is None:
        console.print("the job's file is written; nothing was run", markup=False)
        return OK
    if arguments.metrics:
        write_metrics(result, arguments.metrics)
    left_out = _show_release(manifest, arguments.out, console)
    console.print(stage_line(result), markup=False, highlight=False, soft_wrap=True)
    if not manifest["complete"]:
        console.print(f"incomplete: {len(manifest['unbuilt'])} cases unbuilt; build again to try them")
        return FAILED
    return FAILED if arguments.strict and left_out else OK


def _show_release(manifest: dict[str, Any], out: str, console: Console) -> int:
    """Print the summary table and what was left out; returns the number of dead letters."""
    table = Table(Column("dataset", no_wrap=True))
    for heading in ("cases", "slices", "boxes", "masks", "lesions", "landmarks", "MB", "left out"):
        table.add_column(heading, justify="right", no_wrap=True)
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
    console.print(table)
    for line in [*reasons, f"release by rules {manifest['rules']} in {out}: start with README.md there"]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return left_out


def _check(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.check import check_raw, show_check

    options = BuildOptions(raw=arguments.raw, out="", datasets=(), rules=arguments.rules)
    check = check_raw(arguments.datasets, options, arguments.deep)
    if arguments.json:
        console.print_json(check.to_json())
    else:
        show_check(check, console)
    return OK if check.ok else FAILED


def _validate(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.validate import report_lines, validate_release

    report = validate_release(arguments.out, arguments.level)
    for line in report_lines(report):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return OK if report.ok else FAILED


def _inspect(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.inspect import inspect_row

    for line in inspect_row(arguments.out, arguments.row_id):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return OK


def _subset(allowed: tuple[str, ...]) -> Any:
    def parse(text: str) -> tuple[str, ...]:
        asked = {part.strip() for part in text.split(",") if part.strip()}
        unknown = asked - set(allowed)
        if unknown or not asked:
            raise argparse.ArgumentTypeError(f"{text!r} is not a list of {', '.join(allowed)}")
        return tuple(name for name in allowed if name in asked)

    return parse


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)
