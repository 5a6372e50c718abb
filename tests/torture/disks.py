"""Builds on disks that are really full or read-only: small ones in memory, mounted for one process alone."""

from __future__ import annotations

import ctypes
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from torture.faulted import Faulted, how_it_ended
from torture.scene import Scene, damage, finished, standing
from torture.warm import build

CLONE_NEWNS, MS_RDONLY, MS_REMOUNT, MS_REC, MS_PRIVATE = 0x20000, 1, 32, 0x4000, 1 << 18
FULL, READ_ONLY = "a disk really full (tmpfs)", "a disk really read-only (tmpfs)"
SHARES = (0.3, 0.5, 0.7, 0.9)
"""Of what the build needs, how large the disk is."""


class Unable(OSError):
    """This system lets the process mount no disk."""


def needed_bytes(out: Path) -> int:
    """What a folder takes on a disk in pages of 4 kB; a file of two names counts once."""
    stats = {stat.st_ino: stat for stat in (path.stat() for path in out.rglob("*"))}
    return sum(-(-stat.st_size // 4096) * 4096 for stat in stats.values())


def run_disks(scene: Scene, shares: Sequence[float]) -> list[Faulted]:
    """Disks of shares of what is needed, and a read-only one; none where nothing can be mounted."""
    size = needed_bytes(scene.release)
    trials = [partial(build_on, scene, FULL, f"size={round(size * share)}", 0) for share in shares]
    if len(shares) > 1:
        trials.append(partial(build_on, scene, READ_ONLY, "", MS_RDONLY))
    return [found for trial in trials if (found := _apart(trial)) is not None]


def build_on(scene: Scene, name: str, options: str, flags: int) -> Faulted:
    """Build on a disk of its own, mend the disk, and build again. Raises Unable."""
    trial = Faulted(name, injected=1)
    with TemporaryDirectory() as place:
        out, log = Path(place) / "out", Path(place) / "log"
        out.mkdir()
        _call("unshare", CLONE_NEWNS)
        _call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
        _call("mount", b"tmpfs", os.fsencode(out), b"tmpfs", flags, options.encode())
        ended = build(scene.arguments(out), log)
        trial.done = ended.code == 0
        trial.broken += ["the disk was large enough"] if trial.done else how_it_ended(ended)
        trial.broken += standing(out, scene)[1]
        before = finished(out)
        _call("mount", b"tmpfs", os.fsencode(out), b"tmpfs", MS_REMOUNT, b"size=1g")
        again = build(scene.arguments(out), log)
        trial.rebuilt = len(before & set(again.built))
        found = damage(out, scene) if not again.code else again.text[-300:]
        if trial.rebuilt or found:
            trial.broken.append(f"built {trial.rebuilt} finished shards again; {found}")
        _call("umount2", os.fsencode(out), 2)
    trial.broken = [f"{name}, {options}: {sentence}" for sentence in trial.broken]
    return trial


def _call(name: str, *arguments: int | bytes | None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, name) or getattr(libc, name)(*arguments):
        raise Unable(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def _apart(trial: Callable[[], Faulted]) -> Faulted | None:
    """Run a trial in a process of its own, whose mounts end with it; None where it is unable."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        said = b""
        try:
            os.close(reading)
            said = json.dumps(asdict(trial())).encode()
        except Unable:
            said = b"null"
        except BaseException:  # noqa: BLE001 (the parent sees that nothing was said)
            traceback.print_exc(file=sys.stderr)
        finally:
            os.write(writing, said)
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    found = json.loads(said)
    return None if found is None else Faulted(**found)
