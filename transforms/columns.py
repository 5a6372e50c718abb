"""Columns that every slice row has, whatever annotates it: identity, geometry, intensity; and its picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from medvision.schemas.case import Case, CaseImage
from medvision.schemas.dataset import PLANES, Dataset, LandmarkTask, Task
from medvision.schemas.options import BuildOptions
from medvision.schemas.rows import ANNOTATION_FIELDS, ANNOTATION_SCHEMA
from medvision.schemas.rules import Rules
from medvision.schemas.volume import Grid, Volume
from medvision.transforms.encode import Encoding, encode_slices, plan_png8, plan_png16
from medvision.transforms.geometry import obliquity_deg, slice_axes

IMAGE_BLOCK_BYTES = 32 << 20
HEADER_ONLY = Encoding(0, 0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0, 0)


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
        return encode_slices(stack, self.slice_idx, self.encoding, IMAGE_BLOCK_BYTES)


def plan_encoding(volume: Volume, modality: str, options: BuildOptions) -> Encoding:
    """How the build stores a volume's intensities."""
    if options.images == "png16":
        return plan_png16(volume)
    return plan_png8(volume, modality) if options.images == "png8" else HEADER_ONLY


def shared_columns(
    case: Case,
    image: CaseImage,
    volume: Volume,
    dataset: Dataset,
    task: Task | LandmarkTask,
    side: str,
    encoding: Encoding,
    rules: Rules,
) -> dict[str, Any]:
    """Values that all rows of an image share, annotations left to the caller."""
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
        "spacing_xyz_mm": voxel_mm(volume.grid, rules),
        "affine_ras": [float(value) for value in volume.grid.affine_ras.reshape(-1)],
        "raw_axes": volume.grid.raw_axes,
        "obliquity_deg": obliquity_deg(volume.grid),
        "source_path": image.file.path,
        "source_channel": -1 if image.channel is None else image.channel,
        "upstream_name": image.upstream_name,
        "intensity_scale": encoding.scale,
        "intensity_offset": encoding.offset,
        "intensity_max_error": encoding.max_error,
        "intensity_clipped": encoding.clipped,
        "intensity_invalid": encoding.invalid,
        "header_slope": volume.slope,
        "header_intercept": volume.intercept,
        "source_pool": dataset.source_pool,
    }


def plane_columns(slice_dim: int, shape_xyz: tuple[int, int, int], spacing_xyz_mm: Any) -> dict[str, Any]:
    """Name, size and pixel spacing of a plane's slices."""
    rows_axis, columns_axis = slice_axes(slice_dim)
    return {
        "plane": PLANES[slice_dim],
        "slice_dim": slice_dim,
        "height": shape_xyz[rows_axis],
        "width": shape_xyz[columns_axis],
        "pixel_spacing_mm": in_plane(spacing_xyz_mm, slice_dim),
    }


def in_plane(values_xyz: Any, slice_dim: int) -> tuple[float, float]:
    """(row, column) components of (x, y, z) values."""
    rows_axis, columns_axis = slice_axes(slice_dim)
    return values_xyz[rows_axis], values_xyz[columns_axis]


def voxel_mm(grid: Grid, rules: Rules) -> tuple[float, float, float]:
    return grid.zooms_xyz_mm if rules.spacing_source == "header_zooms" else grid.affine_spacing_xyz_mm


def slice_stem(case: Case, image: CaseImage, plane: str) -> str:
    """Slice id without its index: "<volume id>-<plane>"."""
    return f"{volume_stem(case, image)}-{plane}"


def volume_stem(case: Case, image: CaseImage) -> str:
    """Volume id: "<dataset>-<case>-t<task>", without dots and slashes."""
    name = f"{case.dataset}-{case.case_id}".replace("/", "-").replace(".", "_").replace(" ", "_")
    return f"{name}-t{image.task:02d}"


def batch_of(columns: dict[str, pa.Array], constants: dict[str, Any], count: int) -> pa.RecordBatch:
    """A batch of `count` rows; columns that are not given hold their constant."""
    arrays = [
        columns[name] if name in columns else _repeated(constants[name], kind, count)
        for name, kind in ANNOTATION_FIELDS
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=ANNOTATION_SCHEMA)


def empty_lists(kind: pa.ListType, count: int) -> pa.ListArray:
    """`count` lists without a value: repeating a scalar of a deep type costs more than all other columns."""
    return pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.nulls(0, kind.value_type))


def _repeated(value: Any, kind: pa.DataType, count: int) -> pa.Array:
    if pa.types.is_list(kind) and not len(value):
        return empty_lists(kind, count)
    return pa.repeat(pa.scalar(list(value) if isinstance(value, tuple) else value, kind), count)
