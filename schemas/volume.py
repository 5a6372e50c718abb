"""A volume in memory, as read and as turned to RAS+."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RawVolume:
    """Voxels as the file stores them.

    Attributes:
        data: (i, j, k) or (i, j, k, channel), in the file's own axes and dtype (native byte order), before scaling.
        affine: (4, 4) float64, voxel index to RAS+ mm.
        zooms_mm: Voxel sizes of the three spatial axes as the header states them.
        slope, intercept: value = stored * slope + intercept.
        overlap_voxels: Voxels of a mask that more than one of its segments claims.
        says_text: Whether the file says that text is burned into its pixels.
    """

    data: np.ndarray
    affine: np.ndarray
    zooms_mm: tuple[float, float, float]
    slope: float = 1.0
    intercept: float = 0.0
    overlap_voxels: int = 0
    says_text: bool = False

    @property
    def channels(self) -> int:
        return self.data.shape[3] if self.data.ndim == 4 else 1


@dataclass(frozen=True)
class Grid:
    """The voxel grid of a volume in RAS+: axis 0 grows to the patient's Right, 1 to Anterior, 2 to Superior.

    Attributes:
        shape_xyz: Number of voxels on each axis.
        affine_ras: (4, 4) float64, voxel index (x, y, z, 1) to RAS mm.
        zooms_xyz_mm: Header voxel sizes, permuted with the axes.
        raw_axes: Axis codes of the file, such as "IPL".
    """

    shape_xyz: tuple[int, int, int]
    affine_ras: np.ndarray
    zooms_xyz_mm: tuple[float, float, float]
    raw_axes: str

    @property
    def affine_spacing_xyz_mm(self) -> tuple[float, float, float]:
        """Column norms of the affine."""
        return tuple(float(n) for n in np.sqrt((self.affine_ras[:3, :3] ** 2).sum(axis=0)))  # type: ignore[return-value]


@dataclass(frozen=True)
class Volume:
    """Voxels (x, y, z) on a RAS+ grid, as a view of the stored array (flipped and permuted, never resampled).

    `says_text`: the file says that text is burned into its pixels.
    """

    data: np.ndarray
    grid: Grid
    slope: float
    intercept: float
    says_text: bool = False
