"""From pixels of a slice to RAS millimetres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medvision.transforms.geometry import slice_axes


def world_mm(row: Mapping[str, Any], points_rc: Sequence[Sequence[float]]) -> list[list[float]]:
    """RAS mm of points of a slice, by the affine of its image.

    Args:
        row: Slice row, with `slice_dim`, `slice_idx` and `affine_ras`.
        points_rc: (row, column) in pixels; whole numbers are pixel centres.
    """
    affine = np.array(row["affine_ras"], np.float64).reshape(4, 4)
    rows_axis, columns_axis = slice_axes(row["slice_dim"])
    voxels = np.empty((len(points_rc), 3))
    voxels[:, row["slice_dim"]] = row["slice_idx"]
    voxels[:, [rows_axis, columns_axis]] = points_rc
    found: list[list[float]] = (voxels @ affine[:3, :3].T + affine[:3, 3]).tolist()
    return found
