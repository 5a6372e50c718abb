"""Clusters of a lesion on one slice, in upstream's order, each with the axes that the rules give it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from medvision.schemas.rules import Rules
from medvision.transforms.conics import Ellipse, Frame, fit_conic


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
    labelled, count = ndimage.label(target)
    boxes = ndimage.find_objects(labelled)
    sizes = np.bincount(labelled.ravel(), minlength=count + 1)[1:]
    kept: list[Ellipse] = []
    flags: set[str] = set()
    for index in np.argsort(-sizes, kind="stable"):
        if sizes[index] < rules.lesion_min_pixels:
            break
        rows, columns = boxes[index]
        cluster = labelled[rows, columns] == index + 1
        ellipse, marks = fit_conic(cluster, (origin_rc[0] + rows.start, origin_rc[1] + columns.start), frame, rules)
        flags |= marks
        if ellipse is not None:
            kept.append(ellipse)
    return LesionAxes(count, tuple(kept), tuple(sorted(flags)))
