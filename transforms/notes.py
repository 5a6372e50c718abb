"""Notes that outlive a worker: which case is in hand (to find one that kills), and progress for whoever watches."""

from __future__ import annotations

import atexit
import json
import os
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from medvision.schemas.record import SHARD_STORE
from medvision.transforms.holder import gone, myself
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
            if name.startswith(self.prefix) and (case_id := read_note(self.store, name)):
                held[case_id] += 1
        return held

    def hold(self, case_id: str) -> None:
        _HELD.add(self)
        self.store.replace(self.path, json.dumps({"case": case_id, **myself()}).encode())
        if _ENDING.is_set():
            self.release()

    def release(self) -> None:
        _HELD.discard(self)
        self.store.remove(self.path)


_HELD: set[CaseNotes] = set()
"""Notes that this process would leave behind if it died now."""
_ENDING = threading.Event()


@atexit.register
def let_go() -> None:
    """Take back what this process notes, now and from here on: it ends, for no fault of the case in hand.

    A process that ends in order does so by itself. Beam tells the workers beside one that died to end, and does not
    wait for what they have in hand.
    """
    _ENDING.set()
    for notes in list(_HELD):
        with suppress(OSError):  # of a store that is gone nothing more is to be said
            notes.release()


def attempts_under_way(store: Store, names: Iterable[str], run_id: str) -> set[str]:
    """Of paths in the shard store, names of notes and folders of attempts that builds other than `run_id` have in hand.

    One whose process is known to be dead is not among them.
    """
    found = set()
    for name in names:
        note = name.rpartition("/")[2]
        if note.startswith("trying-") and note.endswith(".json") and not note.startswith(f"trying-{run_id}-"):
            text = store.read_if_any(name)
            if text is not None and not gone(json.loads(text), store.local):
                found |= {note, f"attempt-{note.removesuffix('.json').rpartition('-')[2]}"}
    return found


def read_note(store: Store, name: str) -> str:
    """Id of the case that a note tells of; "" where it was taken back just now."""
    text = store.read_if_any(name)
    return "" if text is None else str(json.loads(text)["case"])


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
