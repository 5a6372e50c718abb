"""The named steps of a build as PTransforms. They only wire; the work is in plain functions."""

# No `from __future__ import annotations` here: Beam reads these hints to check the wiring.

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection
from apache_beam.transforms.combiners import ToList

from medvision.pipelines import publish
from medvision.pipelines.plans import write_plans
from medvision.schemas.case import Case
from medvision.schemas.dataset import Dataset
from medvision.schemas.faults import DeadLetter
from medvision.schemas.options import BuildOptions
from medvision.schemas.pairs import kinds_of
from medvision.schemas.plans import PLANS, plan_kinds_of
from medvision.schemas.record import PublishedFile, Shard, ShardRecord
from medvision.transforms.labelled import empty_mask
from medvision.transforms.plan import Bucket, bucket_of, plan_shard
from medvision.transforms.select import find_cases
from medvision.transforms.shard import build_shard
from medvision.transforms.split import NumberedSplit, numbered_splits
from medvision.transforms.threads import limit_threads
from medvision.transforms.warm import warm_up

Tables = tuple[Dataset, ...]
PairJob = tuple[str, list[ShardRecord]]
"""A kind, and the shards of one dataset."""

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

    def expand(self, shards: PCollection[Shard]) -> PCollection[ShardRecord]:
        return shards | "Build" >> beam.ParDo(_Build(self.datasets, self.options))


@dataclass
class PublishRelease(beam.PTransform):
    """Names, pairs, plans, tables, manifest: begins when every shard is built, ends with the manifest."""

    datasets: Tables
    options: BuildOptions
    splits: PCollection[tuple[str, NumberedSplit]]
    dead_letters: PCollection[DeadLetter]

    def expand(self, records: PCollection[ShardRecord]) -> PCollection[dict[str, object]]:
        ready = records | "Gather records" >> ToList() | "Take lock" >> beam.ParDo(_Begin(self.options))
        shard_files = (
            ready
            | "Each shard" >> beam.FlatMap(_each)
            | "Spread links" >> beam.Reshuffle()
            | "Name files" >> beam.ParDo(_Link(self.options))
        )
        pair_files = (
            ready
            | "Each kind" >> beam.ParDo(_PairJobs(self.datasets, self.options))
            | "Spread pairs" >> beam.Reshuffle()
            | "Write pairs" >> beam.ParDo(_WritePairs(self.options), beam.pvalue.AsDict(self.splits))
        )
        plan_files = (
            ready
            | "Each plan" >> beam.ParDo(_PlanJobs(self.datasets, self.options))
            | "Spread plans" >> beam.Reshuffle()
            | "Write plans" >> beam.ParDo(_WritePlans(self.datasets, self.options), beam.pvalue.AsDict(self.splits))
        )
        files = (shard_files, pair_files, plan_files) | "All files" >> beam.Flatten() | "Gather files" >> ToList()
        return ready | "Write manifest" >> beam.ParDo(
            _Finish(self.datasets, self.options),
            beam.pvalue.AsSingleton(files),
            beam.pvalue.AsList(self.dead_letters),
        )


class _Match(beam.DoFn):
    def __init__(self, options: BuildOptions) -> None:
        self.options = options

    def process(self, dataset: Dataset) -> Iterator[Case]:
        matched = find_cases(dataset, self.options)
        yield from matched.cases
        for letter in matched.dead_letters:
            yield beam.pvalue.TaggedOutput(DEAD, letter)  # type: ignore[misc]


class _ByName(beam.DoFn):
    """A DoFn that finds the table of a dataset by name."""

    def __init__(self, datasets: Tables) -> None:
        self.tables = {dataset.name: dataset for dataset in datasets}


class _NumberSplits(_ByName):
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


class _DropEmpty(_ByName):
    def __init__(self, datasets: Tables, options: BuildOptions) -> None:
        super().__init__(datasets)
        self.options = options

    def process(self, case: Case) -> Iterator[Case]:
        letter = empty_mask(case, self.tables[case.dataset], self.options)
        if letter is None:
            yield case
        else:
            yield beam.pvalue.TaggedOutput(DEAD, letter)  # type: ignore[misc]


class _ChooseBucket(_ByName):
    def process(self, case: Case) -> Iterator[tuple[Bucket, Case]]:
        yield bucket_of(case, self.tables[case.dataset].bucket_bits), case


class _NameShard(_ByName):
    def __init__(self, datasets: Tables, options: BuildOptions) -> None:
        super().__init__(datasets)
        self.options = options

    def process(self, element: tuple[Bucket, Iterable[Case]]) -> Iterator[Shard]:
        bucket, cases = element
        yield plan_shard(bucket, cases, self.tables[bucket[0]], self.options)


class _Build(_ByName):
    def __init__(self, datasets: Tables, options: BuildOptions) -> None:
        super().__init__(datasets)
        self.options = options

    def setup(self) -> None:
        """Before a process builds its first shard."""
        limit_threads()
        warm_up(self.options)

    def process(self, shard: Shard) -> Iterator[ShardRecord]:
        record = build_shard(shard, self.tables[shard.dataset], self.options)
        for name, count in record.counts.items():
            Metrics.counter("medvision", name).inc(count)
        yield record


class _Begin(beam.DoFn):
    def __init__(self, options: BuildOptions) -> None:
        self.options = options

    def process(self, records: list[ShardRecord]) -> Iterator[list[ShardRecord]]:
        yield publish.begin(records, self.options)


class _Link(beam.DoFn):
    def __init__(self, options: BuildOptions) -> None:
        self.options = options

    def process(self, record: ShardRecord) -> Iterator[PublishedFile]:
        yield from publish.publish_shard(record, self.options)


class _PairJobs(_ByName):
    """One job a dataset and annotation kind."""

    def __init__(self, datasets: Tables, options: BuildOptions) -> None:
        super().__init__(datasets)
        self.options = options

    def process(self, records: list[ShardRecord]) -> Iterator[PairJob]:
        for name in sorted({record.shard.dataset for record in records}):
            mine = [record for record in records if record.shard.dataset == name]
            for kind in kinds_of(self.tables[name], self.options.rule_table):
                yield kind, mine


class _WritePairs(beam.DoFn):
    def __init__(self, options: BuildOptions) -> None:
        self.options = options

    def process(self, job: PairJob, splits: dict[str, NumberedSplit]) -> Iterator[PublishedFile]:
        kind, records = job
        yield from publish.write_pairs(kind, records, splits[records[0].shard.dataset], self.options)


class _PlanJobs(_ByName):
    """One job a dataset and kind of plan, where plans are asked for."""

    def __init__(self, datasets: Tables, options: BuildOptions) -> None:
        super().__init__(datasets)
        self.asked = PLANS in options.formats

    def process(self, records: list[ShardRecord]) -> Iterator[PairJob]:
        for name in sorted({record.shard.dataset for record in records}) if self.asked else ():
            mine = [record for record in records if record.shard.dataset == name]
            for kind in plan_kinds_of(self.tables[name]):
                yield kind, mine


class _WritePlans(_ByName):
    def __init__(self, datasets: Tables, options: BuildOptions) -> None:
        super().__init__(datasets)
        self.options = options

    def process(self, job: PairJob, splits: dict[str, NumberedSplit]) -> Iterator[PublishedFile]:
        kind, records = job
        name = records[0].shard.dataset
        yield from write_plans(kind, records, splits[name], self.tables[name], self.options)


class _Finish(beam.DoFn):
    def __init__(self, datasets: Tables, options: BuildOptions) -> None:
        self.datasets, self.options = datasets, options

    def process(
        self, records: list[ShardRecord], files: list[PublishedFile], letters: list[DeadLetter]
    ) -> Iterator[dict[str, object]]:
        yield publish.finish(records, files, letters, self.datasets, self.options)


def _by_dataset(case: Case) -> tuple[str, Case]:
    return case.dataset, case


def _each(records: list[ShardRecord]) -> list[ShardRecord]:
    return records
