"""Upstream's plan files of a release that was built without them."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow.compute as pc

from medvision.pipelines.export.folder import ExportError
from medvision.pipelines.export.job import ExportJob
from medvision.pipelines.plans import write_plans
from medvision.pipelines.release import Release
from medvision.schemas.case import Case, SourceFile
from medvision.schemas.dataset import PLANES, Dataset
from medvision.schemas.options import BuildOptions
from medvision.schemas.pairs import kind_of_config
from medvision.schemas.plans import plan_kinds_of
from medvision.schemas.record import SOURCES_TABLE, Shard, ShardFile, ShardRecord
from medvision.sources.registry import find_dataset
from medvision.transforms.match import match_cases
from medvision.transforms.select import find_cases
from medvision.transforms.split import SIDES, NumberedSplit, numbered_splits
from medvision.transforms.store import Store

SLICE_ENDING = r"-[a-z]+-\d+$"
"""What a slice id has beyond its volume's."""


def write_plan_files(job: ExportJob) -> None:
    """Write `plans/` as a build with `--formats plans` does, byte for byte.

    Raises:
        ExportError: Rules without plans, a part of a dataset asked for, or sides that the release does not tell.
    """
    release, rules = job.release, job.rules
    if not rules.lesion_plan:
        raise ExportError(f"upstream has no plans by rules {rules.name}; build by a numbered version")
    if job.selection.sides != SIDES or job.selection.planes != PLANES:
        raise ExportError("a plan holds a whole dataset; leave --split and --plane out")
    if not release.manifest["complete"]:
        raise ExportError(f"{release.url} has unbuilt cases, which count for the splits; build again first")
    options = BuildOptions(job.options.raw, release.url, (), rules.name, splits_from=job.options.splits_from)
    for name in job.selection.names(release):
        dataset = find_dataset(name)
        splits = _splits(release, dataset, options)
        _check_sides(release, name, splits)
        records = _records(release, name)
        for kind in plan_kinds_of(dataset):
            for file in write_plans(kind, records, splits, dataset, options, Store(str(job.folder.staging))):
                job.folder.files += 1
                job.folder.bytes += file.bytes
                job.counts["cases"] += file.rows
        job.advance(sum(file.rows for file in release.files("annotations", name)))


def _splits(release: Release, dataset: Dataset, options: BuildOptions) -> NumberedSplit:
    """Sides as the build drew them: over the cases that it matched, which were read or left out since."""
    if options.raw:
        dropped = _empty_masks(release, dataset) if dataset.drop_empty_masks else set()
        cases: Iterable[Case] = [c for c in find_cases(dataset, options).cases if c.case_id not in dropped]
    elif release.manifest["limit"] and not options.splits_from:
        raise ExportError(
            f"{release.url} holds the first {release.manifest['limit']} cases of each dataset, and sides were drawn "
            "over all; name the raw folder with --raw"
        )
    else:
        cases = match_cases(dataset, _sources(release, dataset)).cases
    return numbered_splits(dataset, cases, options.rule_table, options.splits_from)


def _sources(release: Release, dataset: Dataset) -> list[SourceFile]:
    """Raw files of every matched case, also of those that were left out when read."""
    table = release.parquet(SOURCES_TABLE).read(["dataset", "path", "bytes"])
    rows = table.filter(pc.equal(table["dataset"], dataset.name)).to_pylist()
    paths = {row["path"]: row["bytes"] for row in rows}
    # A folder that was read as one volume is matched by the files in it.
    return [SourceFile(path + "file" if path.endswith("/") else path, size, "") for path, size in paths.items()]


def _empty_masks(release: Release, dataset: Dataset) -> set[str]:
    """Cases that were dropped before the sides were drawn."""
    found = set()
    for file in release.files("dead_letters", dataset.name):
        for row in release.parquet(file.path).read(["case_id", "stage", "reason"]).to_pylist():
            if (row["stage"], row["reason"]) == ("match", "mask_empty"):
                found.add(row["case_id"])
    return found


def _check_sides(release: Release, dataset: str, splits: NumberedSplit) -> None:
    """Raises ExportError where the pairs of the release stand on other sides."""
    names: dict[str, str] = {}
    for file in release.files("volumes", dataset):
        table = release.parquet(file.path).read(["volume_id", "upstream_name"])
        names.update(zip(table["volume_id"].to_pylist(), table["upstream_name"].to_pylist(), strict=True))
    for file in release.files("pairs", dataset):
        config, part = file.path.split("/")[1:3]
        kind, task, side = kind_of_config(config), int(config.split("_Task")[1].split("_")[0]), part.split("-")[0]
        with release.parquet(file.path, stream=True) as pairs:
            for batch in pairs.iter_batches(columns=["slice_id"]):
                shown = pc.unique(pc.replace_substring_regex(batch["slice_id"], SLICE_ENDING, ""))
                for volume_id in shown.to_pylist():
                    if splits.get((kind, task, names[volume_id]), ("",))[0] != side:
                        raise ExportError(
                            f"{release.url} has {volume_id} on the {side} side of {config}, which cannot be computed "
                            "from its sources; name the plans that it was built with by --splits-from"
                        )


def _records(release: Release, dataset: str) -> list[ShardRecord]:
    """The dataset's shards as the release publishes them."""
    files: dict[str, list[ShardFile]] = {}
    for kind in ("annotations", "volumes"):
        for file in release.files(kind, dataset):
            name = file.path.rsplit("/", 1)[1].removesuffix(".parquet")
            files.setdefault(name, []).append(ShardFile(kind, file.path, file.bytes, file.sha256, file.rows))
    return [ShardRecord(_shard(dataset, name), "", tuple(found)) for name, found in sorted(files.items())]


def _shard(dataset: str, name: str) -> Shard:
    """By its name, such as "train-00003-of-00008"; what only a build needs is left blank."""
    side, bucket, _, buckets = name.split("-")
    return Shard(dataset, side, int(bucket), int(buckets), "", "", "", 0)
