"""`medvision completion`."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from medvision.pipelines.cli.common import OK, add_command

SHELLS = ("bash", "zsh", "tcsh")
EXAMPLES = """
medvision completion bash > ~/.local/share/bash-completion/completions/medvision
medvision completion zsh > ~/.zfunc/_medvision
"""


def add(commands: Any) -> None:
    """Add the parser."""
    completion = add_command(commands, "completion", "print the completion script of a shell", run, EXAMPLES)
    completion.add_argument("shell", choices=SHELLS, help="the shell that is to complete")


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    import shtab

    from medvision.pipelines.main import make_parser

    script = shtab.complete(make_parser(), shell=arguments.shell)
    console.print(script, markup=False, highlight=False, soft_wrap=True, end="")
    return OK
