"""Both splits: by patient (names the shards, never changes with the rules) and numbered (decides pairs files)."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from medvision.schemas.case import Case
from medvision.schemas.dataset import Dataset
from medvision.schemas.pairs import LANDMARK_KINDS, LESION_KINDS, kinds_of
from medvision.schemas.plans import PLAN_KINDS, version_tuple
from medvision.schemas.rules import Rules
from medvision.transforms.plans.text import read_plan
from medvision.transforms.store import Store

UPSTREAM_SEED = 1024
SIDES = ("train", "test")
NumberedSplit = dict[tuple[str, int, str], tuple[str, str]]
"""(annotation kind, task number of that kind, upstream file name) to (side, split_source).

Of each kind and task the names stand in the order that upstream's plans have on each side. A side of "" is that of
an image which the kind leaves out.
"""
LATE = ("", "late_case")


def stable_hash(*parts: str) -> int:
    """First 64 bits of sha256 over the parts, the same on every machine and in every release of Python."""
    digest = hashlib.sha256("\x00".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def patient_side(dataset: str, patient: str, train_fraction: float = 0.7) -> str:
    """Side of the patient-level split; depends on the patient alone, so it stays when cases are added."""
    share = stable_hash("side", dataset, patient) / 2**64
    return SIDES[0] if share < train_fraction else SIDES[1]


def shuffle_split(names: Iterable[str], train_fraction: float = 0.7) -> dict[str, str]:
    """Upstream's numbered split: sorted basenames, Python's shuffle with seed 1024, the first int(0.7 n) train.

    The names stand in the shuffled order.
    """
    ordered = sorted(names)
    random.Random(UPSTREAM_SEED).shuffle(ordered)
    count = int(train_fraction * len(ordered))
    return {name: SIDES[0] if rank < count else SIDES[1] for rank, name in enumerate(ordered)}


def numbered_splits(dataset: Dataset, cases: Iterable[Case], rules: Rules, splits_from: str = "") -> NumberedSplit:
    """Side of every (kind, task, image file) over the MATCHED files, before any of them is read.

    Raises:
        ValueError: `splits_from` is given and lacks an image that was matched, or the dataset's plans altogether.
    """
    ordered = sorted(cases, key=lambda case: case.case_id)
    names: dict[tuple[bool, int], dict[str, str]] = defaultdict(dict)  # by (of landmarks, task)
    late: dict[tuple[bool, int], set[str]] = defaultdict(set)
    for case in ordered:
        for image in case.images:
            names[bool(case.landmarks), image.task][image.upstream_name] = case.patient
            if case.case_id in dataset.late_cases:
                late[bool(case.landmarks), image.task].add(image.upstream_name)
    numbered = rules.split_source == "file_shuffle"
    published = read_published_splits(splits_from, dataset.name, rules.name) if numbered and splits_from else {}
    sides: NumberedSplit = {}
    for kind, number, image_task in _targets(dataset, rules):
        left_out = late[image_task] if not holds_late_cases(kind, rules) else set()
        sides.update({(kind, number, name): LATE for name in left_out})
        patients = {name: patient for name, patient in names[image_task].items() if name not in left_out}
        if rules.split_source == "patient_hash":
            chosen = {
                n: (patient_side(dataset.name, p, rules.train_fraction), "patient_hash") for n, p in patients.items()
            }
        elif splits_from:
            chosen = _published_sides(published, dataset.name, kind, number, patients, rules.name)
        else:
            shuffled = shuffle_split(patients, rules.train_fraction)
            order = rules.lesion_split_order if kind in LESION_KINDS else rules.mask_split_order
            source = "recomputed" if order == "sorted" else "approximated"
            chosen = {name: (side, source) for name, side in shuffled.items()}
        sides.update({(kind, number, name): side for name, side in chosen.items()})
    return sides


def _targets(dataset: Dataset, rules: Rules) -> Iterator[tuple[str, int, tuple[bool, int]]]:
    """Kind, task number of that kind, and the images (of landmarks, task) that it is shown on."""
    for kind in kinds_of(dataset, rules):
        if kind in LANDMARK_KINDS:
            yield from ((kind, task.number, (True, task.number)) for task in dataset.landmark_tasks)
        elif kind in LESION_KINDS:
            yield from ((kind, lesion.number, (False, lesion.task)) for lesion in dataset.lesion_tasks)
        else:
            yield from ((kind, task.number, (False, task.number)) for task in dataset.tasks)


def holds_late_cases(kind: str, rules: Rules) -> bool:
    """Whether pairs of the kind are made of cases that the table lists as late."""
    return rules.late_cases == "all" or (rules.late_cases == "lesions" and kind in LESION_KINDS)


def read_published_splits(folder: str, dataset: str, newest: str = "") -> dict[tuple[str, int], dict[str, str]]:
    """Sides from upstream's plan files, by (annotation kind, task number) and image basename, in the plans' order.

    Args:
        folder: Local path or URL that holds `[Datasets/]<dataset>/benchmark_plan_<kind>_v<version>.json.gz`.
        newest: Upstream's ceiling: of several versions of a kind the newest up to this one is taken, of any where it
            is "".
    """
    store = Store(folder)
    found: dict[str, str] = {}
    for base in (f"Datasets/{dataset}", dataset):
        for path in store.names(base):
            name = path.rsplit("/", 1)[-1]
            for plan_kind in PLAN_KINDS:
                prefix = f"benchmark_plan_{plan_kind}_v"
                if not (name.startswith(prefix) and name.endswith(".json.gz")):
                    continue
                if newest and _version(name) > version_tuple(newest):
                    continue
                if plan_kind not in found or _version(name) > _version(found[plan_kind]):
                    found[plan_kind] = path
    sides: dict[tuple[str, int], dict[str, str]] = {}
    for plan_kind, path in found.items():
        with store.open(path, 0) as stream:
            plan = read_plan(stream, _basename)
        for task in plan["tasks"]:
            chosen = sides.setdefault((PLAN_KINDS[plan_kind], int(task["task_ID"])), {})
            for side in SIDES:
                for name in task.get(f"{side}_cases", ()):  # upstream leaves out an empty side
                    chosen[name] = side
    return sides


def _published_sides(
    published: dict[tuple[str, int], dict[str, str]],
    dataset: str,
    kind: str,
    number: int,
    names: Iterable[str],
    newest: str,
) -> dict[str, tuple[str, str]]:
    plan_kind = "TumorLesionSize" if kind in LANDMARK_KINDS else kind  # upstream plans both as "biometry"
    known = published.get((plan_kind, number), {})
    missing = sorted(set(names) - set(known))
    if missing:
        raise ValueError(
            f"the published plans up to {newest} place no side on {len(missing)} images of {dataset} {kind} task "
            f"{number:02d}, such as {missing[0]}"
        )
    wanted = set(names)
    return {name: (side, "published") for name, side in known.items() if name in wanted}


def _basename(case: dict[str, Any]) -> str:
    return str(case["image_file"]).rsplit("/", 1)[-1]


def _version(name: str) -> tuple[int, ...]:
    text = name.rsplit("_v", 1)[1].removesuffix(".json.gz")
    return tuple(int(part) for part in text.split(".") if part.isdigit())
