"""Grids: to RAS+ by flips and permutations only, and how far two grids lie apart."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import Grid, RawVolume, Volume

SHEAR_TOLERANCE = 1e-3
SPACING_TOLERANCE = 1e-3
LARGEST_USUAL_SPACING_MM = 20.0


def to_ras(raw: RawVolume, channel: int | None = None, spacing_in_header: bool = False) -> Volume:
    """Turn a volume to RAS+ as a view.

    Args:
        raw: Volume in the file's axes.
        channel: Index on the fourth axis of a 4D volume, None for a 3D one (or a 4D one with a single channel).
        spacing_in_header: Scale an affine whose columns all have length 1 by the header's voxel sizes.

    Raises:
        DataFault: bad_affine, bad_spacing, bad_dims or channel_missing.
    """
    data = _channel(raw, channel)
    _check_affine(raw)
    stored_affine = _scaled_affine(raw) if spacing_in_header else raw.affine
    orientation = nib.orientations.io_orientation(stored_affine)
    if np.isnan(orientation).any():
        raise DataFault("geometry", "bad_affine")
    axis_of = [int(np.flatnonzero(orientation[:, 0] == world)[0]) for world in range(3)]
    flips = tuple(slice(None, None, int(sign)) for sign in orientation[:, 1])
    turned = data[flips].transpose(axis_of)
    affine = stored_affine @ nib.orientations.inv_ornt_aff(orientation, data.shape)
    grid = Grid(
        shape_xyz=(int(turned.shape[0]), int(turned.shape[1]), int(turned.shape[2])),
        affine_ras=affine,
        zooms_xyz_mm=(raw.zooms_mm[axis_of[0]], raw.zooms_mm[axis_of[1]], raw.zooms_mm[axis_of[2]]),
        raw_axes="".join(nib.orientations.ornt2axcodes(orientation)),
    )
    return Volume(turned, grid, raw.slope, raw.intercept, raw.says_text)


def affine_of_axes(axes: str, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """Affine of a volume with the given axis codes, such as "IPR", its first voxel at the origin."""
    affine = np.zeros((4, 4))
    affine[3, 3] = 1.0
    for column, (code, size_mm) in enumerate(zip(axes, spacing_mm, strict=True)):
        row = next(row for row, pair in enumerate(("LR", "PA", "IS")) if code in pair)
        affine[row, column] = size_mm if code in "RAS" else -size_mm
    return affine


def obliquity_deg(grid: Grid) -> float:
    """Largest angle in degrees between a voxel axis and the anatomical axis it is named after."""
    directions = grid.affine_ras[:3, :3] / np.array(grid.affine_spacing_xyz_mm)
    return float(np.degrees(np.arccos(np.clip(np.round(np.diag(directions), 12), -1.0, 1.0))).max())


def grid_distance_mm(first: Grid, second: Grid) -> float:
    """Largest displacement in mm of the 8 corner voxel centres between two grids of equal shape."""
    corners = np.array([[*c, 1.0] for c in itertools.product(*((0.0, n - 1.0) for n in first.shape_xyz))])
    delta = corners @ (first.affine_ras - second.affine_ras).T
    return float(np.sqrt((delta[:, :3] ** 2).sum(axis=1)).max())


def grid_flags(grid: Grid) -> list[str]:
    """Marks of a doubtful grid: spacing_conflict, spacing_unusual, sheared, plane_name_uncertain."""
    flags = []
    columns = np.array(grid.affine_spacing_xyz_mm)
    if (np.abs(columns / np.array(grid.zooms_xyz_mm) - 1.0) > SPACING_TOLERANCE).any():
        flags.append("spacing_conflict")
    if columns.max() > LARGEST_USUAL_SPACING_MM:
        flags.append("spacing_unusual")
    directions = grid.affine_ras[:3, :3] / columns
    cosines = [abs(float((directions[:, a] * directions[:, b]).sum())) for a, b in ((0, 1), (0, 2), (1, 2))]
    if max(cosines) > SHEAR_TOLERANCE:
        flags += ["sheared", "plane_name_uncertain"]
    elif obliquity_deg(grid) > 45.0:
        flags.append("plane_name_uncertain")
    return flags


def slice_axes(slice_dim: int) -> tuple[int, int]:
    """Volume axes that become a slice's rows and columns when cut across `slice_dim`."""
    return ((1, 2), (0, 2), (0, 1))[slice_dim]


def _channel(raw: RawVolume, channel: int | None) -> np.ndarray:
    if raw.data.ndim not in (3, 4):
        raise DataFault("geometry", "bad_dims", dims=list(raw.data.shape))
    if raw.data.ndim == 3:
        if channel not in (None, 0):
            raise DataFault("geometry", "channel_missing", channel=channel, channels=1)
        return raw.data
    if channel is None and raw.channels > 1:
        raise DataFault("geometry", "bad_dims", dims=list(raw.data.shape))
    index = channel or 0
    if index >= raw.channels:
        raise DataFault("geometry", "channel_missing", channel=index, channels=raw.channels)
    return raw.data[..., index]


def _scaled_affine(raw: RawVolume) -> np.ndarray:
    columns = np.sqrt((raw.affine[:3, :3] ** 2).sum(axis=0))
    if not np.allclose(columns, 1.0, atol=1e-6):
        return raw.affine
    return raw.affine @ np.diag([*raw.zooms_mm, 1.0])


def _check_affine(raw: RawVolume) -> None:
    linear = raw.affine[:3, :3]
    if not np.isfinite(raw.affine).all() or abs(float(np.linalg.det(linear))) < 1e-12:
        raise DataFault("geometry", "bad_affine")
    if not all(np.isfinite(size) and size > 0 for size in raw.zooms_mm):
        raise DataFault("geometry", "bad_spacing", spacing_mm=[float(size) for size in raw.zooms_mm])
