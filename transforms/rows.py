"""From one case in memory to record batches of slice rows, a plane of an image at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from medvision.schemas.case import Case, CaseImage
from medvision.schemas.dataset import PLANES, Dataset, Task
from medvision.schemas.faults import DataFault
from medvision.schemas.options import BuildOptions
from medvision.schemas.rules import Rules
from medvision.schemas.volume import Grid, Volume
from medvision.transforms.annotate import PlaneLabels, lesions_column, segments_column, survey_plane
from medvision.transforms.burned_in import overlay_flags
from medvision.transforms.columns import (
    PlaneRows,
    batch_of,
    in_plane,
    plan_encoding,
    plane_columns,
    shared_columns,
    slice_stem,
    voxel_mm,
)
from medvision.transforms.components import find_components, label_volume
from medvision.transforms.conics import Frame
from medvision.transforms.encode import Encoding
from medvision.transforms.geometry import grid_distance_mm, grid_flags, slice_axes
from medvision.transforms.label_checks import is_surrounded, without_labels
from medvision.transforms.lesion_volumes import MAX_REGIONS, LesionVolume, lesion_volume
from medvision.transforms.read import Mask
from medvision.transforms.volume_rows import acquisition_dim, structure_rows, volume_row

Lesions = dict[int, LesionVolume]
"""By number of lesion task."""


@dataclass(frozen=True)
class CaseLabels:
    """A case's mask measured once, for all images that share it."""

    case: Case
    mask: Mask
    planes: tuple[PlaneLabels, ...]
    structures: tuple[np.ndarray, np.ndarray]


def measure_case(case: Case, mask: Mask, dataset: Dataset, options: BuildOptions) -> CaseLabels:
    """Boxes and components of the mask on every asked plane whose slices have both sides longer than 1.

    Raises:
        DataFault: too_many_components.
    """
    shape = mask.volume.grid.shape_xyz
    asked = set(options.planes)
    if options.rule_table.physical_planes_only:
        asked &= set(dataset.task(case.images[0].task).physical_planes)
    task = dataset.task(case.images[0].task)
    if task.ignored_labels and options.rule_table.label_names == "exact":
        kept = without_labels(mask.volume.data, task.ignored_labels)
        mask = replace(mask, volume=replace(mask.volume, data=kept))
    dims = [dim for dim, plane in enumerate(PLANES) if plane in asked]
    found = find_components(mask.volume.data)
    planes = [survey_plane(found, dim) for dim in dims if min(shape[a] for a in slice_axes(dim)) > 1]
    return CaseLabels(case, mask, tuple(planes), label_volume(found))


def lesion_volumes(labels: CaseLabels, image: CaseImage, dataset: Dataset) -> Lesions:
    """Lesions of each lesion task that is shown on the image, by task number; tasks that it lacks are left out.

    Raises:
        DataFault: too_many_components.
    """
    for task in dataset.lesions_of(image.task):
        tables = [*(plane.components[:, 1] for plane in labels.planes), labels.structures[1][:, 0]]
        if any(np.count_nonzero(column == task.target) > MAX_REGIONS for column in tables):
            raise DataFault("labels", "too_many_components", limit=MAX_REGIONS)
    grid, data = labels.mask.volume.grid, labels.mask.volume.data
    dim = _acquisition_dim(labels, dataset)
    lesions = labels.structures[1]
    found = {
        task.number: lesion_volume(data, task.target, grid, dim, task.kind, lesions)
        for task in dataset.lesions_of(image.task)
    }
    return {number: volume for number, volume in found.items() if volume is not None}


def image_rows(
    labels: CaseLabels,
    image: CaseImage,
    volume: Volume,
    lesions: Lesions,
    dataset: Dataset,
    options: BuildOptions,
    side: str,
) -> Iterator[PlaneRows]:
    """Rows of one image, plane by plane.

    Raises:
        DataFault: shape_mismatch, grid_mismatch, image_not_finite.
    """
    task = dataset.task(image.task)
    rules = options.rule_table
    mismatch_mm = _check_grids(volume.grid, labels.mask.volume.grid, rules)
    encoding = plan_encoding(volume, task.modality, options)
    names = label_names(task, rules)
    constants = _image_constants(labels, image, volume, dataset, side, mismatch_mm, encoding, options)
    for plane in labels.planes:
        if not len(plane.slice_idx):
            continue
        pixel_mm = in_plane(voxel_mm(volume.grid, rules), plane.slice_dim)
        mask_pixel_mm = in_plane(voxel_mm(labels.mask.volume.grid, rules), plane.slice_dim)
        exact_mm = in_plane(labels.mask.volume.grid.affine_spacing_xyz_mm, plane.slice_dim)
        frame = Frame(plane.shape_rc, pixel_mm, mask_pixel_mm)
        stem = slice_stem(labels.case, image, PLANES[plane.slice_dim])
        columns = {
            "slice_id": pa.array([f"{stem}-{index:04d}" for index in plane.slice_idx], pa.string()),
            "slice_idx": pa.array(plane.slice_idx, pa.uint16()),
            "segments": segments_column(plane, mask_pixel_mm, exact_mm, names),
            "lesions": lesions_column(
                labels.mask.volume.data, plane, dataset.lesions_of(task.number), lesions, frame, names, rules
            ),
        }
        name = PLANES[plane.slice_dim]
        not_spatial = [] if name in task.physical_planes else ["not_spatial"]
        per_plane = {
            **constants,
            "flags": sorted([*constants["flags"], *not_spatial]),
            **plane_columns(plane.slice_dim, volume.grid.shape_xyz, voxel_mm(volume.grid, rules)),
            "mask_pixel_spacing_mm": mask_pixel_mm,
        }
        batch = batch_of(columns, per_plane, len(plane.slice_idx))
        yield PlaneRows(batch, volume, encoding, plane.slice_dim, plane.slice_idx)


def mask_volume_row(
    labels: CaseLabels,
    image: CaseImage,
    volume: Volume,
    lesions: Lesions,
    dataset: Dataset,
    options: BuildOptions,
    side: str,
) -> dict[str, Any]:
    """The row of VOLUME_SCHEMA of an image with a mask."""
    task, rules, grid = dataset.task(image.task), options.rule_table, labels.mask.volume.grid
    names = label_names(task, rules)
    structures = structure_rows(labels.structures, grid, names, rules)
    found = [
        {
            "lesion_task": lesion.number,
            "label": lesion.target,
            "name": names.get(lesion.target, ""),
            "lesion_kind": lesion.kind,
            "lesions": lesions[lesion.number].rows(),
        }
        for lesion in sorted(dataset.lesions_of(task.number), key=lambda lesion: lesion.number)
        if lesion.number in lesions
    ]
    dim = _acquisition_dim(labels, dataset)
    return volume_row(labels.case, image, volume.grid, grid, dataset, task, side, structures, found, dim)


def _acquisition_dim(labels: CaseLabels, dataset: Dataset) -> int:
    task = dataset.task(labels.case.images[0].task)
    return acquisition_dim(labels.mask.volume.grid, [PLANES.index(plane) for plane in task.physical_planes])


def label_names(task: Task, rules: Rules) -> dict[int, str]:
    """Label value to name under the rules."""
    return task.labels_exact if rules.label_names == "exact" and task.labels_exact else task.labels


def _check_grids(image: Grid, mask: Grid, rules: Rules) -> float:
    if image.shape_xyz != mask.shape_xyz:
        raise DataFault("geometry", "shape_mismatch", image=list(image.shape_xyz), mask=list(mask.shape_xyz))
    distance_mm = grid_distance_mm(image, mask)
    limit_mm = rules.grid_tolerance * min(mask.affine_spacing_xyz_mm)
    if rules.grid_mismatch == "reject" and round(distance_mm, 9) > round(limit_mm, 9):
        raise DataFault("geometry", "grid_mismatch", distance_mm=round(distance_mm, 3), limit_mm=round(limit_mm, 3))
    return distance_mm


def _image_constants(
    labels: CaseLabels,
    image: CaseImage,
    volume: Volume,
    dataset: Dataset,
    side: str,
    mismatch_mm: float,
    encoding: Encoding,
    options: BuildOptions,
) -> dict[str, Any]:
    case, task, rules = labels.case, dataset.task(image.task), options.rule_table
    flags = set(grid_flags(volume.grid)) | {f"mask_{flag}" for flag in grid_flags(labels.mask.volume.grid)}
    if round(mismatch_mm, 9) > round(rules.grid_tolerance * min(labels.mask.volume.grid.affine_spacing_xyz_mm), 9):
        flags.add("grid_mismatch")
    if labels.mask.overlap_voxels:
        flags.add("mask_overlap")
    known = np.fromiter(task.labels, np.int64)
    if any(not np.isin(plane.components[:, 1], known).all() for plane in labels.planes):
        flags.add("label_unknown")
    if rules.label_names == "upstream" and task.labels_known_wrong:
        flags.add("label_name_known_wrong")
    if task.surrounds and not is_surrounded(labels.mask.volume.data, *task.surrounds):
        flags.add("label_order_doubtful")
    if case.case_id in dataset.no_mm:
        flags.add("spacing_made_up")
    if case.case_id in dataset.suspect:
        flags.add("suspect")
    if options.images != "none":
        flags.update(overlay_flags(volume, task.modality, [PLANES.index(plane) for plane in task.physical_planes]))
    mask_path = case.masks[0].path
    return {
        **shared_columns(case, image, volume, dataset, task, side, encoding, rules),
        "grid_mismatch_mm": mismatch_mm,
        "overlap_voxels": labels.mask.overlap_voxels,
        "flags": sorted(flags),
        "mask_path": mask_path.rsplit("/", 1)[0] if case.mask_labels else mask_path,
        "landmark_path": "",
        "space": "native",
        "landmarks": [],
        "biometrics": [],
    }
