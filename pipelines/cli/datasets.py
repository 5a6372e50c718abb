"""`medvision datasets`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from medvision.pipelines.cli.common import OK, add_command
from medvision.pipelines.tables import show_table


def add(commands: Any) -> None:
    """Add the parser."""
    parser = add_command(
        commands, "datasets", "list the supported datasets", run, "medvision datasets\nmedvision datasets --json"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.sources.registry import DATASETS

    rows = [
        {
            "name": dataset.name,
            "modalities": sorted({task.modality for task in dataset.tasks}),
            "tasks": len(dataset.tasks),
            "lesion_tasks": len(dataset.lesion_tasks),
            "licence": dataset.licence,
            "spdx": dataset.spdx,
            "redistribute": dataset.redistribute,
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
    show_table(console, table)
    return OK
