"""Pairs of each kind against a row-by-row reading of the slice rows."""

from dataclasses import replace
from itertools import product

import numpy as np
import pyarrow as pa
import pytest

from medvision.schemas.pairs import PAIR_SCHEMAS
from medvision.schemas.rows import ANNOTATION_SCHEMA
from medvision.schemas.rules import RULES
from medvision.transforms.pairs import PairGroup, pair_groups

RULE = RULES["1.4.0"]
KINDS = ("BoxSize", "MaskSize", "TumorLesionSize")
PLANES = ("sagittal", "coronal", "axial")
FILE = "data/Toy/train-00000-of-00001.parquet"
LESION_TASKS = {1: (), 2: (11, 3)}
TYPES = {"BoxSize": "Box-Size", "MaskSize": "Mask-Size", "TumorLesionSize": "Tumor-Lesion-Size"}
SHORT = {"BoxSize": "box", "MaskSize": "mask", "TumorLesionSize": "lesion"}


def box(size: tuple[int, int], at: int = 0) -> dict:
    return {
        "min_rc": [at, at + 1],
        "max_rc": [at + size[0] - 1, at + size[1]],
        "center_rc": [at + (size[0] - 1) // 2, at + 1 + (size[1] - 1) // 2],
        "size_px": list(size),
        "size_mm": [size[0] * 0.7, size[1] * 1.9],
        "pixel_count": size[0] * size[1],
        "mask_image_ratio": 0.25,
    }


def segment(label: int, pixel_count: int, boxes: list[dict]) -> dict:
    name = {1: "liver", 2: "cancer"}.get(label, "")
    area_mm2 = pixel_count * 1.33
    return {"label": label, "name": name, "pixel_count": pixel_count, "area_mm2": area_mm2, "boxes": boxes}


def lesion(task: int, clusters: int, ellipses: int, label: int = 2) -> dict:
    points = ("center_rc", "major_end_rc", "major_start_rc", "minor_end_rc", "minor_start_rc")
    shapes = [
        {"pixel_count": 50 - k, "major_mm": 20.5 - k, "minor_mm": 9.25 + k} | {name: [1.0, 2.0] for name in points}
        for k in range(ellipses)
    ]
    return {
        "lesion_task": task,
        "label": label,
        "name": "cancer",
        "n_total_clusters": clusters,
        "ellipses": shapes,
    }


def row(case: int = 0, task: int = 2, dim: int = 2, index: int = 0, **columns) -> dict:
    """A slice row; segments and lesions are empty unless given."""
    empty = {
        field.name: [] if pa.types.is_list(field.type) else "" if field.type == pa.string() else 0
        for field in ANNOTATION_SCHEMA
    }
    return empty | {
        "slice_id": f"Toy-{case}-t{task:02d}-{PLANES[dim]}-{index:04d}",
        "dataset": "Toy",
        "case_id": str(case),
        "patient": str(case),
        "task": task,
        "side": ("train", "test")[case % 3 == 0],
        "split_source": "patient_hash",
        "plane": PLANES[dim],
        "slice_dim": dim,
        "slice_idx": index,
        "height": 100 + dim,
        "width": 200 + dim,
        "pixel_spacing_mm": [0.5 + dim, 0.75],
        "mask_pixel_spacing_mm": [0.7 + dim, 1.9],
        "shape_xyz": [100, 200, 300 + case],
        "spacing_xyz_mm": [0.5, 0.75, 3.0],
        "flags": ["oblique"] if case == 1 else [],
        "source_path": f"raw/{case}_{task}.nii",
        "mask_path": f"raw/{case}_mask.nii",
        "upstream_name": f"{case}_{task}.nii.gz",
        **columns,
    }


def random_rows(seed: int = 0) -> list[dict]:
    rng = np.random.default_rng(seed)
    rows = []
    for case, task, dim in product(range(5), (1, 2), range(3)):
        for index in range(int(rng.integers(0, 5))):
            labels = sorted(rng.choice([1, 2, 7, 65535], int(rng.integers(1, 4)), replace=False).tolist())
            segments = []
            for label in labels:
                sizes = rng.integers(8, 30, (int(rng.choice([1, 1, 1, 2, 3])), 2)).tolist()
                boxes = [box(tuple(size), k) for k, size in enumerate(sizes)]
                segments.append(segment(label, int(rng.integers(150, 260)), boxes))
            lesions = [
                lesion(number, int(rng.integers(1, 4)), int(rng.integers(0, 3)), label=number % 5 + 1)
                for number in LESION_TASKS[task]
                if rng.random() < 0.7
            ]
            rows.append(row(case, task, dim, 3 * index, segments=segments, lesions=lesions))
    return rows


def random_splits(seed: int = 1) -> dict:
    """Each kind splits on its own."""
    rng = np.random.default_rng(seed)
    image_tasks = {("BoxSize", 1): 1, ("BoxSize", 2): 2, ("MaskSize", 1): 1, ("MaskSize", 2): 2}
    image_tasks |= {("TumorLesionSize", number): 2 for number in LESION_TASKS[2]}
    return {
        (kind, number, f"{case}_{task}.nii.gz"): (
            str(rng.choice(["train", "test"])),
            str(rng.choice(["recomputed", "published"])),
        )
        for (kind, number), task in image_tasks.items()
        for case in range(5)
    }


def table_of(rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(rows, ANNOTATION_SCHEMA)


def groups_of(table: pa.Table, kind: str, splits: dict, first_row: int = 0, rules=RULE) -> list[PairGroup]:
    groups = list(pair_groups(table, kind, FILE, first_row, splits, rules))
    for group in groups:
        assert group.table.schema == PAIR_SCHEMAS[kind]
        group.table.validate(full=True)
    return groups


def twin(rows: list[dict], kind: str, splits: dict, first_row: int = 0) -> dict:
    """(task, plane, side) to its pairs, one dict a pair."""
    found: dict[tuple[int, str, str], list[dict]] = {}
    for number, source in enumerate(rows):
        for item in source["lesions" if kind == "TumorLesionSize" else "segments"]:
            if kind == "TumorLesionSize" and not item["ellipses"]:
                continue
            task = item["lesion_task"] if kind == "TumorLesionSize" else source["task"]
            side, split_source = splits[kind, task, source["upstream_name"]]
            pair = {
                "pair_id": f"{source['slice_id']}-{SHORT[kind]}-{task:02d}-{item['label']}",
                "slice_id": source["slice_id"],
                "slice_file": FILE,
                "slice_row": first_row + number,
                "dataset_name": source["dataset"],
                "taskID": f"{task:02d}",
                "taskType": TYPES[kind],
                "image_file": source["source_path"],
                "mask_file": source["mask_path"],
                "slice_dim": source["slice_dim"],
                "slice_idx": source["slice_idx"],
                "image_size_2d": [source["height"], source["width"]],
                "pixel_size": source["mask_pixel_spacing_mm"],
                "image_size_3d": source["shape_xyz"],
                "voxel_size": source["spacing_xyz_mm"],
                "label": item["label"],
                "label_name": item["name"],
                "patient_side": source["side"],
                "split_source": split_source,
                "flags": source["flags"],
            }
            reason = ""
            if kind == "MaskSize":
                reason = "mask_too_small" if item["pixel_count"] < 200 else ""
                pair |= {"pixel_count": item["pixel_count"], "ROI_area": item["area_mm2"]}
            elif kind == "BoxSize":
                boxes = item["boxes"]
                if min(boxes[0]["size_px"]) < 10:
                    reason = "box_too_small"
                if len(boxes) > 1:
                    reason = "multiple_boxes"
                pair["bounding_boxes"] = [
                    {
                        "min_coords": b["min_rc"],
                        "max_coords": b["max_rc"],
                        "center_coords": b["center_rc"],
                        "dimensions": b["size_px"],
                        "sizes": b["size_mm"],
                    }
                    for b in boxes
                ]
            else:
                reason = "multiple_clusters" if item["n_total_clusters"] > 1 else ""
                pair["pixel_size"] = source["pixel_spacing_mm"]
                pair["definition"] = "conic"
                pair["n_total_clusters"] = item["n_total_clusters"]
                pair["biometric_profile"] = [
                    {
                        "metric_type": "distance",
                        "metric_map_name": "lines_map",
                        "metric_key_major_axis": "L-1-2",
                        "metric_value_major_axis": e["major_mm"],
                        "metric_key_minor_axis": "L-3-4",
                        "metric_value_minor_axis": e["minor_mm"],
                        "metric_unit": "mm",
                    }
                    for e in item["ellipses"]
                ]
            pair |= {"single_instance": reason == "", "excluded_reason": reason}
            found.setdefault((task, source["plane"], side), []).append(pair)
    return found


def as_dict(groups: list[PairGroup]) -> dict:
    keys = [(group.task, group.plane, group.side) for group in groups]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, [group.table.to_pylist() for group in groups], strict=True))


# Against the row-by-row reading


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_pairs_match_the_slow_reading(kind, seed):
    rows, splits = random_rows(seed), random_splits(seed)
    expected = twin(rows, kind, splits, first_row=1000)
    groups = groups_of(table_of(rows), kind, splits, first_row=1000)
    assert as_dict(groups) == expected
    reasons = {pair["excluded_reason"] for pairs in expected.values() for pair in pairs}
    assert len(reasons) == (3 if kind == "BoxSize" else 2)


@pytest.mark.parametrize("kind", KINDS)
def test_groups_come_by_task_plane_and_side(kind):
    groups = groups_of(table_of(random_rows()), kind, random_splits())
    order = [(group.task, group.plane, ("train", "test").index(group.side)) for group in groups]
    assert order == sorted(order)
    assert {group.task for group in groups} == ({3, 11} if kind == "TumorLesionSize" else {1, 2})


@pytest.mark.parametrize("kind", KINDS)
def test_pair_ids_are_unique(kind):
    groups = groups_of(table_of(random_rows()), kind, random_splits())
    ids = [pair_id for group in groups for pair_id in group.table.column("pair_id").to_pylist()]
    assert len(ids) > 30
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("start", [0, 1, 17, 40])
def test_slices_of_a_table_give_their_own_rows(kind, start):
    rows, splits = random_rows(), random_splits()
    table = table_of(rows).slice(start, 25)
    expected = twin(rows[start : start + 25], kind, splits, first_row=start)
    assert as_dict(groups_of(table, kind, splits, first_row=start)) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_chunked_tables_give_the_same_pairs(kind):
    rows, splits = random_rows(), random_splits()
    parts = [table_of(rows[start : start + 7]) for start in range(0, len(rows), 7)]
    chunked = pa.concat_tables([parts[0].slice(2), *parts[1:3], parts[3].slice(0, 0), *parts[4:]])
    assert chunked.column("segments").num_chunks > 3
    kept = rows[2:21] + rows[28:]
    assert as_dict(groups_of(chunked, kind, splits)) == twin(kept, kind, splits)
    late = chunked.slice(9)
    assert as_dict(groups_of(late, kind, splits)) == twin(kept[9:], kind, splits)


@pytest.mark.parametrize("kind", KINDS)
def test_every_cut_of_a_table_adds_up(kind):
    rows, splits = random_rows(3), random_splits(3)
    table = table_of(rows)
    for cut in range(0, len(rows) + 1, 11):
        found: dict[tuple, list[dict]] = {}
        for start, part in ((0, table.slice(0, cut)), (cut, table.slice(cut))):
            for key, pairs in as_dict(groups_of(part, kind, splits, first_row=start)).items():
                found.setdefault(key, []).extend(pairs)
        assert found == twin(rows, kind, splits)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_without_items_have_no_pairs(kind):
    assert groups_of(table_of([]), kind, {}) == []
    assert groups_of(table_of([row(), row(index=1)]), kind, {}) == []


# Single-instance reasons at their limits


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ([(10, 10)], ""),
        ([(10, 500)], ""),
        ([(9, 10)], "box_too_small"),
        ([(10, 9)], "box_too_small"),
        ([(1, 300)], "box_too_small"),
        ([(10, 10), (10, 10)], "multiple_boxes"),
        ([(40, 40), (1, 1)], "multiple_boxes"),
        ([(1, 1), (40, 40)], "multiple_boxes"),
    ],
)
def test_box_reasons(sizes, reason):
    boxes = [box(size) for size in sizes]
    rows = table_of([row(segments=[segment(1, 500, boxes)])])
    (group,) = groups_of(rows, "BoxSize", random_splits())
    assert group.table.column("excluded_reason").to_pylist() == [reason]
    assert group.table.column("single_instance").to_pylist() == [reason == ""]


@pytest.mark.parametrize(("pixels", "reason"), [(200, ""), (199, "mask_too_small"), (1, "mask_too_small")])
def test_mask_reasons(pixels, reason):
    """The mask counts whole, in however many boxes it falls."""
    rows = table_of([row(segments=[segment(1, pixels, [box((2, 2)), box((3, 3))])])])
    (group,) = groups_of(rows, "MaskSize", random_splits())
    assert group.table.column("excluded_reason").to_pylist() == [reason]
    assert group.table.column("single_instance").to_pylist() == [reason == ""]


@pytest.mark.parametrize(
    ("clusters", "ellipses", "reason"),
    [(1, 1, ""), (2, 1, "multiple_clusters"), (2, 2, "multiple_clusters"), (1, 0, None), (4, 0, None)],
)
def test_lesion_reasons(clusters, ellipses, reason):
    """A lesion without a kept ellipse is no pair; the raw cluster count decides, not the ellipses."""
    rows = table_of([row(lesions=[lesion(3, clusters, ellipses)])])
    groups = groups_of(rows, "TumorLesionSize", random_splits())
    reasons = [pair["excluded_reason"] for group in groups for pair in group.table.to_pylist()]
    assert reasons == ([] if reason is None else [reason])


def test_limits_are_those_of_the_rules():
    rules = replace(RULE, min_box_pixels=21, min_mask_pixels=501)
    rows = table_of([row(segments=[segment(1, 500, [box((20, 20))])])])
    for kind, reason in (("BoxSize", "box_too_small"), ("MaskSize", "mask_too_small")):
        (before,) = groups_of(rows, kind, random_splits())
        (after,) = groups_of(rows, kind, random_splits(), rules=rules)
        assert before.table.column("excluded_reason").to_pylist() == [""]
        assert after.table.column("excluded_reason").to_pylist() == [reason]


# Sides


def test_each_kind_and_lesion_task_has_a_side_of_its_own():
    rows = table_of([row(segments=[segment(2, 500, [box((20, 20))])], lesions=[lesion(3, 1, 1), lesion(11, 1, 1)])])
    name = "0_2.nii.gz"
    splits = {
        ("BoxSize", 2, name): ("train", "published"),
        ("MaskSize", 2, name): ("test", "recomputed"),
        ("TumorLesionSize", 3, name): ("test", "published"),
        ("TumorLesionSize", 11, name): ("train", "recomputed"),
    }
    found = {
        (kind, group.task): (group.side, *group.table.column("split_source").to_pylist())
        for kind in KINDS
        for group in groups_of(rows, kind, splits)
    }
    assert found == {(kind, task): side for (kind, task, _), side in splits.items()}


def test_an_image_without_a_side_is_an_error():
    rows = table_of([row(segments=[segment(1, 500, [box((20, 20))])])])
    with pytest.raises(KeyError):
        groups_of(rows, "BoxSize", {("BoxSize", 1, "0_2.nii.gz"): ("train", "recomputed")})


# Exact rules: instances, axes by moments, diameters

EXACT = RULES["exact"]


def chord(length_mm: float) -> dict:
    ends = {"start_rc": [9.0, 2.5], "end_rc": [1.0, 2.5], "start_mm": [1.0, 2.0, 3.0], "end_mm": [4.0, 5.0, 6.0]}
    return {"length_mm": length_mm, **ends}


def region(number: int, longest_mm: float | None, perpendicular_mm: float | None = None) -> dict:
    return {
        "lesion_id": number,
        "major_axis": chord(30.0 + number),
        "minor_axis": chord(10.0 + number),
        "longest": None if longest_mm is None else chord(longest_mm),
        "perpendicular": None if perpendicular_mm is None else chord(perpendicular_mm),
        "raster_mm": 0.5 + number,
        "flags": ["coarse_raster"] if number else [],
    }


def exact_lesion(kind: str, *regions: dict) -> dict:
    return {**lesion(3, 5, 2), "lesion_kind": kind, "regions": list(regions), "flags": []}


def exact_groups(lesions: list[dict], kind: str, rules=EXACT) -> list[dict]:
    rows = [row(0, index=4, lesions=lesions), row(0, index=5), row(0, index=6, lesions=lesions[:1])]
    splits = {(kind, 3, "0_2.nii.gz"): ("train", "patient_hash")}
    return [pair for group in groups_of(table_of(rows), kind, splits, rules=rules) for pair in group.table.to_pylist()]


def test_box_pairs_of_exact_rules_are_instances_in_upstreams_fields():
    """Two components that touch at a corner are two boxes of upstream's and one instance."""
    joined = {
        "start_rc": [10, 20],
        "stop_rc": [25, 43],
        "start_mm": [7.0, 38.0],
        "stop_mm": [17.5, 81.7],
        "pixel_count": 99,
        "area_mm2": 131.67,
    }
    shown = {**segment(1, 99, [box((10, 12), 10), box((5, 11), 20)]), "instances": [joined]}
    splits = {("BoxSize", 2, "0_2.nii.gz"): ("train", "patient_hash")}
    (pair,) = groups_of(table_of([row(0, segments=[shown])]), "BoxSize", splits, rules=EXACT)[0].table.to_pylist()
    (found,) = pair["bounding_boxes"]
    assert found == {
        "min_coords": [10, 20],
        "max_coords": [24, 42],
        "center_coords": [17, 31],
        "dimensions": [15, 23],
        "sizes": [10.5, pytest.approx(43.7)],
    }
    assert pair["single_instance"]


def test_lesion_pairs_of_exact_rules_are_axes_by_moments():
    first, second = exact_groups([exact_lesion("mass", region(0, 33.0), region(1, 20.0))], "TumorLesionSize")
    assert (first["slice_row"], second["slice_row"]) == (0, 2)
    axes = [(p["metric_value_major_axis"], p["metric_value_minor_axis"]) for p in first["biometric_profile"]]
    assert axes == [(30.0, 10.0), (31.0, 11.0)]
    assert (first["definition"], first["n_total_clusters"], first["excluded_reason"]) == (
        "moments",
        2,
        "multiple_clusters",
    )


@pytest.mark.parametrize(("kind", "measure_mm"), [("mass", [33.0, 20.0]), ("node", [12.0, None])])
def test_diameters_count_by_the_kind_of_lesion(kind, measure_mm):
    pairs = exact_groups([exact_lesion(kind, region(0, 33.0, 12.0), region(1, 20.0))], "LesionDiameter")
    assert len(pairs) == 2
    for pair in pairs:
        assert (pair["taskType"], pair["lesion_kind"]) == ("Lesion-Diameter", kind)
        assert [d["measure_mm"] for d in pair["diameters"]] == measure_mm
        assert [d["lesion_id"] for d in pair["diameters"]] == [0, 1]
        assert pair["diameters"][0]["longest"] == chord(33.0)
        assert [d["perpendicular"] for d in pair["diameters"]] == [chord(12.0), None]
        assert [d["raster_mm"] for d in pair["diameters"]] == [0.5, 1.5]
        assert pair["pair_id"].endswith("-diameter-03-2")
        assert pair["excluded_reason"] == "multiple_clusters"


def test_planes_without_diameters_make_no_diameter_pairs():
    assert exact_groups([exact_lesion("mass", region(0, None))], "LesionDiameter") == []
    assert len(exact_groups([exact_lesion("mass", region(0, None))], "TumorLesionSize")) == 2


def test_pairs_carry_the_flags_of_their_slice_and_measure():
    shown = {**lesion(3, 1, 1), "flags": ["conic_ends_rounded"]}
    splits = {("TumorLesionSize", 3, "1_2.nii.gz"): ("train", "approximated")}
    (group,) = groups_of(table_of([row(1, lesions=[shown])]), "TumorLesionSize", splits, rules=RULES["1.0.0"])
    assert group.table["flags"].to_pylist() == [["conic_ends_rounded", "oblique"]]


@pytest.mark.parametrize(("name", "single"), [("1.0.0", [True, False]), ("1.1.0", [False, False])])
def test_1_0_0_counts_measured_clusters(name, single):
    """Three clusters of which one, or two, were measured."""
    rows = [row(0, index=k, lesions=[{**lesion(3, 3, k + 1), "flags": []}]) for k in range(2)]
    splits = {("TumorLesionSize", 3, "0_2.nii.gz"): ("train", "approximated")}
    (group,) = groups_of(table_of(rows), "TumorLesionSize", splits, rules=RULES[name])
    assert group.table["single_instance"].to_pylist() == single


def test_pairs_of_a_case_that_the_kind_leaves_out_do_not_exist():
    rows = [row(case, lesions=[lesion(3, 1, 1)]) for case in (0, 1)]
    splits = {
        ("TumorLesionSize", 3, f"{case}_2.nii.gz"): side for case, side in enumerate([("", "late_case"), ("test", "x")])
    }
    (group,) = groups_of(table_of(rows), "TumorLesionSize", splits)
    assert group.table["slice_row"].to_pylist() == [1]
