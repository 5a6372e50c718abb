"""Builds killed, starved of disk and interrupted: nothing lost, nothing doubled, no partial shard, the same bytes."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

from torture.faults import all_faults, run_faults
from torture.kills import run_kills
from torture.report import Section
from torture.scene import write_scenes
from torture.warm import warm_pool
from torture.workers import run_workers

KILLS, WORKERS = 200, 6


def run(scale: float, seed: int) -> list[Section]:
    rng = random.Random(seed)
    with TemporaryDirectory() as folder, warm_pool() as pool:
        scenes = write_scenes(Path(folder))
        kills = run_kills(pool, scenes, max(4, round(KILLS * scale)), rng)
        faults = run_faults(pool, scenes, max(3, round(len(all_faults()) * scale)), rng)
        workers = run_workers(pool, scenes, round(WORKERS * scale), rng)
        return [kills, workers, faults] if workers.rows else [kills, faults]
