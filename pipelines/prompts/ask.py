"""From a pair and the slice it is on to a question with its answer, or the reason why none is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medvision.pipelines.export.angles import lines_of, points_of_measure
from medvision.pipelines.prompts.options import PromptOptions
from medvision.pipelines.prompts.targets import axes_target, box_target, diameter_target, exact_axes
from medvision.pipelines.prompts.templates import Templates
from medvision.schemas.dataset import Dataset, LandmarkTask
from medvision.schemas.pairs import LANDMARK_KINDS
from medvision.schemas.prompts import QUESTION_OF, UNITS
from medvision.sources.registry import DATASETS
from medvision.transforms.move import Move
from medvision.transforms.processor_sizes import ProcessorError

Row = Mapping[str, Any]
WORDS = {"": "", "mm": "millimeters", "mm2": "square millimeters", "degree": "degrees"}


class NotAsked(Exception):
    """A pair that no question is asked of; the text is a reason of REASONS."""


REASONS = {
    "label_unknown": "the dataset's table has no name for the label",
    "measure_not_a_line": "the measure is a ratio, signed, or a sum of angles",
    "landmarks_unnamed": "the names of its landmarks are not known",
    "not_measured": "the region has no such axis or diameter",
    "processor_refuses": "one side is so long that the processor refuses it",
    "no_images": "the release holds no pictures of the dataset",
}


@dataclass(frozen=True)
class Asker:
    """Asks by one set of options."""

    options: PromptOptions
    templates: Templates

    def row(self, kind: str, config: str, pair: Row, slice_row: Row, move: Move, whole: Move) -> dict[str, Any]:
        """A row of PROMPT_SCHEMA without its picture and window.

        Args:
            kind: Annotation kind of the pair.
            move: From the slice array to the picture.
            whole: The same without resizing.

        Raises:
            NotAsked: No question is asked of it.
        """
        question = question_kind(kind, pair)
        facts, target = self._facts(question, kind, pair, slice_row, whole)
        rows, columns = move.resized
        picture = (columns, rows) if move.turned else (rows, columns)
        try:
            made = self.options.resized(picture)
        except ProcessorError:
            raise NotAsked("processor_refuses") from None
        spacing = move.spacing(slice_row["pixel_spacing_mm"])
        pixel_mm = [mm / (n / own) for mm, n, own in zip(spacing, made.content, picture, strict=True)]
        texts = self.templates.texts[question]
        stated = {
            "width": made.canvas[1],
            "height": made.canvas[0],
            "pixel_width_mm": f"{pixel_mm[1]:.3f}",
            "pixel_height_mm": f"{pixel_mm[0]:.3f}",
            "modality": slice_row["modality"],
            "plane": slice_row["plane"],
            "unit": WORDS[UNITS[question]],
        }
        return {
            "question": texts.ask({**facts, **stated}),
            "answer": texts.tell(target),
            "target": target,
            "unit": UNITS[question],
            "kind": question,
            "config": config,
            **{name: pair[name] for name in ("pair_id", "slice_id", "label", "label_name", "single_instance")},
            **{name: slice_row[name] for name in ("dataset", "modality", "plane")},
            "metric_key": pair["biometric_profile"]["metric_key"] if kind in LANDMARK_KINDS else "",
            "picture_wh": picture[::-1],
            "content_wh": made.content[::-1],
            "image_wh": made.canvas[::-1],
            "pixel_mm_wh": pixel_mm[::-1],
            **{name: pair[name] for name in ("patient_side", "split_source", "flags")},
        }

    def _facts(
        self, question: str, kind: str, pair: Row, slice_row: Row, whole: Move
    ) -> tuple[dict[str, Any], list[float]]:
        table = DATASETS.get(slice_row["dataset"])
        if kind in LANDMARK_KINDS:
            return _measure_facts(table, question, pair, slice_row)
        if not pair["label_name"]:
            raise NotAsked("label_unknown")
        numbers = {task.number: task.description for task in table.tasks} if table else {}
        facts = {"label": pair["label_name"], "description": numbers.get(slice_row["task"], "")}
        return facts, self._target(question, pair, slice_row, whole)

    def _target(self, question: str, pair: Row, slice_row: Row, whole: Move) -> list[float]:
        exact = self.options.targets == "exact"
        if question == "box":
            return box_target(pair["bounding_boxes"][0], whole, exact)
        if question == "mask":
            return [pair["ROI_area"]]
        target: list[float] | None = diameter_target(pair) if question == "diameter" else axes_target(pair)
        if question == "lesion" and exact:
            target = exact_axes(slice_row["lesions"], int(pair["taskID"]))
        if target is None:
            raise NotAsked("not_measured")
        return target


def question_kind(kind: str, pair: Row) -> str:
    """Kind of the question that a pair is asked by. Raises NotAsked for a ratio."""
    if kind in QUESTION_OF:
        return QUESTION_OF[kind]
    metric = str(pair["biometric_profile"]["metric_type"])
    if metric not in ("distance", "angle"):
        raise NotAsked("measure_not_a_line")
    return metric


def _measure_facts(
    table: Dataset | None, question: str, pair: Row, slice_row: Row
) -> tuple[dict[str, Any], list[float]]:
    measure = pair["biometric_profile"]
    key, exact = measure["metric_key"], pair["definition"] == "exact"
    of_measure = {"key": key, "definition": pair["definition"]}
    numbers: tuple[int, ...] | None = lines_of(of_measure) if question == "angle" else points_of_measure(of_measure)
    if not numbers or (question == "distance" and not key.startswith("L-")):
        raise NotAsked("measure_not_a_line")
    task = _landmark_task(table, int(pair["taskID"]))
    names = {mark["number"]: mark["name"] for mark in slice_row["landmarks"]} | (dict(task.points) if task else {})
    points = [names.get(number, "") for number in numbers]
    if not all(points):
        raise NotAsked("landmarks_unnamed")
    called = {m.key: m.upstream_name for m in task.measures} if task else {}
    facts = {
        "label": pair["label_name"],
        "description": task.description if task else "",
        "points": points,
        "name": called.get(key, key if exact and question == "angle" else ""),
        "directed": exact,
    }
    return facts, [measure["metric_value"]]


def _landmark_task(table: Dataset | None, number: int) -> LandmarkTask | None:
    return next((task for task in table.landmark_tasks if task.number == number), None) if table else None
