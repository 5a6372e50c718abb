"""Builds into a folder where something else stands or happens: each safe, or refused with one clear line."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

from torture.pairs import run_pairs
from torture.report import Section
from torture.rules import RULES, run_rules
from torture.scene import write_scenes
from torture.warm import warm_pool

PAIRS = 30
"""Times that two builds run into one folder at once."""


def run(scale: float, seed: int) -> list[Section]:
    rng = random.Random(seed)
    rules = RULES if scale >= 1 else rng.sample(RULES, max(2, round(len(RULES) * scale)))
    with TemporaryDirectory() as folder, warm_pool() as pool:
        scenes = write_scenes(Path(folder))
        return [run_rules(pool, scenes[0], rules), run_pairs(pool, scenes, max(2, round(PAIRS * scale)), rng)]
