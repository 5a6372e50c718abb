"""The numbers of a slice, beside its picture: what each mark measures, in words and with units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from medvision.pipelines.picture.chosen import Chosen
from medvision.pipelines.picture.label_marks import AXES, boxes_of
from medvision.pipelines.picture.numbers import measured, millimetres, plain, square_millimetres, width_by_height
from medvision.pipelines.picture.styles import Style, style_of
from medvision.transforms.move import Move

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Fact:
    """One number: whose ("liver"), what ("box, width x height") and how much ("12.0 × 8.4 mm")."""

    style: Style
    name: str
    what: str
    value: str


def facts_of(row: Row, move: Move, chosen: Chosen) -> list[Fact]:
    """Areas and boxes of each label, then the lines of its lesions; then measures of landmarks; in the row's order."""
    of_labels = [*_labels(row, move, chosen), *_lesions(row, chosen)]
    names = list(dict.fromkeys((fact.style, fact.name) for fact in of_labels))
    of_labels.sort(key=lambda fact: names.index((fact.style, fact.name)))
    return [*of_labels, *_measures(row, chosen)]


def _labels(row: Row, move: Move, chosen: Chosen) -> Iterator[Fact]:
    for segment in chosen.segments(row):
        style, name = style_of(int(segment["label"])), plain(segment["name"] or f"label {segment['label']}")
        if chosen.shows("MaskSize"):
            yield Fact(style, name, "area", square_millimetres(segment["area_mm2"]))
        if chosen.shows("BoxSize"):
            for box in boxes_of(move.segment(segment), chosen):
                yield Fact(style, name, "box, width × height", width_by_height(box["size_mm"]))


def _lesions(row: Row, chosen: Chosen) -> Iterator[Fact]:
    for lesion in chosen.lesions(row):
        style, name = style_of(int(lesion["label"])), plain(lesion["name"] or f"label {lesion['label']}")
        if chosen.rules.lesion_axes == "conic":
            for ellipse in lesion["ellipses"]:
                for axis in ("major", "minor"):
                    yield Fact(style, name, f"{axis} axis", millimetres(ellipse[f"{axis}_mm"]))
            continue
        for region in lesion["regions"]:
            for *lines, kind in AXES:
                for line in lines:
                    if chosen.shows(kind) and region[line]:
                        yield Fact(style, name, line.replace("_", " "), millimetres(region[line]["length_mm"]))


def _measures(row: Row, chosen: Chosen) -> Iterator[Fact]:
    for place, item in enumerate(chosen.measures(row), 1):
        key = plain(item["key"])
        what = item["metric_type"] if item["name"] in ("", key) else f"{item['metric_type']} {key}"
        yield Fact(style_of(place), plain(item["name"] or key), what, measured(item["value"], item["unit"]))
