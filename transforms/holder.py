"""Which process wrote a note or a lock, so that another one can tell whether it still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any


def myself() -> dict[str, Any]:
    """Host, machine, process id and start of this process, as `gone` reads them."""
    pid = os.getpid()
    return {"host": socket.gethostname(), "machine": machine(), "pid": pid, "born": born(pid)}


def gone(holder: dict[str, Any], same_disk: bool) -> bool | None:
    """Whether the process is dead; None for one of another machine, of which nothing can be known.

    Args:
        holder: What `myself` said there.
        same_disk: It was read from a local disk, where hosts of one name are one; else the machines must agree.
    """
    if holder.get("host") != socket.gethostname():
        return None
    if not same_disk and not (holder.get("machine") and holder["machine"] == machine()):
        return None
    return not _alive(int(str(holder["pid"])), str(holder.get("born", "")))


def machine() -> str:
    """Which kernel, since when, and which process ids: hosts of one name may share an object store. "" if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 (no path, a name)
    except OSError:
        return ""


def born(pid: int) -> str:
    """When the process started, in clock ticks since boot: a restarted container gives out the same ids again.

    "" for a process that is gone (or dead and not yet waited for), and where there is no /proc.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _alive(pid: int, started: str) -> bool:
    if started:
        return born(pid) == started
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
