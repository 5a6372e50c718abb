"""Builds by two worker processes of which one, or the whole group, is ended by SIGKILL at a random moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from promises.kill.runs import CONSOLE_SCRIPT
from torture.kills import KILLED, Killed, kills_section, resume
from torture.report import Section
from torture.scene import Scene, in_flight, standing

WORKERS = 2
ONE, ALL = "one of two workers", "the build and its two workers"
WORKER = b"medvision.runners.worker_main"
SPAN_SECONDS, BUILDING_SECONDS = 6.0, 0.3
START_SECONDS = 120.0


def kill_with_workers(scene: Scene, one: bool, rng: random.Random) -> Killed:
    """Start a build, kill one of its workers or all of it, and resume what does not go on.

    Half of the kills come once the workers are there, the others while shards are being built.
    """
    trial = Killed(ONE if one else ALL)
    with TemporaryDirectory() as place, _running(scene, Path(place) / "out") as process:
        out = Path(place) / "out"
        began = in_flight(out)
        workers = _workers_of(process.pid)
        if rng.random() < 0.5:
            time.sleep(rng.uniform(0, SPAN_SECONDS))
        else:
            while process.poll() is None and not in_flight(out) - began:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, BUILDING_SECONDS))
        if one:
            with suppress(ProcessLookupError):
                os.kill(rng.choice(workers), signal.SIGKILL)
                trial.kills = 1
            said = process.communicate()[0]
            if process.returncode or "Traceback" in said:
                trial.broken.append(f"ended with {process.returncode}: {said[-500:]}")
        else:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            trial.kills = int(process.returncode == KILLED)
            trial.wasted = len(in_flight(out) - began)
            if trial.wasted > WORKERS:
                trial.broken.append(f"{trial.wasted} attempts were lost with {WORKERS} workers")
        trial.stood, broken = standing(out, scene)
        trial.broken += broken
        resume(scene, out, Path(place) / "log", trial)
    trial.broken = [f"killed {trial.moment}: {sentence}" for sentence in trial.broken]
    return trial


@contextmanager
def _running(scene: Scene, out: Path) -> Iterator[subprocess.Popen[str]]:
    scene.begin(out)
    process = subprocess.Popen(
        [str(CONSOLE_SCRIPT), *scene.arguments(out, workers=WORKERS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _workers_of(session: int) -> list[int]:
    """Process ids of the workers of a build, once both have started."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (place / "cmdline").read_bytes()
                if WORKER in command and not command.startswith(b"/bin/sh") and os.getsid(int(place.name)) == session:
                    found.append(int(place.name))
        if len(found) == WORKERS:
            return sorted(found)
        time.sleep(0.05)
    raise TimeoutError("the build started no workers")


def run_workers(pool: ProcessPoolExecutor, scenes: Sequence[Scene], count: int, rng: random.Random) -> Section:
    """`count` builds by two processes, of which every other loses one worker, the others all."""
    jobs = []
    for turn in range(count):
        scene, seeded = rng.choice(list(scenes)), random.Random(rng.random())
        jobs.append(pool.submit(kill_with_workers, scene, turn % 2 == 0, seeded))
    section = kills_section("Builds by two worker processes, killed", [job.result() for job in jobs], (ONE, ALL))
    section.notes.append("Where one of two workers dies, the build goes on by itself; the new release stands then.")
    return section
