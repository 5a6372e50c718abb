"""Tables for people: where a screen is too narrow for one, its rows as lists, so that no number is cut off."""

from __future__ import annotations

import textwrap

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

FRAME = 3
"""Columns of the screen that the frame takes for each column of a table, and one more."""
INDENT = "  "
HELD = "\xa0"
"""In the place of a blank at which no line ends."""


def show_table(console: Console, table: Table) -> None:
    """Print a table whose cells are text; a row is a list of headings and values where words would be cut."""
    room = console.width - FRAME * len(table.columns) - 1
    texts = [_texts(column) for column in table.columns]
    widest = [max(map(cell_len, cells)) for cells in texts]
    least = [widest[at] if column.no_wrap else _longest_word(texts[at]) for at, column in enumerate(table.columns)]
    if sum(least) > room:
        _show_lists(console, texts)
        return
    if sum(widest) > room:
        spare = room - sum(least)
        for column, narrow, wide in zip(table.columns, least, widest, strict=True):
            column.width = narrow + min(spare, wide - narrow)
            spare -= column.width - narrow
    console.print(table)


def _show_lists(console: Console, texts: list[list[str]]) -> None:
    headings, *rows = zip(*texts, strict=True)
    width = console.width - len(INDENT)
    for row in rows:
        named = [f"{heading} {cell}" for heading, cell in zip(headings[1:], row[1:], strict=True) if cell]
        held = [text if cell_len(text) >= width else text.replace(" ", HELD) for text in named]
        lines = textwrap.wrap("; ".join(held), width, break_long_words=False, break_on_hyphens=False)
        for line in [row[0], *(INDENT + line.replace(HELD, " ") for line in lines)]:
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _texts(column: Column) -> list[str]:
    """The heading and the cells as they are shown."""
    cells = [Text.from_markup(str(cell), emoji=False) for cell in (column.header, *column.cells)]
    return [cell.plain for cell in cells]


def _longest_word(cells: list[str]) -> int:
    return max((cell_len(word) for cell in cells for word in cell.split()), default=0)
