"""Lesions of a plane's slices as Arrow arrays, a column at a time: nested dicts would cost as much as measuring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from medvision.schemas.dataset import LesionTask
from medvision.schemas.rows import CHORD, ELLIPSE, LESION, REGION
from medvision.transforms.conics import Ellipse
from medvision.transforms.geometry import slice_axes
from medvision.transforms.lesion_volumes import LesionVolume
from medvision.transforms.lesions import LesionAxes
from medvision.transforms.regions import Region
from medvision.transforms.shapes.chords import Chord


@dataclass(frozen=True)
class ShownLesion:
    """One lesion task on one slice that shows its target; `runs` are those of the crop at `origin_rc`."""

    task: LesionTask
    volume: LesionVolume
    slice_idx: int
    axes: LesionAxes
    regions: Sequence[Region]
    origin_rc: tuple[int, int]
    size_rc: tuple[int, int]
    runs: Sequence[int]


def lesion_array(found: Sequence[ShownLesion], slice_dim: int, names: dict[int, str]) -> pa.StructArray:
    """Values of LESION, in order."""
    columns = {
        "lesion_task": [lesion.task.number for lesion in found],
        "label": [lesion.task.target for lesion in found],
        "name": [names.get(lesion.task.target, "") for lesion in found],
        "lesion_kind": [lesion.task.kind for lesion in found],
        "n_total_clusters": [lesion.axes.clusters for lesion in found],
        "ellipses": _nested(
            [lesion.axes.ellipses for lesion in found], _ellipses(list(_flat(lesion.axes.ellipses for lesion in found)))
        ),
        "regions": _nested([lesion.regions for lesion in found], _regions(found, slice_dim)),
        "flags": _lists([lesion.axes.flags for lesion in found], pa.string()),
        "origin_rc": _pairs([lesion.origin_rc for lesion in found], pa.uint16()),
        "size_rc": _pairs([lesion.size_rc for lesion in found], pa.uint16()),
        "runs": _lists([lesion.runs for lesion in found], pa.uint32()),
    }
    return _struct(columns, LESION)


def _ellipses(ellipses: Sequence[Ellipse]) -> pa.StructArray:
    columns = {
        "pixel_count": [ellipse.pixel_count for ellipse in ellipses],
        "major_mm": [ellipse.major_mm for ellipse in ellipses],
        "minor_mm": [ellipse.minor_mm for ellipse in ellipses],
        "center_rc": _pairs([ellipse.center_rc for ellipse in ellipses], pa.float64()),
        "major_end_rc": _pairs([ellipse.major[0] for ellipse in ellipses], pa.float64()),
        "major_start_rc": _pairs([ellipse.major[1] for ellipse in ellipses], pa.float64()),
        "minor_end_rc": _pairs([ellipse.minor[0] for ellipse in ellipses], pa.float64()),
        "minor_start_rc": _pairs([ellipse.minor[1] for ellipse in ellipses], pa.float64()),
    }
    return _struct(columns, ELLIPSE)


def _regions(found: Sequence[ShownLesion], slice_dim: int) -> pa.StructArray:
    regions = list(_flat(lesion.regions for lesion in found))
    slices = np.array([lesion.slice_idx for lesion in found for _ in lesion.regions], np.float64)
    grids = [lesion.volume.grid.affine_ras for lesion in found for _ in lesion.regions]
    affines = np.array(grids, np.float64).reshape(len(regions), 4, 4)

    def chords(lines: list[Chord | None]) -> pa.StructArray:
        return _chords(lines, affines, slices, slice_dim)

    columns = {
        "lesion_id": [region.lesion_id for region in regions],
        "pixel_count": [region.pixel_count for region in regions],
        "area_mm2": [region.area_mm2 for region in regions],
        "start_rc": _pairs([region.start_rc for region in regions], pa.uint16()),
        "stop_rc": _pairs([region.stop_rc for region in regions], pa.uint16()),
        "center_rc": _pairs([region.center_rc for region in regions], pa.float64()),
        "major_axis": chords([region.major_axis for region in regions]),
        "minor_axis": chords([region.minor_axis for region in regions]),
        "feret": chords([region.feret for region in regions]),
        "longest": chords([region.longest for region in regions]),
        "perpendicular": chords([region.perpendicular for region in regions]),
        "raster_mm": [region.raster_mm for region in regions],
        "flags": _lists([region.flags for region in regions], pa.string()),
    }
    return _struct(columns, REGION)


def _chords(lines: list[Chord | None], affines: np.ndarray, slices: np.ndarray, slice_dim: int) -> pa.StructArray:
    """Values of CHORD, null where there is no line; points in the world as `LesionVolume.chord` has them."""
    absent = np.array([line is None for line in lines], np.bool_)
    there = [line for line in lines if line is not None]
    kept = ~absent
    place: np.ndarray = np.cumsum(kept) - kept  # of each line among those that are there
    columns: dict[str, Any] = {"length_mm": pa.array([line.length_mm for line in there], pa.float64())}
    for name, points in (("start", [line.start_rc for line in there]), ("end", [line.end_rc for line in there])):
        points_rc = np.array(points, np.float64).reshape(-1, 2)
        columns[f"{name}_rc"] = _pairs(points_rc, pa.float64())
        columns[f"{name}_mm"] = _world(points_rc, affines[kept], slices[kept], slice_dim)
    full = _struct({field.name: columns[field.name] for field in CHORD}, CHORD)
    return full.take(pa.array(place, mask=absent)) if absent.any() else full


def _world(points_rc: np.ndarray, affines: np.ndarray, slices: np.ndarray, slice_dim: int) -> pa.ListArray:
    """Lists [x, y, z] in RAS mm of points on slices, summed in the order of the axes."""
    voxels = np.empty((len(points_rc), 3))
    voxels[:, slice_dim], voxels[:, list(slice_axes(slice_dim))] = slices, points_rc
    x, y, z = (voxels[:, axis : axis + 1] for axis in range(3))
    points_mm = affines[:, :3, 0] * x + affines[:, :3, 1] * y + affines[:, :3, 2] * z + affines[:, :3, 3]
    offsets = np.arange(0, 3 * len(points_mm) + 1, 3, dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(points_mm.reshape(-1), pa.float64()))


def _pairs(values: Sequence[tuple[float, float]] | np.ndarray, kind: pa.DataType) -> pa.ListArray:
    dtype = pa.array([], kind).to_numpy().dtype  # `to_pandas_dtype` imports pandas, which a worker has not
    flat = np.array(values, dtype).reshape(-1)
    return pa.ListArray.from_arrays(np.arange(0, len(flat) + 1, 2, dtype=np.int32), pa.array(flat, kind))


def _lists(values: Sequence[Sequence[Any]], kind: pa.DataType) -> pa.ListArray:
    return _nested(values, pa.array(list(_flat(values)), kind))


def _nested(values: Sequence[Sequence[Any]], flat: pa.Array) -> pa.ListArray:
    """Lists as long as these, of their flat values."""
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum([len(value) for value in values], out=offsets[1:])
    return pa.ListArray.from_arrays(offsets, flat)


def _flat(values: Iterable[Iterable[Any]]) -> Iterable[Any]:
    return chain.from_iterable(values)


def _struct(columns: dict[str, Any], kind: pa.StructType) -> pa.StructArray:
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, field.type)
        for field, column in zip(kind, columns.values(), strict=True)
    ]
    return pa.StructArray.from_arrays(arrays, fields=list(kind))
