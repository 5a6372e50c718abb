"""From one case in memory to record batches of slice rows, a plane of an image at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from medvision.schemas.case import Case, CaseImage
from medvision.schemas.dataset import PLANES, Dataset
from medvision.schemas.faults import DataFault
from medvision.schemas.options import BuildOptions
from medvision.schemas.rows import ANNOTATION_SCHEMA
from medvision.schemas.rules import Rules
from medvision.schemas.volume import Grid, Volume
from medvision.transforms.annotate import PlaneLabels, lesions_column, segments_column, survey_plane
from medvision.transforms.encode import Encoding, encode_slice, plan_png8, plan_png16
from medvision.transforms.geometry import grid_distance_mm, grid_flags, obliquity_deg, slice_axes
from medvision.transforms.read import Mask

IMAGE_BLOCK_BYTES = 32 << 20
HEADER_ONLY = Encoding(0, 0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0, 0)


@dataclass(frozen=True)
class CaseLabels:
    """A case's mask measured once, for all images that share it."""

    case: Case
    mask: Mask
    planes: tuple[PlaneLabels, ...]


@dataclass(frozen=True)
class PlaneRows:
    """Rows of one image on one plane; `pictures` yields their PNG bytes in row order (nothing without images)."""

    batch: pa.RecordBatch
    volume: Volume
    encoding: Encoding
    slice_dim: int
    slice_idx: np.ndarray

    def pictures(self) -> Iterator[bytes]:
        stack = np.moveaxis(self.volume.data, self.slice_dim, 0)
        span = max(1, IMAGE_BLOCK_BYTES // max(1, stack[0].size * stack.itemsize))
        done = 0
        while done < len(self.slice_idx):
            start = int(self.slice_idx[done])
            block = np.ascontiguousarray(stack[start : start + span])
            while done < len(self.slice_idx) and self.slice_idx[done] < start + span:
                yield encode_slice(block[int(self.slice_idx[done]) - start], self.encoding)
                done += 1


def measure_case(case: Case, mask: Mask, dataset: Dataset, options: BuildOptions) -> CaseLabels:
    """Boxes and components of the mask on every asked plane whose slices have both sides longer than 1."""
    shape = mask.volume.grid.shape_xyz
    asked = set(options.planes)
    if options.rule_table.physical_planes_only:
        asked &= set(dataset.task(case.images[0].task).physical_planes)
    dims = [dim for dim, plane in enumerate(PLANES) if plane in asked]
    planes = [survey_plane(mask.volume.data, dim) for dim in dims if min(shape[a] for a in slice_axes(dim)) > 1]
    return CaseLabels(case, mask, tuple(planes))


def image_rows(
    labels: CaseLabels, image: CaseImage, volume: Volume, dataset: Dataset, options: BuildOptions, side: str
) -> Iterator[PlaneRows]:
    """Rows of one image, plane by plane.

    Raises:
        DataFault: shape_mismatch, grid_mismatch, image_not_finite.
    """
    task = dataset.task(image.task)
    rules = options.rule_table
    mismatch_mm = _check_grids(volume.grid, labels.mask.volume.grid, rules)
    encoding = HEADER_ONLY
    if options.images == "png16":
        encoding = plan_png16(volume)
    elif options.images == "png8":
        encoding = plan_png8(volume, task.modality)
    constants = _image_constants(labels, image, volume, dataset, side, mismatch_mm, encoding, options)
    for plane in labels.planes:
        if not len(plane.slice_idx):
            continue
        rows_axis, columns_axis = slice_axes(plane.slice_dim)
        image_mm = _spacing(volume.grid, rules)
        mask_mm = _spacing(labels.mask.volume.grid, rules)
        pixel_mm = (image_mm[rows_axis], image_mm[columns_axis])
        mask_pixel_mm = (mask_mm[rows_axis], mask_mm[columns_axis])
        stem = slice_stem(labels.case, image, PLANES[plane.slice_dim])
        columns = {
            "slice_id": pa.array([f"{stem}-{index:04d}" for index in plane.slice_idx], pa.string()),
            "slice_idx": pa.array(plane.slice_idx, pa.uint16()),
            "segments": segments_column(plane, mask_pixel_mm, task.labels),
            "lesions": lesions_column(
                labels.mask.volume.data, plane, dataset.lesions_of(task.number), pixel_mm, task.labels, rules
            ),
        }
        name = PLANES[plane.slice_dim]
        not_spatial = [] if name in task.physical_planes else ["not_spatial"]
        per_plane = {
            **constants,
            "flags": sorted([*constants["flags"], *not_spatial]),
            "plane": name,
            "slice_dim": plane.slice_dim,
            "height": plane.shape_rc[0],
            "width": plane.shape_rc[1],
            "pixel_spacing_mm": pixel_mm,
            "mask_pixel_spacing_mm": mask_pixel_mm,
        }
        batch = _batch(columns, per_plane, len(plane.slice_idx))
        yield PlaneRows(batch, volume, encoding, plane.slice_dim, plane.slice_idx)


def slice_stem(case: Case, image: CaseImage, plane: str) -> str:
    """Slice id without its index: "<dataset>-<case>-t<task>-<plane>", without dots and slashes."""
    name = f"{case.dataset}-{case.case_id}".replace("/", "-").replace(".", "_").replace(" ", "_")
    return f"{name}-t{image.task:02d}-{plane}"


def _check_grids(image: Grid, mask: Grid, rules: Rules) -> float:
    if image.shape_xyz != mask.shape_xyz:
        raise DataFault("geometry", "shape_mismatch", image=list(image.shape_xyz), mask=list(mask.shape_xyz))
    distance_mm = grid_distance_mm(image, mask)
    limit_mm = rules.grid_tolerance * min(mask.affine_spacing_xyz_mm)
    if rules.grid_mismatch == "reject" and round(distance_mm, 9) > round(limit_mm, 9):
        raise DataFault("geometry", "grid_mismatch", distance_mm=round(distance_mm, 3), limit_mm=round(limit_mm, 3))
    return distance_mm


def _spacing(grid: Grid, rules: Rules) -> tuple[float, float, float]:
    return grid.zooms_xyz_mm if rules.spacing_source == "header_zooms" else grid.affine_spacing_xyz_mm


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
    if case.case_id in dataset.suspect:
        flags.add("suspect")
    mask_path = case.masks[0].path
    return {
        "dataset": case.dataset,
        "case_id": case.case_id,
        "patient": case.patient,
        "task": image.task,
        "side": side,
        "split_source": "patient_hash",
        "modality": task.modality,
        "unit": task.intensity_unit,
        "shape_xyz": volume.grid.shape_xyz,
        "spacing_xyz_mm": _spacing(volume.grid, rules),
        "affine_ras": [float(value) for value in volume.grid.affine_ras.reshape(-1)],
        "raw_axes": volume.grid.raw_axes,
        "obliquity_deg": obliquity_deg(volume.grid),
        "grid_mismatch_mm": mismatch_mm,
        "overlap_voxels": labels.mask.overlap_voxels,
        "flags": sorted(flags),
        "source_path": image.file.path,
        "source_channel": -1 if image.channel is None else image.channel,
        "mask_path": mask_path.rsplit("/", 1)[0] if case.mask_labels else mask_path,
        "upstream_name": image.upstream_name,
        "intensity_scale": encoding.scale,
        "intensity_offset": encoding.offset,
        "intensity_max_error": encoding.max_error,
        "intensity_clipped": encoding.clipped,
        "intensity_invalid": encoding.invalid,
        "header_slope": volume.slope,
        "header_intercept": volume.intercept,
    }


def _batch(columns: dict[str, pa.Array], constants: dict[str, object], count: int) -> pa.RecordBatch:
    arrays = []
    for field in ANNOTATION_SCHEMA:
        array = columns.get(field.name)
        if array is None:
            value = constants[field.name]
            value = list(value) if isinstance(value, tuple) else value
            array = pa.array([value], field.type).take(pa.array(np.zeros(count, np.int64)))
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, schema=ANNOTATION_SCHEMA)
