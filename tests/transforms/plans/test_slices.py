"""Records of plans and landmark files, worked out by hand: values, keys and the order of keys."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from volume_rows import structures

from medvision.schemas.dataset import LesionTask
from medvision.schemas.rows import ANNOTATION_SCHEMA
from medvision.schemas.rules import RULES
from medvision.schemas.volume import Grid
from medvision.schemas.volumes import STRUCTURE
from medvision.sources.ceph import CEPH
from medvision.sources.feta24 import FETA24
from medvision.transforms.annotate import lesions_column, segments_column, survey_plane
from medvision.transforms.components import find_components
from medvision.transforms.conics import Frame
from medvision.transforms.lesion_volumes import lesion_volume
from medvision.transforms.plans.landmarks import lesion_landmarks, set_landmarks
from medvision.transforms.plans.slices import (
    box_profiles,
    labelled_boxes,
    landmark_profiles,
    lesion_profiles,
    mask_profiles,
)
from medvision.transforms.plans.tasks import plan_tasks

Row = dict[str, Any]
PIXEL_MM = (0.9, 0.9)


def kidney(label: int = 2) -> np.ndarray:
    """(96, 96, 12): on axial slice 11, 269 pixels in a box of 18 x 20 whose corner is (39, 17)."""
    mask = np.zeros((96, 96, 12), np.uint8)
    mask[39:57, 17:37, 11] = label
    mask[40:47, 18:31, 11] = 0  # a hole of 91 pixels
    return mask


def axial_rows(mask: np.ndarray) -> pa.Table:
    plane = survey_plane(find_components(mask), 2)
    columns = {
        "slice_dim": pa.array([2] * len(plane.slice_idx), pa.uint8()),
        "slice_idx": pa.array(plane.slice_idx, pa.uint16()),
        "segments": segments_column(plane, PIXEL_MM, PIXEL_MM, {}),
    }
    return pa.table(columns)


def same_text(found: Any, expected: Any) -> bool:
    """Equal as JSON: also key for key in their order, and 1.0 is not 1."""
    return json.dumps(found) == json.dumps(expected)


def test_detection_record() -> None:
    found = box_profiles(axial_rows(kidney()))
    assert found[0] == found[1] == []
    box = {
        "min_coords": [39, 17],
        "max_coords": [56, 36],
        "center_coords": [47, 26],
        "dimensions": [18, 20],
        "sizes": [18 * 0.9, 18.0],
        "mask_image_ratio": 269 / (96 * 96),
    }
    assert same_text(found[2], [{"slice_idx": 11, "slice_profile": [{"label": 2.0, "bboxes": [box]}]}])
    assert box["sizes"] == pytest.approx([16.2, 18.0])
    assert box["mask_image_ratio"] == pytest.approx(0.029, abs=5e-4)


def test_segmentation_record() -> None:
    found = mask_profiles(axial_rows(kidney()))
    record = {"label": 2.0, "pixel_count": 269, "ROI_area": 269 * (0.9 * 0.9)}
    assert same_text(found, {0: [], 1: [], 2: [{"slice_idx": 11, "slice_profile": [record]}]})
    assert record["ROI_area"] == pytest.approx(217.9, abs=0.05)


def test_labels_rise_and_boxes_stand_in_raster_order() -> None:
    mask = np.zeros((8, 9, 3), np.uint8)
    mask[0, 7, 1], mask[2, 0:2, 1], mask[1, 4, 1] = 5, 5, 3
    mask[7, 8, 2] = 1
    first, second = box_profiles(axial_rows(mask))[2]
    assert (first["slice_idx"], second["slice_idx"]) == (1, 2)
    assert [(item["label"], [box["min_coords"] for box in item["bboxes"]]) for item in first["slice_profile"]] == [
        (3.0, [[1, 4]]),
        (5.0, [[0, 7], [2, 0]]),
    ]
    assert [item["label"] for item in second["slice_profile"]] == [1.0]


def test_boxes_of_rows_cut_out_of_a_longer_table() -> None:
    """Offsets of nested lists follow the slice of the table, not the whole."""
    mask = np.zeros((6, 6, 4), np.uint8)
    for index in range(4):
        mask[index : index + 2, 1:3, index] = index + 1
    rows = axial_rows(mask)
    whole = box_profiles(rows)[2]
    assert [entry for start in range(4) for entry in box_profiles(rows.slice(start, 1))[2]] == whole
    assert [entry for start in range(4) for entry in mask_profiles(rows.slice(start, 1))[2]] == mask_profiles(rows)[2]


def test_profile_of_the_volume() -> None:
    mask = np.zeros((5, 6, 7), np.uint8)
    mask[1:3, 2:5, 3:7] = 4
    mask[4, 0, 0] = 4
    found = labelled_boxes(pa.array(structures(mask, (2.0, 0.5, 1.0)), STRUCTURE), 3)
    large = {
        "min_coords": [1, 2, 3],
        "max_coords": [2, 4, 6],
        "center_coords": [1, 3, 4],
        "dimensions": [2, 3, 4],
        "sizes": [4.0, 1.5, 4.0],
        "mask_image_ratio": 24 / 210,
    }
    small = {"min_coords": [4, 0, 0], "max_coords": [4, 0, 0], "center_coords": [4, 0, 0], "dimensions": [1, 1, 1]}
    small |= {"sizes": [2.0, 0.5, 1.0], "mask_image_ratio": 1 / 210}
    assert same_text(found, [{"label": 4.0, "bboxes": [large, small]}])


# Lesions

LESIONS: list[Row] = [
    {
        "slice_dim": 2,
        "slice_idx": 23,
        "n_total_clusters": 3,
        "ellipses": [
            {
                "pixel_count": 377,
                "major_mm": 16.3,
                "minor_mm": 9.7,
                "major_end_rc": [59.6, 41.5],  # 41.5 rounds to the even 42, 40.5 to 40
                "major_start_rc": [44.2, 40.5],
                "minor_end_rc": [53.0, 36.51],
                "minor_start_rc": [50.4, 45.0],
            }
        ],
    }
]


@pytest.mark.parametrize("counts", [True, False])
def test_lesion_record(counts: bool) -> None:
    metric = {"metric_type": "distance", "metric_map_name": "lines_map", "metric_key": "L-1-2", "metric_value": 16.3}
    metric |= {"metric_unit": "mm", "slice_dim": 2}
    clusters = {"n_total_clusters": 3} if counts else {}
    entry = {"slice_idx": 23, **clusters}
    entry["slice_profile"] = [[metric, {**metric, "metric_key": "L-3-4", "metric_value": 9.7}]]
    assert same_text(lesion_profiles(LESIONS, counts), {0: [], 1: [], 2: [entry]})


@pytest.mark.parametrize("measured", [True, False])
def test_landmark_file_of_lesions(measured: bool) -> None:
    points: Row = {"P1": [60, 42, 23], "P2": [44, 40, 23], "P3": [53, 37, 23], "P4": [50, 45, 23]}
    points["ROI_pixels_count"] = 377
    if measured:
        points["measurements"] = {"L-1-2": 16.3, "L-3-4": 9.7}
    entries = [{"slice_idx": 23, "landmarks": [points]}]
    expected = {"slice_landmarks_x": [], "slice_landmarks_y": [], "slice_landmarks_z": entries}
    assert same_text(lesion_landmarks(LESIONS, measured), expected)


@pytest.mark.parametrize(("slice_dim", "point"), [(0, [23, 60, 42]), (1, [60, 23, 42]), (2, [60, 42, 23])])
def test_the_slice_stands_on_its_own_axis(slice_dim: int, point: list[int]) -> None:
    found = lesion_landmarks([{**LESIONS[0], "slice_dim": slice_dim}], False)
    (entries,) = (entry for entry in found.values() if entry)
    assert entries[0]["landmarks"][0]["P1"] == point


@pytest.mark.parametrize(("version", "kept"), [("1.0.0", 1), ("1.4.0", 2)])
def test_lesions_of_an_array(version: str, kept: int) -> None:
    """Two clusters, the larger first, whatever their order on the slice; the gate of 1.0.0 rejects the smaller."""
    mask = np.zeros((90, 90, 1), np.uint8)
    rows, columns = np.mgrid[:90, :90]
    mask[((rows - 20) / 9) ** 2 + ((columns - 60) / 8) ** 2 <= 1, 0] = 1
    mask[((rows - 60) / 25) ** 2 + ((columns - 30) / 14) ** 2 <= 1, 0] = 1
    frame = Frame((90, 90), (1.0, 1.0), (1.0, 1.0))
    volume = lesion_volume(mask, 1, Grid((90, 90, 1), np.eye(4), (1.0, 1.0, 1.0), "RAS"), 2, "mass")
    assert volume is not None
    plane, tasks = survey_plane(find_components(mask), 2), [LesionTask(1, 1, 1)]
    (lesions,) = lesions_column(mask, plane, tasks, {1: volume}, frame, {}, RULES[version]).to_pylist()
    (lesion,) = ({**found, "slice_dim": 2, "slice_idx": 0} for found in lesions)
    profile = lesion_profiles([lesion], True)[2][0]["slice_profile"]
    lengths = [[metric["metric_value"] for metric in cluster] for cluster in profile]
    expected = [[50, 28], [18, 16]][:kept]
    assert lengths == [pytest.approx(pair, abs=2.5) for pair in expected]
    landmarks = lesion_landmarks([lesion], version != "1.0.0")["slice_landmarks_z"][0]["landmarks"]
    pixels = [int((labels == 1).sum()) for labels in (mask[35:86], mask[11:30])]
    assert [entry["ROI_pixels_count"] for entry in landmarks] == pixels[:kept]
    assert landmarks[0]["P1"] == [85, 30, 0]
    assert landmarks[0]["P2"] == [35, 30, 0]
    for cluster, entry in zip(profile, landmarks, strict=True):
        stored = entry.get("measurements", {m["metric_key"]: m["metric_value"] for m in cluster})
        assert stored == {m["metric_key"]: m["metric_value"] for m in cluster}


# Landmarks


def measure(key: str, kind: str, value: float, **more: Any) -> Row:
    unit = "mm" if kind == "distance" else "degree"
    named = {"key": key, "metric_type": kind, "value": value, "unit": unit, "source": "senior"}
    return {**named, "primary": True, "definition": "upstream", **more}


def point(number: int, position_rc: tuple[float, float], across: float = 0.0, source: str = "senior") -> Row:
    return {"number": number, "position_rc": list(position_rc), "slice_position": across, "source": source}


def test_records_of_a_film() -> None:
    """Angles come before distances as in the table, each an entry of its own; other sources and definitions none."""
    (task,) = plan_tasks(CEPH, "biometry", RULES["1.4.0"])
    row: Row = {
        "slice_dim": 0,
        "slice_idx": 0,
        "biometrics": [
            measure("L-1-2", "distance", 70.5),
            measure("A-L_1_2-L_2_5", "angle", 81.2),
            measure("A-L_1_2-L_2_5", "angle", 98.8, definition="exact"),
            measure("L-1-2", "distance", 71.0, primary=False, source="junior"),
        ],
        "landmarks": [
            point(5, (900.0, 811.0)),
            point(1, (835.0, 1404.0)),
            point(2, (1472.0, 1381.0)),
            point(1, (836.0, 1404.0), source="junior"),
        ],
    }
    angle = {"metric_type": "angle", "metric_map_name": "angles_map", "metric_key": "A-L_1_2-L_2_5"}
    angle |= {"metric_value": 81.2, "metric_unit": "degree", "slice_dim": 0}
    distance = {"metric_type": "distance", "metric_map_name": "lines_map", "metric_key": "L-1-2"}
    distance |= {"metric_value": 70.5, "metric_unit": "mm", "slice_dim": 0}
    entries = [{"slice_idx": 0, "slice_profile": [metric]} for metric in (angle, distance)]
    assert same_text(landmark_profiles([row], task, "upstream"), {0: entries, 1: [], 2: []})
    points = {"P1": [0, 835, 1404], "P2": [0, 1472, 1381], "P5": [0, 900, 811]}
    expected = {"slice_landmarks_x": [{"slice_idx": 0, "landmarks": points}]}
    assert same_text(set_landmarks([row], task), expected | {"slice_landmarks_y": [], "slice_landmarks_z": []})


def test_records_of_a_fetal_brain() -> None:
    """An entry a measure in the table's order, not the slices'; a second point keeps its own place across."""
    (task,) = plan_tasks(FETA24, "biometry", RULES["1.4.0"])
    rows: list[Row] = [
        {
            "slice_dim": 0,
            "slice_idx": 40,
            "biometrics": [measure("L-3-4", "distance", 21.0, source="biometry")],
            "landmarks": [point(3, (61.0, 70.0), 40.0, "biometry"), point(4, (60.0, 50.0), 42.0, "biometry")],
        },
        {
            "slice_dim": 0,
            "slice_idx": 44,
            "biometrics": [measure("L-1-2", "distance", 33.5, source="biometry")],
            "landmarks": [point(1, (80.0, 71.0), 44.0, "biometry"), point(2, (49.0, 66.0), 44.0, "biometry")],
        },
    ]
    assert [entry["slice_idx"] for entry in landmark_profiles(rows, task, "upstream")[0]] == [44, 40]
    entries = [
        {"slice_idx": 44, "landmarks": {"P1": [44, 80, 71], "P2": [44, 49, 66]}},
        {"slice_idx": 40, "landmarks": {"P3": [40, 61, 70], "P4": [42, 60, 50]}},
    ]
    expected = {"slice_landmarks_x": entries, "slice_landmarks_y": [], "slice_landmarks_z": []}
    assert same_text(set_landmarks(rows, task), expected)


def test_columns_of_the_annotation_schema_are_read() -> None:
    """The tables above have the types of annotation files."""
    rows = axial_rows(kidney())
    assert all(rows.schema.field(name).type == ANNOTATION_SCHEMA.field(name).type for name in rows.column_names)
