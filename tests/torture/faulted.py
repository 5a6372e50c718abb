"""What became of a build on a disk with a fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torture.report import Section
from torture.warm import Ended


@dataclass
class Faulted:
    """One trial: a build with a fault, then the same build without.

    Attributes:
        injected: Operations that failed, or were slow.
        done: The build with the fault ended with exit code 0.
        broken: Promises broken, as sentences.
    """

    name: str
    injected: int = 0
    done: bool = False
    rebuilt: int = 0
    lost: int = 0
    doubled: int = 0
    partial: int = 0
    broken: list[str] = field(default_factory=list)


def how_it_ended(ended: Ended) -> list[str]:
    """What is wrong with the end of a build that may have failed: an exit code, and one line that says why."""
    if ended.code == 0:
        return []
    lines = [line for line in ended.text.splitlines() if line.startswith("medvision build: ")]
    if ended.code not in (1, 2) or len(lines) != 1 or "Traceback" in ended.text:
        return [f"ended with {ended.code} and not with one line: {ended.text[-900:]}"]
    return []


def faults_section(trials: Sequence[Faulted]) -> Section:
    section = Section(
        "Builds on a faulty disk",
        (
            *("fault", "builds", "faults injected", "done all the same", "ended with one line"),
            *("shards built again", "slices lost", "doubled", "partial files"),
        ),
    )
    for name in dict.fromkeys(trial.name for trial in trials):
        mine = [trial for trial in trials if trial.name == name]
        done = sum(trial.done for trial in mine)
        section.rows.append(
            (
                *(name, len(mine), sum(trial.injected for trial in mine), done, len(mine) - done),
                *(sum(trial.rebuilt for trial in mine), sum(trial.lost for trial in mine)),
                *(sum(trial.doubled for trial in mine), sum(trial.partial for trial in mine)),
            )
        )
    section.failures = [sentence for trial in trials for sentence in trial.broken]
    return section
