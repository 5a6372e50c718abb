"""Builds on a disk that is full, broken, read-only or slow, and resumed when it is well again."""

from __future__ import annotations

import errno
import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torture import faulty_files
from torture.disks import SHARES, run_disks
from torture.faulted import Faulted, faults_section, how_it_ended
from torture.faulty_files import CHANGES, KINDS, RAW, Plan
from torture.report import Section
from torture.scene import Scene, damage, finished, standing
from torture.warm import Ended, build

PROTOCOLS = ("faulty", "faultyobjects")
TIME_OUTS = 5
"""Of each kind of operation: a build must be done in spite of each, so more of them are worth it."""
HUNDREDTH = 100
"""Waits of the retries are this much shorter."""


@dataclass(frozen=True)
class Fault:
    """A plan whose `nth` is to be drawn, and whether a build must be done in spite of it."""

    name: str
    plan: Plan
    survived: bool = False


def all_faults() -> list[Fault]:
    """Every kind of fault with every kind of operation that it makes sense for."""
    faults = [Fault("EIO once", Plan((kind,), errno.EIO)) for kind in KINDS]
    faults += [Fault("time-out once", Plan((kind,), errno.ETIMEDOUT), survived=True) for kind in KINDS] * TIME_OUTS
    for kind in ("create", "open", "write", "close"):
        faults.append(Fault("disk full from then on (ENOSPC)", Plan((kind,), errno.ENOSPC, lasting=True)))
    for kind in ("create", "close", "rename", "copy", "remove"):
        faults.append(Fault("done, but EIO for an answer", Plan((kind,), errno.EIO, after=True)))
    faults += [Fault("read-only from then on (EROFS)", Plan(CHANGES, errno.EROFS, lasting=True))] * 3
    faults += [Fault("EIO once, raw files", Plan(("read",), errno.EIO, below=RAW))] * 2
    faults += [Fault("EIO once, raw folders", Plan(("list",), errno.EIO, below=RAW))] * 2
    faults.append(Fault("slow, every operation", Plan(KINDS), survived=True))
    return faults


def prepare(plan: Plan) -> Callable[[], dict[str, Any]]:
    """Of a build's process: the protocols, the plan, and hurried retries."""
    from medvision.transforms import retries

    retries.PATIENCE_SECONDS /= HUNDREDTH
    retries.FIRST_WAIT_SECONDS /= HUNDREDTH
    faulty_files.register()
    faulty_files.set_plan(plan)
    return lambda: {"injected": plan.injected, **plan.seen}


def faulty_build(scene: Scene, protocol: str, out: Path, log: Path, plan: Plan) -> Ended:
    """A build whose raw files and release are both behind a protocol."""
    arguments = scene.arguments(f"{protocol}://{out}", f"{protocol}://{scene.raw}")
    return build(arguments, log, prepare=lambda: prepare(plan))


def count_operations(scene: Scene, protocol: str) -> dict[str, int]:
    """Operations of an undisturbed build, by kind."""
    with TemporaryDirectory() as place:
        out = scene.begin(Path(place) / "out")
        ended = faulty_build(scene, protocol, out, Path(place) / "log", Plan())
        assert ended.code == 0, ended.text
        assert not damage(out, scene)
    return ended.seen


def build_with(fault: Fault, scene: Scene, protocol: str) -> Faulted:
    """Build with the fault, look at what stands, and build again without."""
    trial, plan = Faulted(fault.name), fault.plan
    with TemporaryDirectory() as place:
        out, log = scene.begin(Path(place) / "out"), Path(place) / "log"
        ended = faulty_build(scene, protocol, out, log, plan)
        trial.injected, trial.done = ended.seen.get("injected", 0), ended.code == 0
        trial.broken += how_it_ended(ended)
        if fault.survived and not trial.done:
            trial.broken.append(f"ended with {ended.code}: {ended.text[-300:]}")
        if not trial.injected:
            trial.broken.append("nothing was injected")
        trial.broken += standing(out, scene)[1]
        if trial.done and (found := damage(out, scene)):
            trial.broken.append(f"a build that says it is done made another release: {found}")
        before = finished(out)
        again = faulty_build(scene, protocol, out, log, Plan())
        trial.rebuilt = len(before & set(again.built))
        if trial.rebuilt:
            trial.broken.append(f"{trial.rebuilt} finished shards were built again")
        if again.code:
            trial.broken.append(f"the next build ended with {again.code}: {again.text[-300:]}")
        else:
            found = damage(out, scene)
            trial.lost, trial.doubled, trial.partial = found.lost, found.doubled, len(found.partial)
            if found:
                trial.broken.append(f"the next build made another release: {found}")
    where = f"{fault.name} ({', '.join(plan.kinds)} {plan.nth}, {protocol})"
    trial.broken = [f"{where}: {sentence}" for sentence in trial.broken]
    return trial


def run_faults(
    pool: ProcessPoolExecutor, scenes: Sequence[Scene], count: int, rng: random.Random, only: str = ""
) -> Section:
    """`count` faults, or all of them; each on one of the protocols and scenes, at a moment that is drawn."""
    faults = [fault for fault in all_faults() if only in fault.name]
    faults = rng.sample(faults, count) if count < len(faults) else faults
    places = [(scene, protocol) for scene in scenes for protocol in PROTOCOLS]
    if count < len(places):
        places = [rng.choice(places)]
    counts = list(pool.map(count_operations, *zip(*places, strict=True)))
    jobs = []
    for turn, fault in enumerate(faults):
        for (scene, protocol), seen in list(zip(places, counts, strict=True))[turn % 2 :: 2]:
            kinds = [f"{kind} {fault.plan.below}".strip() for kind in fault.plan.kinds]
            total = sum(seen.get(kind, 0) for kind in kinds)
            if total:
                plan = replace(fault.plan, nth=rng.randint(1, total), seen=Counter())
                jobs.append(pool.submit(build_with, replace(fault, plan=plan), scene, protocol))
    disks = pool.submit(run_disks, scenes[0], SHARES if count >= len(all_faults()) else SHARES[:1])
    return faults_section([*(job.result() for job in jobs), *disks.result()])
