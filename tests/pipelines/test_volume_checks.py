"""Volume rows, instances and lesions: each planted error is found by the check meant for it, and by no other."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_release import TinyRelease, edit_manifest, failed, seal
from tiny_rows import DATASET

from medvision.pipelines.checks.compare import difference
from medvision.pipelines.run import run_build
from medvision.pipelines.validate import report_lines, validate_release
from medvision.schemas.options import BuildOptions
from medvision.schemas.rows import ANNOTATION_SCHEMA
from medvision.schemas.volumes import VOLUME_SCHEMA
from medvision.transforms.conics import AXES_EXCHANGED

FIRST = "train-00000-of-00002"
Row = dict[str, Any]


@pytest.fixture
def tiny() -> TinyRelease:
    return TinyRelease.correct()


def volume(tiny: TinyRelease) -> Row:
    return tiny.volumes[FIRST][0]


def solid(tiny: TinyRelease) -> Row:
    return volume(tiny)["lesions"][0]["lesions"][0]


def structure(tiny: TinyRelease, label: int = 1) -> Row:
    return volume(tiny)["structures"][label - 1]


def segment(tiny: TinyRelease) -> Row:
    return tiny.shards[FIRST][1]["segments"][0]


def lesion(tiny: TinyRelease, index: int = 1) -> Row:
    """Of the slice with the longest diameter, or of another."""
    return tiny.shards[FIRST][index]["lesions"][0]


def region(tiny: TinyRelease, index: int = 1) -> Row:
    return lesion(tiny, index)["regions"][0]


def shift(numbers: list[float], by: float = 1e-3) -> list[float]:
    return [numbers[0] + by, *numbers[1:]]


def move_lesions(tiny: TinyRelease, **changes: Any) -> None:
    """Change the lesion task of all slices and of the volume."""
    for row in tiny.shards[FIRST]:
        row["lesions"][0].update(changes)
    volume(tiny)["lesions"][0].update(changes)


def drop_last_slice(tiny: TinyRelease) -> None:
    tiny.shards[FIRST].pop()


def lose_lesion(tiny: TinyRelease) -> None:
    """The lesion of one slice with its label's segment."""
    row = tiny.shards[FIRST][2]
    row["segments"].pop()
    row["lesions"].clear()


def split_runs(tiny: TinyRelease) -> None:
    lesion(tiny)["runs"] = [0, 5, 0, 7]


def node(tiny: TinyRelease) -> None:
    """All say node, but the measure and the raster are those of a mass."""
    move_lesions(tiny, lesion_kind="node")


VOLUME_CHANGES: dict[str, tuple[Callable[[TinyRelease], object], set[str]]] = {
    "volume of no image": (
        lambda t: t.volumes[FIRST].append(
            copy.deepcopy(volume(t)) | {"volume_id": "Tiny-Set_1-case_77-t01", "structures": [], "lesions": []}
        ),
        {"volume_rows"},
    ),
    "image of no volume": (lambda t: t.volumes[FIRST].clear(), {"volume_rows"}),
    "volume twice": (
        lambda t: t.volumes[FIRST].append(copy.deepcopy(volume(t)) | {"structures": [], "lesions": []}),
        {"volume_rows", "unique_volume_id"},
    ),
    "patient": (lambda t: volume(t).update(patient="another"), {"volume_columns"}),
    "upstream name": (lambda t: volume(t).update(upstream_name="x.nii.gz"), {"volume_columns"}),
    "channel": (lambda t: volume(t).update(source_channel=1), {"volume_columns"}),
    "image affine": (lambda t: volume(t).update(affine_ras=shift(volume(t)["affine_ras"])), {"volume_columns"}),
    "affine of a slice": (
        lambda t: t.shards[FIRST][0].update(affine_ras=shift(volume(t)["affine_ras"])),
        {"volume_columns"},
    ),
    "header spacing": (lambda t: volume(t).update(header_spacing_mm=[0.5, 0.8203125, 3.1]), {"volume_spacings"}),
    "short affine": (lambda t: volume(t).update(affine_ras=[1.0]), {"volume_grids"}),
    "affine of no grid": (
        lambda t: volume(t)["mask_affine_ras"].__setitem__(15, 2.0),
        {"volume_grids"},
    ),
    "mask without a grid": (
        lambda t: volume(t).update(mask_affine_ras=[], mask_header_spacing_mm=[], mask_raw_axes=""),
        {"volume_grids"},
    ),
    "acquisition axis": (
        lambda t: (volume(t).update(acquisition_dim=0, lesions=[]), [r["lesions"].clear() for r in t.shards[FIRST]]),
        {"acquisition_dim"},
    ),
    "box outside": (
        lambda t: structure(t)["boxes"][1].update(
            min_xyz=[6, 7, 28], max_xyz=[6, 7, 30], center_xyz=[6, 7, 29], size_voxels=[1, 1, 3]
        ),
        {"volume_boxes_inside"},
    ),
    "box size": (lambda t: structure(t)["boxes"][0].update(size_voxels=[3, 2, 4]), {"volume_box_sizes"}),
    "box mm": (lambda t: structure(t)["boxes"][0].update(size_mm=[1.5, 1.640625, 9.001]), {"volume_box_sizes"}),
    "box ratio": (lambda t: structure(t)["boxes"][0].update(mask_image_ratio=0.1), {"volume_box_sizes"}),
    "box gone": (lambda t: structure(t)["boxes"].pop(), {"volume_box_voxels"}),
    "instance gone": (lambda t: structure(t)["instances"].pop(), {"volume_instance_voxels"}),
    "instance empty": (
        lambda t: structure(t)["instances"][0].update(stop_xyz=[1, 4, 3], stop_mm=[0.5, 3.28125, 9.0]),
        {"volume_instances_inside"},
    ),
    "instance mm": (
        lambda t: structure(t)["instances"][0].update(stop_mm=[2.0, 3.28125, 9.01]),
        {"volume_instance_mm"},
    ),
    "instance volume": (lambda t: structure(t)["instances"][0].update(volume_mm3=22.0), {"volume_instance_mm"}),
    "structure volume": (lambda t: structure(t).update(volume_mm3=25.84), {"volume_mm3"}),
    "structure name": (lambda t: structure(t).update(name="another"), {"plane_pixels"}),
    "slice missing": (
        drop_last_slice,
        {"plane_pixels", "plane_lesions", "volume_lesion_slices", "volume_lesion_measures"},
    ),
    "lesion of a slice missing": (
        lose_lesion,
        {"plane_pixels", "plane_lesions", "volume_lesion_slices", "volume_lesion_measures"},
    ),
    "plane missing": (lambda t: setattr(t, "planes", ("coronal", "axial")), {"plane_pixels", "plane_lesions"}),
}

LESION_CHANGES: dict[str, tuple[Callable[[TinyRelease], object], set[str]]] = {
    "lesion id of the volume": (
        lambda t: (solid(t).update(lesion_id=1), [region(t, i).update(lesion_id=1) for i in range(3)]),
        {"volume_lesions", "lesion_regions"},
    ),
    "lesion id of a region": (
        lambda t: region(t, 0).update(lesion_id=7),
        {"lesion_regions", "plane_lesions", "volume_lesion_slices"},
    ),
    "lesion voxels": (lambda t: solid(t).update(voxel_count=31), {"volume_lesions", "plane_lesions"}),
    "lesion box": (lambda t: solid(t).update(stop_xyz=[8, 6, 4]), {"volume_lesions"}),
    "lesion volume": (lambda t: solid(t).update(volume_mm3=36.0), {"volume_lesions"}),
    "lesion gone": (
        lambda t: volume(t)["lesions"][0]["lesions"].clear(),
        {"volume_lesions", "plane_lesions", "volume_lesion_measures"},
    ),
    "lesion name": (lambda t: move_lesions(t, name="another"), {"volume_lesions"}),
    "lesion task of slices alone": (
        lambda t: volume(t).update(lesions=[]),
        {"lesion_tasks", "plane_lesions"},
    ),
    "measure": (lambda t: solid(t).update(measure_mm=2.5), {"volume_lesion_measures"}),
    "measure of the other kind": (node, {"volume_lesion_measures", "lesion_regions"}),
    "centre": (lambda t: solid(t).update(center_mm=[-6.4, 7.28, 3.0]), {"volume_lesion_measures"}),
    "axes": (lambda t: solid(t)["axes_mm"].reverse(), {"volume_lesion_measures"}),
    "feret": (lambda t: solid(t).update(feret_mm=9.21), {"volume_lesion_measures"}),
    "longest slice": (lambda t: solid(t).update(longest_slice_idx=0), {"volume_lesion_slices", "lesion_ends_mm"}),
    "largest slice": (lambda t: solid(t).update(largest_slice_idx=2), {"volume_lesion_slices"}),
    "largest area": (lambda t: solid(t).update(largest_area_mm2=4.93), {"volume_lesion_slices"}),
    "slices": (lambda t: solid(t).update(acquisition_slices=4), {"volume_lesion_slices"}),
    "raster of the volume": (lambda t: solid(t).update(raster_mm=0.5), {"volume_lesion_slices"}),
    "flags of the volume": (lambda t: solid(t).update(flags=["coarse_raster"]), {"volume_lesion_slices"}),
    "perpendicular of the volume": (lambda t: solid(t).update(perpendicular=None), {"volume_lesion_slices"}),
    "ends of the volume": (lambda t: solid(t)["longest"].update(end_mm=[-7.0, 8.5, 3.0]), {"lesion_ends_mm"}),
    "ends of a region": (lambda t: region(t)["feret"].update(start_mm=[-5.5, 6.05, 3.1]), {"lesion_ends_mm"}),
    "ends without z": (lambda t: region(t)["feret"]["start_mm"].pop(), {"lesion_ends_mm"}),
    "axis of a region": (lambda t: region(t)["major_axis"].update(length_mm=2.84), {"lesion_regions"}),
    "longest of a region": (lambda t: region(t, 0)["longest"].update(length_mm=2.7), {"lesion_regions"}),
    "no longest": (lambda t: region(t, 0).update(longest=None), {"lesion_regions"}),
    "centre of a region": (lambda t: region(t).update(center_rc=[5.5, 4.001]), {"lesion_regions"}),
    "area of a region": (lambda t: region(t, 0).update(area_mm2=3.7), {"lesion_regions"}),
    "flags of a region": (lambda t: region(t, 0)["flags"].append("another"), {"lesion_regions"}),
    "region gone": (
        lambda t: lesion(t, 0)["regions"].clear(),
        {"lesion_regions", "plane_lesions", "volume_lesion_slices"},
    ),
    "minor axis of an ellipse": (lambda t: lesion(t)["ellipses"][0].update(minor_mm=1.9), {"lesion_ellipses"}),
    "end of an ellipse": (
        lambda t: lesion(t)["ellipses"][0].update(major_end_rc=[6.0, 4.0]),
        {"lesion_ellipses"},
    ),
    "ellipse gone": (lambda t: lesion(t)["ellipses"].clear(), {"lesion_ellipses"}),
    "clusters": (lambda t: lesion(t).update(n_total_clusters=2), {"lesion_ellipses"}),
    "flags of ellipses": (lambda t: lesion(t)["flags"].append(AXES_EXCHANGED), {"lesion_ellipses"}),
    "runs not the shortest": (split_runs, {"lesion_runs"}),
    "runs too long": (lambda t: lesion(t).update(runs=[0, 13]), {"lesion_runs"}),
    "runs of other pixels": (lambda t: lesion(t).update(runs=[0, 11, 1]), {"lesion_runs"}),
    "runs outside": (lambda t: lesion(t).update(origin_rc=[5, 3]), {"lesion_runs"}),
}

INSTANCE_CHANGES: dict[str, tuple[Callable[[TinyRelease], object], set[str]]] = {
    "instance outside": (
        lambda t: (
            segment(t)["instances"][1].update(start_rc=[6, 10], stop_rc=[7, 11], start_mm=[3.0, 8.203125])
            or segment(t)["instances"][1].update(stop_mm=[3.5, 11 * 0.8203125])
        ),
        {"instances_inside"},
    ),
    "instance inclusive": (lambda t: segment(t)["instances"][0].update(stop_rc=[3, 3]), {"instance_mm"}),
    "instance mm": (lambda t: segment(t)["instances"][0].update(start_mm=[0.5, 1.64]), {"instance_mm"}),
    "instance area": (lambda t: segment(t)["instances"][0].update(area_mm2=2.46), {"instance_mm"}),
    "instance pixels": (lambda t: segment(t)["instances"].pop(), {"instance_pixels"}),
    "instance of three numbers": (
        lambda t: segment(t)["instances"][0].update(start_rc=[1, 2, 1]),
        {"instances_inside"},
    ),
}
CHANGES = {
    f"{group}: {name}": change
    for group, changes in (("volume", VOLUME_CHANGES), ("lesion", LESION_CHANGES), ("instance", INSTANCE_CHANGES))
    for name, change in changes.items()
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_planted_error_fails_its_checks_alone(tiny: TinyRelease, tmp_path: Path, name: str) -> None:
    change, expected = CHANGES[name]
    change(tiny)
    assert failed(tiny.write(tmp_path)) == expected


def test_a_missing_volume_file_is_no_release_to_hash(tiny: TinyRelease, tmp_path: Path) -> None:
    tiny.write(tmp_path)
    (tmp_path / f"volumes/{DATASET}/{FIRST}.parquet").unlink()
    seal(tmp_path)
    report = validate_release(str(tmp_path), "deep")
    assert {check.name for check in report.checks if not check.ok} == {"twins"}
    assert report.content_hash == ""


def test_unknown_rules_are_no_rules(tiny: TinyRelease, tmp_path: Path) -> None:
    tiny.write(tmp_path)
    edit_manifest(tmp_path, rules="9.9.9")
    assert failed(tmp_path, "deep") == {"rules"}


def test_ellipses_follow_the_rules_of_the_manifest(tiny: TinyRelease, tmp_path: Path) -> None:
    tiny.write(tmp_path)
    edit_manifest(tmp_path, rules="1.1.0")
    assert failed(tmp_path) == {"lesion_ellipses"}
    edit_manifest(tmp_path, rules="exact")
    assert failed(tmp_path) == set()


def test_difference_names_the_place() -> None:
    expected = {"a": [1.0, {"b": None, "start_mm": [1.0]}], "c": "x"}
    assert difference({"a": [1.0 + 1e-7, {"b": None, "start_mm": [2.0]}], "c": "x", "d": 1}, expected) == ""
    assert difference({"a": [1.0, {"b": 2.0}], "c": "x"}, expected) == "a 1 b 2.0, expected None"
    assert difference({"a": [1.00001, {"b": None}], "c": "x"}, expected) == "a 0 1.00001, expected 1.0"
    assert difference({"a": [1.0], "c": "x"}, expected) == "a has 1 items, expected 2"
    assert difference({"a": [float("nan"), {"b": None}], "c": "x"}, expected) == "a 0 nan, expected 1.0"


@pytest.fixture(scope="module")
def coronal(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release by rules 1.0.0 without its acquisition plane, which is axial; not to be changed."""
    out = tmp_path_factory.mktemp("coronal") / "release"
    run_build(BuildOptions(str(raw), str(out), ("KiTS23",), rules="1.0.0", planes=("coronal",)))
    return out


def test_without_the_acquisition_plane_diameters_are_taken_again_from_the_masks(coronal: Path, tmp_path: Path) -> None:
    report = validate_release(str(coronal))
    assert report.ok, report_lines(report)
    path = next(path for path in sorted(coronal.glob("volumes/KiTS23/*.parquet")))
    rows = pq.read_table(path).to_pylist()
    assert rows[0]["acquisition_dim"] == 2
    rows[0]["lesions"][0]["lesions"][0]["largest_area_mm2"] *= 1.001
    changed = copied(coronal, tmp_path / "volume")
    pq.write_table(pa.Table.from_pylist(rows, VOLUME_SCHEMA), changed / path.relative_to(coronal))
    assert failed(changed) == {"volume_lesion_slices", "sha256", "files_present"}


def test_exchanged_axes_pass_only_where_they_are_flagged(coronal: Path, tmp_path: Path) -> None:
    changed = copied(coronal, tmp_path / "unflagged")
    flagged = 0
    for path in sorted(changed.glob("annotations/KiTS23/*.parquet")):
        rows = pq.read_table(path).to_pylist()
        for lesion in (lesion for row in rows for lesion in row["lesions"] if AXES_EXCHANGED in lesion["flags"]):
            assert any(ellipse["major_mm"] < ellipse["minor_mm"] for ellipse in lesion["ellipses"])
            lesion["flags"].remove(AXES_EXCHANGED)
            flagged += 1
        pq.write_table(pa.Table.from_pylist(rows, ANNOTATION_SCHEMA), path)
    assert flagged
    assert {"axes", "lesion_ellipses"} <= failed(changed)


def copied(release: Path, to: Path) -> Path:
    """Files of a release that can be written over."""
    for path in release.rglob("*"):
        if path.is_file() and ".shards" not in path.parts:
            place = to / path.relative_to(release)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
    return to
