"""A build into a folder that holds something: its release whole, or the folder untouched and one line of why."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from promises.release_bytes import release_bytes
from torture.kills import KILLED
from torture.report import Section
from torture.scene import DATASETS, Scene
from torture.warm import Ended, build

from medvision.pipelines.lock import LOCK

VERSIONS = ("SCHEMA_VERSION", "ALGORITHM_VERSION")
HOUR = 3600
SAFE, REFUSED = "safe", "refused"


@dataclass(frozen=True)
class Made:
    """A build: options beside those of every build, datasets, how much newer its code is, and where it is killed."""

    options: tuple[str, ...] = ()
    datasets: tuple[str, ...] = DATASETS
    newer: tuple[int, int] = (0, 0)
    stage: str = ""
    private: bool = True


@dataclass(frozen=True)
class Rule:
    """What is tried.

    Attributes:
        case: What stands, and what is built.
        expect: SAFE or REFUSED.
        made: The build that is tried.
        first: The build that was made there before; None where `plant` makes what stands.
        plant: Changes the folder before the build that is tried.
        says: Words of the line of a refusal.
    """

    case: str
    expect: str
    made: Made = field(default_factory=Made)
    first: Made | None = field(default_factory=Made)
    plant: Callable[[Path], None] | None = None
    says: str = ""


def lock(out: Path, host: str, age: float = 0.0) -> None:
    """A lock of another machine, last renewed `age` seconds ago."""
    path = out / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"run": "other", "host": host, "pid": 1, "born": "1", "machine": "other"}))
    then = time.time() - age
    os.utime(path, (then, then))


def own_files(out: Path) -> None:
    """Somebody's project, with names that a release has, too."""
    (out / "data").mkdir(parents=True)
    (out / "data/mine.csv").write_text("patient,age\n1,44\n")
    (out / "README.md").write_text("# My project\n")


def other_manifest(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "manifest.json").write_text('{"name": "a web page", "format": "other"}\n')


EXACT, NEWER = ("--rules", "exact"), (1, 1)
RULES = (
    Rule("the same build again", SAFE),
    Rule("by other rules", REFUSED, Made(EXACT), says="by rules 1.4.0, not exact"),
    Rule("by other rules, --replace", SAFE, Made((*EXACT, "--replace"))),
    Rule("of fewer datasets", REFUSED, Made(datasets=("KiTS23",)), says="name the same datasets"),
    Rule("of more datasets", REFUSED, first=Made(datasets=("KiTS23",)), says="name the same datasets"),
    Rule("of other planes", REFUSED, Made(("--planes", "axial")), says="built with other planes"),
    Rule("of other images", REFUSED, Made(("--images", "png8")), says="built with other images"),
    Rule(
        "by other licences",
        REFUSED,
        Made(("--licenses", "commercial"), private=False),
        says="built with other licences",
    ),
    Rule("without the plans that stand", REFUSED, Made(("--formats", "parquet,webdataset")), says="plans"),
    Rule("of the first case alone over all", REFUSED, Made(("--limit", "1")), says="more than --limit 1"),
    Rule("of all cases over the first alone", SAFE, first=Made(("--limit", "1"))),
    Rule("by newer code over an older release", SAFE, Made(newer=NEWER)),
    Rule("by newer code, algorithm alone", SAFE, Made(newer=(0, 1))),
    Rule("by older code over a newer release", REFUSED, first=Made(newer=NEWER), says="of a newer program"),
    Rule("by older code, algorithm alone", REFUSED, first=Made(newer=(0, 1)), says="of a newer program"),
    Rule("by older code over a newer release, --replace", SAFE, Made(("--replace",)), first=Made(newer=NEWER)),
    Rule("by other rules over an interrupted publish", REFUSED, Made(EXACT), Made(stage="mid-links"), says="by rules"),
    Rule("by older code over an interrupted publish", REFUSED, Made(), Made((), newer=NEWER, stage="mid-links")),
    Rule("by newer code over an interrupted publish", SAFE, Made(newer=NEWER), Made(stage="mid-links")),
    Rule("by newer code over an interrupted build", SAFE, Made(newer=NEWER), Made(stage="before a record")),
    Rule("by other rules over an interrupted build", SAFE, Made(EXACT), Made(stage="before a record")),
    Rule("into a folder of somebody's files", REFUSED, first=None, plant=own_files, says="choose an empty folder"),
    Rule("there, --replace", REFUSED, Made(("--replace",)), None, own_files, "choose an empty folder"),
    Rule("where another manifest.json stands", REFUSED, first=None, plant=other_manifest, says="no release"),
    Rule("after a publish killed on this machine", SAFE, Made(), Made(stage="before the manifest")),
    Rule("while a build of another machine publishes", REFUSED, plant=partial(lock, host="far"), says="on far"),
    Rule("an hour after one of another machine died", SAFE, plant=partial(lock, host="far", age=HOUR + 60)),
)


@dataclass
class Tried:
    """One rule tried: how it ended, the line it said, and what was broken."""

    rule: str
    ended: str
    said: str = ""
    broken: list[str] = field(default_factory=list)


def run_made(made: Made, scene: Scene, out: Path, log: Path) -> Ended:
    private = ["--private"] if made.private else []
    arguments = ["build", *made.datasets, "--raw", str(scene.raw), "--out", str(out), "--workers", "1", *private]
    return build([*arguments, *made.options], log, made.stage, partial(as_newer, made.newer))


def as_newer(newer: tuple[int, int]) -> Callable[[], dict[str, Any]]:
    """Make the code of this process a later version of itself."""
    for name, module in list(sys.modules.items()):
        if name.startswith("medvision."):
            for version, more in zip(VERSIONS, newer, strict=True):
                if hasattr(module, version):
                    setattr(module, version, getattr(module, version) + more)
    return dict


def try_rule(number: int, scene: Scene) -> Tried:
    """Make what is to stand, build there, and compare: with a build of the same into an empty folder, or before."""
    rule = RULES[number]
    with TemporaryDirectory() as place:
        out, log = Path(place) / "out", Path(place) / "log"
        if rule.first == Made():
            shutil.copytree(scene.release, out)
        elif rule.first is not None:
            first = run_made(rule.first, scene, out, log)
            assert first.code == (KILLED if rule.first.stage else 0), first.text
        if rule.plant:
            rule.plant(out)
        before = release_bytes(out)
        ended = run_made(rule.made, scene, out, log)
        said = [line for line in ended.text.splitlines() if line.startswith("medvision build: ")]
        tried = Tried(rule.case, SAFE if ended.code == 0 else REFUSED, said[0] if said else "")
        if tried.ended != rule.expect:
            tried.broken.append(f"{rule.case}: ended with {ended.code}: {ended.text[-500:]}")
        elif rule.expect == REFUSED:
            if release_bytes(out) != before:
                tried.broken.append(f"{rule.case}: was refused, and the folder changed")
            if ended.code != 2 or len(said) != 1 or rule.says not in said[0] or "Traceback" in ended.text:
                tried.broken.append(f"{rule.case}: ended with {ended.code}, which said {ended.text[-500:]}")
        elif release_bytes(out) != _fresh(rule.made, scene, Path(place)):
            tried.broken.append(f"{rule.case}: made another release than in an empty folder")
    tried.said = tried.said.removeprefix("medvision build: ").replace(str(out), "OUT")
    return tried


def _fresh(made: Made, scene: Scene, place: Path) -> dict[str, str]:
    """What the build makes in an empty folder."""
    if made == Made():
        return scene.want
    options = tuple(option for option in made.options if option != "--replace")
    fresh = Made(options, made.datasets, made.newer, private=made.private)
    ended = run_made(fresh, scene, place / "fresh", place / "log")
    assert ended.code == 0, ended.text
    return release_bytes(place / "fresh")


def run_rules(pool: ProcessPoolExecutor, scene: Scene, rules: Sequence[Rule]) -> Section:
    """Every rule once."""
    numbers = [RULES.index(rule) for rule in sorted(rules, key=RULES.index)]
    found = list(pool.map(try_rule, numbers, [scene] * len(numbers)))
    section = Section("A build where something stands", ("the build", "safe or refused", "what it says"))
    for tried in found:
        section.rows.append((tried.rule, tried.ended, tried.said))
        section.failures += tried.broken
    section.notes.append(
        "Safe: afterwards the folder holds, byte for byte, what the same build makes in an empty one. Refused: exit "
        "code 2, one line, and no byte of the folder changed. Without more words a release by rules 1.4.0 stands there."
    )
    return section
