"""`medvision workers`."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from medvision.pipelines.cli.common import OK, add_command

WORKER_PORT = 50000


def add(commands: Any) -> None:
    """Add the parser."""
    workers = add_command(
        commands,
        "workers",
        "serve a Flink cluster with worker processes, on each of its machines",
        run,
        "medvision workers --port 50000",
        description="Start and stop worker processes as the TaskManagers of this machine ask for them, until "
        "interrupted. Whoever reaches the port can run code: keep it on the machine or in a closed network.",
    )
    workers.add_argument("--port", type=int, default=WORKER_PORT, help="(default: %(default)s)")
    workers.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")


def run(arguments: argparse.Namespace, rest: list[str], console: Console) -> int:
    import threading

    from medvision.runners.pool import worker_pool

    with worker_pool(arguments.port, arguments.host) as address:
        line = f"workers at {address}; pass --environment_type=EXTERNAL --environment_config={address}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return OK
    return OK
