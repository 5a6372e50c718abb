"""docs/fetch.md: the table of sources, the faults and the refusals, from the datasets' tables and the code."""

from __future__ import annotations

from collections.abc import Iterator

from medvision.pipelines.fetch.faults import FAULTS
from medvision.pipelines.fetch.sources import instructions, source_row
from medvision.pipelines.fetch.unpack.refusals import REFUSALS
from medvision.pipelines.reference.blocks import table
from medvision.schemas.dataset import Dataset
from medvision.sources.registry import TABLES

HEAD = ("dataset", "access", "from", "GB", "check sums of", "licence", "not known here")
SHOWN = "ACDC"
"""Whose instructions stand on the page."""
FENCE = "```"


def fetch_blocks() -> dict[str, str]:
    """The made parts of the page, by marker."""
    by_name = sorted(TABLES, key=lambda dataset: dataset.name.casefold())
    shown = next(dataset for dataset in TABLES if dataset.name == SHOWN)
    return {
        "sources": table(HEAD, (_row(dataset) for dataset in by_name)),
        "instructions": "\n".join([f"{FENCE}text", *instructions(shown), FENCE]),
        "faults": table(("code", "what it means"), ((f"`{code}`", text) for code, text in FAULTS.items())),
        "refusals": table(("code", "why"), ((f"`{code}`", text) for code, text in REFUSALS.items())),
    }


def _row(dataset: Dataset) -> Iterator[str]:
    row = source_row(dataset)
    yield f"[{dataset.name}]({dataset.homepage})"
    yield row["access"]
    yield row["from"]
    size = row["bytes"]
    yield "" if size is None else f"{'' if row['bytes_exact'] else 'about '}{size / 1e9:,.1f}"
    yield row["checked_by"]
    yield row["licence"] or "see its page"
    yield row["missing"]
