"""The named steps of a build, up to its shards, as PTransforms. They only wire; the work is in plain functions."""

# No `from __future__ import annotations` here: Beam reads these hints to check the wiring.

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection

from medvision.pipelines.counters import count_letters, count_shard
from medvision.schemas.case import Case
from medvision.schemas.dataset import Dataset
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import Shard, ShardRecord
from medvision.transforms.guard import limit_memory
from medvision.transforms.labelled import empty_mask
from medvision.transforms.plan import Bucket, bucket_of, plan_shard
from medvision.transforms.select import find_cases
from medvision.transforms.shard import build_shard
from medvision.transforms.split import numbered_splits
from medvision.transforms.threads import limit_threads
from medvision.transforms.warm import warm_up

Tables = tuple[Dataset, ...]
CASES, DEAD, SPLITS = "cases", "dead", "splits"


@dataclass
class MatchCases(beam.PTransform):
    """List each dataset's raw folder and pair its files: Cases, and dead letters under the tag `dead`."""

    datasets: Tables
    options: BuildOptions

    def expand(self, pipeline: beam.Pipeline) -> Any:
        return (
            pipeline
            | "Name datasets" >> beam.Create(list(self.datasets))
            | "List and pair" >> beam.ParDo(_Match(self.options)).with_outputs(DEAD, main=CASES)
        )


@dataclass
class DropEmptyMasks(beam.PTransform):
    """Where upstream drops cases without any label before it splits, so do we: cases, and dead letters (tag `dead`)."""

    datasets: Tables
    options: BuildOptions

    def expand(self, cases: PCollection[Case]) -> Any:
        return (
            cases
            | "Spread cases" >> beam.Reshuffle()
            | "Look for labels" >> beam.ParDo(_DropEmpty(self.datasets, self.options)).with_outputs(DEAD, main=CASES)
        )


@dataclass
class AssignSplits(beam.PTransform):
    """Numbered splits of each dataset over all its cases (tag `splits`), and the cases that the build takes."""

    datasets: Tables
    options: BuildOptions

    def expand(self, cases: PCollection[Case]) -> Any:
        return (
            cases
            | "Key by dataset" >> beam.Map(_by_dataset)
            | "Gather datasets" >> beam.GroupByKey()
            | "Number splits" >> beam.ParDo(_NumberSplits(self.datasets, self.options)).with_outputs(SPLITS, main=CASES)
        )


@dataclass
class PlanShards(beam.PTransform):
    """Cases fall into buckets; each bucket becomes one small Shard."""

    datasets: Tables
    options: BuildOptions

    def expand(self, cases: PCollection[Case]) -> PCollection[Shard]:
        return (
            cases
            | "Choose buckets" >> beam.ParDo(_ChooseBucket(self.datasets))
            | "Gather buckets" >> beam.GroupByKey()
            | "Name shards" >> beam.ParDo(_NameShard(self.datasets, self.options))
        )


@dataclass
class BuildShards(beam.PTransform):
    """Read, slice, measure, encode and write: one shard at a time in a process."""

    datasets: Tables
    options: BuildOptions
    min_ram_bytes: int = 0

    def expand(self, shards: PCollection[Shard]) -> PCollection[ShardRecord]:
        build: Any = beam.ParDo(_Build(self.datasets, self.options))
        if self.min_ram_bytes:
            build = build.with_resource_hints(min_ram=f"{self.min_ram_bytes}B")
        return shards | "Build" >> build


class _Match(beam.DoFn):
    def __init__(self, options: BuildOptions) -> None:
        self.options = options

    def process(self, dataset: Dataset) -> Iterator[Case]:
        matched = find_cases(dataset, self.options)
        count_letters(matched.dead_letters)
        yield from matched.cases
        for letter in matched.dead_letters:
            yield beam.pvalue.TaggedOutput(DEAD, letter)  # type: ignore[misc]


class ByName(beam.DoFn):
    """A DoFn that finds the table of a dataset by name."""

    def __init__(self, datasets: Tables) -> None:
        self.tables = {dataset.name: dataset for dataset in datasets}


class _NumberSplits(ByName):
    def __init__(self, datasets: Tables, options: BuildOptions) -> None:
        super().__init__(datasets)
        self.options = options

    def process(self, element: tuple[str, Iterable[Case]]) -> Iterator[Case]:
        name, found = element
        cases = sorted(found, key=lambda case: case.case_id)
        rules, splits_from = self.options.rule_table, self.options.splits_from
        splits = name, numbered_splits(self.tables[name], cases, rules, splits_from)
        yield beam.pvalue.TaggedOutput(SPLITS, splits)  # type: ignore[misc]
        yield from cases[: self.options.limit or None]


class _DropEmpty(ByName):
    def __init__(self, datasets: Tables, options: BuildOptions) -> None:
        super().__init__(datasets)
        self.options = options

    def process(self, case: Case) -> Iterator[Case]:
        letter = empty_mask(case, self.tables[case.dataset], self.options)
        if letter is None:
            yield case
        else:
            count_letters([letter])
            yield beam.pvalue.TaggedOutput(DEAD, letter)  # type: ignore[misc]


class _ChooseBucket(ByName):
    def process(self, case: Case) -> Iterator[tuple[Bucket, Case]]:
        yield bucket_of(case, self.tables[case.dataset].bucket_bits), case


class _NameShard(ByName):
    def __init__(self, datasets: Tables, options: BuildOptions) -> None:
        super().__init__(datasets)
        self.options = options

    def process(self, element: tuple[Bucket, Iterable[Case]]) -> Iterator[Shard]:
        bucket, cases = element
        yield plan_shard(bucket, cases, self.tables[bucket[0]], self.options)


class _Build(ByName):
    def __init__(self, datasets: Tables, options: BuildOptions) -> None:
        super().__init__(datasets)
        self.options = options

    def setup(self) -> None:
        """Before a process builds its first shard."""
        limit_threads()
        limit_memory(self.options)
        warm_up(self.options)

    def process(self, shard: Shard) -> Iterator[ShardRecord]:
        record = build_shard(shard, self.tables[shard.dataset], self.options)
        count_shard(record)
        yield record


def _by_dataset(case: Case) -> tuple[str, Case]:
    return case.dataset, case
