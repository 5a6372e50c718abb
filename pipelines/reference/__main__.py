"""`python -m medvision.pipelines.reference DOCS`: write the made parts of the pages in a folder anew."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from medvision.pipelines.reference.blocks import fill
from medvision.pipelines.reference.cli_page import cli_blocks
from medvision.pipelines.reference.fetch_page import fetch_blocks
from medvision.pipelines.reference.output_page import output_blocks

PAGES: Mapping[str, Callable[[], Mapping[str, str]]] = {
    "cli.md": cli_blocks,
    "fetch.md": fetch_blocks,
    "output.md": output_blocks,
}


def main() -> None:
    """Raises ValueError for a page without its markers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("docs", type=Path, metavar="DOCS", help="folder with cli.md, fetch.md and output.md")
    folder = parser.parse_args().docs
    for name, blocks in PAGES.items():
        page = folder / name
        page.write_text(fill(page.read_text(encoding="utf-8"), blocks()), encoding="utf-8")


if __name__ == "__main__":
    main()
