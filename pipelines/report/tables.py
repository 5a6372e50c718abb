"""Rows of the page's tables: datasets, labels and measures of landmarks, with their counts and sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from medvision.pipelines.release import Release
from medvision.pipelines.report.quantities import AREA, LENGTHS, Key
from medvision.pipelines.report.sample import Sample
from medvision.pipelines.report.survey import PIXEL, Survey
from medvision.pipelines.stats import DatasetStats, Stats
from medvision.schemas.dataset import PLANES
from medvision.schemas.pairs import KINDS, LANDMARK_KINDS
from medvision.sources.registry import DATASETS

SHARES = (0.05, 0.5, 0.95)
SIDES = ("train", "test")
LABEL_KINDS = tuple(kind for kind in KINDS if kind not in LANDMARK_KINDS)


@dataclass(frozen=True)
class Spread:
    """5th percentile, median and 95th of `count` values in `unit`; of a sample of them unless `whole`."""

    low: float
    median: float
    high: float
    unit: str
    count: int
    whole: bool


@dataclass(frozen=True)
class DatasetRow:
    """A dataset of the release. `pairs` and `single` are by kind, `slices` by plane, `sides` by patient-level side."""

    name: str
    cases: int
    patients: int
    images: int
    slices: Mapping[str, int]
    sides: Mapping[str, int]
    pairs: Mapping[str, int]
    single: Mapping[str, int]
    bytes: int
    left_out: int
    spreads: Mapping[str, Spread]
    has_images: bool


@dataclass(frozen=True)
class LabelRow:
    """A label of a dataset: slices that show it, pairs by kind, and sizes by quantity."""

    dataset: str
    name: str
    slices: int
    pairs: Mapping[str, int]
    single: Mapping[str, int]
    spreads: Mapping[str, Spread]


@dataclass(frozen=True)
class MeasureRow:
    """A measure of landmarks; `metric` is "distance", "angle" or "ratio"."""

    dataset: str
    key: str
    name: str
    metric: str
    spread: Spread


@dataclass(frozen=True)
class LicenceRow:
    """On what terms a dataset is to be had; blank where this program does not know the dataset."""

    name: str
    licence: str
    spdx: str
    redistribute: str
    access: str
    homepage: str
    citation: str


def spread_of(sample: Sample, unit: str) -> Spread:
    """Quantiles of a sample that holds a value."""
    low, median, high = sample.quantiles(*SHARES)
    return Spread(low, median, high, unit, sample.count, sample.whole)


def dataset_rows(release: Release, stats: Stats, survey: Survey) -> list[DatasetRow]:
    """In order of name."""
    rows, with_images = [], datasets_with_images(release)
    for name, found in sorted(stats.datasets.items()):
        stated = release.manifest["datasets"][name]
        units = {AREA: "mm²", **dict.fromkeys((*LENGTHS, PIXEL), "mm")}
        samples = {quantity: survey.of_datasets.get((name, quantity)) for quantity in units}
        rows.append(
            DatasetRow(
                name,
                stated["cases"],
                found.patients,
                found.images,
                {plane: _slices(survey, name, plane) for plane in PLANES},
                {side: sum(survey.slices[name, side, plane] for plane in PLANES) for side in SIDES},
                _by_kind(found, "multi"),
                _by_kind(found, "single"),
                sum(file.bytes for file in release.files(dataset=name)),
                sum(stated["dead_letters"].values()),
                {quantity: spread_of(s, units[quantity]) for quantity, s in samples.items() if s and s.count},
                name in with_images,
            )
        )
    return rows


def datasets_with_images(release: Release) -> set[str]:
    """Those whose slices have a picture; tars of the others hold annotations alone."""
    if release.manifest["switches"]["images"] == "none":
        return set()
    found = {file.dataset for kind in ("data", "webdataset") for file in release.files(kind)}
    return found - set(release.manifest.get("annotations_only", ()))


def label_rows(stats: Stats, survey: Survey) -> list[LabelRow]:
    """In order of dataset and name; labels without a name of a dataset are one row."""
    rows = []
    for dataset, name in sorted(survey.labels):
        parts = stats.datasets[dataset].parts.get(name, Counter())
        spreads = {
            key.quantity: spread_of(sample, key.unit)
            for key, sample in survey.sizes.items()
            if (key.dataset, key.name) == (dataset, name) and key.quantity in (AREA, *LENGTHS)
        }
        multi, single = (_sums(parts, which, LABEL_KINDS) for which in ("multi", "single"))
        rows.append(LabelRow(dataset, name, survey.labels[dataset, name], multi, single, spreads))
    return rows


def measure_rows(survey: Survey) -> list[MeasureRow]:
    """In order of dataset, metric and key."""
    found = [key for key in survey.sizes if key.quantity not in (AREA, *LENGTHS)]
    order = sorted(found, key=lambda key: (key.dataset, key.quantity, key.name))
    return [_measure(key, survey) for key in order]


def licence_rows(names: Iterable[str]) -> list[LicenceRow]:
    """In the order of the names."""
    rows = []
    for name in names:
        table = DATASETS.get(name)
        if table is None:
            rows.append(LicenceRow(name, "not known to this program", "", "", "", "", ""))
            continue
        passed_on = "yes" if table.redistribute else "no"
        licence = table.licence or "see source"
        rows.append(LicenceRow(name, licence, table.spdx, passed_on, table.access, table.homepage, table.citation))
    return rows


def _slices(survey: Survey, dataset: str, plane: str) -> int:
    return sum(survey.slices[dataset, side, plane] for side in SIDES)


def _measure(key: Key, survey: Survey) -> MeasureRow:
    name = survey.measure_names.get((key.dataset, key.name), "")
    return MeasureRow(key.dataset, key.name, name, key.quantity, spread_of(survey.sizes[key], key.unit))


def _by_kind(stats: DatasetStats, which: str) -> dict[str, int]:
    return _sums(stats.pairs, which, KINDS)


def _sums(pairs: Mapping[tuple[str, str, str], int], which: str, kinds: Iterable[str]) -> dict[str, int]:
    """Pairs by kind that has any in the multi-instance set."""
    held = [kind for kind in kinds if any(pairs.get((kind, "multi", split), 0) for split in SIDES)]
    return {kind: sum(pairs.get((kind, which, split), 0) for split in SIDES) for kind in held}
