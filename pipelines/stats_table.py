"""Counts of a release as tables for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Column, Table

from medvision.pipelines.stats import SPLITS, DatasetStats, Stats, pair_tree
from medvision.pipelines.tables import show_table
from medvision.schemas.dataset import PLANES


def show_stats(stats: Stats, console: Console) -> None:
    """Print a table of images and slices, and one of pairs."""
    show_table(console, _images(stats))
    show_table(console, _pairs(stats))
    text = f"rules {stats.rules}: multi are all pairs, single those that pass upstream's load-time filters"
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _rows(stats: Stats) -> list[tuple[str, DatasetStats]]:
    named = list(stats.datasets.items())
    return [*named, ("TOTAL", stats.total)] if len(named) > 1 else named


def _images(stats: Stats) -> Table:
    table = Table(Column("dataset", no_wrap=True))
    for heading in ("images", "masks", "patients", *PLANES, "slices", "ellipses train", "ellipses test", "ellipses"):
        table.add_column(heading, justify="right")
    for name, found in _rows(stats):
        counts = [found.images, found.masks, found.patients, *(found.slices[plane] for plane in PLANES)]
        counts += [found.slices.total(), *(found.ellipses[split] for split in SPLITS), found.ellipses.total()]
        table.add_row(name, *(f"{count:,}" for count in counts))
    return table


def _pairs(stats: Stats) -> Table:
    table = Table(Column("dataset", no_wrap=True), "kind", *([stats.by] if stats.by else []))
    for heading in ("multi train", "test", "total", "single train", "test", "total"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, found in _rows(stats):
        parts = found.parts if stats.by and found.parts else {"": found.pairs}
        for part, pairs in sorted(parts.items()):
            for kind, sets in pair_tree(pairs).items():
                counts = [sets[which][column] for which in ("multi", "single") for column in (*SPLITS, "total")]
                table.add_row(name, kind, *([part] if stats.by else []), *(f"{count:,}" for count in counts))
    return table
