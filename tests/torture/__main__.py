"""`make torture`: try to break the pipeline, print what was tried, and end with 1 where something gave way.

    python -m torture [PART ...] [--scale 1.0] [--seed 0] [--markdown FILE] [--json FILE]

`--scale` multiplies how much is tried; 1 is what the page in docs/ reports, and takes under half an hour on two cores.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torture.report import Section

PARTS: dict[str, str] = {
    "crashes": "torture.crashes",
    "poison": "torture.poison",
    "publishing": "torture.publishing",
    "mutants": "torture.mutants",
    "dicom": "torture.dicom",
    "archives": "torture.archives",
    "fetch": "torture.fetch",
    "privacy": "torture.privacy",
    "tampering": "torture.tampering",
}
"""Name of a part to the module whose `run(scale, seed)` returns its sections."""


PIPED_COLUMNS = 200


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--scale", type=float, default=1.0, help="how much is tried (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="of whatever is drawn (default: 0)")
    parser.add_argument("--markdown", type=Path, help="page whose tables are written anew")
    parser.add_argument("--json", type=Path, help="file for the same as JSON")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; parts are {', '.join(PARTS)}")
    console = Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS)
    sections: list[Section] = []
    failures: list[str] = []
    for name in arguments.parts or PARTS:
        began = time.monotonic()
        try:
            found = import_module(PARTS[name]).run(arguments.scale, arguments.seed)
        except Exception as error:  # noqa: BLE001 (the other parts are tried all the same)
            console.print_exception()
            failures.append(f"{name} did not come to its end: {type(error).__name__}: {error}")
            continue
        sections += found
        failures += [failure for section in found for failure in section.failures]
        if arguments.markdown:
            fill(arguments.markdown, name, found)
        for section in found:
            show(section, console)
        console.print(f"{name}: {time.monotonic() - began:.0f} s\n")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(section) for section in sections], indent=1) + "\n")
    for failure in failures:
        console.print(f"[red]gave way:[/] {escape(failure)}")
    console.print(f"{len(sections)} tables, {len(failures)} promises broken")
    return 1 if failures else 0


def show(section: Section, console: Console) -> None:
    table = Table(title=section.title, title_justify="left")
    for number, column in enumerate(section.columns):
        right = bool(section.rows) and all(isinstance(row[number], int | float) for row in section.rows)
        table.add_column(column, justify="right" if right else "left")
    for row in section.rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else f"{cell}" for cell in row))
    console.print(table)
    for note in section.notes:
        console.print(note, markup=False)


def fill(page: Path, part: str, sections: list[Section]) -> None:
    """Write the tables of one part between its marks in a page; the rest is left."""
    start, end = f"<!-- {part} -->\n", f"<!-- end of {part} -->\n"
    before, mark, rest = page.read_text(encoding="utf-8").partition(start)
    _, closed, after = rest.partition(end)
    if not (mark and closed):
        raise ValueError(f"{page} has no marks of {part}")
    page.write_text(before + start + "\n".join(section.markdown() for section in sections) + end + after, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
