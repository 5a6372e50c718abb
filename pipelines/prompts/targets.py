"""Target numbers of a question, in upstream's convention or exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medvision.transforms.move import Move

Row = Mapping[str, Any]


def box_target(box: Row, move: Move, exact: bool) -> list[float]:
    """Lower-left and upper-right corner, [x0, y0, x1, y1], as fractions of the picture counted from its lower left.

    Upstream takes the last row and column inside for edges, so its boxes lack that row and column:
    [c0 / W, (H - r1) / H, c1 / W, (H - r0) / H]. Exact are [c0 / W, (H - r1 - 1) / H, (c1 + 1) / W, (H - r0) / H].

    Args:
        box: `min_coords` and `max_coords`: (row, column) of the slice array, both inside.
        move: Of a slice that is not resized, which would round the box; fractions do not depend on the size.
    """
    shown = move.box({"min_rc": box["min_coords"], "max_rc": box["max_coords"], "size_mm": (0, 0)})
    (top, left), (bottom, right) = shown["min_rc"], shown["max_rc"]
    height, width = move.shape[::-1] if move.turned else move.shape
    past = 1 if exact else 0
    return [left / width, (height - bottom - past) / height, (right + past) / width, (height - top) / height]


def axes_target(pair: Row) -> list[float]:
    """Major and minor axis of the pair's first cluster, mm."""
    first = pair["biometric_profile"][0]
    return [first["metric_value_major_axis"], first["metric_value_minor_axis"]]


def exact_axes(lesions: Sequence[Row], task: int) -> list[float] | None:
    """Second-moment axes of the largest 8-connected region of a lesion task, mm; None where it has none."""
    for lesion in lesions:
        if lesion["lesion_task"] == task and lesion["regions"]:
            first = lesion["regions"][0]
            if first["major_axis"] is not None and first["minor_axis"] is not None:
                return [first["major_axis"]["length_mm"], first["minor_axis"]["length_mm"]]
    return None


def diameter_target(pair: Row) -> list[float] | None:
    """Longest diameter and the longest at right angles to it, of the first region, mm; None where one is missing."""
    first = pair["diameters"][0]
    if first["longest"] is None or first["perpendicular"] is None:
        return None
    return [first["longest"]["length_mm"], first["perpendicular"]["length_mm"]]
