"""What a plan says of a dataset and of each task before its cases, under upstream's keys and in their order."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any

from medvision.schemas.dataset import Dataset, LandmarkTask, LesionTask, Measure, Task
from medvision.schemas.pairs import LANDMARK_KINDS, kinds_of
from medvision.schemas.plans import LANDMARK_SUFFIX, PLAN_KINDS, counts_all_clusters, plan_version
from medvision.schemas.rules import Rules

Affixes = tuple[str, str]
"""Basename before the case id, and after it."""

METRIC_MAPS = {"distance": "lines_map", "angle": "angles_map"}
LESION_POINTS = {
    f"P{2 * axis + end + 1}": f"most {direction} endpoint of the {name} axis"
    for axis, name in enumerate(("major", "minor"))
    for end, direction in enumerate(("right/anterior/superior", "left/superior/inferior"))  # upstream's words
}
LESION_LINES = {"L-1-2": "marjor axis of the fitted ellipse", "L-3-4": "minor axis of the fitted ellipse"}
"""Names as upstream spells them: its tools look for both spellings of "major"."""


@dataclass(frozen=True)
class PlanTask:
    """One task of a plan.

    Attributes:
        number: In this plan.
        image_task: Number of the Task or LandmarkTask that the images are of.
        pair_kind: Annotation kind whose numbered split it follows.
        head: Upstream's keys of the task up to `task_type`, in upstream's order.
        image, mask: Affixes of their basenames; `mask` is None without one.
        folder: Of its landmark files, "" for none.
        target: Lesion label, 0 for none.
        measures: Of a landmark task.
        source: Whose landmarks its measures are between.
        points_by_measure: Whether its landmark files have an entry a measure, not an entry a slice.
    """

    number: int
    image_task: int
    pair_kind: str
    head: dict[str, Any]
    image: Affixes
    mask: Affixes | None = None
    folder: str = ""
    target: int = 0
    measures: tuple[Measure, ...] = ()
    source: str = ""
    points_by_measure: bool = False

    def case_id(self, upstream_name: str) -> str:
        return upstream_name.removeprefix(self.image[0]).removesuffix(self.image[1])

    def image_file(self, upstream_name: str) -> str:
        return posixpath.join(self.head["image_folder"], upstream_name)

    def mask_file(self, upstream_name: str) -> str:
        prefix, suffix = self.mask or ("", "")
        return posixpath.join(self.head["mask_folder"], f"{prefix}{self.case_id(upstream_name)}{suffix}")

    def landmark_file(self, upstream_name: str) -> str:
        return posixpath.join(self.folder, f"{self.case_id(upstream_name)}{LANDMARK_SUFFIX}")


def dataset_info(dataset: Dataset) -> dict[str, Any]:
    """`dataset_info` of a plan; links and licence as our table has them."""
    return {
        "dataset": dataset.name if dataset.upstream_title is None else dataset.upstream_title,
        "dataset_website": dataset.homepage,
        "dataset_data": list(dataset.data_urls),
        "license": [dataset.licence],
        "paper": list(dataset.papers),
    }


def plan_tasks(dataset: Dataset, kind: str, rules: Rules) -> list[PlanTask]:
    """Tasks of one kind of plan, in order of number."""
    if kind != "biometry":
        return sorted((_mask_task(task, kind) for task in dataset.tasks), key=lambda task: task.number)
    version = plan_version(dataset, kind, rules)
    tasks = [_lesion_task(lesion, dataset.task(lesion.task), version, rules) for lesion in dataset.lesion_tasks]
    landmark_kind = next((kind for kind in kinds_of(dataset, rules) if kind in LANDMARK_KINDS), "")  # all split alike
    tasks += [_landmark_task(task, landmark_kind) for task in dataset.landmark_tasks]
    return sorted(tasks, key=lambda task: task.number)


def affixes(name: str, case: str = "{case}") -> Affixes:
    """Text before and after `case` in `name`."""
    prefix, _, suffix = name.partition(case)
    return prefix, suffix


def _mask_task(task: Task, kind: str) -> PlanTask:
    image, mask = affixes(task.upstream_name, task.upstream_case), affixes(task.upstream_mask_name, task.upstream_case)
    head = {
        "image_modality": task.modality,
        "image_description": task.description,
        "image_folder": task.upstream_images,
        "mask_folder": task.upstream_masks,
        **_named("image", image),
        **_named("mask", mask),
        "labels_map": _labels_map(task),
        **_kind_of(task.number, kind),
    }
    return PlanTask(task.number, task.number, PLAN_KINDS[kind], head, image, mask)


def _lesion_task(lesion: LesionTask, task: Task, version: str, rules: Rules) -> PlanTask:
    image, mask = affixes(task.upstream_name, task.upstream_case), affixes(task.upstream_mask_name, task.upstream_case)
    folder = posixpath.join(posixpath.dirname(task.upstream_masks), f"Landmarks-Label{lesion.target}")
    ending = f"-v{version}" if counts_all_clusters(rules) else ""
    floor = {"min_major_axis_mm": rules.conic_floor_mm} if rules.conic_floor_mm else {}
    head = {
        "image_modality": task.modality,
        "image_description": task.description,
        "image_folder": task.upstream_images,
        "mask_folder": task.upstream_masks,
        "landmark_folder": f"{folder}{ending}",
        "landmark_figure_folder": f"{folder}-fig{ending}",
        **_named("image", image),
        **_named("mask", mask),
        **_named("landmark", ("", LANDMARK_SUFFIX)),
        "labels_map": _labels_map(task),
        "landmarks_map": LESION_POINTS,
        "lines_map": {
            key: _element(name, [f"P{number}" for number in key.split("-")[1:]], "landmarks_map")
            for key, name in LESION_LINES.items()
        },
        "angles_map": {},
        "biometrics_map": [
            {"metric_type": "distance", "metric_map_name": "lines_map", "metric_key": key} for key in LESION_LINES
        ],
        "target_label": lesion.target,
        "cluster_size_threshold": rules.lesion_min_pixels,
        **floor,
        **_kind_of(lesion.number, "biometry"),
    }
    return PlanTask(
        lesion.number, task.number, PLAN_KINDS["biometry"], head, image, mask, f"{folder}{ending}", lesion.target
    )


def _landmark_task(task: LandmarkTask, kind: str) -> PlanTask:
    image = affixes(task.upstream_name)
    head = {
        "image_modality": task.modality if task.upstream_modality is None else task.upstream_modality,
        "image_description": task.description,
        "image_folder": task.upstream_images,
        "landmark_folder": task.upstream_landmarks,
        **_named("image", image),
        **_named("landmark", ("", LANDMARK_SUFFIX)),
        "landmarks_map": {f"P{number}": name for number, name in task.points.items()},
        "lines_map": _lines_map(task.measures),
        "angles_map": {
            m.key: _element(m.upstream_name, [_line(m.points[:2]), _line(m.points[2:])], "lines_map")
            for m in task.measures
            if m.kind == "angle"
        },
        "biometrics_map": [
            {
                "metric_type": m.kind,
                "metric_map_name": METRIC_MAPS[m.kind],
                "metric_key": m.key,
                "slice_dim": m.slice_dim,
            }
            for m in task.measures
        ],
        **_kind_of(task.number, "biometry"),
    }
    return PlanTask(
        number=task.number,
        image_task=task.number,
        pair_kind=kind,
        head=head,
        image=image,
        folder=task.upstream_landmarks,
        measures=task.measures,
        source=next(iter(task.sources)),
        points_by_measure=task.format == "voxel_pairs",
    )


def _lines_map(measures: tuple[Measure, ...]) -> dict[str, Any]:
    """Lines that are measures themselves, then those that only angles are between."""
    names = {_line(m.points): m.upstream_name for m in measures if m.kind == "distance"}
    for measure in measures:
        if measure.kind == "angle":
            for ends in (measure.points[:2], measure.points[2:]):
                names.setdefault(_line(ends), "")
    return {
        key: _element(name, [f"P{number}" for number in key.split("-")[1:]], "landmarks_map")
        for key, name in names.items()
    }


def _line(ends: tuple[int, ...]) -> str:
    return f"L-{ends[0]}-{ends[1]}"


def _element(name: str, keys: list[str], map_name: str) -> dict[str, Any]:
    return {"name": name, "element_keys": keys, "element_map_name": map_name}


def _labels_map(task: Task) -> dict[str, str]:
    return {str(value): name for value, name in task.labels.items()}


def _named(what: str, ends: Affixes) -> dict[str, str]:
    return {f"{what}_prefix": ends[0], f"{what}_suffix": ends[1]}


def _kind_of(number: int, kind: str) -> dict[str, str]:
    return {"task_ID": f"{number:02d}", "task_type": kind}
