"""Two builds into one folder at once: one publishes, the other is told, and the next build finds nothing amiss."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from promises.release_bytes import release_bytes
from torture.kills import KILLED
from torture.report import Section
from torture.scene import NONE, Scene, damage, standing
from torture.warm import Ended, Forked, build

TELLING = ("another build", "has been replaced", "holds a release")
STAGES = ("publish begun", "mid-links", "mid-pairs", "before the manifest")


@dataclass
class Pair:
    """Two builds at once: how each ended, and what was broken."""

    name: str
    published: int = 0
    refused: int = 0
    killed: int = 0
    lost: int = 0
    doubled: int = 0
    partial: int = 0
    broken: list[str] = field(default_factory=list)


def two_rules_at_once(scene: Scene, delay: float) -> Pair:
    """Builds by different rules into one empty folder: one makes its release, the other is told."""
    pair, by = Pair("by different rules"), ([], ["--rules", "exact"])
    with TemporaryDirectory() as place:
        out, logs = Path(place) / "out", [Path(place) / "first", Path(place) / "second"]
        first = Forked([*scene.arguments(out), *by[0]], logs[0])
        time.sleep(delay)
        ends = [first, Forked([*scene.arguments(out), *by[1]], logs[1])]
        codes = []
        for ended in (process.wait() for process in ends):
            codes.append(ended.code)
            if ended.code:
                pair.refused += 1
                pair.broken += clear(ended)
        pair.published = codes.count(0)
        if pair.published == 1:
            fresh = Path(place) / "fresh"
            assert build([*scene.arguments(fresh), *by[codes.index(0)]], logs[0]).code == 0
            if release_bytes(out) != release_bytes(fresh):
                pair.broken.append("the one that was done did not make what it makes alone")
        else:
            pair.broken.append(f"exit codes {codes}: one release has gone without a word")
    pair.broken = [f"two builds at once, {pair.name}, {delay:.2f} s apart: {sentence}" for sentence in pair.broken]
    return pair


def two_at_once(scene: Scene, delay: float, stage: str = "", raw: str = "") -> Pair:
    """The build of a scene, and `delay` seconds later another one into the same folder.

    Args:
        stage: Where the first is killed, "" for nowhere.
        raw: Raw root of the second, "" for the same; another one holds other files of the same cases.
    """
    pair = Pair("of the same" if not raw else "of raw files that change meanwhile")
    if stage:
        pair.name = "of which one is killed while it publishes"
    with TemporaryDirectory() as place:
        out = scene.begin(Path(place) / "out")
        first = Forked(scene.arguments(out), Path(place) / "first", stage)
        time.sleep(delay)
        second = Forked(scene.arguments(out, raw), Path(place) / "second")
        for ended in (first.wait(), second.wait()):
            pair.published += ended.code == 0
            pair.refused += ended.code in (1, 2)
            pair.killed += ended.code == KILLED
            if ended.code not in (0, KILLED):
                pair.broken += clear(ended)
        stood, broken = standing(out, scene) if not raw else (NONE, [])
        pair.broken += broken
        if pair.published and stood == NONE and not raw and not stage:
            pair.broken.append("a build was done, and readers refuse the folder")
        again = build(scene.arguments(out), Path(place) / "again")
        if again.code:
            pair.broken.append(f"the next build ended with {again.code}: {again.text[-400:]}")
        else:
            found = damage(out, scene)
            pair.lost, pair.doubled, pair.partial = found.lost, found.doubled, len(found.partial)
            if found:
                pair.broken.append(f"the next build made another release: {found}")
    pair.broken = [f"two builds at once, {pair.name}, {delay:.2f} s apart: {sentence}" for sentence in pair.broken]
    return pair


def clear(ended: Ended) -> list[str]:
    """What is wrong with how a build was refused: it takes one line that names the folder's other user."""
    lines = [line for line in ended.text.splitlines() if line.startswith("medvision build: ")]
    if len(lines) == 1 and "Traceback" not in ended.text and any(word in lines[0] for word in TELLING):
        return []
    return [f"ended with {ended.code} and said {ended.text[-700:]}"]


def run_pairs(pool: ProcessPoolExecutor, scenes: Sequence[Scene], count: int, rng: random.Random) -> Section:
    """Two builds at once, `count` times."""
    jobs = []
    for turn in range(count):
        scene = rng.choice(list(scenes))
        delay = rng.choice((0.0, rng.uniform(0, 1.5)))
        stage = rng.choice(STAGES) if turn % 4 == 1 else ""
        raw = str(scenes[scene is scenes[0]].raw) if turn % 4 == 2 else ""
        if turn % 4 == 3:
            jobs.append(pool.submit(two_rules_at_once, scenes[0], delay))
            continue
        jobs.append(pool.submit(two_at_once, scene, delay, stage, raw))
    pairs = [job.result() for job in jobs]
    section = Section(
        "Two builds into one folder at once",
        ("two builds", "times", "published", "refused", "killed", "slices lost", "doubled", "partial files"),
    )
    for name in dict.fromkeys(pair.name for pair in pairs):
        mine = [pair for pair in pairs if pair.name == name]
        section.rows.append(
            (
                *(name, len(mine), sum(pair.published for pair in mine), sum(pair.refused for pair in mine)),
                *(sum(pair.killed for pair in mine), sum(pair.lost for pair in mine)),
                *(sum(pair.doubled for pair in mine), sum(pair.partial for pair in mine)),
            )
        )
    section.failures = [sentence for pair in pairs for sentence in pair.broken]
    section.notes.append("Lost, doubled and partial are counted after one more build.")
    return section
