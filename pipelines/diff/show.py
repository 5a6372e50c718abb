"""A comparison as tables for people: by dataset, kind, what changed and cause."""

from __future__ import annotations

from collections import defaultdict

from rich.console import Console
from rich.table import Column, Table

from medvision.pipelines.diff.report import Diff, Half
from medvision.pipelines.diff.tally import ANY, UNEXPLAINED, Key
from medvision.pipelines.tables import show_table

STATES = {"only_a": "only in A", "only_b": "only in B", "changed": "changed"}


def show_diff(report: Diff, console: Console) -> None:
    """Print heads, switches, tables of differences and moves, notes and the verdict."""
    for name, half in (("A", report.a), ("B", report.b)):
        _line(console, f"{name}  {head_line(half)}")
        if half.content_hash:
            _line(console, f"   content {half.content_hash}")
    if report.a.schema_version != report.b.schema_version or report.a.algorithm_version != report.b.algorithm_version:
        _line(console, "the releases were made by different versions of this program: no cause is claimed for that")
    for name, one, other in report.switches:
        _line(console, f"   {name}: {one} in A, {other} in B")
    if report.tally.different:
        show_table(console, _differences(report))
    if report.moved:
        show_table(console, _moves(report))
    _examples(report, console)
    for title, lines in (
        ("not tested", report.not_tested),
        ("not compared", report.not_compared),
        ("problem", sorted(report.problems)),
    ):
        for line in lines:
            _line(console, f"{title}: {line}")
    _line(console, verdict(report))


def head_line(half: Half) -> str:
    """Where it is, by which rules, and by which versions."""
    rules = half.rules if half.rules == half.built_rules else f"{half.rules} (built by {half.built_rules})"
    limit = f", first {half.limit} cases" if half.limit else ""
    versions = f"schema {half.schema_version}, algorithm {half.algorithm_version}"
    return f"{half.url}: rules {rules}; {', '.join(half.planes)}{limit}; {versions}"


def verdict(report: Diff) -> str:
    """The last line: whether anything differs and how much of it has no cause."""
    if not report.different:
        return "no differences" + (" in what was compared" if report.not_compared else "")
    counts: dict[str, int] = defaultdict(int)
    for key in report.tally.listed():
        if key.quantity == ANY and key.kind != "Slice":
            counts[key.state] += report.tally.count(key)
    parts = [f"{counts[state]:,} pairs {name}" for state, name in STATES.items()]
    moves = sum(report.moved.values())
    return f"{', '.join(parts)}; {moves:,} images on another side; {report.unexplained:,} unexplained"


def _differences(report: Diff) -> Table:
    table = Table(Column("dataset", no_wrap=True), "kind", "what", "cause")
    for heading in ("pairs", "p5", "p50", "p95", "max abs"):
        table.add_column(heading, justify="right", no_wrap=True)
    merged: dict[Key, list[Key]] = defaultdict(list)
    for key in report.tally.listed():
        if key.state != "changed" or key.quantity != ANY:
            merged[key._replace(task="", plane="", label="")].append(key)
    for name, keys in sorted(merged.items()):
        group = report.tally.group(name, keys)
        values = (group.p5, group.p50, group.p95, group.max_abs)
        numbers = ["" if value is None else f"{value:.3g}" for value in values]
        what = name.quantity or STATES[name.state]
        style = "red" if name.cause.startswith(UNEXPLAINED) else None
        table.add_row(name.dataset, name.kind, what, name.cause, f"{group.pairs:,}", *numbers, style=style)
    return table


def _moves(report: Diff) -> Table:
    table = Table(
        Column("dataset", no_wrap=True), "kind", "task", "from", "to", "cause", Column("images", justify="right")
    )
    for key, count in sorted(report.moved.items()):
        table.add_row(key.dataset, key.kind, key.task, key.before, key.after, key.cause, f"{count:,}")
    return table


def _examples(report: Diff, console: Console) -> None:
    for (dataset, kind, cause), ids in sorted(report.tally.examples.items()):
        if cause.startswith(UNEXPLAINED):
            _line(console, f"{cause}, {dataset} {kind}: {', '.join(ids)}")
    if report.moved_examples:
        _line(console, f"{UNEXPLAINED}, on another side: {', '.join(report.moved_examples)}")


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
