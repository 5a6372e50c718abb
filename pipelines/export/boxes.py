"""The boxes of a slice that its release's box pairs show, and the mask of each where the release keeps one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from medvision.pipelines.release import ReleaseError
from medvision.schemas.rules import Rules
from medvision.transforms.runs import from_run_lengths

Row = Mapping[str, Any]
CORNERS = np.ones((3, 3), int)


@dataclass(frozen=True)
class ShownBox:
    """One connected component of one label. `min_rc`, `max_rc`: first and last row and column, both inside."""

    min_rc: tuple[int, int]
    max_rc: tuple[int, int]
    size_mm: tuple[float, float]
    pixel_count: int


def by_corners(rules: Rules) -> bool:
    """Whether box pairs show 8-connected components (`instances`), not 4-connected ones (`boxes`)."""
    return rules.connectivity == "corners"


def shown_boxes(segment: Row, rules: Rules) -> list[ShownBox]:
    """Boxes of a row of SEGMENT, in raster order of each component's first pixel."""
    if not by_corners(rules):
        return [
            ShownBox(_pair(box["min_rc"]), _pair(box["max_rc"]), _pair(box["size_mm"]), box["pixel_count"])
            for box in segment["boxes"]
        ]
    found = []
    for instance in segment["instances"]:
        (top, left), (bottom, right) = instance["start_rc"], instance["stop_rc"]
        size_mm = [b - a for a, b in zip(instance["start_mm"], instance["stop_mm"], strict=True)]
        found.append(ShownBox((top, left), (bottom - 1, right - 1), _pair(size_mm), instance["pixel_count"]))
    return found


def component_masks(row: Row, segment: Row, rules: Rules) -> Iterator[np.ndarray]:
    """(height, width) bool mask of each of `shown_boxes`, in their order; none for a label that is no lesion.

    Raises:
        ReleaseError: The lesion's runs have other components than the boxes.
    """
    lesion = next((item for item in row["lesions"] if item["label"] == segment["label"]), None)
    if lesion is None:
        return
    boxes = shown_boxes(segment, rules)
    crop = from_run_lengths(lesion["runs"], lesion["size_rc"])
    numbered, count = ndimage.label(crop, CORNERS if by_corners(rules) else None)
    if count != len(boxes):
        raise ReleaseError(
            f"{row['slice_id']}: the mask of label {segment['label']} has {count} parts, {len(boxes)} boxes are "
            "stated; run `medvision validate`"
        )
    top, left = lesion["origin_rc"]
    for number in range(1, count + 1):
        mask = np.zeros((row["height"], row["width"]), bool)
        mask[top : top + crop.shape[0], left : left + crop.shape[1]] = numbered == number
        yield mask


def _pair(values: Any) -> tuple[Any, Any]:
    first, second = values
    return first, second
