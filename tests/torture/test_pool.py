"""The pool tells crashed, hung and greedy pieces of work from sound ones, and goes on behind each."""

import os
import signal
import time
from typing import Any

import numpy as np
from torture.pool import MIB, Limits, work_through

LIMITS = Limits(seconds=4.0, memory_bytes=64 * MIB)


def work(number: int) -> Any:
    if number == 1:
        os.kill(os.getpid(), signal.SIGSEGV)
    if number == 2:
        os._exit(3)
    if number == 3:
        raise ValueError("no number of mine")
    if number == 4:
        time.sleep(600)
    if number == 5:
        return np.ones(100 * MIB, np.uint8).sum()
    if number == 6:
        return np.ones(MIB << 20, np.uint8)  # a tebibyte: refused at once
    if number == 7:
        raise SystemExit(1)
    return number * 10


def test_every_piece_has_its_fate() -> None:
    fates = work_through(10, work, lambda number, made: (number, int(made)), LIMITS)
    assert [fate.number for fate in fates] == list(range(10))
    ends = ["done", "crashed", "crashed", "crashed", "hung", "over memory", "over memory", "crashed", "done", "done"]
    assert [fate.end for fate in fates] == ends
    assert [fates[n].result for n in (0, 8, 9)] == [(0, 0), (8, 80), (9, 90)]
    assert (fates[1].detail, fates[2].detail) == ("SIGSEGV", "exit code 3")
    assert "no number of mine" in fates[3].detail
    assert fates[5].peak_bytes > 95 * MIB
    assert fates[9].peak_bytes < 64 * MIB


def test_the_memory_of_the_judge_does_not_count() -> None:
    limits = Limits(memory_bytes=32 * MIB)
    (fate,) = work_through(1, lambda number: 7, lambda number, made: np.ones(100 * MIB, np.uint8)[made] + 0, limits)
    assert (fate.end, fate.result) == ("done", 1)
