"""`medvision prompts`."""

from __future__ import annotations

import argparse
import re
from typing import Any

from rich.console import Console

from medvision.pipelines.cli.common import OK, add_command, positive

SPLITS = ("train", "test")
KINDS = ("box", "mask", "lesion", "diameter", "distance", "angle")
FORMATS = ("parquet", "jsonl")
MOST_SIDE = 8192
SHOWN_LEFT_OUT = 8
EXAMPLES = """
medvision prompts release --to prompts --config 'KiTS23_*' --split test
medvision prompts release --to resized --image-size 896x896 --processor qwen2.5-vl --per-config 1000
medvision prompts release --to lines --format jsonl --kind box lesion --orientation radiological
medvision prompts release --to own --templates questions.toml --targets exact
"""


def add(commands: Any) -> None:
    """Add the parser."""
    prompts = add_command(
        commands,
        "prompts",
        "write question-answer rows with pictures, as upstream's benchmark asks",
        run,
        EXAMPLES,
        description="Write a question, an answer and target numbers for each pair of a release, beside the 8-bit "
        "picture that a model is shown. Targets, sizes and windows are those of upstream's benchmark; docs/prompts.md "
        "says what they mean.",
        exits="0 written, 2 cannot be written as asked",
    )
    prompts.add_argument("release", metavar="OUT", help="folder or URL of the release; it must hold images")
    prompts.add_argument("--to", required=True, metavar="FOLDER", help="local folder, missing or empty")
    prompts.add_argument("--format", choices=FORMATS, default="parquet", help="(default: %(default)s)")
    chosen = prompts.add_argument_group("which pairs")
    chosen.add_argument("--config", nargs="+", action="extend", default=[], metavar="GLOB", help="(default: all)")
    chosen.add_argument("--split", nargs="+", choices=SPLITS, default=SPLITS, help="of the pairs (default: both)")
    chosen.add_argument("--kind", nargs="+", choices=KINDS, default=KINDS, help="of question (default: all)")
    chosen.add_argument("--per-config", type=positive, default=0, metavar="N", help="at most, by hash (default: all)")
    chosen.add_argument(
        "--instances", choices=("single", "all"), default="single", help="upstream's default set, or every pair"
    )
    shown = prompts.add_argument_group("how they are asked")
    shown.add_argument(
        "--targets", choices=("upstream", "exact"), default="upstream", help="upstream's, or true edges and axes"
    )
    shown.add_argument(
        "--processor", default="", metavar="NAME", help="state sizes after it: docs/prompts.md lists them"
    )
    shown.add_argument("--min-pixels", type=positive, default=0, metavar="N", help="of the processor (Qwen, GLM)")
    shown.add_argument("--max-pixels", type=positive, default=0, metavar="N", help="of the processor (Qwen, GLM)")
    shown.add_argument(
        "--image-size", type=image_size, metavar="HxW", help="resize slices first (default: as they are)"
    )
    shown.add_argument(
        "--orientation", choices=("array", "radiological"), default="array", help="of pictures (default: %(default)s)"
    )
    shown.add_argument("--templates", default="", metavar="FILE", help="TOML file of texts (default: built in)")
    prompts.add_argument("--replace", action="store_true", help="replace earlier prompts in FOLDER")
    prompts.add_argument("--json", action="store_true", help="print a summary as JSON")


def image_size(text: str) -> tuple[int, int]:
    """A type of argument: "HxW", height and width in pixels."""
    found = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text)
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(1 <= side <= MOST_SIDE for side in size):
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH, each from 1 to {MOST_SIDE}")
    return size


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.prompts.options import PromptOptions
    from medvision.pipelines.prompts.run import write_prompts

    options = PromptOptions(
        form=arguments.format,
        configs=tuple(sorted(set(arguments.config))),
        splits=tuple(split for split in SPLITS if split in arguments.split),
        kinds=tuple(kind for kind in KINDS if kind in arguments.kind),
        per_config=arguments.per_config,
        instances=arguments.instances,
        targets=arguments.targets,
        processor=arguments.processor.lower(),
        min_pixels=arguments.min_pixels,
        max_pixels=arguments.max_pixels,
        image_size=arguments.image_size,
        orientation=arguments.orientation,
        templates=arguments.templates,
    )
    bar = None if arguments.json else console
    done = write_prompts(arguments.release, arguments.to, options, arguments.replace, bar)
    if arguments.json:
        console.print(done.to_json(), markup=False, highlight=False, soft_wrap=True)
        return OK
    kinds = ", ".join(f"{done.counts[kind]:,} {kind}" for kind in KINDS if done.counts[kind])
    lines = [
        f"{done.files:,} files, {done.bytes / 1e6:.1f} MB in {done.out}: "
        f"{done.rows:,} questions ({kinds}) about {done.counts['pictures']:,} pictures"
    ]
    left_out = sorted(done.left_out.items())
    lines += [
        f"left out {dataset}: {count:,} pairs, {reason}" for (dataset, reason), count in left_out[:SHOWN_LEFT_OUT]
    ]
    if len(left_out) > SHOWN_LEFT_OUT:
        lines.append(f"and {len(left_out) - SHOWN_LEFT_OUT:,} more reasons; prompts.json lists all")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return OK
