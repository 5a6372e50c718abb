"""Named moments of a build at which a process ends without a chance to clean up."""

import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from medvision.pipelines import publish, steps
from medvision.schemas.case import Case
from medvision.schemas.record import MANIFEST, PUBLISHING
from medvision.transforms import shard
from medvision.transforms.notes import CaseNotes
from medvision.transforms.pair_files import PairFiles
from medvision.transforms.store import Store
from medvision.transforms.upload import Upload
from medvision.transforms.write import ShardWriter

POISON_EXIT = 13
SLOW_SECONDS = 4.0


def arm(stage: str) -> None:
    """Make this process end by SIGKILL when the build comes to `stage`, a key of STAGES, or now at "start"."""
    if stage == "start":
        os.kill(os.getpid(), signal.SIGKILL)
    owner, name, counts, nth = STAGES[stage]
    whole: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def armed(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += counts(*arguments)
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(*arguments, **options)

    setattr(owner, name, armed)


def poison(cases: str) -> None:
    """Make the worker that takes up one of the cases end, or hang: "case=way,case=way", each way a key of WAYS."""
    ways = dict(item.partition("=")[::2] for item in cases.split(","))
    build = shard._Attempt._build_case

    def poisoned(self: Any, case: Case, writer: ShardWriter) -> Any:
        if case.case_id in ways:
            WAYS[ways[case.case_id]]()
        return build(self, case, writer)

    shard._Attempt._build_case = poisoned  # type: ignore[method-assign]


def _take_memory() -> None:
    """What a header that promises too much may lead to; the pages are touched, since the kernel only counts those."""
    taken = []
    while True:
        taken.append(np.ones(1 << 24, np.uint8))


WAYS: dict[str, Callable[[], Any]] = {
    "": lambda: os._exit(POISON_EXIT),
    "segfault": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "memory": _take_memory,
    "wait": lambda: threading.Event().wait(),
    "native hang": lambda: ctypes.PyDLL(None).sleep(1_000_000),
    "slow": lambda: time.sleep(SLOW_SECONDS),
}
"""How a case ends its worker, hangs it (the native hang holds the interpreter's lock), or only takes its time."""


def _always(*_: Any) -> bool:
    return True


def _path_is(path: str) -> Callable[..., bool]:
    return lambda store, relative, *_: bool(relative == path)


STAGES: dict[str, tuple[Any, str, Callable[..., bool], int]] = {
    "attempt": (CaseNotes, "hold", _always, 1),
    "planned": (steps, "build_shard", _always, 1),
    "mid-shard": (ShardWriter, "write", _always, 8),
    "mid-upload": (Upload, "__exit__", lambda upload, *_: upload._raw is not None, 1),
    "before a record": (shard, "commit_record", _always, 1),
    "after a record": (CaseNotes, "release", _always, 1),
    "lock taken": (Store, "replace", _path_is(PUBLISHING), 1),
    "publish begun": (publish, "publish_shard", _always, 1),
    "mid-links": (publish, "publish_shard", _always, 3),
    "mid-pairs": (PairFiles, "add", _always, 3),
    "before the manifest": (Store, "replace", _path_is(MANIFEST), 1),
    "before .publishing goes": (Store, "remove", _path_is(PUBLISHING), 1),
    "before garbage": (publish, "collect_garbage", _always, 1),
}
"""Stage: where the call is looked up, its name, which calls count, and the number of the call that is not made."""

BEFORE_PUBLISH = ("planned", "mid-shard", "before a record", "after a record", "lock taken")
IN_PUBLISH = ("publish begun", "mid-links", "mid-pairs", "before the manifest", "before .publishing goes")
