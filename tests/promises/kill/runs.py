"""Builds in processes that may be killed: forked from a clean process that has the imports behind it."""

import io
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import MappingProxyType

HERE = Path(__file__).parent
CONSOLE_SCRIPT = Path(sys.executable).parent / "medvision"

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["medvision.pipelines.main", "medvision.pipelines.build"])


def start(
    arguments: Sequence[str], stage: str = "", environment: Mapping[str, str] = MappingProxyType({})
) -> ForkServerProcess:
    """Start `medvision` with the arguments in a process group of its own; it ends by SIGKILL at `stage`."""
    process = CONTEXT.Process(target=_run, args=(list(arguments), stage, dict(environment)))
    process.start()
    return process


def kill(process: ForkServerProcess) -> None:
    """SIGKILL to the whole process group, if it still runs."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.join()


def _run(arguments: list[str], stage: str, environment: dict[str, str]) -> None:
    os.setpgid(0, 0)
    os.environ.update(environment)
    sys.path.insert(0, str(HERE))
    if os.environ.get("MEDVISION_TEST_HURRY"):
        import hurry

        hurry.hurry()
    if stage:
        import kill_points

        kill_points.arm(stage)
    from medvision.pipelines.main import main

    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        sys.exit(main(arguments))
