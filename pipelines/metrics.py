"""What a build tells of itself when it is done: seconds by stage, and every counter as JSON for whoever keeps them."""

from __future__ import annotations

import json
from pathlib import Path

from medvision.pipelines.counters import DEAD, STAGE, stage_seconds
from medvision.pipelines.run import BuildResult


def stage_line(result: BuildResult) -> str:
    """One line for people: where the workers' time went."""
    stages = stage_seconds(result.counters)
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in stages.items())
    shown = f", of its workers together: {parts}" if parts else ""
    return f"{result.seconds:.1f} s{shown}"


def write_metrics(result: BuildResult, path: Path) -> None:
    """Write wall time, seconds by stage, pairs by kind, dead letters by reason and all further counters."""
    taken = {name: count for name, count in result.counters.items() if not name.startswith((STAGE, DEAD, "pairs."))}
    figures = {
        "seconds": round(result.seconds, 3),
        "stages_s": stage_seconds(result.counters),
        "pairs": _below("pairs.", result.counters),
        "dead_letters": _below(DEAD, result.counters),
        "counters": taken,
    }
    path.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")


def _below(prefix: str, counters: dict[str, int]) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in counters.items() if name.startswith(prefix)}
