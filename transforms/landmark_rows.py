"""Rows of a case of landmarks: the slices on which a measure's first point lies, with points and values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from medvision.schemas.case import Case, CaseImage
from medvision.schemas.dataset import PLANES, Dataset, LandmarkTask
from medvision.schemas.faults import DataFault
from medvision.schemas.options import BuildOptions
from medvision.schemas.rows import BIOMETRIC, LANDMARK
from medvision.schemas.rules import Rules
from medvision.schemas.volume import Grid, Volume
from medvision.transforms.biometrics import (
    Biometric,
    cephalometric_biometrics,
    exact_distances,
    upstream_biometrics,
)
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
from medvision.transforms.geometry import grid_distance_mm, grid_flags, slice_axes, to_ras
from medvision.transforms.landmarks import (
    Point3,
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
        DataFault: of reading, bad_landmarks, bad_transform, shape_mismatch, grid_mismatch.
    """
    image = case.images[0]
    task = dataset.landmark_task(image.task)
    rules = options.rule_table
    volume, realignment = landmark_volume(case, task, reader)
    with _blamed_on(image.file.path):
        encoding = plan_encoding(volume, task.modality, options)
    if task.format == "isbi_text":
        sets, mismatch_mm = _film_sets(case, task, volume.grid, reader), 0.0
    else:
        sets, mismatch_mm = _voxel_sets(case, task, volume.grid, reader, rules)
    found = [_measure(points, voxel_mm(volume.grid, rules), task) for points in sets]
    flags = set(grid_flags(volume.grid)) | {flag for points, _ in found for flag in points.flags}
    if case.case_id in dataset.suspect:
        flags.add("suspect")
    if options.images != "none":
        flags.update(overlay_flags(volume, task.modality, [0]))
    if _lie_apart(mismatch_mm, volume.grid, rules):
        flags.add("grid_mismatch")
    constants = {
        **shared_columns(case, image, volume, dataset, task, side, encoding, rules),
        "grid_mismatch_mm": mismatch_mm,
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


def landmark_volume(case: Case, task: LandmarkTask, reader: CaseReader) -> tuple[Volume, Realignment | None]:
    """The image of a landmark case in RAS+, in the space of its landmarks, and how it came there.

    Raises:
        DataFault: of reading, bad_transform.
    """
    file = case.images[0].file
    raw = reader.raw(file, task.spacing_mm)
    realignment = _realignment(case, reader)
    with _blamed_on(file.path):
        return to_ras(realignment.resample(raw) if realignment is not None else raw), realignment


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
    shown = {slice_index(points, measure) for points, ms in found for measure in ms if measure.slice_dim == slice_dim}
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


def _realignment(case: Case, reader: CaseReader) -> Realignment | None:
    file = dict(case.extras).get("transform")
    if file is None:
        return None
    with _blamed_on(file.path):
        return Realignment(reader.content(file))


def _film_sets(case: Case, task: LandmarkTask, grid: Grid, reader: CaseReader) -> list[PointSet]:
    """Points of each reader of a film, and their mean. Raises DataFault bad_landmarks for a point beside the film."""
    _, width, height = grid.shape_xyz
    readings = {}
    for source, file in case.landmarks:
        with _blamed_on(file.path):
            pixels = read_isbi_text(reader.content(file))
            if not all(1 <= x <= width and 1 <= y <= height for x, y in pixels.values()):
                raise DataFault("landmarks", "bad_landmarks", expected=f"points on a film of {width} x {height} pixels")
            readings[source] = pixels
    if task.mean_of_sources and len(readings) > 1:
        readings["mean"] = mean_pixels(list(readings.values()))
    return [film_points(source, pixels, height, task.spacing_mm) for source, pixels in readings.items()]


def _voxel_sets(
    case: Case, task: LandmarkTask, grid: Grid, reader: CaseReader, rules: Rules
) -> tuple[list[PointSet], float]:
    """Points of each landmark mask, and how far in mm the mask furthest off lies from the image's grid."""
    sets, mismatch_mm = [], 0.0
    table = dict(case.extras).get("table")
    for source, file in case.landmarks:
        with _blamed_on(file.path):
            marks = to_ras(reader.raw(file))
            if marks.grid.shape_xyz != grid.shape_xyz:
                shape, marked = list(grid.shape_xyz), list(marks.grid.shape_xyz)
                raise DataFault("landmarks", "shape_mismatch", image=shape, mask=marked)
            mismatch_mm = max(mismatch_mm, grid_distance_mm(grid, marks.grid))
            if rules.grid_mismatch == "reject" and _lie_apart(mismatch_mm, grid, rules):
                limit_mm = round(_limit_mm(grid, rules), 3)
                raise DataFault("geometry", "grid_mismatch", distance_mm=round(mismatch_mm, 3), limit_mm=limit_mm)
            points = read_voxel_pairs(source, marks, task)
        if table is not None and rules.label_names == "exact":
            subject, spacing_mm = image_subject(case.images[0]), voxel_mm(grid, rules)
            points = order_by_table(points, spacing_mm, reader.content(table), subject, task.measures)
        sets.append(points)
    return sets, mismatch_mm


def _limit_mm(grid: Grid, rules: Rules) -> float:
    return rules.grid_tolerance * min(grid.affine_spacing_xyz_mm)


def _lie_apart(mismatch_mm: float, grid: Grid, rules: Rules) -> bool:
    return round(mismatch_mm, 9) > round(_limit_mm(grid, rules), 9)


@contextmanager
def _blamed_on(path: str) -> Iterator[None]:
    """Gives a DataFault raised inside the path of the file in hand."""
    try:
        yield
    except DataFault as fault:
        fault.path = fault.path or path
        raise


def image_subject(image: CaseImage) -> str:
    """Subject of an image named in BIDS style: the text before the first underscore."""
    return image.file.path.rsplit("/", 1)[-1].split("_", 1)[0]


def _measure(points: PointSet, spacing_mm: Point3, task: LandmarkTask) -> tuple[PointSet, list[Biometric]]:
    """Measures by the voxel size that the rules take; one of a line without length has no value and is left out."""
    upstream = upstream_biometrics(points.voxels_xyz, spacing_mm, task.measures)
    exact = exact_distances(upstream)
    if points.film_mm:
        exact += cephalometric_biometrics(points.film_mm, task.measures[0].slice_dim)
    measured = [*upstream, *exact]
    defined = [measure for measure in measured if math.isfinite(measure.value)]
    if len(defined) < len(measured):
        points = replace(points, flags=tuple(sorted({*points.flags, "landmarks_incomplete"})))
    return points, defined


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
