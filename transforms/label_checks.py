"""What a mask's labels must look like where a dataset's table says so."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from medvision.schemas.faults import DataFault

SURROUNDED_SHARE = 0.5
"""Least share of the rim just outside the inner label that the outer one covers; a ventricle is open to its valve."""


def is_surrounded(mask: np.ndarray, outer: int, inner: int) -> bool:
    """Whether, on each slice across the last axis that shows both labels, the outer one lies around the inner one.

    Args:
        mask: (x, y, z) labels.
    """
    plane_cross = ndimage.generate_binary_structure(2, 1)[:, :, np.newaxis]
    inside = mask == inner
    rim = ndimage.binary_dilation(inside, plane_cross) & ~inside
    around = np.count_nonzero(rim & (mask == outer), axis=(0, 1))
    whole = np.count_nonzero(rim, axis=(0, 1))
    shown = inside.any(axis=(0, 1)) & (mask == outer).any(axis=(0, 1))
    return bool((around[shown] >= SURROUNDED_SHARE * whole[shown]).all())


def without_labels(mask: np.ndarray, values: tuple[int, ...]) -> np.ndarray:
    """The mask with some labels as background. Raises DataFault mask_empty when nothing is left."""
    kept = np.where(np.isin(mask, values), 0, mask).astype(mask.dtype, copy=False)
    if not kept.any():
        raise DataFault("labels", "mask_empty")
    return kept
