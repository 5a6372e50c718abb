"""docs/cli.md: every command, argument and example, from the parser itself.

The text is put together here, not by argparse, whose layout differs between Pythons.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Any

from medvision.pipelines.main import make_parser
from medvision.pipelines.reference.blocks import table

FENCE = "```"


def cli_blocks() -> dict[str, str]:
    """The made part of the page, by marker."""
    parser = make_parser()
    summaries = {choice.dest: choice.help or "" for choice in _commands(parser)._choices_actions}
    overview = table(
        ("command", "what it does"),
        ((f"[`medvision {name}`](#medvision-{name})", summary) for name, summary in summaries.items()),
    )
    sections = [part for name, command in _commands(parser).choices.items() for part in _section(name, command)]
    top = table(("option of every command", ""), map(_argument_row, _shown(parser)))
    return {"commands": "\n\n".join([overview, top, *sections])}


def _commands(parser: argparse.ArgumentParser) -> Any:
    return next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))


def _section(name: str, command: argparse.ArgumentParser) -> Iterator[str]:
    yield f"### medvision {name}"
    yield _markdown(command.description or "")
    lines = [line.strip() for line in (command.usage or _usage(command)).splitlines()]
    yield "\n".join([f"{FENCE}text", *lines, FENCE])
    rows = [_argument_row(action) for action in _shown(command)]
    if rows:
        yield table(("argument", "what it is"), rows)
    for part in (command.epilog or "").split("\n\n"):
        first, _, rest = part.partition("\n")
        if first == "examples:":
            yield FENCE + "console\n" + re.sub(r"(?m)^  ", "$ ", rest) + f"\n{FENCE}"
        else:
            yield _markdown(part[:1].upper() + part[1:].removesuffix(".") + ".")


def _shown(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    hidden = (argparse._HelpAction, argparse._SubParsersAction)
    return [a for a in parser._actions if not isinstance(a, hidden) and a.help != argparse.SUPPRESS]


def _usage(command: argparse.ArgumentParser) -> str:
    required = [_spelled(a)[-1] for a in _shown(command) if a.option_strings and a.required]
    optional = any(a.option_strings and not a.required for a in _shown(command))
    places = [_place(a) for a in _shown(command) if not a.option_strings]
    return " ".join([command.prog, *places, *required, *(["[options]"] if optional else [])])


def _place(action: argparse.Action) -> str:
    name = _name(action)
    return {"*": f"[{name} ...]", "+": f"{name} [{name} ...]", "?": f"[{name}]"}.get(str(action.nargs), name)


def _name(action: argparse.Action) -> str:
    if action.metavar:
        return action.metavar if isinstance(action.metavar, str) else " ".join(action.metavar)
    if action.choices is not None and not action.option_strings:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.dest.upper()


def _spelled(action: argparse.Action) -> list[str]:
    """Each spelling of an argument, with what it takes."""
    if not action.option_strings:
        return [_name(action)]
    takes = "" if action.nargs == 0 else f" {_name(action)}"
    return [option + takes for option in action.option_strings]


def _markdown(text: str) -> str:
    """A help text in one line: `<` outside of code would begin a tag and vanish, pages of docs/ become links."""
    escaped = re.sub(r"(`[^`]*`)|<", lambda found: found[1] or "&lt;", " ".join(text.split()))
    return re.sub(r"\bdocs/([\w-]+\.md)", r"[\1](\1)", escaped)


def _argument_row(action: argparse.Action) -> tuple[str, str]:
    values = {**vars(action), "prog": "medvision", "choices": ", ".join(map(str, action.choices or ()))}
    text = _markdown((action.help or "") % values)
    if action.choices is not None and not all(str(choice) in text for choice in action.choices):
        text += f"{'; ' if text else ''}one of {', '.join(f'`{choice}`' for choice in action.choices)}"
    return ", ".join(f"`{spelling}`" for spelling in _spelled(action)), text
