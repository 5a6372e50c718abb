"""Cases that kill their worker or hang it: given up after two tries, all others built, and the release says so."""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
from promises.kill import kill_points
from promises.kill.runs import CONSOLE_SCRIPT
from promises.tiny_raw import write_kits_case
from torture.isolation import run_isolation
from torture.report import Section

from medvision.pipelines.release import ReleaseError, open_release

CASES = 10


SLOW = "slow"
CASE_MINUTES, WORKER_GB = 0.15, 1.5
"""Far less than the default, and more than a case of a few hundred voxels takes on a busy machine."""
TRIES = 2
BUILDS = (("native hang", "SIGKILL", SLOW), ("segfault", "wait", SLOW), ("memory", "abort"))
"""What is poisoned in one build; the slow case is in hand when others die, and is no poison."""
SECONDS = 400


@dataclass
class Poisoned:
    """One build with poisoned cases, and what became of each.

    Attributes:
        code: Its exit code.
        unbuilt: Cases that the manifest says are not built.
        built: Cases with sources in the release.
        dead: Reason of each dead letter, by case.
        tries: How often each case was in hand when its worker died.
    """

    ways: dict[str, str]
    code: int
    text: str
    unbuilt: set[str] = field(default_factory=set)
    complete: bool = True
    built: set[str] = field(default_factory=set)
    dead: dict[str, str] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)


def case_name(index: int) -> str:
    return f"case_{index:05d}"


def build_poisoned(raw: Path, out: Path, ways: Mapping[str, str]) -> Poisoned:
    """`medvision build` with two workers, in which the cases end or hang their workers."""
    poison = ",".join(f"{case}={way}" for case, way in ways.items())
    done = subprocess.run(
        [
            *(str(CONSOLE_SCRIPT), "build", "KiTS23", "--raw", str(raw), "--out", str(out), "--private"),
            *("--workers", "2", "--case-minutes", str(CASE_MINUTES), "--worker-gb", str(WORKER_GB)),
        ],
        env={**os.environ, "PYTHONPATH": str(Path(kill_points.__file__).parent), "MEDVISION_TEST_POISON": poison},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    found = Poisoned(dict(ways), done.returncode, done.stdout + done.stderr)
    for case in ways:
        found.tries[case] = len(re.findall(rf"with [^;]*\b{case}\b[^;]* in hand", done.stdout))
    try:
        manifest = open_release(str(out)).manifest
    except ReleaseError:
        return found
    found.unbuilt = {case.partition("/")[2] for case in manifest["unbuilt"]}
    found.complete = manifest["complete"]
    found.built = set(pq.read_table(out / "sources.parquet")["case_id"].to_pylist())
    letters = pq.read_table(out / "dead_letters/KiTS23.parquet").to_pylist() if found.unbuilt else []
    found.dead = {row["case_id"]: row["reason"] for row in letters}
    return found


def broken(found: Poisoned, cases: set[str]) -> list[str]:
    """Promises that a build with poisoned cases broke."""
    poison = {case for case, way in found.ways.items() if way != SLOW}
    what = ", ".join(f"{way} {case}" for case, way in found.ways.items())
    said = []
    if found.code != bool(poison):
        said.append(f"exit code {found.code}: {found.text[-500:]}")
    if found.unbuilt != poison or found.complete == bool(poison):
        said.append(f"the manifest says complete: {found.complete}, unbuilt: {sorted(found.unbuilt)}")
    if found.built != cases - poison:
        said.append(f"built: {sorted(found.built)}")
    if found.dead != dict.fromkeys(poison, "unbuilt"):
        said.append(f"dead letters: {found.dead}")
    if wrong := {case: tries for case, tries in found.tries.items() if case in poison and tries != TRIES}:
        said.append(f"tries: {wrong}")
    if "Traceback" in found.text:
        said.append(f"a traceback: {found.text[-500:]}")
    return [f"poisoned by {what}: {sentence}" for sentence in said]


def run(scale: float, seed: int) -> list[Section]:
    builds = BUILDS if scale >= 1 else BUILDS[: max(1, round(len(BUILDS) * scale))]
    return [run_poison(builds, random.Random(seed), again=scale >= 1), run_isolation(scale)]


def run_poison(builds: Sequence[Sequence[str]], rng: random.Random, again: bool) -> Section:
    """Each of `builds` with as many cases poisoned, at places that are drawn; the last one `again` with none."""
    section = Section(
        "Cases that kill or hang their worker",
        ("the case", "cases", "unbuilt", "tries of each", "others in the build", "of them built", "exit code"),
    )
    with TemporaryDirectory() as folder:
        raw, names = Path(folder) / "raw", [case_name(index) for index in range(CASES)]
        for index in range(CASES):
            write_kits_case(raw, index)
        for number, ways in enumerate(builds):
            chosen = dict(zip(rng.sample(names, len(ways)), ways, strict=True))
            out = Path(folder) / f"out{number}"
            found = build_poisoned(raw, out, chosen)
            section.failures += broken(found, set(names))
            for case, way in chosen.items():
                others = set(names) - set(chosen)
                section.rows.append(
                    (
                        *(NAMES[way], 1, int(case in found.unbuilt), found.tries[case]),
                        *(len(others), len(others & found.built), found.code),
                    )
                )
        if again:
            mended = build_poisoned(raw, out, {})
            section.failures += broken(mended, set(names))
            row = (0, CASES, len(mended.built), mended.code)
            section.rows.append(("none: the last of these built again, the cause gone", 0, len(mended.unbuilt), *row))
    return section


NAMES = {
    "segfault": "crashes in native code (SIGSEGV)",
    "abort": "aborts in native code (SIGABRT)",
    "SIGKILL": "is killed, as by the kernel when memory is short (SIGKILL)",
    "memory": f"takes memory over the cap (--worker-gb {WORKER_GB:g})",
    "wait": f"waits for ever (--case-minutes {CASE_MINUTES:g})",
    "native hang": f"hangs in native code that holds the interpreter's lock (--case-minutes {CASE_MINUTES:g})",
    "slow": f"is slow, {kill_points.SLOW_SECONDS:g} s, while others die: not to blame",
}
