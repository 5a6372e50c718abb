"""Rows of a case of landmarks: the slices on which a measure's first point lies, with points and values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from medvision.schemas.case import Case, CaseImage
from medvision.schemas.dataset import PLANES, Dataset, LandmarkTask
from medvision.schemas.faults import DataFault
from medvision.schemas.options import BuildOptions
from medvision.schemas.rows import BIOMETRIC, LANDMARK
from medvision.schemas.volume import Grid, RawVolume, Volume
from medvision.transforms.biometrics import (
    Biometric,
    cephalometric_biometrics,
    exact_distances,
    upstream_biometrics,
)
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
from medvision.transforms.geometry import grid_flags, slice_axes, to_ras
from medvision.transforms.landmarks import (
    PointSet,
    film_points,
    mean_pixels,
    order_by_table,
    read_isbi_text,
    read_voxel_pairs,
)
from medvision.transforms.read import CaseReader
from medvision.transforms.realign import Realignment

Found = list[tuple[PointSet, list[Biometric]]]


def landmark_rows(
    case: Case, dataset: Dataset, reader: CaseReader, options: BuildOptions, side: str
) -> Iterator[PlaneRows]:
    """Rows of a landmark case, plane by plane.

    Raises:
        DataFault: of reading, bad_landmarks, bad_transform.
    """
    image = case.images[0]
    task = dataset.landmark_task(image.task)
    extras = dict(case.extras)
    raw = reader.raw(image.file, task.spacing_mm)
    realignment = Realignment(reader.content(extras["transform"])) if "transform" in extras else None
    if realignment is not None:
        raw = realignment.resample(raw)
    volume = to_ras(raw)
    found = [_measure(points, volume.grid, task) for points in _point_sets(case, task, raw, volume, reader, options)]
    encoding = plan_encoding(volume, task.modality, options)
    flags = set(grid_flags(volume.grid)) | {flag for points, _ in found for flag in points.flags}
    if case.case_id in dataset.suspect:
        flags.add("suspect")
    constants = {
        **shared_columns(case, image, volume, dataset, task, side, encoding, options.rule_table),
        "grid_mismatch_mm": 0.0,
        "overlap_voxels": 0,
        "flags": sorted(flags),
        "mask_path": "",
        "landmark_path": case.landmarks[0][1].path,
        "space": task.space,
        "segments": [],
        "lesions": [],
    }
    for slice_dim, plane in enumerate(PLANES):
        shape = volume.grid.shape_xyz
        if plane not in options.planes or min(shape[axis] for axis in slice_axes(slice_dim)) == 1:
            continue
        yield from _plane_rows(case, image, volume, found, slice_dim, constants, encoding, task, realignment, options)


def _plane_rows(
    case: Case,
    image: CaseImage,
    volume: Volume,
    found: Found,
    slice_dim: int,
    constants: dict[str, Any],
    encoding: Any,
    task: LandmarkTask,
    realignment: Realignment | None,
    options: BuildOptions,
) -> Iterator[PlaneRows]:
    shown = {(slice_index(points, measure)) for points, ms in found for measure in ms if measure.slice_dim == slice_dim}
    indices = sorted(index for index in shown if 0 <= index < volume.grid.shape_xyz[slice_dim])
    if not indices:
        return
    landmarks, biometrics = [], []
    for index in indices:
        here = [
            (points, [m for m in ms if m.slice_dim == slice_dim and slice_index(points, m) == index])
            for points, ms in found
        ]
        landmarks.append(
            [row for points, ms in here for row in _landmarks(points, ms, volume.grid, slice_dim, task, realignment)]
        )
        biometrics.append([_biometric(points, m, task) for points, ms in here for m in ms])
    spacing = voxel_mm(volume.grid, options.rule_table)
    stem = slice_stem(case, image, PLANES[slice_dim])
    columns = {
        "slice_id": pa.array([f"{stem}-{index:04d}" for index in indices], pa.string()),
        "slice_idx": pa.array(indices, pa.uint16()),
        "landmarks": pa.array(landmarks, pa.list_(LANDMARK)),
        "biometrics": pa.array(biometrics, pa.list_(BIOMETRIC)),
    }
    per_plane = {
        **constants,
        **plane_columns(slice_dim, volume.grid.shape_xyz, spacing),
        "mask_pixel_spacing_mm": in_plane(spacing, slice_dim),
    }
    batch = batch_of(columns, per_plane, len(indices))
    yield PlaneRows(batch, volume, encoding, slice_dim, np.array(indices))


def slice_index(points: PointSet, measure: Biometric) -> int:
    """Slice of a measure: that of its first point."""
    return round(points.voxels_xyz[measure.first_point][measure.slice_dim])


def _point_sets(
    case: Case, task: LandmarkTask, raw: RawVolume, volume: Volume, reader: CaseReader, options: BuildOptions
) -> list[PointSet]:
    if task.format == "isbi_text":
        readings = {}
        for source, file in case.landmarks:
            try:
                readings[source] = read_isbi_text(reader.content(file))
            except DataFault as fault:
                fault.path = fault.path or file.path
                raise
        if task.mean_of_sources and len(readings) > 1:
            readings["mean"] = mean_pixels(list(readings.values()))
        height = volume.grid.shape_xyz[2]
        return [film_points(source, pixels, height, task.spacing_mm) for source, pixels in readings.items()]
    sets = []
    for source, file in case.landmarks:
        marks = reader.raw(file)
        if marks.data.shape != raw.data.shape:
            raise DataFault(
                "landmarks", "shape_mismatch", file.path, image=list(raw.data.shape), mask=list(marks.data.shape)
            )
        points = read_voxel_pairs(source, to_ras(marks), task)
        extras = dict(case.extras)
        if "table" in extras and options.rule_table.label_names == "exact":
            subject = image_subject(case.images[0])
            spacing = volume.grid.affine_spacing_xyz_mm
            points = order_by_table(points, spacing, reader.content(extras["table"]), subject, task.measures)
        sets.append(points)
    return sets


def image_subject(image: CaseImage) -> str:
    """Subject of an image named in BIDS style: the text before the first underscore."""
    return image.file.path.rsplit("/", 1)[-1].split("_", 1)[0]


def _measure(points: PointSet, grid: Grid, task: LandmarkTask) -> tuple[PointSet, list[Biometric]]:
    upstream = upstream_biometrics(points.voxels_xyz, grid.zooms_xyz_mm, task.measures)
    exact = exact_distances(upstream)
    if points.film_mm:
        exact += cephalometric_biometrics(points.film_mm, task.measures[0].slice_dim)
    return points, [*upstream, *exact]


def _landmarks(
    points: PointSet,
    measures: Sequence[Biometric],
    grid: Grid,
    slice_dim: int,
    task: LandmarkTask,
    realignment: Realignment | None,
) -> list[dict[str, object]]:
    rows = []
    for number in sorted({number for measure in measures for number in measure.points}):
        voxel = points.voxels_xyz[number]
        world = grid.affine_ras @ np.array([*voxel, 1.0])
        world_mm = (float(world[0]), float(world[1]), float(world[2]))
        rows.append(
            {
                "source": points.source,
                "number": number,
                "name": task.points[number],
                "position_rc": list(in_plane(voxel, slice_dim)),
                "slice_position": voxel[slice_dim],
                "world_mm": list(world_mm),
                "native_mm": list(realignment.to_native_mm(world_mm)) if realignment else [],
            }
        )
    return rows


def _biometric(points: PointSet, measure: Biometric, task: LandmarkTask) -> dict[str, object]:
    return {
        "landmark_task": task.number,
        "source": points.source,
        "primary": points.source == next(iter(task.sources)),
        "definition": measure.definition,
        "metric_type": measure.metric_type,
        "key": measure.key,
        "name": measure.name,
        "value": measure.value,
        "unit": measure.unit,
        "flags": list(measure.flags),
    }
