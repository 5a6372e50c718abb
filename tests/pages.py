"""Runs a page of docs/ as a reader would: its blocks in order, in one folder, and compares what it says they print.

- a `console` block: each line after "$ " is a command, the lines below it what it prints
- a `python` block: run in one program's names; a `text` block right after it is what it prints
- a block with `title="NAME"` is a file of that name
- a block after `<!-- not run: REASON -->` is skipped

Printed lines are compared without borders, spaces, seconds, rates and megabytes; a line "..." stands for any others.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
FENCE = re.compile(r"^( *)```(?P<lang>\w*)(?P<info>[^\n`]*)\n(?P<text>.*?)^\1```$", re.MULTILINE | re.DOTALL)
"""A block of a list item is indented as a whole."""
NOT_RUN = re.compile(r"<!-- not run: .+ -->\s*\Z")
CHANGING = re.compile(r"[\d.,]+ (?:cases/s|s|MB)\b|[^\w./:,\- ]")
RUN = {"console", "python", "text"}
COMMAND_SECONDS = 280


@dataclass(frozen=True)
class Block:
    """A fenced block; `follows` says whether only blank lines part it from the block before."""

    lang: str
    title: str
    text: str
    skipped: bool
    follows: bool


def blocks(page: str) -> Iterator[Block]:
    end = 0
    for found in FENCE.finditer(page):
        before = page[end : found.start()]
        title = re.search(r'title="([^"]+)"', found["info"])
        skipped = NOT_RUN.search(before) is not None
        text = dedent(found["text"])
        yield Block(found["lang"], title[1] if title else "", text, skipped, end > 0 and not before.strip())
        end = found.end()


def run_page(page: Path, folder: Path) -> int:
    """Run a page's blocks in `folder`; returns how many were. AssertionError where one fails or prints otherwise."""
    names: dict[str, Any] = {"__name__": "__main__"}
    printed, ran = "", 0
    with contextlib.chdir(folder):
        for block in blocks(page.read_text(encoding="utf-8")):
            if block.skipped or (block.lang not in RUN and not block.title):
                continue
            if block.title:
                path = folder / block.title
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
            elif block.lang == "console":
                _run_console(block.text, folder)
            elif block.lang == "python":
                out = io.StringIO()
                with contextlib.redirect_stdout(out):
                    exec(compile(block.text, f"{page.name}: python block", "exec"), names)
                printed = out.getvalue()
            elif block.follows:
                assert_prints(block.text, printed)
            ran += 1
    return ran


def _run_console(text: str, folder: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for part in re.split(r"(?m)^\$ ", text)[1:]:
        command = re.match(r"(?:.*\\\n)*.*\n", part)
        assert command is not None, part
        done = subprocess.run(
            ["bash", "-c", command[0]],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        assert done.returncode == 0, f"{command[0]}{done.stdout}{done.stderr}"
        assert_prints(part[command.end() :], done.stdout)


def assert_prints(documented: str, printed: str) -> None:
    """Each documented line is printed, in this order."""
    found = iter(_plain(line) for line in printed.splitlines())
    for line in documented.splitlines():
        wanted = _plain(line)
        if wanted and line.strip() != "...":
            assert any(wanted == other for other in found), f"not printed, or not here: {line}\n{printed}"


def _plain(line: str) -> str:
    return " ".join(CHANGING.sub(" ", line).split())
