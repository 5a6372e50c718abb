"""Builds ended by SIGKILL, at named stages and at random moments, and resumed."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from promises.kill import kill_points
from torture.report import Section
from torture.scene import NEW, NONE, OLD, Scene, damage, finished, in_flight, standing
from torture.warm import Forked, build

KILLED = -signal.SIGKILL
STAGES = tuple(stage for stage in kill_points.STAGES if stage != "mid-upload")
"""Uploads in parts are of object stores alone: tests/promises/test_object_storage.py kills one."""
RANDOM = "a random moment"
AGAIN = "a random moment of the build that resumes"
TIMING = 2


@dataclass
class Killed:
    """One trial: a build killed once or more, then resumed.

    Attributes:
        moments: The stage, or seconds after the start, of each kill.
        kills: How many of them came before the build ended by itself.
        stood: What readers found after the last kill.
        rebuilt: Shards built again although they were finished.
        wasted: Most attempts that one kill left without a record.
        broken: Promises broken, as sentences.
    """

    moment: str
    kills: int = 0
    stood: str = ""
    finished: int = 0
    rebuilt: int = 0
    wasted: int = 0
    lost: int = 0
    doubled: int = 0
    partial: int = 0
    broken: list[str] = field(default_factory=list)


def kill_and_resume(scene: Scene, name: str, moments: Sequence[str | float]) -> Killed:
    """Kill a build at each of the moments, one after another in one folder, and let the last one end."""
    trial = Killed(name)
    with TemporaryDirectory() as place:
        out, log = scene.begin(Path(place) / "out"), Path(place) / "log"
        for moment in moments:
            began, stage = in_flight(out), moment if isinstance(moment, str) else ""
            process = Forked(scene.arguments(out), log, stage)
            if isinstance(moment, float):
                time.sleep(moment)
                process.kill()
            code = process.wait().code
            trial.kills += code == KILLED
            if code not in (KILLED, 0):
                trial.broken.append(f"ended with {code}, not by SIGKILL")
            trial.wasted = max(trial.wasted, len(in_flight(out) - began))
            trial.stood, broken = standing(out, scene)
            trial.broken += broken
        resume(scene, out, log, trial)
    if trial.wasted > 1:
        trial.broken.append(f"{trial.wasted} attempts were lost with one process")
    trial.broken = [f"killed at {name} {moments}: {sentence}" for sentence in trial.broken]
    return trial


def resume(scene: Scene, out: Path, log: Path, trial: Killed) -> None:
    """Run the same build to its end, and compare with an undisturbed one."""
    before = finished(out)
    ended = build(scene.arguments(out), log)
    trial.finished, trial.rebuilt = len(before), len(before & set(ended.built))
    if trial.rebuilt:
        trial.broken.append(f"{trial.rebuilt} finished shards were built again")
    if ended.code:
        trial.broken.append(f"the next build ended with {ended.code}: {ended.text[-300:]}")
        return
    found = damage(out, scene)
    trial.lost, trial.doubled, trial.partial = found.lost, found.doubled, len(found.partial)
    if found:
        trial.broken.append(f"the next build made another release: {found}")


def seconds_of(scene: Scene) -> float:
    """How long the build takes when nobody kills it: the longest of a few."""
    longest = 0.0
    with TemporaryDirectory() as place:
        for turn in range(TIMING):
            out = scene.begin(Path(place) / f"out{turn}")
            start = time.monotonic()
            assert build(scene.arguments(out), Path(place) / "log").code == 0
            longest = max(longest, time.monotonic() - start)
            shutil.rmtree(out)
    return longest


def run_kills(pool: ProcessPoolExecutor, scenes: Sequence[Scene], count: int, rng: random.Random) -> Section:
    """At least `count` builds killed: at every named stage while there are enough, the rest at random moments."""
    stages = [stage for stage in STAGES if stage not in ("start",)]
    if count < 2 * len(stages) * len(scenes):
        stages = rng.sample(stages, max(1, min(len(stages), count // 4)))
        scenes = [rng.choice(list(scenes))]
    seconds = list(pool.map(seconds_of, scenes))
    jobs = [pool.submit(kill_and_resume, scene, stage, [stage]) for stage in stages for scene in scenes]
    trials = [job.result() for job in jobs]
    while (killed := sum(trial.kills for trial in trials)) < count:
        jobs = []
        for turn in range(min(count - killed, 40)):
            scene, whole = rng.choice(list(zip(scenes, seconds, strict=True)))
            times = 3 if turn % 3 == 2 else 1
            moments = [rng.uniform(0, whole) for _ in range(times)]
            jobs.append(pool.submit(kill_and_resume, scene, AGAIN if times > 1 else RANDOM, moments))
        trials += [job.result() for job in jobs]
    return kills_section("Builds killed with SIGKILL", trials, [*stages, RANDOM, AGAIN])


def kills_section(title: str, trials: Sequence[Killed], names: Sequence[str]) -> Section:
    section = Section(
        title,
        (
            *("killed at", "builds", "then refused", "old stood", "new stood", "shards done", "built again"),
            *("most in flight", "slices lost", "doubled", "partial files"),
        ),
    )
    for name in names:
        mine = [trial for trial in trials if trial.moment == name]
        if not mine:
            continue
        stood = Counter(trial.stood for trial in mine)
        section.rows.append(
            (
                *(name, sum(trial.kills for trial in mine), stood[NONE], stood[OLD], stood[NEW]),
                *(sum(trial.finished for trial in mine), sum(trial.rebuilt for trial in mine)),
                *(max(trial.wasted for trial in mine), sum(trial.lost for trial in mine)),
                *(sum(trial.doubled for trial in mine), sum(trial.partial for trial in mine)),
            )
        )
    section.failures = [sentence for trial in trials for sentence in trial.broken]
    killed, same = sum(trial.kills for trial in trials), sum(not trial.broken for trial in trials)
    section.notes.append(
        f"{killed:,} builds killed in {len(trials):,} trials; {same:,} trials ended with the bytes of the undisturbed "
        "build."
    )
    return section
