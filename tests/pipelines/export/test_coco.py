"""COCO files as pycocotools reads them: masks in their boxes, truth against itself is perfect, a shift is not."""

import contextlib
import copy
import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from edited import copy_of, edit_rows
from pycocotools import mask as mask_api
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tiny_release import TinyRelease
from tiny_rows import DATASET
from twins import component_rows

from medvision.pipelines.export.folder import ExportError
from medvision.pipelines.export.job import FormOptions
from medvision.pipelines.export.run import export_release
from medvision.pipelines.export.select import Selection
from medvision.pipelines.release import ReleaseError
from medvision.transforms.render import render
from medvision.transforms.runs import from_run_lengths

Row = dict[str, Any]


def load(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def average_precision(truth: COCO, results: list[Row], kind: str) -> float:
    with contextlib.redirect_stdout(io.StringIO()):
        found = COCOeval(truth, truth.loadRes(copy.deepcopy(results)), kind)
        found.evaluate()
        found.accumulate()
    precision = found.eval["precision"][:, :, :, 0, -1]  # all areas, 100 boxes an image
    return float(precision[precision > -1].mean())


def as_results(truth: COCO, kind: str) -> list[Row]:
    field = "bbox" if kind == "bbox" else "segmentation"
    names = ("image_id", "category_id", field)
    return [{**{n: a[n] for n in names}, "score": 1.0} for a in truth.dataset["annotations"] if field in a]


@pytest.fixture(scope="module")
def coco(built: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("coco") / "out"
    done = export_release(str(built.out), "coco", str(out))
    assert done.counts["images"] == sum(item["slices"] for item in built.manifest["datasets"].values())
    assert done.counts["annotations"] == sum(item["boxes"] for item in built.manifest["datasets"].values())
    return out


def slices(release: Path, pattern: str = "annotations/*/*.parquet") -> dict[str, Row]:
    return {row["slice_id"]: row for path in sorted(release.glob(pattern)) for row in pq.read_table(path).to_pylist()}


def test_every_slice_and_box_is_there_in_array_axes(built: Any, coco: Path) -> None:
    rows, seen = slices(built.out), 0
    for path in sorted(coco.glob("*/*.json")):
        read = load(path)
        for picture in read.dataset["images"]:
            row = rows.pop(picture["slice_id"])
            assert path.name == f"{row['side']}-{row['plane']}.json"
            assert (picture["height"], picture["width"]) == (row["height"], row["width"])
            found = [(a["category_id"], a["bbox"], a["area"]) for a in read.imgToAnns[picture["id"]]]
            boxes = [(s["label"], b) for s in row["segments"] for b in s["boxes"]]
            assert found == [
                (
                    *(label, [b["min_rc"][1], b["min_rc"][0], b["size_px"][1], b["size_px"][0]]),
                    b["pixel_count"],
                )
                for label, b in boxes
            ]
            seen += len(found)
        names = {c["id"]: c["name"] for c in read.dataset["categories"]}
        assert path.parent.name != "KiTS23" or names == {1: "kidney", 2: "kidney tumor", 3: "kidney cyst"}
    assert not rows
    assert seen > 100


def test_masks_are_the_components_of_the_lesion(built: Any, coco: Path) -> None:
    rows, masks = slices(built.out), 0
    for path in sorted(coco.glob("*/*.json")):
        read = load(path)
        for picture in read.dataset["images"]:
            row = rows[picture["slice_id"]]
            lesions = {lesion["label"]: lesion for lesion in row["lesions"]}
            for label, lesion in lesions.items():
                found = [a for a in read.imgToAnns[picture["id"]] if a["category_id"] == label]
                whole = np.zeros((row["height"], row["width"]), bool)
                place = [slice(o, o + n) for o, n in zip(lesion["origin_rc"], lesion["size_rc"], strict=True)]
                whole[tuple(place)] = from_run_lengths(lesion["runs"], lesion["size_rc"])
                decoded = [mask_api.decode(a["segmentation"]).astype(bool) for a in found]
                np.testing.assert_array_equal(np.sum(decoded, axis=0), whole)
                assert len(found) == len(component_rows(whole.astype(np.uint8)))
                for annotation in found:
                    assert mask_api.toBbox(annotation["segmentation"]).tolist() == annotation["bbox"]
                    assert mask_api.area(annotation["segmentation"]) == annotation["area"]
                masks += len(found)
            assert all(
                "segmentation" not in a for a in read.imgToAnns[picture["id"]] if a["category_id"] not in lesions
            )
    assert masks > 10


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_truth_against_itself_is_perfect_and_a_shift_is_not(coco: Path, kind: str) -> None:
    truth = load(next(coco.glob("KiTS23/*.json")))
    if kind == "segm":
        kept = [a for a in truth.dataset["annotations"] if "segmentation" in a]
        truth.dataset["annotations"] = kept
        truth.createIndex()
        truth.dataset["categories"] = [c for c in truth.dataset["categories"] if c["id"] in truth.catToImgs]
    results = as_results(truth, kind)
    assert average_precision(truth, results, kind) == 1.0
    for result in results:
        if kind == "bbox":
            result["bbox"] = [result["bbox"][0] + 0.4 * result["bbox"][2], *result["bbox"][1:]]
        else:
            moved = np.roll(mask_api.decode(result["segmentation"]), 3, axis=1)
            result["segmentation"] = mask_api.encode(np.asfortranarray(moved))
    assert average_precision(truth, results, kind) < 0.5


def test_ids_and_bytes_are_the_same_each_time(built: Any, coco: Path, tmp_path: Path) -> None:
    export_release(str(built.out), "coco", str(tmp_path / "again"))
    for path in coco.rglob("*.json"):
        assert (tmp_path / "again" / path.relative_to(coco)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("images", ["png8", "png16"])
def test_pictures_stand_where_the_files_say(built: Any, tmp_path: Path, images: str) -> None:
    chosen = Selection(datasets=("KiTS23",))
    export_release(str(built.out), "coco", str(tmp_path / "o"), chosen, FormOptions(images=images))
    rows, seen = slices(built.out, "data/KiTS23/*.parquet"), 0
    for path in (tmp_path / "o").glob("KiTS23/*.json"):
        for picture in json.loads(path.read_text())["images"]:
            pixels = cv2.imread(str(path.parent / picture["file_name"]), cv2.IMREAD_UNCHANGED)
            row = rows[picture["slice_id"]]
            expected = cv2.imdecode(np.frombuffer(row["image"]["bytes"], np.uint8), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(pixels, expected if images == "png16" else render(row).pixels)
            seen += 1
    assert seen == len(rows)


def test_a_dataset_whose_labels_mean_different_things_has_a_category_a_task(tmp_path: Path) -> None:
    tiny = TinyRelease.correct()
    for rows in tiny.shards.values():
        for row in rows[:1]:
            row["task"] = 2
            row["segments"][0]["name"] = "other organ"
    done = export_release(str(tiny.write(tmp_path / "r")), "coco", str(tmp_path / "o"))
    assert done.counts["masks"] == 9
    read = json.loads((tmp_path / "o" / DATASET / "train-axial.json").read_text())
    assert [(c["id"], c["name"]) for c in read["categories"]] == [
        *((100_001, "organ"), (100_002, "lesion"), (200_001, "other organ"), (200_002, "lesion")),
    ]
    first = [a["category_id"] for a in read["annotations"] if a["image_id"] == 1]
    assert first == [200_001, 200_001, 200_002]


@pytest.mark.parametrize("case", ["Müller (1)", "c" * 160])
def test_pictures_are_written_where_the_file_says(tmp_path: Path, case: str) -> None:
    tiny = TinyRelease.correct()
    for rows in tiny.shards.values():
        for row in rows:
            image = tiny.images.pop(row["slice_id"])
            row["slice_id"] = row["slice_id"].replace("case", case)
            tiny.images[row["slice_id"]] = image
    release, out = tiny.write(tmp_path / "r"), tmp_path / "o"
    export_release(str(release), "coco", str(out), options=FormOptions(images="png16"))
    named = [
        picture["file_name"]
        for path in (out / DATASET).glob("*.json")
        for picture in json.loads(path.read_text())["images"]
    ]
    assert len(set(named)) == 9
    assert sorted(named) == sorted(str(path.relative_to(out / DATASET)) for path in out.rglob("*.png"))


def test_exact_rules_show_corner_connected_boxes(own: Any, tmp_path: Path) -> None:
    export_release(str(own.exact), "coco", str(tmp_path / "o"), Selection(datasets=("OwnCT",)))
    rows = slices(own.exact, "annotations/OwnCT/*.parquet")
    for path in (tmp_path / "o/OwnCT").glob("*.json"):
        read = load(path)
        for picture in read.dataset["images"]:
            instances = [i for s in rows[picture["slice_id"]]["segments"] for i in s["instances"]]
            found = [a["bbox"] for a in read.imgToAnns[picture["id"]]]
            assert found == [
                [*i["start_rc"][::-1], i["stop_rc"][1] - i["start_rc"][1], i["stop_rc"][0] - i["start_rc"][0]]
                for i in instances
            ]


def test_rows_of_landmarks_are_no_empty_images(version: Any, tmp_path: Path) -> None:
    export_release(str(version("1.4.0")), "coco", str(tmp_path / "o"), Selection(datasets=("FeTA24",)))
    listed = [
        picture for path in (tmp_path / "o/FeTA24").glob("*.json") for picture in json.loads(path.read_text())["images"]
    ]
    rows = slices(version("1.4.0"), "annotations/FeTA24/*.parquet")
    assert {picture["slice_id"] for picture in listed} == {i for i, row in rows.items() if row["mask_path"]} < set(rows)


def test_a_mask_that_does_not_fit_its_boxes_is_an_error(built: Any, tmp_path: Path) -> None:
    release = copy_of(built.out, tmp_path)

    def shrink(row: Row) -> Row | None:
        if not row["lesions"] or sum(row["lesions"][0]["runs"][1::2]) < 4:
            return None
        runs = row["lesions"][0]["runs"]
        runs[1], runs[0] = runs[1] - 1, runs[0] + 1
        return row

    edit_rows(release, "annotations/KiTS23/*.parquet", shrink)
    with pytest.raises(ReleaseError, match="run `medvision validate`"):
        export_release(str(release), "coco", str(tmp_path / "o"))
    assert not (tmp_path / "o").exists()


def test_a_release_without_images_has_none_to_write(version: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="holds no images of CAMUS, FeTA24, KiTS23 in Parquet files"):
        export_release(str(version("1.4.0")), "coco", str(tmp_path / "o"), options=FormOptions(images="png8"))


def test_datasets_that_a_licence_keeps_without_images_are_named(mixed: Path, tmp_path: Path) -> None:
    options = FormOptions(images="png8")
    with pytest.raises(ExportError, match=r"holds no images of KiTS23 in .* name others by --dataset"):
        export_release(str(mixed), "coco", str(tmp_path / "o"), options=options)
    done = export_release(str(mixed), "coco", str(tmp_path / "o"), Selection(("ACDC",)), options)
    assert len(list((tmp_path / "o").rglob("*.png"))) == done.counts["images"] > 0
