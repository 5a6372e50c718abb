"""The build: one pipeline for any number of datasets."""

import apache_beam as beam
from apache_beam.pvalue import PCollection

from medvision.pipelines.publish_steps import PublishRelease
from medvision.pipelines.steps import (
    CASES,
    DEAD,
    SPLITS,
    AssignSplits,
    BuildShards,
    DropEmptyMasks,
    MatchCases,
    PlanShards,
    Tables,
)
from medvision.schemas.options import BuildOptions


def build_release(
    pipeline: beam.Pipeline, datasets: Tables, options: BuildOptions, min_ram_bytes: int = 0
) -> PCollection[dict[str, object]]:
    """Wire a release from raw archives to manifest.

    Args:
        pipeline: Where to add the steps; running it is the caller's.
        datasets: Tables, sorted by name, without doubles.
        options: From where, to where, by which rules.
        min_ram_bytes: What a machine takes for all cases that it builds at a time, for engines that choose machines by
            it; 0 says nothing.

    Returns:
        A collection of one element: the manifest that was written.
    """
    matched = pipeline | "Match cases" >> MatchCases(datasets, options)
    labelled = matched[CASES] | "Drop empty masks" >> DropEmptyMasks(datasets, options)
    assigned = labelled[CASES] | "Assign splits" >> AssignSplits(datasets, options)
    dead_letters = (matched[DEAD], labelled[DEAD]) | "Left out before" >> beam.Flatten()
    return (
        assigned[CASES]
        | "Plan shards" >> PlanShards(datasets, options)
        | "Spread shards" >> beam.Reshuffle()  # else fusion builds a dataset's shards in one process
        | "Build shards" >> BuildShards(datasets, options, min_ram_bytes)
        | "Publish" >> PublishRelease(datasets, options, assigned[SPLITS], dead_letters)
    )
