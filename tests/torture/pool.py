"""Work done in forked children that may crash, hang or eat memory: each piece of it has a fate, and the rest goes on.

A child has one piece in hand at a time. Where it dies, or runs over its time or its memory, that piece is what it died
of, and another child goes on with the next.
"""

import faulthandler
import multiprocessing
import os
import resource
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

MIB = 1 << 20
FORK = multiprocessing.get_context("fork")
READY = "ready"
Steps = tuple[Callable[[int], Any], Callable[[int, Any], Any]]
"""Work and its judge."""


@dataclass(frozen=True)
class Limits:
    """What one piece of work may take.

    Attributes:
        seconds: Of wall time; then its child is killed.
        memory_bytes: Of resident memory beyond what the child held before it began. Four times as much address space
            is all that it can ask for.
        children: Processes at a time.
    """

    seconds: float = 60.0
    memory_bytes: int = 512 * MIB
    children: int = 2


@dataclass(frozen=True)
class Fate:
    """What became of one piece of work: "done" with its result, "crashed", "hung" or "over memory"."""

    number: int
    end: str
    result: Any = None
    peak_bytes: int = 0
    detail: str = ""


@dataclass
class _Child:
    process: Any
    pipe: Connection
    number: int = -1
    """Of the piece in hand, -1 before the first."""
    began: float = 0.0


def work_through(
    count: int,
    work: Callable[[int], Any],
    judge: Callable[[int, Any], Any],
    limits: Limits | None = None,
    warm: Callable[[], Any] | None = None,
) -> list[Fate]:
    """Fates of the pieces 0 to `count` - 1, in their order.

    Args:
        work: Does one piece; what it raises counts as a crash.
        judge: Makes of what `work` returned the result, which can be pickled. Its memory does not count.
        warm: Done by each child before its first piece: loading libraries is no piece's memory or time.
    """
    limits = limits or Limits()
    left = deque(range(count))
    fates: dict[int, Fate] = {}
    children: list[_Child] = []
    try:
        while len(fates) < count:
            while left and len(children) < limits.children:
                children.append(_start((work, judge), limits, warm))
            for child in [c for c in children if c.number >= 0 and time.monotonic() - c.began > limits.seconds]:
                fates[child.number] = Fate(child.number, "hung", detail=f"more than {limits.seconds:g} s")
                _end(child)
                children.remove(child)
            heard = wait([child.pipe for child in children], timeout=0.5)
            for child in [child for child in children if child.pipe in heard]:
                fate = _heard(child)
                if fate is not None:
                    fates[child.number] = fate
                if not left or not child.process.is_alive():
                    _end(child)
                    children.remove(child)
                else:
                    _give(child, left.popleft())
    finally:
        for child in children:
            _end(child)
    return [fates[number] for number in range(count)]


def _start(work: Steps, limits: Limits, warm: Callable[[], Any] | None) -> _Child:
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=_serve, args=(theirs, work, limits, warm), daemon=True)
    process.start()
    theirs.close()
    return _Child(process, ours)


def _give(child: _Child, number: int) -> None:
    child.number, child.began = number, time.monotonic()
    with suppress(BrokenPipeError, ConnectionResetError):  # it died: the pipe says so when it is read
        child.pipe.send(number)


def _heard(child: _Child) -> Fate | None:
    """The fate of the piece in hand; None where the child says that it is ready for its first."""
    try:
        said = child.pipe.recv()
    except (EOFError, ConnectionResetError):
        child.process.join()
        code = child.process.exitcode
        assert child.number >= 0, f"a child ended with {code} before its first piece"
        return Fate(child.number, "crashed", detail=signal.Signals(-code).name if code < 0 else f"exit code {code}")
    return None if said == READY else said  # type: ignore[no-any-return]


def _end(child: _Child) -> None:
    child.process.kill()
    child.process.join()
    child.pipe.close()


def _serve(pipe: Connection, work: Steps, limits: Limits, warm: Callable[[], Any] | None) -> None:
    faulthandler.disable()  # a test runner's; what a child dies of is told by its parent
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries write there what they think of damaged files
    if warm is not None:
        warm()
    room = status_bytes("VmSize") + 4 * limits.memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    pipe.send(READY)
    while True:
        try:
            number = pipe.recv()
        except EOFError:
            return
        pipe.send(_fate(number, work, limits))


def _fate(number: int, work: Steps, limits: Limits) -> Fate:
    Path("/proc/self/clear_refs").write_text("5")  # the kernel's peak counts from here on
    held = status_bytes("VmRSS")
    end, result, detail = "done", None, ""
    try:
        made = work[0](number)
    except MemoryError as error:
        end, detail = "over memory", f"MemoryError: {error}"
    except BaseException as error:  # noqa: BLE001 (whatever it is, it is this piece's fate)
        end, detail = "crashed", _short(error)
    peak = max(0, status_bytes("VmHWM") - held)
    if peak > limits.memory_bytes:
        end, detail = "over memory", f"{peak // MIB} MiB"
    if end == "done":
        result = work[1](number, made)
    return Fate(number, end, result, peak, detail)


def _short(error: BaseException) -> str:
    """What was raised, and where in the package."""
    frames = [f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
    return f"{type(error).__name__}: {str(error)[:300]} ({' '.join(frames[-3:])})"


def status_bytes(key: str) -> int:
    """A size of this process as the kernel states it: VmRSS, VmHWM, VmSize."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)
