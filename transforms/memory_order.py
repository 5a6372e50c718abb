"""A volume as its voxels lie in memory: passes over it then read forward, whatever its axes."""

from __future__ import annotations

import numpy as np

Order = tuple[int, int, int]


def in_memory_order(data: np.ndarray) -> tuple[np.ndarray, Order, tuple[bool, bool, bool]]:
    """The C-contiguous array of the same voxels.

    Args:
        data: (x, y, z), most often a flipped and permuted view of a contiguous array.

    Returns:
        The array, a view where the voxels fill memory without gaps, else a copy; which of x, y, z its axes are; and
        which of its axes run against those of `data`.
    """
    order = sorted(range(3), key=lambda axis: (-abs(data.strides[axis]), axis))
    flipped = tuple(data.strides[axis] < 0 and data.shape[axis] > 1 for axis in order)
    turned = data.transpose(order)[tuple(slice(None, None, -1 if flip else 1) for flip in flipped)]
    axes = (order[0], order[1], order[2])
    return np.ascontiguousarray(turned), axes, flipped  # type: ignore[return-value]


def flat_voxels(data: np.ndarray) -> np.ndarray:
    """All voxels of (x, y, z) as a flat array in memory order; float16, which no compiled pass takes, as float32."""
    flat = in_memory_order(data)[0].reshape(-1)
    return flat.astype(np.float32) if flat.dtype == np.float16 else flat
