"""Images that stand on another side of the numbered split, by dataset, kind and task, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.diff.shards import Build
from medvision.pipelines.diff.switches import flipped
from medvision.pipelines.diff.tally import UNEXPLAINED
from medvision.schemas.case import Case, SourceFile
from medvision.schemas.dataset import Dataset
from medvision.schemas.pairs import LANDMARK_KINDS, LESION_KINDS, kind_of_config, kinds_of
from medvision.schemas.rules import Rules
from medvision.transforms.match import Matched, match_cases
from medvision.transforms.select import select_cases
from medvision.transforms.split import numbered_splits

Image = tuple[str, str, str]
"""Annotation kind, task as "01", path of the image file relative to its dataset's folder."""
SideOf = Mapping[Image, frozenset[str]]
SWITCHES = ("split_source", "lesion_split_order", "mask_split_order", "train_fraction", "late_cases")
CASE_SWITCHES = ("known_bad", "drop_upstream_exclusions")
"""These take cases away before a side is drawn, and so move others."""
BATCH = 1 << 17
PUBLISHED = "published"


class MoveKey(NamedTuple):
    dataset: str
    kind: str
    task: str
    before: str
    after: str
    cause: str


@dataclass(frozen=True)
class Sides:
    """Numbered sides of a dataset's images; `published` holds those that came from upstream's plan files."""

    of: dict[Image, frozenset[str]]
    published: frozenset[Image] = frozenset()


def stored_sides(build: Build, dataset: str) -> Sides:
    """Sides as the pairs files have them; an image whose pairs stand in both is on "test, train"."""
    found: dict[Image, set[str]] = defaultdict(set)
    published: set[Image] = set()
    for file in build.release.files("pairs", dataset):
        config, name = file.path.split("/")[1:3]
        kind, side = kind_of_config(config), name.split("-")[0]
        task = config.split(f"_{kind}_Task", 1)[1].split("_")[0]
        with build.release.parquet(file.path, stream=True) as table:
            for batch in table.iter_batches(batch_size=BATCH, columns=["image_file", "split_source"]):
                seen = (
                    pa.table({"i": batch["image_file"], "s": batch["split_source"]}).group_by(["i", "s"]).aggregate([])
                )
                for path, source in zip(seen["i"].to_pylist(), seen["s"].to_pylist(), strict=True):
                    found[kind, task, path].add(side)
                    if source == PUBLISHED:
                        published.add((kind, task, path))
    return Sides({image: frozenset(sides) for image, sides in found.items()}, frozenset(published))


class Splits:
    """Numbered splits drawn again over the cases that a release was built from."""

    def __init__(self, build: Build, dataset: Dataset, patients: Mapping[str, str]) -> None:
        self.dataset = dataset
        sources = build.sources.filter(pc.equal(build.sources["dataset"], dataset.name))
        paths = sorted(set(zip(sources["path"].to_pylist(), sources["bytes"].to_pylist(), strict=True)))
        matched = match_cases(dataset, [SourceFile(path, size, "") for path, size in paths])
        cases = [replace(case, patient=patients.get(case.case_id, case.patient)) for case in matched.cases]
        self.matched = Matched(tuple(cases), ())

    def under(self, rules: Rules) -> dict[Image, frozenset[str]]:
        """Sides by these rules; none where they cannot be drawn from what a release holds."""
        cases = select_cases(self.matched, self.dataset, rules).cases
        try:
            splits = numbered_splits(self.dataset, cases, rules)
        except (ValueError, LookupError):
            return {}
        found = {}
        for case in cases:
            for image in case.images:
                for kind, task in self._targets(case, image.task, rules):
                    side = splits.get((kind, task, image.upstream_name))
                    if side is not None and side[0]:
                        found[kind, f"{task:02d}", image.file.path] = frozenset([side[0]])
        return found

    def _targets(self, case: Case, task: int, rules: Rules) -> Iterator[tuple[str, int]]:
        for kind in kinds_of(self.dataset, rules):
            if (kind in LANDMARK_KINDS) != bool(case.landmarks):
                continue
            if kind in LESION_KINDS:
                yield from ((kind, lesion.number) for lesion in self.dataset.lesions_of(task))
            else:
                yield kind, task


def moved(
    dataset: str, first: Sides, second: Sides, splits: Splits | None, before: Rules, after: Rules
) -> tuple[Counter[MoveKey], list[str]]:
    """Images of both releases that are on another side in the second, and the first few of them without a cause."""
    changed = [image for image in first.of if image in second.of and first.of[image] != second.of[image]]
    causes = _causes(changed, first, second, splits, before, after)
    found: Counter[MoveKey] = Counter()
    for (kind, task, path), cause in causes.items():
        before_after = [", ".join(sorted(sides.of[kind, task, path])) for sides in (first, second)]
        found[MoveKey(dataset, kind, task, before_after[0], before_after[1], cause)] += 1
    return found, sorted({path for (_, _, path), cause in causes.items() if cause == UNEXPLAINED})[:5]


def _causes(
    changed: list[Image], first: Sides, second: Sides, splits: Splits | None, before: Rules, after: Rules
) -> dict[Image, str]:
    causes = {}
    for image in changed:
        plans = image in first.published or image in second.published
        causes[image] = "not testable: published plan files" if plans else UNEXPLAINED
    left = [image for image, cause in causes.items() if cause == UNEXPLAINED]
    differ = [name for name in (*SWITCHES, *CASE_SWITCHES) if getattr(before, name) != getattr(after, name)]
    if not left or splits is None or not differ:
        return causes
    drawn = splits.under(before)
    left = [image for image in left if drawn.get(image) == first.of[image]]
    sets = [(name,) for name in differ] + list(combinations(differ, 2)) + [tuple(differ)]
    for names in sets:
        if not left:
            break
        drawn = splits.under(flipped(before, after, names))
        for image in [image for image in left if drawn.get(image) == second.of[image]]:
            causes[image] = names[0] if len(names) == 1 else "joint: " + " + ".join(names)
            left.remove(image)
    return causes
