"""Write upstream's plan files of a release from its annotation and volume files, one case in memory at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from medvision.schemas.dataset import Dataset
from medvision.schemas.options import BuildOptions
from medvision.schemas.plans import PLANS, plan_folder, plan_name, plan_version
from medvision.schemas.record import PublishedFile, ShardRecord
from medvision.schemas.rules import Rules
from medvision.transforms.plans.cases import ROW_COLUMNS, VOLUME_COLUMNS, PlanCase, Volumes, plan_cases
from medvision.transforms.plans.images import images_of
from medvision.transforms.plans.spool import PlanSpool
from medvision.transforms.plans.tasks import PlanTask, dataset_info, plan_tasks
from medvision.transforms.plans.text import packed, to_json
from medvision.transforms.split import NumberedSplit
from medvision.transforms.store import Store


def write_plans(
    kind: str,
    records: list[ShardRecord],
    splits: NumberedSplit,
    dataset: Dataset,
    options: BuildOptions,
    target: Store | None = None,
) -> list[PublishedFile]:
    """One kind of plan of one dataset, and its landmark files: a streaming pass over the dataset's shards.

    Args:
        kind: Key of PLAN_KINDS.
        records: Shards of the dataset; their files stand below `options.out`.
        splits: Side of each image file; its order is that of the cases. An image without a side is in no plan.
        target: Where to write; None for `options.out` too.

    Raises:
        ValueError: A shard has slices and no volumes, or they are not of the same images.
    """
    store, rules = Store(options.out), options.rule_table
    target = target or store
    tasks = plan_tasks(dataset, kind, rules)
    version = plan_version(dataset, kind, rules)
    published = []
    with PlanSpool() as spool:
        for record in sorted(records, key=lambda r: (r.shard.side, r.shard.bucket)):
            for case in _shard_cases(store, record, kind, tasks, rules):
                number, name = case.task.number, case.upstream_name
                side, _ = splits.get((case.task.pair_kind, number, name), ("", ""))
                if not side:
                    continue
                spool.add(number, name, case.record)
                if case.landmark_file:
                    published.append(_write_landmarks(target, dataset.name, case))
        path = f"{plan_folder(dataset.name)}/{plan_name(kind, version)}"
        with target.writing(path) as out:
            cases = spool.write(out, dataset_info(dataset), tasks, _case_order(splits, tasks))
    plan = PublishedFile(path, PLANS, dataset.name, out.count, cases, out.digest.hexdigest())
    return [*published, plan]


def _shard_cases(
    store: Store, record: ShardRecord, kind: str, tasks: list[PlanTask], rules: Rules
) -> Iterator[PlanCase]:
    files = {file.kind: file for file in record.files}
    if "volumes" not in files:
        if "annotations" in files:
            raise ValueError(f"shard {record.shard.name} of {record.shard.dataset} has slices and no volumes")
        return
    with store.open(files["volumes"].path, files["volumes"].bytes) as raw:
        volumes = Volumes(pq.ParquetFile(raw).read(list(VOLUME_COLUMNS[kind])))
    if "annotations" in files:
        with store.open(files["annotations"].path, files["annotations"].bytes) as raw:
            for key, rows in images_of(_row_groups(pq.ParquetFile(raw), ROW_COLUMNS[kind])):
                yield from plan_cases(kind, tasks, volumes.take(key), rows, rules)
    for key in volumes.left():
        yield from plan_cases(kind, tasks, volumes.take(key), None, rules)


def _row_groups(file: pq.ParquetFile, columns: tuple[str, ...]) -> Iterator[pa.Table]:
    for group in range(file.num_row_groups):
        yield file.read_row_group(group, list(columns))


def _case_order(splits: NumberedSplit, tasks: list[PlanTask]) -> dict[tuple[int, str], list[str]]:
    order: dict[tuple[int, str], list[str]] = defaultdict(list)
    wanted = {(task.pair_kind, task.number) for task in tasks}
    for (pair_kind, number, name), (side, _) in splits.items():
        if (pair_kind, number) in wanted:
            order[number, side].append(name)
    return order


def _write_landmarks(store: Store, dataset: str, case: PlanCase) -> PublishedFile:
    path = f"{plan_folder(dataset)}/{case.landmark_file}"
    with store.writing(path) as out:
        out.write(packed(to_json(case.landmarks)))
    return PublishedFile(path, PLANS, dataset, out.count, 0, out.digest.hexdigest())
