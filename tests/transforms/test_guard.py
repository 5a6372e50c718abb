"""A case that hangs, or needs more memory than there is, ends its process where that may be ended, and nowhere else."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from promises.kill.runs import CONTEXT

from medvision.schemas.options import BuildOptions
from medvision.transforms.guard import guarded, limit_memory

APART = BuildOptions(raw="", out="", datasets=(), isolated=True, case_minutes=0.005)
SECONDS = 60
GIGABYTE = 10**9


def exit_code(work: Callable[..., Any], *arguments: Any) -> int | None:
    """Of a process that does the work."""
    process = CONTEXT.Process(target=work, args=arguments)
    process.start()
    process.join(SECONDS)
    assert process.exitcode is not None, "it is not ended"
    return process.exitcode


def hang(options: BuildOptions, native: bool) -> None:
    with guarded(options):
        if native:
            ctypes.PyDLL(None).sleep(2 * SECONDS)  # holds the interpreter's lock, as a loop in native code does
        threading.Event().wait(2 * SECONDS)


@pytest.mark.parametrize("native", [False, True])
def test_a_hang_ends_the_process(native: bool) -> None:
    assert exit_code(hang, APART, native) == -signal.SIGALRM


def outlive(options: BuildOptions) -> None:
    with guarded(options):
        pass
    assert not threading.Event().wait(1)


def test_a_case_that_is_done_leaves_no_timer() -> None:
    assert exit_code(outlive, APART) == 0


def raise_out_of_memory(options: BuildOptions) -> None:
    with guarded(options):
        raise MemoryError


def test_want_of_memory_ends_the_process() -> None:
    assert exit_code(raise_out_of_memory, APART) == -signal.SIGKILL


def test_no_other_process_is_ended() -> None:
    here = BuildOptions(raw="", out="", datasets=(), case_minutes=0.005)
    for error in (MemoryError, KeyError):
        with pytest.raises(error), guarded(here):
            raise error
    with guarded(here):
        assert not threading.Event().wait(1)


def take(options: BuildOptions, size: int) -> None:
    limit_memory(options)
    with guarded(options):
        os._exit(int(np.ones(size, np.uint8)[-1]))


@pytest.mark.skipif(sys.platform != "linux", reason="no other system keeps to this limit")
def test_memory_over_the_limit_ends_the_process() -> None:
    limited = BuildOptions(raw="", out="", datasets=(), isolated=True, worker_gb=1.0)
    assert exit_code(take, limited, 1000) == 1
    assert exit_code(take, limited, 2 * GIGABYTE) == -signal.SIGKILL
