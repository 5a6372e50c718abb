"""Compare two releases, or one release under two sets of rules, dataset by dataset and shard by shard."""

from __future__ import annotations

from dataclasses import replace

from medvision.pipelines.diff.compare import Comparison, compare_shard
from medvision.pipelines.diff.halves import Half
from medvision.pipelines.diff.limits import comparable, left_out_by_build, testable, why_untested
from medvision.pipelines.diff.meaning import SLICE
from medvision.pipelines.diff.published import PublishedPairs
from medvision.pipelines.diff.report import Diff, switches_between
from medvision.pipelines.diff.report import Half as Head
from medvision.pipelines.diff.shards import Absences, Build, shard_pairs
from medvision.pipelines.diff.sides import Sides, Splits, moved, stored_sides
from medvision.pipelines.diff.switches import differing, rules_of
from medvision.pipelines.release import open_current
from medvision.schemas.dataset import Dataset
from medvision.schemas.pairs import KINDS, kinds_of
from medvision.schemas.rules import RULES, Rules
from medvision.sources.registry import DATASETS


def diff_releases(first: str, second: str, limit: int = 0) -> Diff:
    """What a user of the second release finds different from the first.

    Args:
        first, second: Local paths or fsspec URLs of releases.
        limit: Compare the first N cases of each dataset alone; 0 compares all.

    Raises:
        ReleaseError: One of them is no readable release, or follows rules that this program does not know.
    """
    builds = (Build("A", open_current(first), limit), Build("B", open_current(second), limit))
    built = tuple(rules_of(build.release) for build in builds)
    return _Run(builds, (built[0], built[1]), (built[0], built[1])).diff()


def diff_rules(url: str, first: str, second: str, limit: int = 0) -> Diff:
    """What one release would be under two sets of rules, measured again from its rows.

    Raises:
        ReleaseError: No readable release, or one whose rows do not carry what a measure needs.
        ValueError: No rules of this name.
    """
    for name in (first, second):
        if name not in RULES:
            raise ValueError(f"no rules are named {name!r}; there are {', '.join(RULES)}")
    release = open_current(url)
    built = rules_of(release)
    builds = (Build("A", release, limit), Build("B", release, limit))
    return _Run(builds, (built, built), (RULES[first], RULES[second])).diff()


class _Run:
    """One comparison. `built` made the rows; `rules` are compared: the same ones for two releases."""

    def __init__(self, builds: tuple[Build, Build], built: tuple[Rules, Rules], rules: tuple[Rules, Rules]) -> None:
        self.builds, self.built, self.rules = builds, built, rules
        self.one_build = builds[0].release is builds[1].release
        first, second = (Head.of(build, by) for build, by in zip(builds, rules, strict=True))
        self.report = Diff(first, second, switches_between(*rules))

    def diff(self) -> Diff:
        first, second = self.builds
        for name in sorted({*first.datasets, *second.datasets}):
            self._dataset(name)
        return self.report

    def _dataset(self, name: str) -> None:
        dataset = DATASETS.get(name)
        volumes = [build.volumes(name) if name in build.datasets else {} for build in self.builds]
        rules = list(self.rules)
        if self.one_build:
            rules, notes = comparable(self.built[0], self.rules, volumes[0])
            notes += left_out_by_build(self.built[0], self.rules, dataset)
            self._note(self.report.not_compared, name, notes)
        names = differing(*rules)
        if dataset:
            forward = testable(names, self.built[0], rules[0], rules[1], volumes[0])
            backward = testable(names, self.built[1], rules[1], rules[0], volumes[1])
            self._note(self.report.not_tested, name, why_untested(names, forward, dataset))
        else:
            forward, backward = [], []
        if not dataset:
            self._note(self.report.not_tested, name, ["any switch: this program has no table of it"])
        absences = Absences(self.builds, name)
        how = Comparison(forward, backward, absences.not_built, absences.left_out)
        patients: dict[str, str] = {}
        pairs = self._pairs_files(name)
        for shard, *tables in shard_pairs(*self.builds, name):
            halves = [
                Half(build.name, table, built, by, dataset, found)
                for build, table, built, by, found in zip(self.builds, tables, self.built, rules, volumes, strict=True)
            ]
            for table in tables:
                patients.update(zip(table["case_id"].to_pylist(), table["patient"].to_pylist(), strict=True))
            kinds = self._kinds(dataset, halves)
            for kind in kinds:
                compare_shard(halves[0], halves[1], kind, how, self.report.tally)
            for half in halves:
                if half.name in pairs and shard:
                    pairs[half.name].check(shard, half, kinds)
        self._dispute(name, pairs)
        self._sides(name, dataset, patients)

    def _pairs_files(self, name: str) -> dict[str, PublishedPairs]:
        """Pairs files to hold against the rows: of two whole releases."""
        if self.one_build or self.builds[0].limit:
            return {}
        return {build.name: PublishedPairs(build.release, name) for build in self.builds if name in build.datasets}

    def _dispute(self, name: str, pairs: dict[str, PublishedPairs]) -> None:
        for half, found in pairs.items():
            found.finish()
            for kind, count in found.disputed.items():
                line = f"{half}: {count:,} {kind} pairs of {name} are not the same in pairs/ and annotations/"
                self.report.problems[f"{line}, such as {found.first[kind]}"] = count

    def _kinds(self, dataset: Dataset | None, halves: list[Half]) -> list[str]:
        if dataset is None:
            return [SLICE, *KINDS]
        shown = {kind for half in halves for kind in kinds_of(dataset, half.rules)}
        return [SLICE, *(kind for kind in KINDS if kind in shown)]

    def _sides(self, name: str, dataset: Dataset | None, patients: dict[str, str]) -> None:
        if not all(name in build.datasets for build in self.builds):
            return
        splits = Splits(self.builds[0], dataset, patients) if dataset else None
        first, second = (stored_sides(build, name) for build in self.builds)
        if self.one_build:
            assert splits is not None, "a build by known rules is of known datasets"
            drawn = splits.under(self.built[0])
            if any(drawn.get(image) != side for image, side in first.of.items()):
                note = "numbered splits: those of this build cannot be drawn again from its cases"
                self._note(self.report.not_compared, name, [note])
                return
            first, second = (Sides(splits.under(rules)) for rules in self.rules)
        counts, examples = moved(name, first, second, splits, *self.rules)
        self.report.moved.update(counts)
        self.report.moved_examples += [f"{name}/{path}" for path in examples]

    @staticmethod
    def _note(notes: list[str], name: str, texts: list[str]) -> None:
        for text in texts:
            line = f"{name}: {text}" if name else text
            if line not in notes:
                notes.append(line)


def with_hashes(report: Diff) -> Diff:
    """The same with the content hash of both releases: reads and decodes every image."""
    from medvision.pipelines.validate import validate_release

    heads = []
    for half in (report.a, report.b):
        found = validate_release(half.url, "deep")
        heads.append(replace(half, content_hash=found.content_hash or "none: `medvision validate --deep` fails"))
    report.a, report.b = heads
    return report
