"""The volume rows beside an annotation file, their grids, and which of them each slice row is cut from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.checks.columns import all_tuples, column, numbers, tuples
from medvision.pipelines.checks.findings import Findings
from medvision.schemas.rules import Rules
from medvision.schemas.volume import Grid
from medvision.transforms.geometry import slice_axes

AXES = np.array([slice_axes(dim) for dim in range(3)])
PLANE_AND_INDEX = r"-[^-]+-[^-]+$"


@dataclass(frozen=True)
class Volumes:
    """Volume rows of one file.

    Attributes:
        table: Rows of VOLUME_SCHEMA, chunks combined.
        of_row: (slice rows,) number of each one's volume, -1 for none.
        dim: (slice rows,) axis that each is cut across.
        shape: (volumes, 3) voxels.
        affine, mask_affine: (volumes, 4, 4); without a mask, that of the image.
        by_rules_mm, mask_by_rules_mm: (volumes, 3) voxel sizes by the rules.
        mask_mm: (volumes, 3) voxel sizes by the mask's affine.
    """

    table: pa.Table
    of_row: np.ndarray
    dim: np.ndarray
    shape: np.ndarray
    affine: np.ndarray
    mask_affine: np.ndarray
    by_rules_mm: np.ndarray
    mask_by_rules_mm: np.ndarray
    mask_mm: np.ndarray

    @property
    def ids(self) -> pa.ChunkedArray:
        return self.table["volume_id"]

    def exact_rc_mm(self) -> np.ndarray:
        """(slice rows, 2) pixel size by the mask's affine, NaN for rows without a volume."""
        found = in_planes(self.mask_mm[self.of_row], self.dim) if len(self.mask_mm) else np.zeros((len(self.dim), 2))
        return np.where(self.of_row[:, None] >= 0, found, np.nan)

    def mask_grid(self, number: int) -> Grid:
        """Grid of a volume's mask."""
        x, y, z = self.shape[number].tolist()
        zooms = self.table["mask_header_spacing_mm"][number].as_py()
        axes = self.table["mask_raw_axes"][number].as_py()
        return Grid((x, y, z), self.mask_affine[number], tuple(zooms), axes)  # type: ignore[arg-type]


def match_volumes(rows: pa.Table, table: pa.Table, rules: Rules, findings: Findings) -> Volumes | None:
    """Read the grids of volume rows and find each slice row's; None, and a failure, where a grid is not sound."""
    table = table.combine_chunks()
    has_mask = _lengths(table, "mask_affine_ras") > 0
    masked = np.array([path != "" for path in table["mask_path"].to_pylist()], bool)
    whole = all_tuples(table, ("shape_xyz", "header_spacing_mm"), 3) and all_tuples(table, ("affine_ras",), 16)
    with_mask = table.filter(pa.array(has_mask)).combine_chunks()
    whole = whole and all_tuples(with_mask, ("mask_affine_ras",), 16)
    whole = whole and all_tuples(with_mask, ("mask_header_spacing_mm",), 3)
    if not whole:
        findings.fail("volume_grids", "a grid is not 3 sides, 3 voxel sizes and 16 numbers of an affine")
        return None
    affine = tuples(table, "affine_ras", 16).reshape(-1, 4, 4)
    zooms = tuples(table, "header_spacing_mm", 3)
    mask_affine, mask_zooms = affine.copy(), zooms.copy()
    mask_affine[has_mask] = tuples(with_mask, "mask_affine_ras", 16).reshape(-1, 4, 4)
    mask_zooms[has_mask] = tuples(with_mask, "mask_header_spacing_mm", 3)
    sound = (has_mask == masked) & _sound(affine) & _sound(mask_affine)
    findings.rows("volume_grids", sound, table["volume_id"])
    by_header = rules.spacing_source == "header_zooms"
    return Volumes(
        table=table,
        of_row=_volume_of_row(rows, table),
        dim=np.minimum(numbers(rows, "slice_dim", np.int64), 2),
        shape=tuples(table, "shape_xyz", 3),
        affine=affine,
        mask_affine=mask_affine,
        by_rules_mm=zooms if by_header else _norms(affine),
        mask_by_rules_mm=mask_zooms if by_header else _norms(mask_affine),
        mask_mm=_norms(mask_affine),
    )


def in_planes(values_xyz: np.ndarray, dim: np.ndarray) -> np.ndarray:
    """(N, 2) components along rows and columns of (N, 3) values, on the plane across axis `dim[i]`."""
    return np.take_along_axis(values_xyz, AXES[dim], axis=1)


def _volume_of_row(rows: pa.Table, table: pa.Table) -> np.ndarray:
    names = pc.replace_substring_regex(column(rows, "slice_id"), PLANE_AND_INDEX, "")
    place = pc.index_in(names, value_set=column(table, "volume_id"))
    return place.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)


def _lengths(table: pa.Table, name: str) -> np.ndarray:
    return pc.list_value_length(column(table, name)).fill_null(0).to_numpy(zero_copy_only=False)


def _norms(affine: np.ndarray) -> np.ndarray:
    return np.sqrt((affine[:, :3, :3] ** 2).sum(axis=1))


def _sound(affine: np.ndarray) -> np.ndarray:
    finite = np.isfinite(affine).all(axis=(1, 2)) & (affine[:, 3] == [0.0, 0.0, 0.0, 1.0]).all(axis=1)
    return finite & (_norms(affine) > 0).all(axis=1)
