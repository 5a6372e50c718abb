"""Builds forked from processes that have imported and compiled everything, so that one costs a second and not ten."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from promises.kill import kill_points
from promises.tiny_raw import write_kits_case

PROCESSES = 2
Prepare = Callable[[], Callable[[], dict[str, Any]]]
CRASHED = 70
"""Exit code of a build that ended by an error nobody caught."""


def _nothing() -> Callable[[], dict[str, Any]]:
    return dict


@contextmanager
def warm_pool(processes: int = PROCESSES) -> Iterator[ProcessPoolExecutor]:
    """Processes in which trials run; each forks its builds."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=warm) as pool:
        yield pool


def warm() -> None:
    """Build a release of one case in this process, by all that a build touches."""
    from medvision.pipelines import main, run
    from medvision.schemas.options import BuildOptions

    assert main.COMMANDS
    with TemporaryDirectory() as folder:
        write_kits_case(Path(folder) / "raw", 0)
        run.run_build(BuildOptions(raw=f"{folder}/raw", out=f"{folder}/out", datasets=("KiTS23",)))
    gc.freeze()  # a fork copies no page of these


@dataclass
class Ended:
    """How a forked build ended.

    Attributes:
        code: Its exit code, -9 for SIGKILL, CRASHED for an error that nobody caught.
        text: What it printed.
        built: Records of the shards that it built.
        seen: What `prepare`'s answer said at the end.
    """

    code: int
    text: str = ""
    built: list[str] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)


class Forked:
    """A build in a process, and process group, of its own, forked from this one.

    `prepare` is called there before the build; what it returns is called after, for `Ended.seen`.
    """

    def __init__(self, arguments: list[str], log: Path, stage: str = "", prepare: Prepare = _nothing) -> None:
        self.log, self.report = log, Path(f"{log}.json")
        self.report.unlink(missing_ok=True)
        self.log.write_bytes(b"")  # here: the child may be killed before its first line
        self.pid = os.fork()
        if not self.pid:
            self._child(arguments, stage, prepare)
        _own_group(self.pid)

    def kill(self) -> None:
        """SIGKILL to the whole group."""
        os.killpg(self.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        said = json.loads(self.report.read_text()) if self.report.exists() else {}
        return Ended(code, self.log.read_text(), **said)

    def _child(self, arguments: list[str], stage: str, prepare: Prepare) -> None:
        code, built, seen = CRASHED, list[str](), dict[str, Any]
        try:
            _own_group(0)
            out = os.open(self.log, os.O_WRONLY)
            os.dup2(out, 1)
            os.dup2(out, 2)
            seen = prepare()
            built = _spy()
            if stage:
                kill_points.arm(stage)
            from medvision.pipelines.main import main

            code = main(arguments)
        except BaseException:  # noqa: BLE001 (whatever it was, it is the outcome)
            traceback.print_exc()
        finally:
            draft = self.report.with_suffix(".draft")
            draft.write_text(json.dumps({"built": built, "seen": seen()}))
            draft.replace(self.report)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def build(arguments: list[str], log: Path, stage: str = "", prepare: Prepare = _nothing) -> Ended:
    """Run `medvision` with the arguments to its end; by SIGKILL if it comes to `stage` of kill_points."""
    return Forked(arguments, log, stage, prepare).wait()


def _own_group(pid: int) -> None:
    try:
        os.setpgid(pid, pid)
    except (ProcessLookupError, PermissionError):
        return  # it has ended, or done so itself


def _spy() -> list[str]:
    """Names of the records that this process's builds make, filled as they go."""
    from medvision.pipelines import steps

    built: list[str] = []
    build_shard: Callable[..., Any] = steps.build_shard

    def spy(*arguments: Any) -> Any:
        record = build_shard(*arguments)
        if not record.reused:
            built.append(f"{record.shard.key}/record-{record.shard.fingerprint}.json")
        return record

    steps.build_shard = spy
    return built
