"""Cost of a full release: core-hours, bytes and money, from the benchmark's JSON, published counts and list prices.

    python benchmarks/cost.py BENCH.json [--markdown docs/cost.md] [--dataflow-vcpu-hour 0.05] [--busy 0.9] ...

Every price and every assumption is a flag; with `--markdown` the tables between the page's markers are written anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from counts import ASSUMED, COUNTS
from estimate import Amount, Assumptions, Bill, amounts, bills, egress_dollars, storage_dollars, total_of
from prices import Prices, price_notes
from rates import rates_of
from rich.console import Console
from rich.table import Table

Rows = list[tuple[str, ...]]
"""Head first."""


def per_dataset(found: list[Amount]) -> Rows:
    """A line a dataset and the sum; `~` marks a shape, `est.` an archive that is not published."""
    hours = ("core-hours, annotations alone", "core-hours, png16")
    sizes = ("annotations GB", "Parquet GB", "WebDataset GB")
    rows: Rows = [("dataset", "images", "slices", "archive GB", *hours, *sizes)]
    for count, amount in zip(COUNTS, found, strict=True):
        name = f"{count.name} ~" if count.assumed else count.name
        rows.append(_line(name, amount, "" if count.archive_gb is not None else " est."))
    return [*rows, _line("all", total_of(found), "")]


def _line(name: str, of: Amount, mark: str) -> tuple[str, ...]:
    hours = (f"{of.annotation_hours:.2f}", f"{of.hours:.2f}")
    sizes = (f"{of.annotation_gb:.2f}", f"{of.parquet_gb:,.1f}", f"{of.webdataset_gb:,.1f}")
    return (name, f"{of.images:,}", f"{of.slices:,}", f"{of.archive_gb:,.1f}{mark}", *hours, *sizes)


def computing(found: list[tuple[str, list[Bill]]]) -> Rows:
    """Of each kind of release and each way to compute it."""
    rows: Rows = [("release", "on", "cores or vCPUs", "hours", "computing, US$")]
    for name, of in found:
        rows += [(name, bill.name, str(bill.vcpus), f"{bill.hours:.2f}", _dollars(bill.dollars)) for bill in of]
    return rows


def moving(total: Amount, download_mbit_s: float, prices: Prices) -> Rows:
    """Of raw archives and releases: time to download, a month of storage, egress."""
    rows: Rows = [("what", "GB", f"hours at {download_mbit_s:g} Mbit/s", "a month in a bucket, US$", "egress, US$")]
    parts = (
        ("raw archives", total.archive_gb),
        ("release with images, both formats", total.release_gb),
        ("the same, Parquet alone", total.annotation_gb + total.parquet_gb),
        ("annotations alone", total.annotation_gb),
    )
    for name, gb in parts:
        hours = gb * 8000 / download_mbit_s / 3600
        money = (_dollars(storage_dollars(gb, prices)), _dollars(egress_dollars(gb, prices)))
        rows.append((name, f"{gb:,.1f}", f"{hours:,.1f}", *money))
    return rows


def doubts(results: list[dict[str, Any]], given: Assumptions, vcpus: int, cores: int, prices: Prices) -> Rows:
    """The totals with one assumption changed at a time, images included."""
    rows: Rows = [("if instead", "core-hours", "release GB", "hours on a laptop", "Dataflow, US$")]
    changes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("as above", {}),
        ("every dataset at the mean rates of the benchmark", {"pooled": not given.pooled}),
        ("each plane has a third of the slices", {"even_planes": not given.even_planes}),
        ("pictures compress 30 % worse than the benchmark's", {"noise": given.noise * 1.3}),
        ("a vCPU is worth half a benchmark core", {"cores_a_vcpu": given.cores_a_vcpu / 2}),
        ("cores are busy half the time", {"busy": 0.5}),
        ("disk and bucket are half as fast", {"disk_mb_s": given.disk_mb_s / 2, "worker_mb_s": given.worker_mb_s / 2}),
    )
    for name, change in changes:
        changed = replace(given, **change)
        total = total_of(amounts(results, changed))
        laptop, *_, dataflow = bills(total.hours, total.moved_gb, vcpus, cores, changed, prices)
        sizes = (f"{total.hours:.1f}", f"{total.release_gb:,.0f}")
        rows.append((name, *sizes, f"{laptop.hours:.1f}", _dollars(dataflow.dollars)))
    return rows


def measured(results: list[dict[str, Any]]) -> Rows:
    """Rates of each kind of case, and of all."""
    written = ("Parquet byte/byte", "tar byte/byte", "annotation byte/row")
    rows: Rows = [("benchmark case", "image ns/byte", "mask ns/byte", "picture ns/byte", "row µs", *written)]
    names = list(dict.fromkeys(result["case"] for result in results))
    for label, like in [(name, (name,)) for name in names] + [("all", ())]:
        if {"png16", "none"} <= {result["images"] for result in results if not like or result["case"] in like}:
            of = rates_of(results, like)
            seconds = (f"{rate * 1e9:.2f}" for rate in (of.image_s, of.mask_s, of.picture_s))
            sizes = (f"{of.parquet:.3f}", f"{of.webdataset:.3f}", f"{of.row_bytes:.0f}")
            rows.append((label, *seconds, f"{of.row_s * 1e6:.0f}", *sizes))
    return rows


def shapes() -> Rows:
    """What the estimate takes for a typical volume."""
    rows: Rows = [("dataset", "images", "masks", "shape xyz", "bytes a voxel", "shape is", "as benchmark case")]
    for count in COUNTS:
        for part in count.parts:
            shape = "x".join(map(str, part.shape_xyz))
            files = f"{part.masks:,}" + (f" of {part.mask_files} files" if part.mask_files > 1 else "")
            stored = (shape, f"{part.image_bytes_a_voxel:g}", part.shape_from, " or ".join(part.like))
            rows.append((count.name, f"{part.images:,}", files, *stored))
    return rows


def listed(prices: Prices) -> Rows:
    """Prices with unit, source and reading."""
    rows: Rows = [("price", "US$", "a", "source", "read")]
    for name, value, unit, source, read in price_notes(prices):
        rows.append((name.replace("_", " "), f"{value:.6f}".rstrip("0").rstrip("."), unit, source, read))
    return rows


def _dollars(value: float) -> str:
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def markdown(rows: Rows) -> str:
    """A table; columns after the first are set right where they hold numbers."""
    head, *body = rows
    right = [all(cell[:1].isdigit() for cell in column) for column in zip(*body, strict=True)]
    lines = [head, tuple("---:" if number else "---" for number in right), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def rewrite(page: str, tables: dict[str, Rows]) -> str:
    """The page with each table between `<!-- name -->` and `<!-- /name -->`.

    Raises:
        ValueError: The page lacks a marker.
    """
    for name, rows in tables.items():
        opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, found, rest = page.partition(opening)
        _, closed, after = rest.partition(closing)
        if not (found and closed):
            raise ValueError(f"the page lacks the markers <!-- {name} --> and <!-- /{name} -->")
        page = before + opening + markdown(rows) + "\n" + closing + after
    return page


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("json", type=Path, help="what bench.py --json wrote, both modes of each case")
    parser.add_argument("--markdown", type=Path, help="page whose tables are written anew")
    parser.add_argument("--vcpus", type=int, default=64, help="of the cluster's workers together")
    parser.add_argument("--laptop-cores", type=int, default=8)
    parser.add_argument("--download-mbit-s", type=float, default=200.0)
    for table in (Assumptions, Prices):
        for known in fields(table):
            flag = "--" + known.name.replace("_", "-")
            if isinstance(known.default, bool):
                parser.add_argument(flag, action="store_true")
            else:
                parser.add_argument(flag, type=float, default=known.default, help=known.metadata.get("unit"))
    return parser


def main() -> None:
    """Prints the tables, or writes them into a page."""
    options = _parser().parse_args()
    given = Assumptions(**{known.name: getattr(options, known.name) for known in fields(Assumptions)})
    prices = Prices(**{known.name: getattr(options, known.name) for known in fields(Prices)})
    console = Console()
    try:
        results = json.loads(options.json.read_text())
        found = amounts(results, given)
        total = total_of(found)
        size = (options.vcpus, options.laptop_cores)
        with_images = bills(total.hours, total.moved_gb, *size, given, prices)
        without = bills(total.annotation_hours, total.annotation_gb, *size, given, prices)
        paid = [("png16, Parquet and WebDataset", with_images), ("annotations alone", without)]
        tables = {
            "computing": computing(paid),
            "moving": moving(total, options.download_mbit_s, prices),
            "doubts": doubts(results, given, *size, prices),
            "datasets": per_dataset(found),
            "rates": measured(results),
            "prices": listed(prices),
            "shapes": shapes(),
        }
        if options.markdown:
            options.markdown.write_text(rewrite(options.markdown.read_text(), tables))
    except (ValueError, OSError) as error:
        sys.exit(str(error))
    guesses = sum(part.shape_from == ASSUMED for count in COUNTS for part in count.parts)
    for name, rows in tables.items():
        table = Table(*rows[0], title=name)
        for row in rows[1:]:
            table.add_row(*row)
        console.print(table)
    console.print(f"{guesses} of {sum(len(count.parts) for count in COUNTS)} shapes are assumed")


if __name__ == "__main__":
    main()
