"""Marks of the labels and lesions of a slice: boxes, axes, diameters and outlines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from medvision.pipelines.picture.chosen import Chosen
from medvision.pipelines.picture.marks import Box, Line, Mark, Outline, centre, outline_edges
from medvision.pipelines.picture.numbers import millimetres, plain, width_by_height
from medvision.pipelines.picture.styles import Style, style_of
from medvision.transforms.move import Move
from medvision.transforms.runs import from_run_lengths

Row = Mapping[str, Any]
AXES = (("major_axis", "minor_axis", "TumorLesionSize"), ("longest", "perpendicular", "LesionDiameter"))
"""Lines of a region and the kind of pairs that show them."""
FEW = 8
"""Of more boxes the picture names the labels alone; the sizes stand in the legend."""


def box_marks(row: Row, move: Move, chosen: Chosen) -> Iterator[Mark]:
    """A box a component; the largest of a label bears its name, and all their size where they are few."""
    segments = chosen.segments(row)
    few = sum(len(boxes_of(segment, chosen)) for segment in segments) <= FEW
    for segment in segments:
        moved, style = move.segment(segment), style_of(int(segment["label"]))
        boxes = boxes_of(moved, chosen)
        largest = max(boxes, key=lambda box: box["pixel_count"], default=None)
        for box in boxes:
            size = width_by_height(box["size_mm"])
            name = plain(segment["name"] or f"label {segment['label']}", 32)
            texts = ((f"{name} {size}", name) if few else (name,)) if box is largest else (size,) if few else ()
            yield Box(box["start_rc"], box["stop_rc"], style, texts)


def boxes_of(segment: Row, chosen: Chosen) -> list[dict[str, Any]]:
    """Half-open boxes of a label by the rules, with `size_mm`, in the axis order of the segment."""
    if chosen.rules.connectivity == "corners":
        return [
            {**item, "size_mm": [b - a for a, b in zip(item["start_mm"], item["stop_mm"], strict=True)]}
            for item in segment.get("instances") or ()
        ]
    return [
        {**box, "start_rc": box["min_rc"], "stop_rc": [int(last) + 1 for last in box["max_rc"]]}
        for box in segment["boxes"]
    ]


def lesion_marks(row: Row, move: Move, chosen: Chosen) -> Iterator[Mark]:
    """The lesion's outline, then the axes or diameters that the rules make pairs of."""
    for lesion in chosen.lesions(row):
        style = style_of(int(lesion["label"]))
        yield Outline(outline_edges(move.pixels(lesion_mask(lesion, move.shape))), Style(style.colour_index, 0))
        for start, end, length_mm in lesion_lines(move.lesion(lesion), chosen):
            yield Line(centre(start), centre(end), Style(style.colour_index, 0), (millimetres(length_mm),))


def lesion_lines(lesion: Row, chosen: Chosen) -> list[tuple[Sequence[float], Sequence[float], float]]:
    """Ends in pixels (whole numbers are pixel centres) and lengths in mm of the lines that pairs show."""
    if chosen.rules.lesion_axes == "conic":
        return [
            (item[f"{axis}_start_rc"], item[f"{axis}_end_rc"], item[f"{axis}_mm"])
            for item in lesion["ellipses"]
            for axis in ("major", "minor")
        ]
    lines = [
        region[name]
        for region in lesion["regions"]
        for *names, kind in AXES
        for name in names
        if chosen.shows(kind) and region[name]
    ]
    return [(line["start_rc"], line["end_rc"], line["length_mm"]) for line in lines]


def lesion_mask(lesion: Row, shape: tuple[int, int]) -> np.ndarray:
    """The lesion's pixels on the slice array of `shape`, as its runs hold them."""
    mask = np.zeros(shape, bool)
    (row, column), (rows, columns) = lesion["origin_rc"], lesion["size_rc"]
    mask[row : row + rows, column : column + columns] = from_run_lengths(lesion["runs"], lesion["size_rc"])
    return mask
