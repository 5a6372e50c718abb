"""What of the matched cases a build takes; what it leaves out is a dead letter."""

from __future__ import annotations

import fsspec

from medvision.schemas.case import Case
from medvision.schemas.dataset import Dataset
from medvision.schemas.faults import DataFault, DeadLetter
from medvision.schemas.options import BuildOptions
from medvision.schemas.rules import Rules
from medvision.transforms.listing import list_sources
from medvision.transforms.match import Matched, match_cases
from medvision.transforms.patients import apply_lists


def find_cases(dataset: Dataset, options: BuildOptions) -> Matched:
    """List a dataset's raw folder, pair its files, and take what the rules take."""
    fs, root = fsspec.core.url_to_fs(options.raw)
    folder = f"{root.rstrip('/')}/{dataset.name}"
    files = list_sources(fs, folder)
    matched = match_cases(dataset, files)
    cases = apply_lists(dataset, matched.cases, files, fs, folder) if matched.cases else []
    return select_cases(Matched(tuple(cases), matched.dead_letters), dataset, options.rule_table)


def select_cases(matched: Matched, dataset: Dataset, rules: Rules) -> Matched:
    """The cases without those that a table or upstream excludes, as the rules say."""
    kept: list[Case] = []
    dead = list(matched.dead_letters)
    for case in matched.cases:
        fault = _excluded(case, dataset, rules)
        if fault is None:
            kept.append(case)
            continue
        dead.append(
            DeadLetter(dataset.name, case.case_id, 0, fault.stage, fault.reason, fault.message, case.annotation_path)
        )
    return Matched(tuple(kept), tuple(sorted(dead)))


def _excluded(case: Case, dataset: Dataset, rules: Rules) -> DataFault | None:
    if rules.known_bad == "exclude":
        for reason, listed in (("known_bad", dataset.known_bad), ("no_spacing", dataset.no_mm)):
            if case.case_id in listed:
                return DataFault("match", reason, why=listed[case.case_id])
    if case.landmarks and rules.drop_upstream_exclusions:
        listed = dataset.landmark_task(case.images[0].task).excluded_upstream
        name = case.case_id.rsplit("/", 1)[-1]
        if name in listed:
            return DataFault("match", "excluded_upstream", why=listed[name])
    return None
