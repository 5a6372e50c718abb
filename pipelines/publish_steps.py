"""The last step of a build as a PTransform: names, pairs, plans, tables, manifest, once every shard is there."""

# No `from __future__ import annotations` here: Beam reads these hints to check the wiring.

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PCollection
from apache_beam.transforms.combiners import ToList

from medvision.pipelines import publish
from medvision.pipelines.counters import count_pairs, count_seconds
from medvision.pipelines.plans import write_plans
from medvision.pipelines.steps import ByName, Tables
from medvision.schemas.faults import DeadLetter
from medvision.schemas.options import BuildOptions
from medvision.schemas.pairs import kinds_of
from medvision.schemas.plans import PLANS, plan_kinds_of
from medvision.schemas.record import PublishedFile, ShardRecord
from medvision.transforms.retries import working
from medvision.transforms.split import NumberedSplit
from medvision.transforms.stages import stage

PairJob = tuple[str, list[ShardRecord]]
"""A kind, and the shards of one dataset."""


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


class _Begin(beam.DoFn):
    def __init__(self, options: BuildOptions) -> None:
        self.options = options

    def process(self, records: list[ShardRecord]) -> Iterator[list[ShardRecord]]:
        yield publish.begin(records, self.options)


class _Link(beam.DoFn):
    def __init__(self, options: BuildOptions) -> None:
        self.options = options

    def process(self, record: ShardRecord) -> Iterator[PublishedFile]:
        with stage("name files"):
            named = publish.publish_shard(record, self.options)
        count_seconds()
        yield from named


class _PairJobs(ByName):
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
        with stage("pairs"):
            written = publish.write_pairs(kind, records, splits[records[0].shard.dataset], self.options)
        count_pairs(kind, written)
        count_seconds()
        yield from written


class _PlanJobs(ByName):
    """One job a dataset and kind of plan, where plans are asked for."""

    def __init__(self, datasets: Tables, options: BuildOptions) -> None:
        super().__init__(datasets)
        self.asked = PLANS in options.formats

    def process(self, records: list[ShardRecord]) -> Iterator[PairJob]:
        for name in sorted({record.shard.dataset for record in records}) if self.asked else ():
            mine = [record for record in records if record.shard.dataset == name]
            for kind in plan_kinds_of(self.tables[name]):
                yield kind, mine


class _WritePlans(ByName):
    def __init__(self, datasets: Tables, options: BuildOptions) -> None:
        super().__init__(datasets)
        self.options = options

    def process(self, job: PairJob, splits: dict[str, NumberedSplit]) -> Iterator[PublishedFile]:
        kind, records = job
        name = records[0].shard.dataset
        with stage("plans"):
            written = working(lambda: write_plans(kind, records, splits[name], self.tables[name], self.options))
        count_seconds()
        yield from written


class _Finish(beam.DoFn):
    def __init__(self, datasets: Tables, options: BuildOptions) -> None:
        self.datasets, self.options = datasets, options

    def process(
        self, records: list[ShardRecord], files: list[PublishedFile], letters: list[DeadLetter]
    ) -> Iterator[dict[str, object]]:
        with stage("manifest"):
            manifest = working(lambda: publish.finish(records, files, letters, self.datasets, self.options))
        count_seconds()
        yield manifest


def _each(records: list[ShardRecord]) -> list[ShardRecord]:
    return records
