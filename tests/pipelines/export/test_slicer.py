"""Slicer markups: what they show in space is what the release measured, by numpy alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tiny_release import TinyRelease
from tiny_rows import DATASET, slice_row

from medvision.pipelines.export.angles import arms
from medvision.pipelines.export.run import export_release
from medvision.pipelines.export.slicer import box_markups, lesion_markups
from medvision.schemas.rules import RULES

Row = dict[str, Any]
OBLIQUE = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
"""A rotation."""
SPACING = (0.5, 0.8203125, 3.0)
AFFINES = {
    "straight": np.diag(SPACING),
    "flipped": np.diag(SPACING) @ np.diag([-1, 1, -1]),
    "oblique": OBLIQUE @ np.diag(SPACING),
}


def points_of(markup: Row) -> np.ndarray:
    assert markup["coordinateSystem"] == "RAS"
    assert markup["coordinateUnits"] == "mm"
    return np.array([point["position"] for point in markup["controlPoints"]])


def length(markup: Row) -> float:
    first, second = points_of(markup)
    return float(np.linalg.norm(first - second))


def angle_deg(markup: Row) -> float:
    one, vertex, other = points_of(markup)
    cosine = (one - vertex) @ (other - vertex) / np.linalg.norm(one - vertex) / np.linalg.norm(other - vertex)
    return float(np.degrees(np.arccos(cosine)))


def placed(row: Row, linear: np.ndarray) -> Row:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, (-9.0, 4.0, 70.0)
    return row | {"affine_ras": affine.reshape(-1).tolist()}


def markups_of(folder: Path, ending: str) -> list[Row]:
    paths = sorted(folder.rglob(f"*{ending}.mrk.json"))
    return [markup for path in paths for markup in json.loads(path.read_text())["markups"]]


@pytest.mark.parametrize("name", AFFINES)
def test_lines_in_space_are_as_long_as_measured(name: str) -> None:
    row = placed(slice_row(0, 1, "train"), AFFINES[name])
    ellipse = row["lesions"][0]["ellipses"][0]
    major, minor = lesion_markups(row, RULES["1.4.0"])
    assert abs(length(major) - ellipse["major_mm"]) < 1e-6
    assert abs(length(minor) - ellipse["minor_mm"]) < 1e-6
    assert major["measurements"] == [
        {"name": "length", "enabled": True, "value": ellipse["major_mm"], "units": "mm", "printFormat": "%-#4.4gmm"}
    ]


@pytest.mark.parametrize("name", AFFINES)
def test_outlines_are_the_outer_edges_of_their_boxes(name: str) -> None:
    row = placed(slice_row(0, 1, "train"), AFFINES[name])
    boxes = [box for segment in row["segments"] for box in segment["boxes"]]
    found = list(box_markups(row, RULES["1.4.0"]))
    assert len(found) == len(boxes)
    back = np.linalg.inv(np.array(row["affine_ras"]).reshape(4, 4))
    for markup, box in zip(found, boxes, strict=True):
        assert markup["type"] == "ClosedCurve"
        corners = points_of(markup)
        sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
        np.testing.assert_allclose(sides, [box["size_mm"][1], box["size_mm"][0]] * 2, atol=1e-9)
        voxels = np.c_[corners, np.ones(4)] @ back.T
        np.testing.assert_allclose(voxels[:, 2], 1, atol=1e-9)
        np.testing.assert_allclose(voxels[:, :2].min(axis=0), np.array(box["min_rc"]) - 0.5, atol=1e-9)
        np.testing.assert_allclose(voxels[:, :2].max(axis=0), np.array(box["max_rc"]) + 0.5, atol=1e-9)


def test_exact_lines_are_those_of_the_regions(own: Any, tmp_path: Path) -> None:
    """Oblique, sagittal and flat series, all planes."""
    export_release(str(own.exact), "slicer", str(tmp_path / "o"))
    found = markups_of(tmp_path / "o/OwnCT", "lesions")
    assert {markup["name"].split()[-1] for markup in found} == {"major", "minor", "longest", "perpendicular"}
    for markup in found:
        assert abs(length(markup) - markup["measurements"][0]["value"]) < 1e-6
    rows = [row for path in sorted(own.exact.glob("annotations/OwnCT/*")) for row in pq.read_table(path).to_pylist()]
    longest = [r["longest"]["length_mm"] for row in rows for n in row["lesions"] for r in n["regions"] if r["longest"]]
    shown = [m["measurements"][0]["value"] for m in found if m["name"].endswith("longest")]
    assert sorted(shown) == sorted(longest)


def test_numbered_lines_of_oblique_series(own: Any, tmp_path: Path) -> None:
    done = export_release(str(own.numbered), "slicer", str(tmp_path / "o"))
    found = markups_of(tmp_path / "o/OwnCT", "lesions")
    assert len(found) == done.counts["lesions"] > 30
    for markup in found:
        assert length(markup) == pytest.approx(markup["measurements"][0]["value"], rel=2e-5)  # spacing is rounded


def test_angles_between_lines_that_share_a_point_or_do_not(own: Any, tmp_path: Path) -> None:
    export_release(str(own.numbered), "slicer", str(tmp_path / "o"))
    (markup,) = markups_of(tmp_path / "o/OwnFilms", "angles")
    assert angle_deg(markup) == pytest.approx(markup["measurements"][0]["value"], abs=1e-6)
    one, two = np.array([20.0, -3.0]), np.array([-6.0, 41.0])
    folded = np.degrees(np.arccos(abs(one @ two) / np.linalg.norm(one) / np.linalg.norm(two)))
    assert markup["measurements"][0]["value"] == pytest.approx(folded)
    (distance,) = markups_of(tmp_path / "o/OwnFilms", "distances")
    assert length(distance) == pytest.approx(distance["measurements"][0]["value"], abs=1e-9)


LINES = {"A-L_1_2-L_2_3": 1, "A-L_1_2-L_3_2": 1, "A-L_2_1-L_2_3": 1, "A-L_2_1-L_3_2": 1, "A-L_1_2-L_3_4": 0}


@pytest.mark.parametrize("key", LINES)
@pytest.mark.parametrize("seed", range(6))
def test_a_folded_angle_is_what_the_three_points_show(key: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = {number: rng.normal(size=3) * 30 for number in range(1, 5)}
    a, b, c, d = (int(text) for text in key if text.isdigit())
    one, two = points[b] - points[a], points[d] - points[c]
    folded = np.degrees(np.arccos(abs(one @ two) / np.linalg.norm(one) / np.linalg.norm(two)))
    found = arms({"definition": "upstream", "key": key}, points, {n: str(n) for n in points})
    assert found is not None
    positions = [{"position": point} for _, point in found]
    shown = angle_deg({"controlPoints": positions, "coordinateSystem": "RAS", "coordinateUnits": "mm"})
    assert shown == pytest.approx(folded)
    vertex = points[2] if LINES[key] else points[a]
    np.testing.assert_allclose(found[1][1], vertex)


def test_films_of_both_rules(tmp_path: Path) -> None:
    from miniature import write_miniature

    from medvision.pipelines.run import run_build
    from medvision.schemas.options import BuildOptions

    name = "Ceph-Biometrics-400"
    write_miniature(tmp_path / "raw", [name], cases=2)
    for rules, left_out, shown in (("1.4.0", 0, None), ("exact", 4, {"SNA", "SNB", "FMA"})):
        build = BuildOptions(str(tmp_path / "raw"), str(tmp_path / rules), (name,), rules, images="none")
        run_build(build)
        done = export_release(str(tmp_path / rules), "slicer", str(tmp_path / f"o{rules}"))
        rows = [row for path in (tmp_path / rules).glob("annotations/*/*") for row in pq.read_table(path).to_pylist()]
        angles = markups_of(tmp_path / f"o{rules}", "angles")
        assert len(angles) > 5
        for markup in angles:
            assert angle_deg(markup) == pytest.approx(markup["measurements"][0]["value"], abs=1e-6)
        if shown:
            assert {markup["name"].split()[0] for markup in angles} == shown
        assert done.counts["measures_not_shown"] == left_out * 3 * len(rows)  # ANB, ODI, APDI, FHI of three sources
        for markup in markups_of(tmp_path / f"o{rules}", "distances"):
            assert length(markup) == pytest.approx(markup["measurements"][0]["value"], abs=1e-6)


def test_landmarks_stand_at_their_places_in_both_spaces(version: Any, tmp_path: Path) -> None:
    export_release(str(version("1.4.0")), "slicer", str(tmp_path / "o"))
    tables = sorted(version("1.4.0").glob("annotations/FeTA24/*.parquet"))
    points = [
        (row["slice_id"], p) for path in tables for row in pq.read_table(path).to_pylist() for p in row["landmarks"]
    ]
    assert points
    for slice_id, point in points:
        folder = tmp_path / "o/FeTA24" / slice_id.rsplit("-", 2)[0]
        for name, column in (("landmarks", "world_mm"), ("landmarks-native", "native_mm")):
            (markup,) = json.loads((folder / f"{name}.mrk.json").read_text())["markups"]
            assert markup["type"] == "Fiducial"
            shown = {p["label"]: p["position"] for p in markup["controlPoints"]}
            assert shown[f"{point['number']} {point['name']}"] == point[column]


def test_files_are_of_the_schema_and_safe(tmp_path: Path) -> None:
    tiny = TinyRelease.correct()
    for rows in tiny.shards.values():
        for row in rows:
            row["slice_id"] = row["slice_id"].replace("Tiny-Set_1-", "Tiny-Set_1-../../<b>")
    tiny.images = {row["slice_id"]: b"" for rows in tiny.shards.values() for row in rows}
    done = export_release(str(tiny.write(tmp_path / "r")), "slicer", str(tmp_path / "o"))
    paths = sorted((tmp_path / "o").rglob("*.mrk.json"))
    assert done.files == len(paths) + 1 == 7
    for path in paths:
        assert path.parent.parent == tmp_path / "o" / DATASET
        document = json.loads(path.read_text())
        assert document["@schema"].endswith("markups-schema-v1.0.3.json#")
        for markup in document["markups"]:
            assert markup["type"] in {"Fiducial", "Line", "Angle", "Curve", "ClosedCurve", "Plane", "ROI"}
            assert len({point["id"] for point in markup["controlPoints"]}) == len(markup["controlPoints"])
