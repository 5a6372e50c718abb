"""Checks on upstream's plan files of a release: they can be read, and say as much as the pairs do."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from medvision.pipelines.checks.findings import Findings
from medvision.pipelines.release import Release
from medvision.schemas.dataset import PLANES
from medvision.schemas.pairs import LANDMARK_KINDS, kind_of_config
from medvision.schemas.plans import AXES, PLAN_KINDS, PLANS, plan_folder
from medvision.schemas.record import PublishedFile
from medvision.transforms.plans.text import members, read_plan

SIDES = ("train", "test")
Counts = Counter[tuple[int, str, str]]
"""Pairs by task number, plane and side."""
LANDMARK_KEYS = [f"slice_landmarks_{axis}" for axis in AXES]


class CaseTally(NamedTuple):
    """What is kept of a case: its landmark file, "" for none, and the pairs of each plane."""

    landmark_file: str
    pairs: Counter[str]


def check_plans(release: Release, findings: Findings) -> None:
    """Every plan counts its own cases, and the pairs of the same release; landmark files are those that plans name."""
    for dataset in sorted({file.dataset for file in [*release.files(PLANS), *release.files("pairs")]}):
        expected = _pairs_by_plan(release, dataset)
        named: set[str] = set()
        kinds = set()
        files = {file.path: file for file in release.files(PLANS, dataset)}
        plans = {path: plan_kind(path) for path in files if plan_kind(path)}
        for path, kind in plans.items():
            kinds.add(kind)
            findings.count("plans")
            with findings.guard("plans", path):
                named |= _check_plan(release, files[path], kind, expected.get(kind, Counter()), findings)
        if release.manifest.get("plans"):
            findings.same("plans", f"kinds without a plan of {dataset}", sorted(set(expected) - kinds), [])
        landmarks = sorted(set(files) - set(plans))
        findings.same("landmark_files", f"in plans or listed alone of {dataset}", sorted(named ^ set(landmarks)), [])
        for path in landmarks:
            with findings.guard("landmark_files", path), release.open(path) as stream:
                content = json.loads("".join(members(stream)))
                findings.same("landmark_files", path, list(content), LANDMARK_KEYS)


def plan_kind(path: str) -> str:
    """Kind of a plan file, "" for another file."""
    name = PurePosixPath(path).name
    return next((kind for kind in PLAN_KINDS if name.startswith(f"benchmark_plan_{kind}_v")), "")


def _check_plan(release: Release, file: PublishedFile, kind: str, expected: Counts, findings: Findings) -> set[str]:
    """Returns the paths of the landmark files that the plan names."""
    with release.open(file.path) as stream:
        plan = read_plan(stream, tally_case)
    found: Counts = Counter()
    total = 0
    named = set()
    findings.same("plans", f"{file.path} tasks_number", plan["tasks_number"], len(plan["tasks"]))
    for task in plan["tasks"]:
        number = int(task["task_ID"])
        findings.same("plans", f"{file.path} task {number:02d} task_type", task["task_type"], kind)
        for side in SIDES:
            cases: list[CaseTally] = task[f"{side}_cases"]
            what = f"{file.path} task {number:02d} {side}_cases_number"
            findings.same("plans", what, task[f"{side}_cases_number"], len(cases))
            total += len(cases)
            for case in cases:
                named |= {f"{plan_folder(file.dataset)}/{case.landmark_file}"} if case.landmark_file else set()
                found.update({(number, plane, side): count for plane, count in case.pairs.items()})
    findings.same("plans", f"{file.path} cases", total, file.rows)
    for key in sorted(set(found) | set(expected)):
        number, plane, side = key
        what = f"{file.path} task {number:02d} {plane} {side}"
        findings.same("plan_pairs", what, found[key], expected[key])
    return named


def tally_case(case: dict[str, Any]) -> CaseTally:
    """Pairs that a case of a plan stands for: labels of slices, slices with lesion axes, or landmark measures."""
    pairs: Counter[str] = Counter()
    for plane, axis in zip(PLANES, AXES, strict=True):
        for entry in case[f"slice_profiles_{axis}"]:
            profile = entry["slice_profile"]
            of_lesions = bool(profile) and isinstance(profile[0], list)
            pairs[plane] += 1 if of_lesions else len(profile)
    return CaseTally(case.get("landmark_file", ""), +pairs)


def _pairs_by_plan(release: Release, dataset: str) -> dict[str, Counts]:
    """Pairs of a dataset by kind of plan, as the listed rows of the pairs files say; of some kinds there is no plan."""
    kinds = {pair_kind: plan for plan, pair_kind in PLAN_KINDS.items()} | dict.fromkeys(LANDMARK_KINDS, "biometry")
    found: dict[str, Counts] = {}
    for file in release.files("pairs", dataset):
        config = PurePosixPath(file.path).parent.name
        plan = kinds.get(kind_of_config(config))
        if plan is None:
            continue
        _, task, plane, side = config.rsplit("_", 3)
        key = (int(task.removeprefix("Task")), plane.lower(), side.lower())
        found.setdefault(plan, Counter())[key] += file.rows
    return found
