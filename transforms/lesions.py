"""Clusters of a lesion on one slice, in upstream's order, each with the axes that the rules give it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medvision.schemas.rules import Rules
from medvision.transforms.conics import Ellipse, Frame, fit_conic
from medvision.transforms.shapes.parts import label_parts


@dataclass(frozen=True)
class LesionAxes:
    """What a slice shows of one lesion label.

    Attributes:
        clusters: Number of 4-connected clusters before any floor, guard or gate.
        ellipses: Those kept, in order of falling pixel count (ties in raster order; upstream's order of ties is that
            of an unstable sort).
        flags: What the rules are known to do wrong here (`transforms/conics.py`), sorted.
    """

    clusters: int
    ellipses: tuple[Ellipse, ...]
    flags: tuple[str, ...]


def measure_clusters(target: np.ndarray, origin_rc: tuple[int, int], frame: Frame, rules: Rules) -> LesionAxes:
    """Fit every 4-connected cluster of one lesion on one slice.

    Args:
        target: (rows, columns) bool crop that holds all pixels of the lesion on this slice.
        origin_rc: Row and column of the crop's first pixel in the slice.
        frame: The slice.
        rules: `lesion_min_pixels` and the `conic_*` switches.
    """
    numbers, parts = label_parts(target, corners=False)
    kept: list[Ellipse] = []
    flags: set[str] = set()
    for count, number in sorted((-part[0], number) for number, part in enumerate(parts, start=1)):
        if -count < rules.lesion_min_pixels:
            break
        _, top, left, bottom, right, _ = parts[number - 1]
        cluster = numbers[top:bottom, left:right] == number
        ellipse, marks = fit_conic(cluster, (origin_rc[0] + top, origin_rc[1] + left), frame, rules)
        flags |= marks
        if ellipse is not None:
            kept.append(ellipse)
    return LesionAxes(len(parts), tuple(kept), tuple(sorted(flags)))
