"""Counts of what was found against what upstream published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from medvision.pipelines.survey.findings import Found
from medvision.schemas.case import Case
from medvision.schemas.dataset import Dataset
from medvision.schemas.rules import Rules

SPLIT_MEANING = (
    "upstream draws its split from the whole published list, so sides drawn from another list differ (one missing "
    "file of 489 moves 132); complete the data or pass --splits-from"
)


@dataclass(frozen=True)
class TaskCount:
    """Images of one task: `kind` is "mask" or "landmarks"; `published` is None where only a total is known."""

    kind: str
    task: int
    image: str
    images: int
    published: int | None


def count_tasks(dataset: Dataset, cases: Sequence[Case]) -> tuple[TaskCount, ...]:
    """A count for each task, of those that drop out later too."""
    images = Counter((bool(case.landmarks), image.task) for case in cases for image in case.images)
    published = _published(dataset)
    masks = [
        TaskCount("mask", task.number, task.image, images[False, task.number], published) for task in dataset.tasks
    ]
    alone = dataset.images_published if not dataset.tasks and len(dataset.landmark_tasks) == 1 else None
    return (
        *masks,
        *(
            TaskCount("landmarks", task.number, task.image, images[True, task.number], alone)
            for task in dataset.landmark_tasks
        ),
    )


def compare_published(
    dataset: Dataset, cases: Sequence[Case], counts: Sequence[TaskCount], rules: Rules, deep: bool, found: Found
) -> None:
    """Findings published_count, split_incomplete and split_unchecked.

    Args:
        cases: With masks or landmarks, without those that are dropped before the split as far as that is known.
        counts: Of the same cases.
        deep: Whether masks were read, so that empty ones are known.
    """
    name = dataset.name
    masks = sum(bool(case.masks) for case in cases)
    images = sum(count.images for count in counts if count.kind == "mask" or not dataset.tasks)
    if (masks, images) != (dataset.masks_published, dataset.images_published):
        example = f"{images} of {dataset.images_published} images, {masks} of {dataset.masks_published} masks"
        found.add("info", name, "published_count", "other counts than upstream published", example)
    if rules.split_source != "file_shuffle":
        return
    if dataset.drop_empty_masks and not deep and images >= dataset.images_published:
        meaning = "upstream drops empty masks before the split; --deep tells how many are left"
        found.add("info", name, "split_unchecked", meaning, f"{images} images, {dataset.images_published} published")
        return
    known = [count for count in counts if count.published is not None]
    for count in known:
        if count.images != count.published:
            example = f"{count.kind} task {count.task:02d}: {count.images} of {count.published} images"
            found.add("warning", name, "split_incomplete", SPLIT_MEANING, example)
    if not known and images != dataset.images_published:
        example = f"all tasks: {images} of {dataset.images_published} images"
        found.add("warning", name, "split_incomplete", SPLIT_MEANING, example)


def _published(dataset: Dataset) -> int | None:
    """Images that upstream has of each task with masks: the number of masks, where all tasks share them."""
    shared = len({task.group for task in dataset.tasks}) == 1
    whole = dataset.images_published == dataset.masks_published * len(dataset.tasks)
    return dataset.masks_published if shared and whole else None
