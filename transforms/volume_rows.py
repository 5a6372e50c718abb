"""The volume row of an image: its grids, and the mask's components in three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from medvision.schemas.case import Case, CaseImage
from medvision.schemas.dataset import Dataset, LandmarkTask, Task
from medvision.schemas.rules import Rules
from medvision.schemas.volume import Grid
from medvision.transforms.columns import volume_stem, voxel_mm

TripleMM = tuple[float, float, float]


def volume_row(
    case: Case,
    image: CaseImage,
    grid: Grid,
    mask_grid: Grid | None,
    dataset: Dataset,
    task: Task | LandmarkTask,
    side: str,
    structures: list[dict[str, Any]],
    lesions: list[dict[str, Any]],
    acquisition_dim: int,
) -> dict[str, Any]:
    """A row of VOLUME_SCHEMA; `mask_grid` is None for images with landmarks alone."""
    space = task.space if isinstance(task, LandmarkTask) else "native"
    mask_path = ""
    if case.masks:
        mask_path = case.masks[0].path.rsplit("/", 1)[0] if case.mask_labels else case.masks[0].path
    return {
        "volume_id": volume_stem(case, image),
        "dataset": dataset.name,
        "case_id": case.case_id,
        "patient": case.patient,
        "task": image.task,
        "side": side,
        "space": space,
        "upstream_name": image.upstream_name,
        "source_path": image.file.path,
        "source_channel": -1 if image.channel is None else image.channel,
        "mask_path": mask_path,
        "landmark_path": case.landmarks[0][1].path if case.landmarks else "",
        "shape_xyz": list(grid.shape_xyz),
        "affine_ras": _numbers(grid.affine_ras),
        "header_spacing_mm": list(grid.zooms_xyz_mm),
        "raw_axes": grid.raw_axes,
        "mask_affine_ras": _numbers(mask_grid.affine_ras) if mask_grid else [],
        "mask_header_spacing_mm": list(mask_grid.zooms_xyz_mm) if mask_grid else [],
        "mask_raw_axes": mask_grid.raw_axes if mask_grid else "",
        "acquisition_dim": acquisition_dim,
        "structures": structures,
        "lesions": lesions,
    }


def structure_rows(
    tables: tuple[np.ndarray, np.ndarray], grid: Grid, names: dict[int, str], rules: Rules
) -> list[dict[str, Any]]:
    """Rows of STRUCTURE in order of label; `grid` is the mask's."""
    boxes, instances = tables
    by_rules_mm, exact_mm = voxel_mm(grid, rules), grid.affine_spacing_xyz_mm
    voxel_mm3 = exact_mm[0] * exact_mm[1] * exact_mm[2]
    voxels = grid.shape_xyz[0] * grid.shape_xyz[1] * grid.shape_xyz[2]
    rows = []
    instances_of = _by_label(instances)
    for label, of_label in _by_label(boxes).items():
        count = int(of_label[:, 1].sum())
        rows.append(
            {
                "label": label,
                "name": names.get(label, ""),
                "voxel_count": count,
                "volume_mm3": count * voxel_mm3,
                "boxes": [_box(record, by_rules_mm, voxels) for record in of_label.tolist()],
                "instances": [_instance(r, exact_mm, voxel_mm3) for r in instances_of[label].tolist()],
            }
        )
    return rows


def _by_label(table: np.ndarray) -> dict[int, np.ndarray]:
    """Rows of each label of a table sorted by it."""
    labels, starts = np.unique(table[:, 0], return_index=True)
    return dict(zip(labels.tolist(), np.split(table, starts[1:]), strict=True)) if len(table) else {}


def acquisition_dim(grid: Grid, physical_dims: Sequence[int]) -> int:
    """Axis across the slices that the scanner took: the largest voxel side among planes whose axes are lengths.

    Sides that agree to 1e-3 are equal, and of equal ones the most axial plane is taken: a volume of cubes tells no
    plane from another.
    """
    sides = grid.affine_spacing_xyz_mm
    largest = max(sides[dim] for dim in physical_dims)
    return max(dim for dim in physical_dims if round(sides[dim] / largest, 9) >= 1 - 1e-3)


def _box(record: list[int], spacing_mm: TripleMM, voxels: int) -> dict[str, Any]:
    low, high = record[2:5], record[5:8]
    size = [b - a + 1 for a, b in zip(low, high, strict=True)]
    return {
        "min_xyz": low,
        "max_xyz": high,
        "center_xyz": [(a + b) // 2 for a, b in zip(low, high, strict=True)],
        "size_voxels": size,
        "size_mm": [n * mm for n, mm in zip(size, spacing_mm, strict=True)],
        "voxel_count": record[1],
        "mask_image_ratio": record[1] / voxels,
    }


def _instance(record: list[int], spacing_mm: TripleMM, voxel_mm3: float) -> dict[str, Any]:
    start, stop = record[2:5], [high + 1 for high in record[5:8]]
    return {
        "start_xyz": start,
        "stop_xyz": stop,
        "start_mm": [n * mm for n, mm in zip(start, spacing_mm, strict=True)],
        "stop_mm": [n * mm for n, mm in zip(stop, spacing_mm, strict=True)],
        "voxel_count": record[1],
        "volume_mm3": record[1] * voxel_mm3,
    }


def _numbers(affine: np.ndarray) -> list[float]:
    return [float(value) for value in affine.reshape(-1)]
