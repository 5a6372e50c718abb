"""One publish into a folder at a time: a create-only lock file."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

from medvision.schemas.record import SHARD_STORE
from medvision.transforms.store import Store

LOCK = f"{SHARD_STORE}/publish.lock"
STALE_SECONDS = 3600


class PublishLocked(RuntimeError):
    """Another build is publishing into the same folder."""


class PublishLock:
    """Held by run id, so that a retried step of the same run passes. A holder on this host that is dead, or on
    another host and older than an hour, has lost it."""

    def __init__(self, store: Store, run_id: str) -> None:
        self.store = store
        self.run_id = run_id

    def take(self) -> None:
        """Raises PublishLocked while another run holds it."""
        pid = os.getpid()
        place = {"host": socket.gethostname(), "machine": _machine()}
        holder = {"run": self.run_id, **place, "pid": pid, "born": _born(pid)}
        mine = json.dumps(holder).encode()
        for _ in range(2):
            if self.store.create(LOCK, mine):
                return
            holder = self._holder()
            if holder.get("run") == self.run_id:
                return
            if holder and not self._is_stale(holder):
                break
            self.store.remove(LOCK)
        raise PublishLocked(
            f"another build is publishing into {self.store.url}; wait for it, or remove {LOCK} if it is gone"
        )

    def check(self) -> None:
        """Raises PublishLocked where another run, or none, holds it: a step that runs late must not write.

        One read before a step of minutes; what passes between the two is for the note of `PublishNote` to find.
        """
        if self._holder().get("run") != self.run_id:
            raise PublishLocked(f"this build has lost {LOCK} in {self.store.url}: another has published there since")

    def release(self) -> None:
        if self._holder().get("run") == self.run_id:
            self.store.remove(LOCK)

    def _holder(self) -> dict[str, object]:
        try:
            return dict(json.loads(self.store.read(LOCK)))
        except FileNotFoundError:
            return {}

    def _is_stale(self, holder: dict[str, object]) -> bool:
        same_host = holder.get("host") == socket.gethostname()
        if same_host and (self.store.local or (holder.get("machine") and holder["machine"] == _machine())):
            return not _alive(int(str(holder["pid"])), str(holder.get("born", "")))
        return time.time() - self.store.modified(LOCK) > STALE_SECONDS


def _machine() -> str:
    """Which kernel, since when, and which process ids: hosts of one name may share an object store. "" if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 (no path, a name)
    except OSError:
        return ""


def _alive(pid: int, born: str) -> bool:
    if born:
        return _born(pid) == born
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _born(pid: int) -> str:
    """When the process started, in clock ticks since boot: a restarted container gives out the same ids again.

    "" for a process that is gone (or dead and not yet waited for), and where there is no /proc.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
