"""`medvision fetch`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from medvision.pipelines.cli.common import FAILED, OK, add_command, make_console, positive
from medvision.pipelines.tables import show_table
from medvision.schemas.dataset import Dataset

NEEDS_HAND = {"denied", "no_token", "not_given"}
EXAMPLES = """
medvision fetch MSD --task Task04_Hippocampus --to ROOT
medvision fetch --list
medvision fetch TotalSegmentator --to ROOT --dry-run
medvision fetch AbdomenAtlas1.0Mini --to ROOT --token-file ~/.hub-token
medvision fetch ACDC --to ROOT --from Downloads
"""


def add(commands: Any) -> None:
    """Add the parser."""
    fetch = add_command(
        commands,
        "fetch",
        "bring raw archives from their publishers",
        run,
        EXAMPLES,
        description="Download, verify and unpack datasets into the layout that a build reads, ROOT/<dataset>/. What "
        "needs an agreement or a login is explained instead. docs/fetch.md has the table of sources, and what can go "
        "wrong.",
        notes="Needs the extra `fetch`: pip install medvision-pipelines[fetch].",
        exits="0 all is there, 1 something failed or waits for you, 2 cannot start",
    )
    fetch.add_argument("datasets", nargs="*", metavar="DATASET", help="names, or `all` that are open")
    fetch.add_argument("--to", default="", metavar="ROOT", help="local folder that gets one folder a dataset")
    fetch.add_argument("--task", nargs="+", action="extend", default=[], metavar="PART", help="parts (default: all)")
    fetch.add_argument("--from", dest="given", default="", metavar="DIR", help="folder of archives that you have")
    token = fetch.add_mutually_exclusive_group()
    token.add_argument("--token", default="", help="token of the source, where it has one; other users may see it")
    token.add_argument("--token-file", default="", metavar="FILE", help="file with the token")
    fetch.add_argument("--connections", type=positive, default=4, metavar="N", help="at once (default: %(default)s)")
    fetch.add_argument("--dry-run", action="store_true", help="say what would be fetched, and ask no server")
    fetch.add_argument("--list", action="store_true", help="the table of sources: open, token, by hand")
    fetch.add_argument("--json", action="store_true", help="print JSON; all else goes to stderr")


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    datasets = _named(arguments.datasets, arguments.list)
    if arguments.list:
        return _list(datasets, arguments.json, console)
    if not datasets:
        raise ValueError("name datasets, or `all` that are open; --list has the names")
    if not arguments.to:
        raise ValueError("--to ROOT says where the datasets go")
    if "://" in arguments.to:
        raise ValueError(f"--to {arguments.to} is not a local folder: fetch to one, and copy it on")
    if Path(arguments.to).is_file():
        raise ValueError(f"--to {arguments.to} is a file; name a folder")
    from medvision.pipelines.fetch.run import chosen_sources

    for dataset in datasets:
        chosen_sources(dataset, tuple(arguments.task))
    if arguments.dry_run:
        return _plan(datasets, tuple(arguments.task), arguments.to, arguments.json, console)
    return _fetch(datasets, arguments, console)


def _named(names: list[str], listing: bool) -> list[Dataset]:
    from medvision.sources.registry import ALL, DATASETS, find_dataset

    if names == [ALL]:
        return [dataset for dataset in DATASETS.values() if dataset.origin and dataset.origin.access == "open"]
    if not names and listing:
        return list(DATASETS.values())
    return [find_dataset(name) for name in names]


def _token(datasets: list[Dataset], arguments: argparse.Namespace) -> str:
    """The token, "" for none. Raises ValueError where it is not clear whose it is."""
    from medvision.pipelines.fetch.sources import publisher

    text, given = str(arguments.token), "--token"
    if arguments.token_file:
        given = arguments.token_file
        text = Path(given).expanduser().read_text(encoding="utf-8-sig", errors="replace")
    text = text.strip()
    if (text or arguments.token_file) and not (len(text.split()) == 1 and text.isascii() and text.isprintable()):
        raise ValueError(f"{given} does not hold one token")
    taking = [dataset.origin for dataset in datasets if dataset.origin and dataset.origin.access == "token"]
    services = sorted({publisher(source) for origin in taking for source in origin.sources})
    if text and len(services) != 1:
        of = f"is of one of {', '.join(services)}: fetch their datasets one by one" if services else "is of no use here"
        raise ValueError(f"the token {of}")
    return text


def _fetch(datasets: list[Dataset], arguments: argparse.Namespace, console: Console) -> int:
    from medvision.pipelines.fetch.client import Client
    from medvision.pipelines.fetch.faults import Stopped
    from medvision.pipelines.fetch.resolve import Resolver
    from medvision.pipelines.fetch.run import Outcome, fetch_dataset
    from medvision.pipelines.fetch.show import watching
    from medvision.pipelines.fetch.sources import instructions
    from medvision.pipelines.fetch.transfer import Transfer

    given = Path(arguments.given) if arguments.given else None
    if given is not None and not given.is_dir():
        raise FileNotFoundError(f"--from {arguments.given} is not a folder")
    told = make_console(stderr=True) if arguments.json else console
    token = _token(datasets, arguments)
    outcomes: list[Outcome] = []
    transfer = Transfer(Client(), arguments.connections)
    try:
        with watching(told) as show:
            for dataset in datasets:
                takes = dataset.origin is not None and dataset.origin.access == "token"
                resolver = Resolver(transfer, token=token if takes else "")
                parts = tuple(arguments.task)
                outcomes.append(fetch_dataset(dataset, parts, Path(arguments.to), given, resolver, show))
    except (KeyboardInterrupt, Stopped):
        transfer.stop.set()
        told.print("stopped; what has arrived is kept: run the same command again", soft_wrap=True)
        return FAILED
    for dataset, outcome in zip(datasets, outcomes, strict=True):
        lines = [f"{dataset.name}: {_summary(outcome)}"]
        lines += [f"  {fault}" for fault in outcome.faults]
        if any(fault.code in NEEDS_HAND for fault in outcome.faults):
            lines += instructions(dataset, arguments.to)
        elif outcome.ok and dataset.origin:
            lines += [f"  next: {step}" for step in dataset.origin.after]
        for line in lines:
            told.print(line, markup=False, highlight=False, soft_wrap=True)
    if arguments.json:
        console.print_json(json.dumps([_outcome_row(outcome) for outcome in outcomes]))
    return OK if all(outcome.ok for outcome in outcomes) else FAILED


def _summary(outcome: Any) -> str:
    if outcome.ok and not outcome.fetched:
        return "nothing to do, all of it is there and as it was fetched"
    counts = {"fetched": outcome.fetched, "there already": outcome.stood, "missing": outcome.faults}
    return ", ".join(f"{len(found):,} {word}" for word, found in counts.items() if found)


def _outcome_row(outcome: Any) -> dict[str, Any]:
    faults = [{"code": fault.code, "what": fault.what, "message": str(fault)} for fault in outcome.faults]
    return {"dataset": outcome.dataset, "fetched": outcome.fetched, "there": outcome.stood, "faults": faults}


def _plan(datasets: list[Dataset], parts: tuple[str, ...], root: str, as_json: bool, console: Console) -> int:
    from medvision.pipelines.fetch.run import chosen_sources
    from medvision.pipelines.fetch.sources import instructions, source_line

    plans: list[dict[str, Any]] = [
        {
            "dataset": dataset.name,
            "to": f"{root}/{dataset.name}",
            "access": dataset.origin.access if dataset.origin else "by hand",
            "sources": [source_line(source) for source in chosen_sources(dataset, parts)],
        }
        for dataset in datasets
    ]
    if as_json:
        console.print_json(json.dumps(plans))
        return OK
    for dataset, plan in zip(datasets, plans, strict=True):
        lines = [f"{dataset.name} to {plan['to']}:", *(f"  {line}" for line in plan["sources"])]
        if dataset.origin and dataset.origin.access != "open":
            lines += instructions(dataset, root)
        for line in lines:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    return OK


def _list(datasets: list[Dataset], as_json: bool, console: Console) -> int:
    from medvision.pipelines.fetch.sources import source_row

    rows = [source_row(dataset) for dataset in datasets]
    if as_json:
        console.print_json(json.dumps(rows))
        return OK
    table = Table(Column("dataset", no_wrap=True))
    for heading in ("access", "from"):
        table.add_column(heading)
    table.add_column("GB", justify="right", no_wrap=True)
    for heading in ("checked by", "licence", "not known here"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        size = "" if row["bytes"] is None else f"{'' if row['bytes_exact'] else '~'}{row['bytes'] / 1e9:,.1f}"
        cells = (row["access"], row["from"], size, row["checked_by"], row["licence"], row["missing"])
        table.add_row(row["dataset"], *(str(cell) for cell in cells))
    show_table(console, table)
    return OK
