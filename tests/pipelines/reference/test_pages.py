"""The pages made from the code: not stale, complete, and the same on every Python."""

import argparse
import html
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from pages import DOCS

from medvision.pipelines.main import COMMANDS, make_parser
from medvision.pipelines.reference import cli_page
from medvision.pipelines.reference.__main__ import PAGES, main
from medvision.pipelines.reference.blocks import fill, table
from medvision.pipelines.reference.cli_page import cli_blocks
from medvision.pipelines.reference.output_page import output_blocks, slug
from medvision.schemas.definitions.lookup import SCHEMAS, columns
from medvision.schemas.faults import REASONS

ONE_CORE = (os.cpu_count() or 1) < 2


@pytest.mark.skipif(ONE_CORE, reason="the default number of workers, which cli.md names, is another on one core")
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_not_stale(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert fill(page, PAGES[name]()) == page, "make reference"


def test_one_command_writes_all_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PAGES:
        text = (DOCS / name).read_text(encoding="utf-8")
        emptied = re.sub(r"(<!-- (\w+) -->\n).*?(<!-- /\2 -->)", r"\1\3", text, flags=re.DOTALL)
        assert len(emptied) < len(text) / 2
        (tmp_path / name).write_text(emptied, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["reference", str(tmp_path)])
    main()
    for name, blocks in PAGES.items():
        assert fill((DOCS / name).read_text(encoding="utf-8"), blocks()) == (tmp_path / name).read_text("utf-8")


def test_every_command_argument_and_example_stands_on_the_page() -> None:
    made = html.unescape(cli_blocks()["commands"])
    text = re.sub(r"\[([\w-]+\.md)\]\(\1\)", r"docs/\1", made)
    parser = make_parser()
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    assert len(commands.choices) == len(COMMANDS)
    for name, command in commands.choices.items():
        section = text.partition(f"### medvision {name}\n")[2].partition("\n### ")[0]
        for action in command._actions:
            if isinstance(action, argparse._HelpAction):
                continue
            for option in action.option_strings:
                assert f"`{option}" in section
            assert (action.help or "").partition("%")[0] in section
        for line in re.findall(r"(?m)^  (medvision .*)$", command.epilog or ""):
            assert f"$ {line}" in section
        assert "Exit codes: " in section


def test_every_command_that_prints_json_stands_in_the_table() -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    listed = page.partition("## JSON\n")[2].partition("\n## ")[0]
    (commands,) = (a for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction))
    printing = {name for name, command in commands.choices.items() if "--json" in command._option_string_actions}
    assert (
        set(re.findall(r"`medvision (\w+) [^`]*--json", listed) + re.findall(r"`medvision (\w+) --json", listed))
        == printing
    )
    assert len(printing) >= 7


def test_every_argument_says_what_it_is() -> None:
    assert [line for line in cli_blocks()["commands"].splitlines() if re.search(r"\|  \|$", line)] == [
        "| option of every command |  |"
    ]


def test_the_page_does_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {}
    for width in ("24", "80", "200"):
        monkeypatch.setenv("COLUMNS", width)
        made[width] = cli_blocks()
    assert made["24"] == made["80"] == made["200"]


def test_placeholders_of_help_are_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    def add(commands: Any) -> None:
        made = commands.add_parser("made", description="Made.", epilog="exit codes: 0 done")
        made.add_argument(
            "--size", type=int, default=7, help="of %(choices)s, 50%% (default: %(default)s)", choices=[7, 8]
        )
        made.add_argument("--out", help="default: <here>-`<there>`, see docs/a-b.md")
        made.add_argument("many", nargs="+", metavar="FILE|DIR", help="what to read")
        made.add_argument("--needed", required=True, metavar="X", help=argparse.SUPPRESS)

    parser = argparse.ArgumentParser(prog="medvision")
    add(parser.add_subparsers())
    monkeypatch.setattr(cli_page, "make_parser", lambda: parser)
    text = cli_blocks()["commands"]
    assert "| `--size SIZE` | of 7, 8, 50% (default: 7) |" in text
    assert "| `FILE\\|DIR` | what to read |" in text
    assert "```text\nmedvision made FILE|DIR [FILE|DIR ...] [options]\n```" in text
    assert "| `--out OUT` | default: &lt;here>-`<there>`, see [a-b.md](a-b.md) |" in text
    assert "needed" not in text


def test_every_column_stands_on_the_page() -> None:
    blocks = output_blocks()
    text = "\n".join(blocks.values())
    for name in ("slices", "volumes", "BoxSize", "MaskSize", "TumorLesionSize", "LesionDiameter"):
        for column in columns(name):
            assert f"| `{column.path.rpartition('.')[2]}` | " in text
    for code in REASONS:
        assert f"| `{code}` | " in blocks["reasons"]
    assert set(SCHEMAS) - set(blocks) == {f"BiometricsFromLandmarks_{kind}" for kind in ("Distance", "Angle", "Ratio")}


def test_types_say_how_many_numbers_a_list_holds() -> None:
    text = output_blocks()["slices"]
    assert "| `min_rc` | uint16[2] | pixels | r, c |" in text
    assert "| `affine_ras` | float64[16] | mm | 4 x 4 |" in text
    assert "| `runs` | list(uint32) | pixels |" in text
    assert "| `longest` | [line](#lines) |" in text


def test_links_inside_the_page_lead_to_headings() -> None:
    page = (DOCS / "output.md").read_text(encoding="utf-8")
    headings = [slug(heading) for heading in re.findall(r"(?m)^#+ (.+)$", page)]
    assert len(headings) == len(set(headings))
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= set(headings)


def test_a_page_without_its_marker_is_an_error() -> None:
    assert fill("a\n<!-- x -->\nold\n<!-- /x -->\nb", {"x": "new\n"}) == "a\n<!-- x -->\nnew\n<!-- /x -->\nb"
    with pytest.raises(ValueError, match="<!-- y --> and <!-- /y -->"):
        fill("<!-- x -->\n<!-- /x -->", {"y": "new"})


def test_a_table_leaves_out_empty_columns_and_keeps_bars() -> None:
    assert table(("a", "b", "c"), [("1", "", "x|y")]) == "| a | c |\n| --- | --- |\n| 1 | x\\|y |"
