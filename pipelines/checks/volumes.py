"""Checks on volume rows: one an image, the same grids as its slices, and the same voxels as its planes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.checks.columns import all_tuples, close, column, flatten, numbers, tuples
from medvision.pipelines.checks.components import SOLID, Labels, check_components
from medvision.pipelines.checks.findings import Findings
from medvision.pipelines.checks.grids import AXES, Volumes, in_planes
from medvision.pipelines.checks.planes import Planes, check_planes
from medvision.transforms.volume_rows import acquisition_dim

TEXTS = (
    *("dataset", "case_id", "patient", "side", "space", "upstream_name"),
    *("source_path", "mask_path", "landmark_path", "raw_axes"),
)
NUMBERS = ("task", "source_channel")
LISTS = (("shape_xyz", 3), ("affine_ras", 16))
SPACINGS = (("spacing_xyz_mm", 3), ("pixel_spacing_mm", 2), ("mask_pixel_spacing_mm", 2))


def check_volumes(table: pa.Table, volumes: Volumes, planes: frozenset[int], findings: Findings) -> None:
    """Each image has one volume row, which agrees with its slice rows and with itself.

    Args:
        table: Rows of ANNOTATION_SCHEMA, chunks combined.
        volumes: Those of the file of the same name.
        planes: Axes across the planes that every volume must have rows of, where it can.
    """
    findings.rows("volume_rows", volumes.of_row >= 0, table["slice_id"])
    used = np.isin(np.arange(len(volumes.shape)), volumes.of_row)
    findings.rows("volume_rows", used, volumes.ids)
    _check_columns(table, volumes, findings)
    structures, volume_of_structure = flatten(column(volumes.table, "structures"))
    labels = Labels(
        structures, volume_of_structure, volumes.shape, volumes.mask_by_rules_mm, volumes.mask_mm, volumes.ids
    )
    check_components(SOLID, labels, findings)
    voxels = numbers(structures, "voxel_count", np.int64)
    expected_mm3 = voxels * volumes.mask_mm.prod(axis=1)[volume_of_structure]
    agree = close(numbers(structures, "volume_mm3", np.float64), expected_mm3)
    findings.rows("volume_mm3", agree, volumes.ids, volume_of_structure)
    held = {(int(v), int(d)) for v, d in np.unique(np.stack([volumes.of_row, volumes.dim]), axis=1).T if v >= 0}
    due = held | _due(volumes, volume_of_structure, planes)
    check_planes(table, volumes, due, findings)
    _check_acquisition(table, volumes, held, findings)


def _check_columns(table: pa.Table, volumes: Volumes, findings: Findings) -> None:
    """Columns that both kinds of row have are equal, and pixel sizes are those of the volume's grids."""
    known = np.flatnonzero(volumes.of_row >= 0)
    names = [*TEXTS, *NUMBERS, *(name for name, _ in LISTS), *(name for name, _ in SPACINGS), "slice_id"]
    rows = table.select(names).take(pa.array(known)).combine_chunks()
    of_row, dim = volumes.of_row[known], volumes.dim[known]
    if not all(all_tuples(rows, (name,), size) for name, size in (*LISTS, *SPACINGS)):
        findings.fail("volume_columns", "a list of a slice row has not its number of items")
        return
    equal = np.ones(len(known), bool)
    for name in (*TEXTS, *NUMBERS):
        theirs = column(volumes.table, name).take(pa.array(of_row))
        equal &= pc.equal(column(rows, name), theirs).fill_null(False).to_numpy(zero_copy_only=False)
    for name, size in LISTS:
        equal &= (tuples(rows, name, size) == tuples(volumes.table, name, size)[of_row]).all(axis=1)
    findings.rows("volume_columns", equal, rows["slice_id"])
    image_mm, mask_mm = volumes.by_rules_mm[of_row], volumes.mask_by_rules_mm[of_row]
    expected = (image_mm, in_planes(image_mm, dim), in_planes(mask_mm, dim))
    agree = np.ones(len(known), bool)
    for (name, size), values in zip(SPACINGS, expected, strict=True):
        agree &= close(tuples(rows, name, size), values).all(axis=1)
    findings.rows("volume_spacings", agree, rows["slice_id"])


def _due(volumes: Volumes, volume_of_structure: np.ndarray, planes: frozenset[int]) -> Planes:
    """Planes that a volume with a label must have rows of: a slice is more than one pixel wide and high."""
    labelled = np.unique(volume_of_structure).tolist()
    return {(v, dim) for v in labelled for dim in planes if volumes.shape[v][AXES[dim]].min() > 1}


def _check_acquisition(table: pa.Table, volumes: Volumes, held: Planes, findings: Findings) -> None:
    """The acquisition axis is the longest of the voxel's sides among planes whose axes are lengths."""
    flags, row = flatten(column(table, "flags"))
    marked = row[pc.equal(flags, "not_spatial").to_numpy(zero_copy_only=False)]
    not_spatial = set(zip(volumes.of_row[marked].tolist(), volumes.dim[marked].tolist(), strict=True))
    for number, dim in enumerate(volumes.table["acquisition_dim"].to_pylist()):
        known = {d for d in range(3) if (number, d) in held} | {dim}  # of a plane without rows nothing is known
        spatial = sorted(d for d in known if (number, d) not in not_spatial)
        right = dim in range(3) and dim in spatial and acquisition_dim(volumes.mask_grid(number), spatial) == dim
        findings.count("acquisition_dim")
        if not right:
            findings.fail("acquisition_dim", f"{volumes.ids[number]}: {dim}")
