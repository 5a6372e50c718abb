"""Reading, validating and inspecting a release, over a tiny one written by hand."""

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_release import TinyRelease, edit_manifest, failed, png, restate, seal
from tiny_rows import DATASET, box

from medvision.pipelines.inspect import inspect_row
from medvision.pipelines.release import ReleaseError, open_release
from medvision.pipelines.validate import report_lines, validate_release
from medvision.schemas.rows import SCHEMA_VERSION

FIRST, SECOND, TEST = "train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00002"
ID = "Tiny-Set_1-case_00-t01-axial-0001"


@pytest.fixture
def tiny() -> TinyRelease:
    return TinyRelease.correct()


@pytest.mark.parametrize("level", ["quick", "normal", "deep"])
def test_a_correct_release_passes(tiny: TinyRelease, tmp_path: Path, level: str) -> None:
    report = validate_release(str(tiny.write(tmp_path)), level)
    assert report.ok, report_lines(report)
    assert all(check.counted > 0 for check in report.checks)
    assert bool(report.content_hash) == (level == "deep")
    lines = report_lines(report)
    assert lines[-1] == f"{tmp_path} holds ({level})"
    assert not report.content_hash or report.content_hash in lines[-2]


def first(tiny: TinyRelease) -> dict:
    return tiny.shards[FIRST][1]


def repeat_case(tiny: TinyRelease) -> None:
    tiny.shards[SECOND] = copy.deepcopy(tiny.shards[FIRST])
    tiny.volumes[SECOND] = copy.deepcopy(tiny.volumes[FIRST])


def move_patient(tiny: TinyRelease) -> None:
    for row in (*tiny.shards[TEST], *tiny.volumes[TEST]):
        row["patient"] = "case_00"


VALUES = "pair_values"
WRONG_PLACE = {"pair_rows", VALUES}
ROW_CHANGES: dict[str, tuple[Callable[[TinyRelease], object], set[str]]] = {
    "box outside": (
        lambda t: first(t)["segments"][1]["boxes"].__setitem__(0, box((4, 8), (7, 10), 12)),
        {"boxes_inside"},
    ),
    "box size": (lambda t: first(t)["segments"][0]["boxes"][0].update(size_px=[4, 2]), {"box_sizes"}),
    "box mm": (
        lambda t: first(t)["segments"][0]["boxes"][0]["size_mm"].__setitem__(0, 1.5001),
        {"box_sizes"},
    ),
    "box pixels": (lambda t: first(t)["segments"][0]["boxes"].pop(), {"box_pixels"}),
    "area": (lambda t: first(t)["segments"][0].update(area_mm2=2.87109376), {"areas"}),
    "axes": (lambda t: first(t)["lesions"][0]["ellipses"][0].update(minor_mm=2.6), {"axes", "lesion_ellipses"}),
    "case twice": (repeat_case, {"unique_slice_id", "unique_volume_id", "unique_pair_id"}),
    "slice id with a dot": (
        lambda t: (
            first(t).update(slice_id=ID + ".x"),
            t.images.update({ID + ".x": png(1)}),
        ),
        {"slice_id_form", "tar_members"},
    ),
    "patient on both sides": (move_patient, {"patients_one_side"}),
    "row of the other side": (
        lambda t: first(t).update(side="test"),
        {"rows_in_place", "patients_one_side", "volume_columns"},
    ),
    "wrong slice_row": (lambda t: t.pairs["BoxSize"][0].update(slice_row=1), WRONG_PLACE),
    "slice_row past the end": (lambda t: t.pairs["MaskSize"][8].update(slice_row=3), WRONG_PLACE),
    "wrong slice_file": (
        lambda t: t.pairs["BoxSize"][0].update(slice_file="data/x.parquet"),
        WRONG_PLACE,
    ),
    "pair id twice": (
        lambda t: t.pairs["BoxSize"][0].update(pair_id=t.pairs["BoxSize"][1]["pair_id"]),
        {"unique_pair_id", VALUES},
    ),
    "left out without reason": (
        lambda t: t.pairs["BoxSize"][0].update(excluded_reason=""),
        {"pair_reasons", VALUES},
    ),
    "dot in tar key": (
        lambda t: t.tar_names.update({ID: "Tiny-Set.1-case_00-t01-axial-0001"}),
        {"tar_members"},
    ),
    "tar mtime": (lambda t: setattr(t, "tar_mtime", 7), {"tar_members"}),
    "tar json": (lambda t: t.tar_json.update({ID: first(t) | {"slice_idx": 2}}), {"tar_json"}),
    "tar png": (lambda t: t.tar_images.update({ID: png(99)}), {"tar_png"}),
    "corrupt PNG": (lambda t: t.images.update({ID: t.images[ID][:60]}), {"images"}),
    "PNG of another shape": (lambda t: t.images.update({ID: png(1, (10, 8))}), {"images"}),
}


@pytest.mark.parametrize("name", ROW_CHANGES)
def test_a_changed_row_fails_its_check_alone(tiny: TinyRelease, tmp_path: Path, name: str) -> None:
    change, expected = ROW_CHANGES[name]
    change(tiny)
    assert failed(tiny.write(tmp_path), "deep") == expected


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)
    seal(path.parents[2])


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def recount(root: Path, key: str, value: object) -> None:
    stated = json.loads((root / "manifest.json").read_text())["datasets"]
    stated[DATASET][key] = value
    edit_manifest(root, datasets=stated)


def data(root: Path) -> Path:
    return root / f"data/{DATASET}/{FIRST}.parquet"


def tar(root: Path) -> Path:
    return root / f"webdataset/{DATASET}/{FIRST}.tar"


FILE_CHANGES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "flipped byte": ("normal", lambda r: flip(data(r), 200), "sha256"),
    "flipped byte of a tar": ("normal", lambda r: flip(tar(r), 700), "sha256"),
    "flipped byte of a table": ("quick", lambda r: flip(r / "sources.parquet", 30), "tables"),
    "broken files.parquet": ("deep", lambda r: (r / "files.parquet").write_bytes(b"PAR1"), "tables"),
    "no files.parquet": ("quick", lambda r: (r / "files.parquet").unlink(), "tables"),
    "deleted file": ("quick", lambda r: data(r).unlink(), "files_present"),
    "truncated file": ("quick", lambda r: tar(r).write_bytes(tar(r).read_bytes()[:-512]), "files_present"),
    "truncated tar, sealed": ("normal", lambda r: (cut_tar(r), restate(r, tar(r))), "tar_members"),
    "unlisted file": (
        "quick",
        lambda r: shutil.copy(data(r), data(r).with_name("x.parquet")),
        "no_unlisted_files",
    ),
    "missing tar": ("normal", lambda r: (tar(r).unlink(), seal(r)), "twins"),
    "missing column": ("normal", lambda r: rewrite(data(r), lambda t: t.drop_columns("flags")), "schemas"),
    "rows in another order": ("normal", lambda r: rewrite(data(r), lambda t: t.take([1, 0, 2])), "data_rows"),
    "missing row": ("normal", lambda r: rewrite(data(r), lambda t: t.slice(0, 2)), "data_rows"),
    "wrong row count": ("normal", lambda r: restate(r, data(r), rows=4), "row_counts"),
    "wrong slices": ("normal", lambda r: recount(r, "slices", 10), "counts"),
    "wrong cases": ("normal", lambda r: recount(r, "cases", 5), "counts"),
    "wrong pairs": ("normal", lambda r: recount(r, "pairs", {"BoxSize": 9}), "counts"),
    "wrong dead letters": ("normal", lambda r: recount(r, "dead_letters", {}), "counts"),
    "unknown dataset": ("normal", lambda r: edit_manifest(r, datasets={}), "counts"),
    "incomplete": ("quick", lambda r: edit_manifest(r, complete=False, unbuilt=["case_04"]), "complete"),
    "interrupted publish": ("quick", lambda r: (r / ".publishing").touch(), "manifest"),
    "newer schema": ("quick", lambda r: edit_manifest(r, schema_version=SCHEMA_VERSION + 1), "manifest"),
    "manifest cut": ("quick", lambda r: (r / "manifest.json").write_text("{"), "manifest"),
    "path that leaves": (
        "normal",
        lambda r: restate(r, data(r), path="data/../../x.parquet"),
        "files_present",
    ),
}


def cut_tar(root: Path) -> None:
    tar(root).write_bytes(tar(root).read_bytes()[:1500])


@pytest.mark.parametrize("name", FILE_CHANGES)
def test_a_changed_file_fails_its_check(tiny: TinyRelease, tmp_path: Path, name: str) -> None:
    level, change, expected = FILE_CHANGES[name]
    change(tiny.write(tmp_path))
    assert expected in failed(tmp_path, level)


def content(tiny: TinyRelease, root: Path) -> str:
    report = validate_release(str(tiny.write(root)), "deep")
    assert report.ok, report_lines(report)
    return report.content_hash


def test_content_hash_follows_content_alone(tiny: TinyRelease, tmp_path: Path) -> None:
    before = content(tiny, tmp_path / "a")
    other = copy.deepcopy(tiny)
    rows = [*reversed(other.shards.pop(SECOND)), *other.shards[FIRST]]
    other.shards[FIRST], other.group_rows = rows, 100
    other.volumes[FIRST] += other.volumes.pop(SECOND)
    assert content(other, tmp_path / "resharded") == before
    other.formats = ("webdataset",)
    assert content_without_data(other, tmp_path / "tar") == before
    noisy = copy.deepcopy(tiny)
    first(noisy)["obliquity_deg"] = -1e-15
    assert content(noisy, tmp_path / "noisy") == before
    repainted, relabelled, turned = (copy.deepcopy(tiny) for _ in range(3))
    repainted.images[ID] = png(77)
    first(relabelled)["flags"] = ["suspect"]
    turned.volumes[FIRST][0]["mask_raw_axes"] = "RAS"
    changed = {content(repainted, tmp_path / "pixel"), content(relabelled, tmp_path / "row")}
    changed.add(content(turned, tmp_path / "volume"))
    assert len(changed | {before}) == 4


def content_without_data(tiny: TinyRelease, root: Path) -> str:
    for pairs in tiny.pairs.values():
        for pair in pairs:
            pair["slice_file"] = pair["slice_file"].replace("data/", "annotations/")
    return content(tiny, root)


def test_find_row_reads_the_one_row(tiny: TinyRelease, tmp_path: Path) -> None:
    release = open_release(str(tiny.write(tmp_path)))
    row = release.find_row(ID)
    assert row["image"]["bytes"] == tiny.images[ID]
    assert row["slice_idx"] == 1
    assert row["segments"] == first(tiny)["segments"]
    with pytest.raises(ReleaseError, match="no slice 'Tiny-Set_1-case_77'"):
        release.find_row("Tiny-Set_1-case_77")
    with pytest.raises(ReleaseError, match="not a path inside"):
        release.open("../manifest.json")
    shutil.rmtree(tmp_path / "data")
    tiny.formats = ("webdataset",)
    assert "image" not in open_release(str(tiny.write(tmp_path))).find_row(ID)


def test_a_remote_release_reads_the_same(tiny: TinyRelease, tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(tiny.write(tmp_path / "release")), "/tiny", recursive=True)
    try:
        assert validate_release("memory://tiny", "deep").ok
        assert open_release("memory://tiny").find_row(ID)["image"]["bytes"] == tiny.images[ID]
    finally:
        memory.rm("/tiny", recursive=True)


def test_open_refuses_with_advice(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"has no manifest\.json; give the folder"):
        open_release(str(tmp_path))
    (tmp_path / "manifest.json").write_text('{"format": "other"}')
    with pytest.raises(ReleaseError, match="another kind of folder"):
        open_release(str(tmp_path))


def test_inspect_tells_geometry_annotations_lineage_and_pairs(tiny: TinyRelease, tmp_path: Path) -> None:
    for pair in tiny.pairs["MaskSize"]:
        pair |= {"single_instance": True, "excluded_reason": ""}
    text = "\n".join(inspect_row(str(tiny.write(tmp_path)), ID))
    for part in (
        "axial (axis 2), slice 1",
        "0.5 x 0.820312 mm",
        "label 1 organ: 7 pixels, 2.87109 mm2",
        "box (1, 2) to (3, 3): 3 x 2 pixels, 1.5 x 1.64062 mm, 6 inside",
        "instance (1, 2) up to (4, 4): (0.5, 1.64062) to (2, 3.28125) mm, 6 pixels, 2.46094 mm2",
        "lesion task 1, label 2 lesion (mass): 1 measured of 1 clusters",
        "axes 2.00693 x 1.97557 mm, centre (5.5, 4), 12 pixels",
        "region (4, 3) up to (8, 6) of lesion 0: 12 pixels, 4.92188 mm2, centre (5.5, 4), raster 0.960683 mm",
        "longest       2.88205 mm, (-5.5, 6.05078, 3) to (-7, 8.51172, 3) mm",
        "minor axis    2.3094 mm, ",
        "lesion 0 of task 1, label 2 lesion (mass): measure 2.88205 mm, raster 0.960683 mm",
        "on 3 slices, largest on 1 (4.92188 mm2), longest on 1",
        "sha256 sha-case_00/imaging.nii.gz",
        "sha256 sha-case_00/segmentation.nii.gz",
        f"data/{DATASET}/{FIRST}.parquet, row 1",
        "train (patient_hash)",
        "left out: multiple_boxes",
        "single-instance",
    ):
        assert part in text
    assert text.count("label 1 organ,") == 2


def test_inspect_of_a_volume(tiny: TinyRelease, tmp_path: Path) -> None:
    tiny.volumes[TEST][0]["lesions"][0]["lesions"][0] |= {"perpendicular": None, "flags": ["coarse_raster"]}
    text = "\n".join(inspect_row(str(tiny.write(tmp_path)), "Tiny-Set_1-case_02-t01"))
    for part in (
        "size         8 x 10 x 30 voxels",
        "mask header  0.5 x 0.820312 x 3 mm, file axes LPS",
        "acquired     axial slices (axis 2)",
        "label 2 lesion: 30 voxels, 36.9141 mm3",
        "box (6, 7, 0) to (6, 7, 2): 1 x 1 x 3 voxels, 0.5 x 0.820312 x 9 mm, 3 inside",
        "instance (4, 3, 0) up to (8, 6, 3): (2, 2.46094, 0) to (4, 4.92188, 9) mm, 30 voxels, 36.9141 mm3",
        "measure 2.88205 mm, raster 0.960683 mm, flags coarse_raster",
        "perpendicular none",
        "sha256 sha-case_02/segmentation.nii.gz",
        f"volumes/{DATASET}/{TEST}.parquet, row 0",
    ):
        assert part in text
    with pytest.raises(ReleaseError, match="no slice 'Tiny-Set_1-case_02'"):
        inspect_row(str(tmp_path), "Tiny-Set_1-case_02")
