"""A release in a few lines: as text, and as the table that a notebook shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from medvision.pipelines.card.configs import pair_columns

HEAD = ("dataset", "cases", "slices", "boxes", "masks", "lesions", "landmarks", "left out")


def summary_rows(manifest: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A dataset's name and counts, for HEAD."""
    for name, item in manifest.get("datasets", {}).items():
        dead = sum(item["dead_letters"].values())
        counts = [item["cases"], item["slices"], *pair_columns(item["pairs"]), dead]
        yield (name, *(f"{count:,}" for count in counts))


def headline(url: str, manifest: Mapping[str, Any]) -> str:
    """One line: where, by which rules, how large, and whether it is whole."""
    datasets = manifest.get("datasets", {})
    slices = sum(item["slices"] for item in datasets.values())
    pairs = sum(sum(item["pairs"].values()) for item in datasets.values())
    unbuilt = len(manifest.get("unbuilt", ()))
    doubt = f", incomplete: {unbuilt} cases unbuilt" if not manifest.get("complete") else ""
    return (
        f"release {url} by rules {manifest.get('rules', 'not recorded')}: {len(datasets)} datasets, "
        f"{slices:,} slices, {pairs:,} pairs{doubt}"
    )


def summary_text(url: str, manifest: Mapping[str, Any]) -> str:
    """The headline, and a line of counts a dataset."""
    lines = [HEAD, *summary_rows(manifest)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    shown = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines]
    return "\n".join([f"<{headline(url, manifest)}>", *shown])


def summary_html(url: str, manifest: Mapping[str, Any]) -> str:
    """The same as a table; every text is escaped."""
    head = "".join(f"<th>{name}</th>" for name in HEAD)
    body = "".join(f"<tr><td>{escape(name)}</td>{_cells(counts)}</tr>" for name, *counts in summary_rows(manifest))
    return f"<p>{escape(headline(url, manifest))}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(counts: list[str]) -> str:
    return "".join(f'<td style="text-align: right">{count}</td>' for count in counts)
