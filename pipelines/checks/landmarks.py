"""Checks on rows and pairs of landmarks: points in place, and every measure taken again from its points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.checks.files import pair_kind
from medvision.pipelines.checks.findings import Findings
from medvision.pipelines.release import Release
from medvision.schemas.pairs import LANDMARK_KINDS
from medvision.transforms.biometrics import Point3, folded_angle_deg, numbers_of
from medvision.transforms.cephalometry import MEASURES
from medvision.transforms.geometry import slice_axes

TOLERANCE = 1e-5
"""Largest difference in mm or degrees: the arc cosine of an angle near 0 keeps about 6 digits after the point."""
UNITS = {"distance": "mm", "angle": "degree", "ratio": ""}
ROW_COLUMNS = (
    *("slice_id", "slice_dim", "slice_idx", "shape_xyz", "spacing_xyz_mm", "affine_ras", "space"),
    *("landmarks", "biometrics"),
)
PAIR_COLUMNS = ["pair_id", "slice_id", "label_name", "landmark_source", "definition", "biometric_profile"]
Row = dict[str, Any]
Key = tuple[str, str, str, str]
"""Slice id, source, definition, key of a measure."""


def check_landmarks(table: pa.Table, findings: Findings) -> None:
    """Points lie in the volume where their millimetres say; values follow from points; the slice is the first point's.

    Args:
        table: Rows of ANNOTATION_SCHEMA.
    """
    counts = {name: pc.list_value_length(table[name]).fill_null(0) for name in ("segments", "landmarks", "biometrics")}
    has_mask, has_points = (pc.not_equal(table[name], "") for name in ("mask_path", "landmark_path"))
    one_kind = pc.xor(has_mask, has_points)
    for name, wanted in (("landmarks", has_points), ("biometrics", has_points)):
        one_kind = pc.and_(one_kind, pc.equal(pc.greater(counts[name], 0), wanted))
    one_kind = pc.and_(one_kind, pc.or_(has_mask, pc.equal(counts["segments"], 0)))
    findings.rows("rows_annotated", one_kind.fill_null(False).to_numpy(), table["slice_id"])
    shown = pc.or_(pc.greater(counts["landmarks"], 0), pc.greater(counts["biometrics"], 0))
    for row in table.filter(shown).select(ROW_COLUMNS).to_pylist():
        _check_points(row, findings)
        points = points_of(row)
        seen: set[tuple[str, str, str]] = set()
        for measure in row["biometrics"]:
            key = (measure["source"], measure["definition"], measure["key"])
            problem = "stands twice" if key in seen else _problem(measure, points.get(key[0], {}), row)
            seen.add(key)
            findings.count("biometrics")
            if problem:
                findings.fail("biometrics", f"{row['slice_id']} {' '.join(key)}: {problem}")


def check_landmark_pairs(release: Release, dataset: str, sound: set[str], findings: Findings) -> None:
    """Pairs on landmarks are, one for one, the primary measures of their definition, under the config of their type."""
    files = [(f.path, pair_kind(f.path)) for f in release.files("pairs", dataset) if f.path in sound]
    files = [(path, kind) for path, kind in files if kind in LANDMARK_KINDS]
    if not files:
        return
    measures = {
        (slice_id, m["source"], m["definition"], m["key"]): m
        for slice_id, m in _measures(release, dataset, sound)
        if m["primary"]
    }
    used: set[Key] = set()
    for path, kind in files:
        with findings.guard("pair_measures", path):
            for pair in release.parquet(path).read(PAIR_COLUMNS).to_pylist():
                profile = pair["biometric_profile"]
                key = (pair["slice_id"], pair["landmark_source"], pair["definition"], profile["metric_key"])
                used.add(key)
                found = (*(profile[f"metric_{name}"] for name in ("type", "value", "unit")), pair["label_name"])
                measure = measures.get(key, {})
                metric_type = LANDMARK_KINDS[kind] or measure.get("metric_type")
                expected = (metric_type, *(measure.get(name) for name in ("value", "unit", "name")))
                findings.same("pair_measures", pair["pair_id"], found, expected)
    definitions = {definition for _, _, definition, _ in used}
    findings.same("pair_measures", f"{dataset} definitions", len(definitions), 1)
    unpaired = sorted(" ".join(key) for key in set(measures) - used if key[2] in definitions)
    if unpaired:
        findings.fail_many("pair_measures", len(unpaired), (f"no pair of {name}" for name in unpaired))


def points_of(row: Mapping[str, Any]) -> dict[str, dict[int, Point3]]:
    """Voxel index (x, y, z) of each landmark of a row, by source and point number."""
    found: dict[str, dict[int, Point3]] = {}
    rows_axis, columns_axis = slice_axes(row["slice_dim"])
    for landmark in row["landmarks"]:
        voxel = [0.0, 0.0, 0.0]
        voxel[row["slice_dim"]] = landmark["slice_position"]
        voxel[rows_axis], voxel[columns_axis] = landmark["position_rc"]
        found.setdefault(landmark["source"], {})[landmark["number"]] = (voxel[0], voxel[1], voxel[2])
    return found


def _check_points(row: Row, findings: Findings) -> None:
    points = points_of(row)
    affine = np.array(row["affine_ras"]).reshape(4, 4)
    for landmark in row["landmarks"]:
        what = f"{row['slice_id']} {landmark['source']} point {landmark['number']}"
        voxel = points[landmark["source"]][landmark["number"]]
        findings.count("landmarks_inside")
        if not all(-0.5 <= place <= sides - 0.5 for place, sides in zip(voxel, row["shape_xyz"], strict=True)):
            findings.fail("landmarks_inside", f"{what}: voxel {voxel} of a volume {row['shape_xyz']}")
        world_mm = (affine @ [*voxel, 1.0])[:3]
        findings.count("landmarks_mm")
        stated = landmark["world_mm"]
        if len(stated) != 3 or not np.allclose(stated, world_mm, rtol=0.0, atol=TOLERANCE):
            findings.fail("landmarks_mm", f"{what}: {stated}, expected {world_mm.tolist()}")
        numbers = 0 if row["space"] == "native" else 3
        if len(landmark["native_mm"]) != numbers or not all(map(math.isfinite, landmark["native_mm"])):
            findings.fail("landmarks_mm", f"{what}: native_mm is not {numbers} numbers in space {row['space']}")
    if sum(map(len, points.values())) != len(row["landmarks"]):
        findings.fail("landmarks_inside", f"{row['slice_id']}: a point stands twice")


def _problem(measure: Row, points: dict[int, Point3], row: Row) -> str:
    """What is wrong with a measure, "" where nothing is."""
    value, kind = measure["value"], measure["metric_type"]
    if measure["unit"] != UNITS.get(kind):
        return f"a {kind} in {measure['unit']!r}"
    numbers = numbers_of(measure["definition"], kind, measure["key"])
    if not numbers or not set(numbers) <= set(points):
        return "its points are not among the row's landmarks"
    expected = _value(measure["definition"], measure["key"], [points[n] for n in numbers], numbers, row)
    if value is None or not abs(value - expected) <= TOLERANCE:
        return f"{value}, expected {expected}"
    index = round(points[numbers[0]][row["slice_dim"]])
    return "" if index == row["slice_idx"] else f"its first point lies on slice {index}, not {row['slice_idx']}"


def _value(definition: str, key: str, ends: list[Point3], numbers: tuple[int, ...], row: Row) -> float:
    """The measure from voxels; those of films are the same wherever the film's origin is."""
    placed = [tuple(n * mm for n, mm in zip(end, row["spacing_xyz_mm"], strict=True)) for end in ends]
    if definition == "exact" and key in MEASURES:
        return MEASURES[key][2]({number: (y, -z) for number, (_, y, z) in zip(numbers, placed, strict=True)})
    if len(placed) == 2:
        return math.dist(*placed)
    return folded_angle_deg([(x, y, z) for x, y, z in placed])


def _measures(release: Release, dataset: str, sound: set[str]) -> Iterator[tuple[str, Row]]:
    for file in release.files("annotations", dataset):
        if file.path in sound:
            table = release.parquet(file.path).read(["slice_id", "biometrics"])
            for row in table.filter(pc.greater(pc.list_value_length(table["biometrics"]), 0)).to_pylist():
                for measure in row["biometrics"]:
                    yield row["slice_id"], measure
