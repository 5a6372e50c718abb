"""Compare a nested row with the same row made again, and points in mm with the voxels that they stand for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medvision.transforms.geometry import slice_axes

RELATIVE = 1e-6
"""What the last bits of other CPUs may change of a measure."""
ABSOLUTE = 1e-9
ENDS_MM = ("start_mm", "end_mm")
"""Follow from the ends in pixels and the affine (`ends_of`), so they are not compared with the rest of a line."""
Row = Mapping[str, Any]


def difference(found: Any, expected: Any, relative: float = RELATIVE, path: str = "") -> str:
    """Where the first difference is and what it is, "" for none; floats may differ by a share of `relative`."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        parts = [(found.get(name), value, f"{path} {name}") for name, value in expected.items() if name not in ENDS_MM]
    elif isinstance(expected, list | tuple) and isinstance(found, list | tuple):
        if len(found) != len(expected):
            return f"{path} has {len(found)} items, expected {len(expected)}".strip()
        pairs = enumerate(zip(found, expected, strict=True))
        parts = [(one, other, f"{path} {number}") for number, (one, other) in pairs]
    else:
        return "" if _equal(found, expected, relative) else f"{path} {found!r}, expected {expected!r}".strip()
    texts = (difference(one, other, relative, name) for one, other, name in parts)
    return next((text for text in texts if text), "")


def _equal(found: Any, expected: Any, relative: float) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(found, expected, rel_tol=relative, abs_tol=ABSOLUTE)
    return bool(found == expected)


def ends_of(line: Row | None, slice_dim: int, slice_idx: int) -> list[tuple[list[float], Sequence[float]]]:
    """Voxel (x, y, z) and stated RAS mm of both ends of a row of CHORD; none for a missing line."""
    if line is None:
        return []
    rows_axis, columns_axis = slice_axes(slice_dim)
    found = []
    for end in ("start", "end"):
        voxel = [0.0, 0.0, 0.0]
        voxel[slice_dim] = slice_idx
        voxel[rows_axis], voxel[columns_axis] = line[f"{end}_rc"]
        found.append((voxel, line[f"{end}_mm"]))
    return found


def in_world(ends: Sequence[tuple[list[float], Sequence[float]]], affine_ras: np.ndarray) -> bool:
    """Whether each stated point is where the (4, 4) affine takes its voxel."""
    if not ends:
        return True
    if any(len(stated) != 3 for _, stated in ends):
        return False
    voxels, stated_mm = (np.array(part, np.float64) for part in zip(*ends, strict=True))
    expected_mm = voxels @ affine_ras[:3, :3].T + affine_ras[:3, 3]
    return np.allclose(stated_mm, expected_mm, rtol=RELATIVE, atol=RELATIVE * float(np.abs(affine_ras).max()))
