"""Categories of a dataset: one a label, or one a task and label where tasks give a value different names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.release import Release

TASK_STEP = 100_000
"""Above every label: a mask holds at most 65,535."""
COLUMNS = ["task", "segments.list.element.label", "segments.list.element.name"]


@dataclass(frozen=True)
class Categories:
    """What the labels of a dataset are called, over all its sides and planes, so that all its files agree.

    Attributes:
        dataset: Its name.
        names: (task, label) to name, "" for a value that the dataset's table does not name; sorted.
        by_task: Whether a label means different things in different tasks.
    """

    dataset: str
    names: dict[tuple[int, int], str]
    by_task: bool

    def id_of(self, task: int, label: int) -> int:
        return task * TASK_STEP + label if self.by_task else label

    def to_json(self) -> list[dict[str, Any]]:
        """COCO's `categories`, in order of id."""
        found: dict[int, dict[str, Any]] = {}
        for (task, label), name in self.names.items():
            group = f"{self.dataset} task {task:02d}" if self.by_task else self.dataset
            number = self.id_of(task, label)
            category = {"id": number, "name": name or f"label {label}", "supercategory": group}
            found.setdefault(number, {**category, "label": label, "dataset": self.dataset})
        return [found[key] for key in sorted(found)]


def read_categories(release: Release, dataset: str) -> Categories:
    """One pass over three columns of the dataset's annotation files."""
    names: dict[tuple[int, int], str] = {}
    for file in release.files("annotations", dataset):
        with release.parquet(file.path, stream=True) as table:
            for batch in table.iter_batches(batch_size=1 << 14, columns=COLUMNS):
                names.update(_names(batch))
    meanings: dict[int, set[str]] = {}
    for (_, label), name in names.items():
        meanings.setdefault(label, set()).add(name)
    by_task = any(len(several) > 1 for several in meanings.values())
    return Categories(dataset, dict(sorted(names.items())), by_task)


def _names(batch: pa.RecordBatch) -> dict[tuple[int, int], str]:
    nested = batch["segments"]
    segments = pc.list_flatten(nested)
    table = pa.table(
        {
            "task": batch["task"].take(pc.list_parent_indices(nested)),
            "label": segments.field("label"),
            "name": segments.field("name"),
        }
    )
    rows = table.group_by(["task", "label", "name"]).aggregate([]).to_pylist()
    return {(row["task"], row["label"]): row["name"] for row in rows}
