"""A tiny release whose pairs of every kind are written by hand: slices of 8 x 10 pixels of 0.5 x 0.8203125 mm."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_release import TinyRelease
from tiny_rows import DATASET

from medvision.schemas.pairs import TASK_TYPES

Row = dict[str, Any]
BOX = {"min_coords": [1, 2], "max_coords": [3, 3], "center_coords": [2, 2], "dimensions": [3, 2], "sizes": [1.5, 1.64]}
POINTS = {1: "sella", 2: "nasion", 5: "subspinale"}
LINE = {"metric_type": "distance", "metric_map_name": "lines_map", "metric_key": "L-1-2", "metric_value": 2.25}
ANGLE = {"metric_type": "angle", "metric_map_name": "angles_map", "metric_key": "A-L_1_2-L_2_5", "metric_value": 81.25}


def pair_of(kind: str, where: Row, part: str, label: int, name: str, **own: Any) -> Row:
    common = {"slice_id", "slice_file", "slice_row"}
    return {
        **{key: value for key, value in where.items() if key in common},
        "pair_id": f"{where['slice_id']}-{part}",
        "dataset_name": DATASET,
        "taskID": "01",
        "taskType": TASK_TYPES[kind],
        "label": label,
        "label_name": name,
        "patient_side": "train",
        "split_source": "recomputed",
        "flags": ["oblique"],
        "single_instance": True,
        "excluded_reason": "",
        **own,
    }


@pytest.fixture
def tiny() -> TinyRelease:
    """Three shards of three slices; each slice has a pair of every kind, distances and angles among them."""
    made = TinyRelease.correct()
    once = [pair for pair in made.pairs["BoxSize"] if pair["label"] == 1]
    places = sorted(once, key=lambda pair: (pair["slice_file"], pair["slice_row"]))  # as published
    axes = {"metric_value_major_axis": 3.5, "metric_value_minor_axis": 1.25, "metric_unit": "mm"}
    made.own_pairs = {kind: [] for kind in ("BoxSize", "MaskSize", "TumorLesionSize", "BiometricsFromLandmarks")}
    for rows in made.shards.values():
        for row in rows:
            row["landmarks"] = [landmark(number, name) for number, name in POINTS.items()]
    for where in places:
        made.pairs["BoxSize"].append(pair_of("BoxSize", where, "box-01-1", 1, "liver", bounding_boxes=[BOX]))
        second = {"label": 2, "name": "left lung", "bounding_boxes": [{**BOX, "max_coords": [7, 9]}]}
        made.pairs["BoxSize"].append(pair_of("BoxSize", where, "box-01-2", **second))
        made.pairs["MaskSize"].append(
            pair_of("MaskSize", where, "mask-01-1", 1, "liver", pixel_count=7, ROI_area=7 * 0.5 * 0.8203125)
        )
        made.pairs["TumorLesionSize"].append(
            pair_of(
                "TumorLesionSize", where, "lesion-01-2", 2, "left lung", n_total_clusters=1, biometric_profile=[axes]
            )
        )
        for part, metric in (("landmark-01-L-1-2", LINE), ("landmark-01-A", ANGLE)):
            own = {"definition": "upstream", "biometric_profile": metric}
            made.pairs["BiometricsFromLandmarks"].append(pair_of("BiometricsFromLandmarks", where, part, 0, "", **own))
    for rows in made.shards.values():
        for row in rows:
            row["segments"][0]["name"], row["segments"][1]["name"] = "liver", "left lung"
    return made


def landmark(number: int, name: str) -> Row:
    none = {"slice_position": 0.0, "world_mm": [], "native_mm": []}
    return {"source": "senior", "number": number, "name": name, "position_rc": [1.0, 2.0], **none}


@pytest.fixture
def release(tiny: TinyRelease, tmp_path: Path) -> Path:
    return tiny.write(tmp_path / "release")


@pytest.fixture
def rows_of() -> Callable[[Path], list[Row]]:
    import pyarrow.parquet as pq

    return lambda out: [row for path in sorted((out / "data").iterdir()) for row in pq.read_table(path).to_pylist()]
