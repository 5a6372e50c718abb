"""One multi-label mask of binary files, one a class: merged part by part while they are inflated."""

from __future__ import annotations

from collections.abc import Iterable

import numba
import numpy as np

PRESENT = 0.5
"""A voxel above this is of the class."""


class ClassMask:
    """A mask in the making; where classes overlap, the one that was added first keeps the voxel.

    Attributes:
        labels: (i, j, k) in the files' axes, Fortran order.
        claimed: Bool, voxels of more than one class.
    """

    def __init__(self, shape_ijk: tuple[int, ...], largest_label: int) -> None:
        self.labels = np.zeros(shape_ijk, np.uint8 if largest_label <= 255 else np.uint16, order="F")
        self.claimed = np.zeros(shape_ijk, bool, order="F")

    def add_parts(self, label: int, parts: Iterable[np.ndarray], slope: float, intercept: float) -> None:
        """Add a class from its stored voxels in Fortran order, one-dimensional parts that follow each other."""
        labels, claimed = self.labels.reshape(-1, order="F"), self.claimed.reshape(-1, order="F")
        at = 0
        for part in parts:
            values = part if (slope, intercept) == (1.0, 0.0) else part * slope + intercept
            _merge(values, label, labels[at : at + len(part)], claimed[at : at + len(part)])
            at += len(part)


def add_present(labels: np.ndarray, claimed: np.ndarray, label: int, present: np.ndarray) -> None:
    """Add a class from where it is present, a bool array on the axes of `labels` and `claimed`."""
    taken = present & (labels != 0)
    claimed |= taken
    labels[present & ~taken] = label


@numba.njit(cache=True, nogil=True)
def _merge(values: np.ndarray, label: int, labels: np.ndarray, claimed: np.ndarray) -> None:
    for start in range(0, values.shape[0], 128):
        stop = min(start + 128, values.shape[0])
        shown = False
        for i in range(start, stop):  # without a branch: this loop becomes wide instructions
            shown |= values[i] != 0
        if not shown:
            continue
        for i in range(start, stop):
            if values[i] > PRESENT:
                if labels[i] == 0:
                    labels[i] = label
                else:
                    claimed[i] = True
