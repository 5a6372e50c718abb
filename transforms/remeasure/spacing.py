"""Voxel sizes of slice rows by either source: header or affine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.schemas.rules import Rules

VolumeKey = tuple[str, int, str, str]
"""Case id, task, mask path, landmark path: names one image of a dataset."""


@dataclass(frozen=True)
class Voxels:
    """Voxel sizes in mm along x, y, z of one image and its mask, as `volumes/` has them; () where there is no mask."""

    header: tuple[float, ...]
    mask_header: tuple[float, ...] = ()
    mask_affine: tuple[float, ...] = ()


Volumes = Mapping[VolumeKey, Voxels]


@dataclass(frozen=True)
class Spacings:
    """Of each row: (rows, 3) mm of the image's voxels, (rows, 2) mm (r, c) of the image's and the mask's pixels."""

    voxel_mm: np.ndarray
    pixel_mm: np.ndarray
    mask_pixel_mm: np.ndarray


def stored_spacings(rows: pa.Table) -> Spacings:
    """Those that the rows hold."""
    return Spacings(
        list_values(rows["spacing_xyz_mm"], 3),
        list_values(rows["pixel_spacing_mm"], 2),
        list_values(rows["mask_pixel_spacing_mm"], 2),
    )


def spacings_of(rows: pa.Table, before: Rules, after: Rules, volumes: Volumes) -> Spacings:
    """Voxel sizes by the rules `after` of rows that were built by `before`.

    From header to affine the rows suffice: the image's affine, and for the mask the edges of instances, which are
    in mm by its affine. From affine to header it takes `volumes`.

    Raises:
        KeyError: `volumes` lacks an image.
    """
    if before.spacing_source == after.spacing_source or not rows.num_rows:
        return stored_spacings(rows)
    axes = np.array([(1, 2), (0, 2), (0, 1)])[numbers(rows["slice_dim"])]
    if after.spacing_source == "affine":
        affine = list_values(rows["affine_ras"], 16).reshape(-1, 4, 4)
        voxel_mm = np.sqrt((affine[:, :3, :3] ** 2).sum(axis=1))
        pixel_mm = np.take_along_axis(voxel_mm, axes, axis=1)
        return Spacings(voxel_mm, pixel_mm, _mask_affine_mm(rows, pixel_mm))
    found = [volumes[key] for key in volume_keys(rows)]
    voxel_mm = np.array([item.header for item in found], np.float64)
    mask_mm = np.array([item.mask_header or item.header for item in found], np.float64)
    return Spacings(voxel_mm, np.take_along_axis(voxel_mm, axes, 1), np.take_along_axis(mask_mm, axes, 1))


def volume_keys(rows: pa.Table) -> list[VolumeKey]:
    names = ("case_id", "task", "mask_path", "landmark_path")
    return list(zip(*(rows[name].to_pylist() for name in names), strict=True))


def numbers(column: pa.ChunkedArray) -> np.ndarray:
    return column.combine_chunks().to_numpy(zero_copy_only=False).astype(np.int64)


def list_values(column: pa.ChunkedArray, length: int) -> np.ndarray:
    """(rows, length) float64 of lists that all have this length."""
    return (
        pc.list_flatten(column.combine_chunks()).to_numpy(zero_copy_only=False).astype(np.float64).reshape(-1, length)
    )


def _mask_affine_mm(rows: pa.Table, pixel_mm: np.ndarray) -> np.ndarray:
    """Pixel size by the mask's affine; where a row has no instance, that of the image."""
    segments = rows["segments"].combine_chunks()
    row_of = pc.list_parent_indices(segments).to_numpy()
    instances = pc.list_flatten(segments).field("instances")
    segment_of = pc.list_parent_indices(instances).to_numpy()
    flat = pc.list_flatten(instances)
    found = pixel_mm.copy()
    if len(flat):
        stop_rc = pc.list_flatten(flat.field("stop_rc")).to_numpy().astype(np.float64).reshape(-1, 2)
        stop_mm = pc.list_flatten(flat.field("stop_mm")).to_numpy().reshape(-1, 2)
        owners, first = np.unique(row_of[segment_of], return_index=True)
        found[owners] = (stop_mm / stop_rc)[first]
    return found
