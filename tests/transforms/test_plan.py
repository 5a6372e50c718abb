"""Shards: one changed case touches one bucket, and a key names all that decides bytes and nothing else."""

import pickle
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import pytest

from medvision.schemas.case import Case, CaseImage, SourceFile
from medvision.schemas.dataset import Dataset
from medvision.schemas.options import BuildOptions
from medvision.schemas.rules import RULES
from medvision.sources.feta24 import FETA24
from medvision.sources.kits23 import KITS23
from medvision.sources.totalsegmentator import CT_CLASSES, TOTALSEGMENTATOR
from medvision.transforms import plan
from medvision.transforms.plan import Bucket, bucket_of, plan_shard, read_plan, shard_key
from medvision.transforms.store import Store

BUCKET = ("KiTS23", "train", 3)
OPTIONS = BuildOptions(raw="raw", out="out", datasets=("KiTS23",))


def kits_case(number: int, stamp: str = "mtime:1") -> Case:
    name = f"case_{number:05d}"
    image, mask = (SourceFile(f"{name}/{file}.nii.gz", 9, stamp) for file in ("imaging", "segmentation"))
    return Case("KiTS23", name, name, (CaseImage(1, image, None, f"{name}.nii.gz"),), (mask,))


def keys(cases: Iterable[Case], dataset: Dataset = KITS23, options: BuildOptions = OPTIONS) -> dict[Bucket, str]:
    buckets: dict[Bucket, list[str]] = defaultdict(list)
    for case in cases:
        buckets[bucket_of(case, dataset.bucket_bits)].append(case.case_id)
    return {bucket: shard_key(bucket, sorted(ids), dataset, options) for bucket, ids in buckets.items()}


def changed(before: dict[Bucket, str], after: dict[Bucket, str]) -> set[Bucket]:
    return {bucket for bucket in before.keys() | after.keys() if before.get(bucket) != after.get(bucket)}


@pytest.mark.parametrize("number", [0, 150, 299, 1000])
def test_one_case_more_or_less_changes_its_bucket_alone(number):
    cases = [kits_case(i) for i in range(300) if i != number]
    without, with_it = keys(cases), keys([*cases, kits_case(number)])
    assert len(with_it) > 64
    assert changed(without, with_it) == {bucket_of(kits_case(number), KITS23.bucket_bits)}


def test_all_frames_of_a_patient_share_a_bucket_and_both_sides_are_used():
    frames = [replace(kits_case(i), case_id=f"case_{i:05d}_{f}") for i in range(60) for f in range(2)]
    places = [bucket_of(case, 6) for case in frames]
    assert places[::2] == places[1::2]
    assert {side for _, side, _ in places} == {"train", "test"}
    assert all(0 <= number < 64 for _, _, number in places)


def test_the_order_of_cases_is_nothing(tmp_path):
    options = replace(OPTIONS, out=str(tmp_path))
    cases = [kits_case(i) for i in range(40)]
    shuffled = random.Random(3).sample(cases, len(cases))
    assert keys(shuffled) == keys(cases)
    shard = plan_shard(BUCKET, shuffled, KITS23, options)
    assert shard == plan_shard(BUCKET, cases, KITS23, options)
    assert read_plan(Store(str(tmp_path)), shard) == cases
    assert shard.name == "train-00003-of-00064"
    assert shard.cases == 40


def test_touched_sources_keep_the_key_and_change_the_fingerprint(tmp_path):
    options = replace(OPTIONS, out=str(tmp_path))
    before = plan_shard(BUCKET, [kits_case(1), kits_case(2)], KITS23, options)
    after = plan_shard(BUCKET, [kits_case(1), kits_case(2, "mtime:2")], KITS23, options)
    assert after.key == before.key
    assert after.fingerprint != before.fingerprint
    assert after.plan != before.plan
    assert [case.images[0].file.stamp for case in read_plan(Store(str(tmp_path)), after)] == ["mtime:1", "mtime:2"]


def key(dataset: Dataset = KITS23, options: BuildOptions = OPTIONS) -> str:
    return shard_key(BUCKET, ["case_00001", "case_00002"], dataset, options)


def retask(**changes: object) -> Dataset:
    return replace(KITS23, tasks=(replace(KITS23.tasks[0], **changes),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"planes": ("axial",)},
        {"images": "png8"},
        {"images": "none"},
        {"formats": ("parquet", "plans")},
        {"rules": "exact"},
    ],
    ids=str,
)
def test_what_changes_slice_rows_changes_the_key(options):
    assert key(options=replace(OPTIONS, **options)) != key()


@pytest.mark.parametrize(
    "options",
    [
        {"raw": "/elsewhere/raw"},
        {"out": "gs://bucket/out"},
        {"datasets": ("ACDC", "KiTS23")},
        {"limit": 5},
        {"formats": ("parquet", "webdataset")},
        {"splits_from": "plans"},
        {"replace": True},
        {"progress_dir": "/tmp/x"},
        {"run_id": "another"},
    ],
    ids=str,
)
def test_where_how_often_and_by_whom_is_not_in_the_key(options):
    assert key(options=replace(OPTIONS, **options)) == key()


@pytest.mark.parametrize(
    ("switch", "value", "same"),
    [
        ("spacing_source", "affine", False),
        ("grid_mismatch", "reject", False),
        ("grid_tolerance", 0.2, False),
        ("conic_floor_mm", 3.0, False),
        ("conic_floor_pixels", 1.0, False),
        ("conic_min_points", 6, False),
        ("conic_runaway", 2.0, False),
        ("physical_planes_only", True, False),
        ("name", "another", True),
        ("split_source", "patient_hash", True),
        ("min_box_pixels", 11, True),
        ("min_mask_pixels", 100, True),
        ("known_bad", "exclude", True),
    ],
)
def test_switches_of_the_rules_change_the_key_unless_they_decide_pairs_only(monkeypatch, switch, value, same):
    monkeypatch.setitem(RULES, "changed", replace(RULES["1.4.0"], **{switch: value}))
    assert (key(options=replace(OPTIONS, rules="changed")) == key()) == same


def test_shards_know_nothing_of_plans():
    """Asked for or not, and whatever of the table stands in plans alone."""
    asked = [replace(OPTIONS, formats=formats) for formats in (("parquet", "plans"), ("parquet",))]
    assert key(options=asked[0]) == key(options=asked[1])
    assert replace(OPTIONS, formats=()).shard_switches()["formats"] == ("parquet", "webdataset")
    assert key(replace(retask(upstream_case="kits_{case}", upstream_mask_name="m"), upstream_title="")) == key()
    feta, options = FETA24, replace(OPTIONS, datasets=("FeTA24",))
    (table,) = feta.landmark_tasks
    measures = tuple(replace(measure, upstream_name="another") for measure in table.measures)
    renamed = replace(feta, landmark_tasks=(replace(table, measures=measures, upstream_modality="CT"),))
    assert key(renamed, options) == key(feta, options)


LABELS = KITS23.tasks[0].labels
TABLE_CHANGES = {
    "label named anew": retask(labels={**LABELS, 1: "renal"}),
    "label added": retask(labels={**LABELS, 4: "more"}),
    "labels in another order": retask(labels=dict(reversed(LABELS.items()))),
    "modality": retask(modality="MRI"),
    "unit": retask(unit="g"),
    "channel": retask(channel=1),
    "upstream name": retask(upstream_name="kits_{case}.nii.gz"),
    "lesion target": replace(KITS23, lesion_tasks=(replace(KITS23.lesion_tasks[0], target=3),)),
    "no lesion task": replace(KITS23, lesion_tasks=()),
    "spacing in header": replace(KITS23, spacing_in_header=True),
    "suspects": replace(KITS23, suspect={"case_00001": "doubted"}),
    "patient": replace(KITS23, patient=r"case_(\d{5})"),
    "buckets": replace(KITS23, bucket_bits=5),
}


@pytest.mark.parametrize("name", TABLE_CHANGES)
def test_what_the_table_says_of_rows_changes_the_key(name):
    assert key(TABLE_CHANGES[name]) != key()


@pytest.mark.parametrize(
    "fields",
    [
        {"homepage": "https://example.org"},
        {"data_urls": ()},
        {"papers": ("https://example.org",)},
        {"citation": "none"},
        {"licence": "MIT", "spdx": "MIT", "redistribute": True},
        {"access": "gated"},
        {"images_published": 1, "masks_published": 2},
        {"known_bad": {"case_00009": "wrong"}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_links_licences_and_counts_are_not_in_the_key(fields):
    assert key(replace(KITS23, **fields)) == key()


def test_the_description_of_an_image_is_not_in_the_key():
    assert key(retask(description="another prompt")) == key()


@pytest.mark.parametrize("name", ["ALGORITHM_VERSION", "SCHEMA_VERSION"])
def test_versions_are_in_the_key(monkeypatch, name):
    before = key()
    monkeypatch.setattr(plan, name, 99)
    assert key() != before


def test_buckets_cases_and_their_order_are_in_the_key():
    ids = ["case_00001", "case_00002"]
    others = [
        shard_key(("KiTS23", "test", 3), ids, KITS23, OPTIONS),
        shard_key(("KiTS23", "train", 4), ids, KITS23, OPTIONS),
        shard_key(("ACDC", "train", 3), ids, KITS23, OPTIONS),
        shard_key(BUCKET, ids[:1], KITS23, OPTIONS),
    ]
    assert len({key(), *others}) == 5


def test_a_shard_is_a_small_element(tmp_path):
    """200 CT subjects of 117 class files each: the cases stand in the plan file, not in the element."""
    cases = []
    for number in range(200):
        home = f"Totalsegmentator_dataset_v201/s{number:04d}"
        masks = tuple(SourceFile(f"{home}/segmentations/{stem}.nii.gz", 9, "mtime:1") for stem in CT_CLASSES)
        image = CaseImage(1, SourceFile(f"{home}/ct.nii.gz", 9, "mtime:1"), None, f"s{number:04d}.nii.gz")
        labels = tuple(range(1, len(masks) + 1))
        cases.append(Case("TotalSegmentator", f"CT/s{number:04d}", f"CT/s{number:04d}", (image,), masks, labels))
    options = replace(OPTIONS, out=str(tmp_path), datasets=("TotalSegmentator",))
    shard = plan_shard(("TotalSegmentator", "train", 0), cases, TOTALSEGMENTATOR, options)
    assert len(pickle.dumps(cases)) > 500_000
    assert len(pickle.dumps(shard)) < 100_000
    assert read_plan(Store(str(tmp_path)), shard) == cases
