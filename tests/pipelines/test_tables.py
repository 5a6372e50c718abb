"""Tables on screens of any width: every word and number is there, and no line is longer than the screen."""

import io

import pytest
from rich.console import Console
from rich.table import Column, Table

from medvision.pipelines.tables import show_table

ROWS = [("AbdomenAtlas1.0Mini", "5,195", "CC BY-NC-SA 4.0, by its page", ""), ("MSD", "1,039", "CC BY-SA 4.0", "12")]
HEADINGS = ("images published", "licence", "left out")


def shown(width: int) -> str:
    out = io.StringIO()
    table = Table(Column("dataset", no_wrap=True), Column(HEADINGS[0], justify="right"), *HEADINGS[1:])
    for row in ROWS:
        table.add_row(*row)
    show_table(Console(file=out, width=width, emoji=False), table)
    return out.getvalue()


@pytest.mark.parametrize("width", [*range(40, 100), 160])
def test_no_word_is_lost_at_any_width(width: int) -> None:
    text = shown(width)
    words = {word for row in (*ROWS, HEADINGS) for cell in row for word in cell.split()}
    plain = text.replace(";", " ").replace("│", " ").replace("┃", " ").split()
    assert words <= set(plain)
    assert max(map(len, text.splitlines())) <= width


def test_a_wide_screen_has_the_table_and_a_narrow_one_lists() -> None:
    assert shown(160).splitlines()[3].split("│")[1:-1] == [
        " AbdomenAtlas1.0Mini ",
        "            5,195 ",
        " CC BY-NC-SA 4.0, by its page ",
        "          ",
    ]
    assert shown(44).splitlines() == [
        "AbdomenAtlas1.0Mini",
        "  images published 5,195;",
        "  licence CC BY-NC-SA 4.0, by its page",
        "MSD",
        "  images published 1,039;",
        "  licence CC BY-SA 4.0; left out 12",
    ]
