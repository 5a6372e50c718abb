"""The command `graph`: the pipeline of a build as a picture or as text, without running it."""

# No `from __future__ import annotations` here: this module hands a pipeline to Beam.

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from medvision.pipelines.cli.common import OK, add_command, new_file
from medvision.pipelines.graph.model import Graph

SUFFIXES = (".svg", ".dot", ".mmd", ".json")
GRAPH_HELP = (
    "Steps stand in their boxes, with the type of what flows between them. Numbers and colours are the stages that the "
    "local runner fuses steps to; a shuffle (Reshuffle, GroupByKey, Create) is written by one and read by another. All "
    "datasets, rules and formats are built by the same steps."
)


def add(commands: Any) -> None:
    """Add the parser."""
    graph = add_command(
        commands,
        "graph",
        "draw the pipeline of a build",
        run,
        "medvision graph\nmedvision graph --out pipeline.svg",
        description=GRAPH_HELP,
    )
    graph.add_argument("--out", type=_drawn, metavar="FILE", help=f"{', '.join(SUFFIXES)} (default: print an outline)")


def build_graph() -> Graph:
    """The graph of `medvision build`: wired as for any build, and not run."""
    import apache_beam as beam

    from medvision.pipelines.build import build_release
    from medvision.pipelines.graph.read import read_graph
    from medvision.runners.direct import direct_options
    from medvision.schemas.options import BuildOptions
    from medvision.sources.registry import DATASETS

    pipeline = beam.Pipeline(options=direct_options(1))
    build_release(pipeline, tuple(DATASETS.values()), BuildOptions(raw="raw", out="out", datasets=tuple(DATASETS)))
    return read_graph(pipeline)


def draw(graph: Graph, suffix: str) -> str:
    """The text of a file: one of SUFFIXES."""
    from medvision.pipelines.graph.svg import draw_svg
    from medvision.pipelines.graph.texts import dot, mermaid

    ways: dict[str, Callable[[Graph], str]] = {".svg": draw_svg, ".dot": dot, ".mmd": mermaid, ".json": _json}
    return ways[suffix](graph)


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.graph.texts import outline

    graph = build_graph()
    if arguments.out:
        arguments.out.write_text(draw(graph, arguments.out.suffix), encoding="utf-8")
        return OK
    for line in outline(graph):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return OK


def _json(graph: Graph) -> str:
    return json.dumps(graph.as_json(), indent=1) + "\n"


def _drawn(text: str) -> Path:
    path = new_file(text)
    if path.suffix not in SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r} ends in none of {', '.join(SUFFIXES)}")
    return path
