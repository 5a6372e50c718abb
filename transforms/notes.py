"""Notes that outlive a worker: which case is in hand (to find one that kills), and progress for whoever watches."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

from medvision.schemas.record import SHARD_STORE
from medvision.transforms.store import Store

MAX_DEATHS = 2
"""A case in hand when its worker died this often in one run is given up as `unbuilt`."""


class CaseNotes:
    """The case an attempt has in hand, noted in the store before it is touched.

    A note left behind was left by a worker that died. Only notes of the same run count, so that a build which the
    user interrupts never blames a case.
    """

    def __init__(self, store: Store, key: str, run_id: str, attempt: str) -> None:
        self.store = store
        self.folder = f"{SHARD_STORE}/{key}"
        self.path = f"{self.folder}/trying-{run_id}-{attempt}.json"
        self.prefix = f"{self.folder}/trying-{run_id}-"

    def deaths(self) -> Counter[str]:
        """How often each case was left in hand in this run."""
        held: Counter[str] = Counter()
        for name in self.store.names(self.folder):
            if name.startswith(self.prefix):
                try:
                    held[json.loads(self.store.read(name))["case"]] += 1
                except FileNotFoundError:
                    continue  # another attempt at the same shard let go of its case just now
        return held

    def hold(self, case_id: str) -> None:
        self.store.replace(self.path, json.dumps({"case": case_id}).encode())

    def release(self) -> None:
        self.store.remove(self.path)


def note_progress(folder: str, mark: str) -> None:
    """Append one mark to this process's progress file: c case, d dead case, s shard, r reused shard."""
    if folder:
        with (Path(folder) / f"{os.getpid()}.marks").open("a") as marks:
            marks.write(mark)


def read_progress(folder: str) -> Counter[str]:
    """Marks of all workers."""
    total: Counter[str] = Counter()
    for path in Path(folder).glob("*.marks"):
        total.update(path.read_text())
    return total
