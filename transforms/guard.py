"""Limits of a case in hand, in a process that may be ended: a death blames the case, and the build goes on without it.

A hang in native code cannot be broken off from within its process, and a thread that watched it would wait for the
interpreter's lock that the hang may hold. So the kernel keeps the time: its timer ends the process by SIGALRM.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from medvision.schemas.options import BuildOptions


@contextmanager
def guarded(options: BuildOptions) -> Iterator[None]:
    """A case is in hand while the block runs.

    Where `options.isolated`, the process ends when that takes longer than `options.case_minutes`, by SIGALRM, or when
    memory runs out, by SIGKILL as the kernel would do it. Elsewhere a MemoryError is raised as any other error.
    """
    if not options.isolated:
        yield
        return
    timed = options.case_minutes > 0 and hasattr(signal, "setitimer")
    if timed:
        signal.setitimer(signal.ITIMER_REAL, options.case_minutes * 60)
    try:
        yield
    except MemoryError:
        os.kill(os.getpid(), signal.SIGKILL)
    finally:
        if timed:
            signal.setitimer(signal.ITIMER_REAL, 0)


def limit_memory(options: BuildOptions) -> None:
    """Hold this process's data to `options.worker_gb`, where it is one that may be ended; Linux alone keeps to it."""
    if options.isolated and options.worker_gb and sys.platform == "linux":
        import resource

        most = int(options.worker_gb * 1e9)
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))
