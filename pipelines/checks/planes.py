"""Checks that the slices of a plane hold what their volume holds: every voxel of each structure and each lesion."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.checks.columns import column, flatten
from medvision.pipelines.checks.findings import Findings
from medvision.pipelines.checks.grids import Volumes

Planes = set[tuple[int, int]]
"""Volume number and axis across."""
Counts = Mapping[tuple, int]
STRUCTURE = ("label", "name")
TASK = ("lesion_task", "label", "name", "lesion_kind")


def check_planes(table: pa.Table, volumes: Volumes, due: Planes, findings: Findings) -> None:
    """The pixel counts of each plane's slices sum to the voxel counts of the volume.

    Args:
        table: Rows of ANNOTATION_SCHEMA, chunks combined.
        volumes: Their volumes.
        due: Planes that must hold all.
    """
    segments, row = flatten(column(table, "segments"))
    structures, volume = flatten(column(volumes.table, "structures"))
    found = _sums(volumes, row, _keys(segments, STRUCTURE), pc.struct_field(segments, "pixel_count"))
    stated = _stated(volume, _keys(structures, STRUCTURE), pc.struct_field(structures, "voxel_count"))
    _compare("plane_pixels", volumes, due, found, stated, findings)

    lesions, row = flatten(column(table, "lesions"))
    regions, lesion = flatten(pc.struct_field(lesions, "regions"))
    keys = _keys(lesions, TASK, lesion) | _keys(regions, ("lesion_id",))
    found = _sums(volumes, row[lesion], keys, pc.struct_field(regions, "pixel_count"))
    tasks, volume = flatten(column(volumes.table, "lesions"))
    solids, task = flatten(pc.struct_field(tasks, "lesions"))
    keys = _keys(tasks, TASK, task) | _keys(solids, ("lesion_id",))
    stated = _stated(volume[task], keys, pc.struct_field(solids, "voxel_count"))
    _compare("plane_lesions", volumes, due, found, stated, findings)


def _keys(items: pa.StructArray, names: tuple[str, ...], place: np.ndarray | None = None) -> dict[str, pa.Array]:
    """Fields of `items`, or of `items[place[i]]`."""
    fields = {name: pc.struct_field(items, name) for name in names}
    return fields if place is None else {name: values.take(pa.array(place)) for name, values in fields.items()}


def _sums(
    volumes: Volumes, row: np.ndarray, keys: dict[str, pa.Array], counts: pa.Array
) -> dict[tuple[int, int], dict[tuple, int]]:
    """Sum of the counts by plane, then by the values of `keys`."""
    plane = {"volume": pa.array(volumes.of_row[row]), "dim": pa.array(volumes.dim[row])}
    table = pa.table(plane | keys | {"count": counts})
    found: dict[tuple[int, int], dict[tuple, int]] = defaultdict(dict)
    for item in table.group_by([*plane, *keys]).aggregate([("count", "sum")]).to_pylist():
        found[item["volume"], item["dim"]][tuple(item[name] for name in keys)] = item["count_sum"]
    return found


def _stated(volume: np.ndarray, keys: dict[str, pa.Array], counts: pa.Array) -> dict[int, dict[tuple, int]]:
    found: dict[int, dict[tuple, int]] = defaultdict(dict)
    names = zip(*(values.to_pylist() for values in keys.values()), strict=True)
    for number, key, count in zip(volume.tolist(), names, counts.to_pylist(), strict=True):
        found[number][key] = count
    return found


def _compare(
    check: str,
    volumes: Volumes,
    due: Planes,
    found: Mapping[tuple[int, int], Counts],
    stated: Mapping[int, Counts],
    findings: Findings,
) -> None:
    for number, dim in sorted(due):
        here, expected = found.get((number, dim), {}), stated.get(number, {})
        findings.count(check, len(expected))
        for key in sorted(here.keys() | expected.keys(), key=str):
            if here.get(key) != expected.get(key):
                what = f"{volumes.ids[number]} across axis {dim}, {' '.join(map(str, key))}"
                findings.fail(check, f"{what}: {here.get(key)}, the volume has {expected.get(key)}")
