"""Distances and angles of slice rows measured again, from the landmarks that they carry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from medvision.schemas.dataset import Dataset
from medvision.schemas.rows import BIOMETRIC
from medvision.transforms.biometrics import Point3, upstream_biometrics
from medvision.transforms.geometry import slice_axes

Found = dict[str, Any]


def measured_biometrics(rows: pa.Table, voxel_mm: np.ndarray, dataset: Dataset) -> pa.Array:
    """Measures of every row by other voxel sizes.

    Upstream's are taken from the points; so are exact distances, which are upstream's. Other exact measures are
    those of a film, whose pixel size no rule changes: they stay.

    Args:
        rows: Rows of landmarks of one dataset.
        voxel_mm: (rows, 3) mm along x, y, z.
    """
    found = []
    columns = (rows[name].to_pylist() for name in ("task", "slice_dim", "landmarks", "biometrics"))
    for number, (task, dim, landmarks, measures) in enumerate(zip(*columns, strict=True)):
        spacing = voxel_mm[number]
        placed = (float(spacing[0]), float(spacing[1]), float(spacing[2]))
        found.append(_measured(task, dim, landmarks or [], measures or [], placed, dataset))
    return pa.array(found, pa.list_(BIOMETRIC))


def _measured(
    task: int, dim: int, landmarks: list[Found], measures: list[Found], voxel_mm: Point3, dataset: Dataset
) -> list[Found]:
    values: dict[tuple[str, str], float] = {}
    for source in {point["source"] for point in landmarks}:
        points = {point["number"]: _voxel(point, dim) for point in landmarks if point["source"] == source}
        for measure in upstream_biometrics(points, voxel_mm, dataset.landmark_task(task).measures):
            values[source, measure.key] = measure.value
    return [
        measure
        if measure["definition"] != "upstream" and measure["metric_type"] != "distance"
        else measure | {"value": values.get((measure["source"], measure["key"]), measure["value"])}
        for measure in measures
    ]


def _voxel(point: Found, dim: int) -> Point3:
    """Voxel index x, y, z of a landmark on a slice across axis `dim`."""
    voxel = [0.0, 0.0, 0.0]
    rows_axis, columns_axis = slice_axes(dim)
    voxel[rows_axis], voxel[columns_axis] = point["position_rc"]
    voxel[dim] = point["slice_position"]
    return voxel[0], voxel[1], voxel[2]
