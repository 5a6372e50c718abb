"""`medvision view`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from medvision.pipelines.cli.common import OK, add_command, new_file, positive

EXAMPLES = """\
medvision view release KiTS23-case_00000-t01-axial-0123
medvision view release KiTS23-case_00000-t01-axial-0123-lesion-01-2 --out tumour.png
medvision view release KiTS23-case_00000-t01-axial-0123 --label "kidney tumor" --window 400 40"""


def add(commands: Any) -> None:
    """Add the parser."""
    view = add_command(
        commands,
        "view",
        "draw one slice with its annotations",
        run,
        EXAMPLES,
        description="Draw a slice with its boxes, lesion axes, landmarks, angles and numbers as a PNG, in the true "
        "aspect of its pixels in mm. A pair_id shows that annotation alone.",
        exits="0 drawn, 2 no such row or release, or no image of it",
    )
    view.add_argument("out", metavar="OUT", help="folder or URL of the release")
    view.add_argument("row_id", metavar="ROW_ID", help="a slice_id or pair_id")
    view.add_argument("--out", dest="to", type=new_file, metavar="FILE.png", help="(default: ROW_ID.png, here)")
    view.add_argument(
        "--orientation", choices=["radiological", "array"], default="radiological", help="(default: %(default)s)"
    )
    view.add_argument("--size", type=positive, default=800, metavar="PIXELS", help="longer side (default: %(default)s)")
    view.add_argument("--label", metavar="LABEL", help="show one label alone, by value or name, in its CT window")
    view.add_argument("--window", nargs=2, type=float, metavar=("WIDTH", "LEVEL"), help="in the image's unit")
    view.add_argument("--no-legend", dest="legend", action="store_false", help="leave the panel of numbers out")
    view.add_argument("--blank", action="store_true", help="draw on an empty grid: a release without images will do")


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.view import view_row

    to = arguments.to or Path(f"{arguments.row_id.replace('/', '_')}.png")
    if to.suffix.lower() != ".png":
        raise ValueError(f"--out {to} does not end in .png; view writes PNG")
    picture = view_row(
        arguments.out,
        arguments.row_id,
        arguments.label,
        arguments.blank,
        window=tuple(arguments.window) if arguments.window else "upstream",
        orientation=arguments.orientation,
        size=arguments.size,
        legend=arguments.legend,
    )
    picture.save(to, "PNG", optimize=True)
    line = f"{to}: {picture.width} x {picture.height} pixels"
    console.print(line, markup=False, highlight=False, soft_wrap=True)
    return OK
