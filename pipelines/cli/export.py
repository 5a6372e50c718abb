"""`medvision export`."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from medvision.pipelines.cli.common import OK, add_command
from medvision.schemas.dataset import PLANES

FORMS = ("coco", "csv", "plans", "slicer", "dicom-sr")
SIDES = ("train", "test")
IMAGES = ("none", "png8", "png16")
SHOWN_REFUSED = 5
EXAMPLES = """
medvision export release --to coco --dataset KiTS23 --plane axial --images png8
medvision export release --to csv --gzip --out tables
medvision export release --to plans
medvision export release --to slicer --dataset FeTA24 --split test
medvision export release --to dicom-sr --raw ROOT
"""


def add(commands: Any) -> None:
    """Add the parser."""
    export = add_command(
        commands,
        "export",
        "write a release in the format of another tool",
        run,
        EXAMPLES,
        description="Write a release, or a part of it, for COCO tools, spreadsheets, upstream's tools, 3D Slicer or a "
        "PACS. docs/export.md says what each format holds, in which units and axes.",
        exits="0 written, 2 cannot be written as asked",
    )
    export.add_argument("release", metavar="OUT", help="folder or URL of the release")
    export.add_argument("--to", required=True, choices=FORMS, help="the format")
    export.add_argument("--out", default="", metavar="DIR", help="local folder (default: <release>-<format> here)")
    export.add_argument("--dataset", nargs="+", action="extend", default=[], metavar="NAME", help="(default: all)")
    export.add_argument("--split", nargs="+", choices=SIDES, default=SIDES, help="patient-level side (default: both)")
    export.add_argument("--plane", nargs="+", choices=PLANES, default=PLANES, help="(default: all)")
    export.add_argument("--images", choices=IMAGES, default="none", help="coco: pictures beside it (default: none)")
    export.add_argument("--gzip", action="store_true", help="csv: pack each table")
    export.add_argument("--raw", default="", metavar="ROOT", help="dicom-sr: the raw series; plans: the raw cases")
    export.add_argument("--splits-from", default="", metavar="DIR", help="plans: published plans of the build's sides")
    identity_help = "dicom-sr: copy the patient's and study's attributes; without it only UIDs are copied"
    export.add_argument("--keep-identity", action="store_true", help=identity_help)
    export.add_argument("--replace", action="store_true", help="replace an earlier export in DIR")
    export.add_argument("--json", action="store_true", help="print a summary as JSON")


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    from medvision.pipelines.export.job import FormOptions
    from medvision.pipelines.export.run import export_release
    from medvision.pipelines.export.select import Selection

    selection = Selection(
        tuple(arguments.dataset),
        tuple(side for side in SIDES if side in arguments.split),
        tuple(plane for plane in PLANES if plane in arguments.plane),
    )
    options = FormOptions(
        images="" if arguments.images == "none" else arguments.images,
        gzip=arguments.gzip,
        raw=arguments.raw,
        splits_from=arguments.splits_from,
        keep_identity=arguments.keep_identity,
    )
    bar = None if arguments.json else console
    done = export_release(arguments.release, arguments.to, arguments.out, selection, options, arguments.replace, bar)
    if arguments.json:
        console.print(done.to_json(), markup=False, highlight=False, soft_wrap=True)
        return OK
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in sorted(done.counts.items()))
    lines = [f"{done.files:,} files, {done.bytes / 1e6:.1f} MB in {done.out}: {counts or 'nothing to hold'}"]
    for item in done.refused[:SHOWN_REFUSED]:
        lines.append(f"left out {item['dataset']} {item['case_id']}: {item['reason']}")
    if len(done.refused) > SHOWN_REFUSED:
        lines.append(f"and {len(done.refused) - SHOWN_REFUSED:,} more cases; export.json lists all")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return OK
