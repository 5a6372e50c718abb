"""Both splits: Python's own shuffle, stable patient sides, and sides read from published plans."""

import gzip
import hashlib
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from medvision.schemas.case import Case, CaseImage, SourceFile
from medvision.schemas.dataset import Dataset, LesionTask, Task
from medvision.schemas.rules import RULES
from medvision.transforms.split import (
    numbered_splits,
    patient_side,
    read_published_splits,
    shuffle_split,
    stable_hash,
)

NUMBERED, EXACT = RULES["1.4.0"], RULES["exact"]


def toy_task(number: int) -> Task:
    return Task(number, f"{{case}}_{number}.nii", "{case}.nii", r"\d+", {1: "a", 2: "b"}, "CT", "a scan")


DATASET = Dataset(
    name="Toy",
    package="Toy",
    patient=r"(\d+)",
    licence="",
    spdx="",
    redistribute=True,
    access="open",
    homepage="",
    data_urls=(),
    papers=(),
    citation="",
    images_published=0,
    masks_published=0,
    bucket_bits=0,
    tasks=(toy_task(1), toy_task(2)),
    lesion_tasks=(LesionTask(1, 2, 1), LesionTask(2, 2, 2), LesionTask(3, 1, 1)),
)


def cases(count: int, only_first_task: int = 0) -> list[Case]:
    """Cases of one image a task, the last `only_first_task` of them of task 1 alone; two cases a patient."""
    found = []
    for number in range(count):
        tasks = (1,) if number >= count - only_first_task else (1, 2)
        source = SourceFile(f"{number}.nii", 1, "")
        images = tuple(CaseImage(task, source, None, f"scan{number}_{task}.nii.gz") for task in tasks)
        found.append(Case("Toy", f"scan{number}", f"patient{number // 2}", images, (source,)))
    return found


def literal_split(names: list[str]) -> dict[str, str]:
    """Upstream's few lines, on the global generator."""
    state = random.getstate()
    files = sorted(names)
    random.seed(1024)
    random.shuffle(files)
    cut = int(0.7 * len(files))
    random.setstate(state)
    return dict.fromkeys(files[:cut], "train") | dict.fromkeys(files[cut:], "test")


# The shuffled split


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 48, 70, 90, 131, 300, 489, 1844, 3034])
def test_shuffle_is_pythons_own(count):
    names = [f"case_{number}.nii.gz" for number in range(count)]  # case_10 sorts before case_2
    expected = literal_split(names)
    assert shuffle_split(names) == expected
    assert shuffle_split(reversed(names)) == expected
    assert shuffle_split(set(names)) == expected


@pytest.mark.parametrize(
    ("count", "train", "test"),
    [
        (10, 7, 3),
        (70, 49, 21),
        (90, 62, 28),
        (489, 342, 147),
        (484, 338, 146),
        (1506, 1054, 452),
        (425, 297, 128),
    ],
)
def test_train_side_has_the_floor_of_seven_tenths(count, train, test):
    """Sizes of published folders, and 90, where 0.7 * n falls just below a whole number."""
    sides = list(shuffle_split(f"{number:05d}" for number in range(count)).values())
    assert (sides.count("train"), sides.count("test")) == (train, test)


def test_shuffle_of_ten_files_is_known():
    sides = shuffle_split([f"case_{number}.nii.gz" for number in range(10)])
    assert {name for name, side in sides.items() if side == "test"} == {f"case_{n}.nii.gz" for n in (0, 6, 7)}


def test_shuffle_leaves_the_global_generator_alone():
    random.seed(5)
    expected = random.random()
    random.seed(5)
    shuffle_split(["a", "b", "c"])
    assert random.random() == expected


# The split by patient


def test_stable_hash_is_the_head_of_sha256():
    digest = hashlib.sha256(b"side\x00KiTS23\x00case_00000").hexdigest()
    assert stable_hash("side", "KiTS23", "case_00000") == int(digest[:16], 16)
    assert stable_hash("ab", "c") != stable_hash("a", "bc")


GOLDEN = {
    ("KiTS23", "case_00000"): "test",
    ("KiTS23", "case_00001"): "train",
    ("KiTS23", "case_00002"): "train",
    ("ACDC", "patient001"): "train",
    ("ACDC", "patient002"): "train",
    ("MSD", "Liver/liver_0"): "test",
    ("MSD", "BrainTumour/BRATS_001"): "train",
    ("TotalSegmentator", "CT/s0000"): "train",
    ("TotalSegmentator", "CT/s0004"): "test",
    ("TotalSegmentator", "MR/s0001"): "train",
}


def test_patient_sides_never_change():
    """Every published release stands on these."""
    assert {key: patient_side(*key) for key in GOLDEN} == GOLDEN


def test_patient_sides_differ_by_dataset():
    patients = [f"case_{number:05d}" for number in range(200)]
    assert [patient_side("A", p) for p in patients] != [patient_side("B", p) for p in patients]


@pytest.mark.parametrize("fraction", [0.7, 0.2])
def test_share_of_patients_on_the_train_side(fraction):
    sides = [patient_side("MSD", f"Liver/liver_{number}", fraction) for number in range(20_000)]
    assert sides.count("train") / 20_000 == pytest.approx(fraction, abs=0.01)  # 3 standard deviations
    assert set(sides) == {"train", "test"}


@pytest.mark.parametrize(("fraction", "side"), [(0.0, "test"), (1.0, "train")])
def test_all_patients_on_one_side(fraction, side):
    assert {patient_side("A", str(number), fraction) for number in range(50)} == {side}


# Numbered splits of a dataset


def test_each_task_is_shuffled_over_its_own_files():
    found = numbered_splits(DATASET, cases(41, only_first_task=9), NUMBERED)
    names = {1: [f"scan{n}_1.nii.gz" for n in range(41)], 2: [f"scan{n}_2.nii.gz" for n in range(32)]}
    expected = {}
    for kind, number, image_task in (
        ("BoxSize", 1, 1),
        ("BoxSize", 2, 2),
        ("MaskSize", 1, 1),
        ("MaskSize", 2, 2),
        ("TumorLesionSize", 1, 2),
        ("TumorLesionSize", 2, 2),
        ("TumorLesionSize", 3, 1),
    ):
        for name, side in literal_split(names[image_task]).items():
            expected[kind, number, name] = (side, "recomputed" if kind == "TumorLesionSize" else "approximated")
    assert found == expected
    first = [side for (kind, number, _), side in found.items() if (kind, number) == ("BoxSize", 1)]
    second = [side for (kind, number, _), side in found.items() if (kind, number) == ("BoxSize", 2)]
    assert first[:32] != second


def test_no_list_before_1_4_0_can_be_computed_again():
    for name in ("1.0.0", "1.1.0", "1.1.1", "1.3.0"):
        assert {source for _, source in numbered_splits(DATASET, cases(9), RULES[name]).values()} == {"approximated"}


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("1.1.1", set()), ("1.4.0", {"TumorLesionSize"}), ("exact", {"BoxSize", "MaskSize", "TumorLesionSize"})],
)
def test_a_late_case_is_held_by_some_kinds_and_moves_no_list_of_the_others(name, kinds):
    """Case 4 is left out before the others are shuffled, as if it were not there."""
    late = replace(DATASET, late_cases={"scan4": "came late"})
    found = numbered_splits(late, cases(9), RULES[name])
    without = numbered_splits(DATASET, [case for case in cases(9) if case.case_id != "scan4"], RULES[name])
    everything = numbered_splits(DATASET, cases(9), RULES[name])
    for (kind, number, image), side in found.items():
        if kind in kinds or kind == "LesionDiameter":
            assert side == everything[kind, number, image]
        else:
            expected = ("", "late_case") if image.startswith("scan4_") else without[kind, number, image]
            assert side == expected


def test_order_of_cases_does_not_matter():
    ordered = cases(23)
    shuffled = random.Random(3).sample(ordered, len(ordered))
    assert numbered_splits(DATASET, shuffled, NUMBERED) == numbered_splits(DATASET, ordered, NUMBERED)


def test_a_task_without_files_has_no_sides():
    found = numbered_splits(DATASET, cases(4, only_first_task=4), NUMBERED)
    assert {(kind, number) for kind, number, _ in found} == {
        ("BoxSize", 1),
        ("MaskSize", 1),
        ("TumorLesionSize", 3),
    }
    assert numbered_splits(DATASET, [], NUMBERED) == {}


def test_exact_rules_follow_the_patient():
    found = numbered_splits(DATASET, cases(60), EXACT)
    assert len(found) == 60 * 10
    for (_, _, name), (side, source) in found.items():
        patient = int(name.removeprefix("scan").split("_")[0]) // 2
        assert (side, source) == (patient_side("Toy", f"patient{patient}"), "patient_hash")
    assert {side for side, _ in found.values()} == {"train", "test"}


def test_exact_sides_stay_when_cases_are_added_and_shuffled_ones_move():
    for rules, stays in ((EXACT, True), (NUMBERED, False)):
        few, many = (numbered_splits(DATASET, cases(count), rules) for count in (20, 60))
        assert (few.items() <= many.items()) is stays


# Sides from published plans


def write_plan(folder: Path, kind: str, version: str, tasks: dict[str, dict[str, str]]) -> None:
    """A plan file as published: indented JSON in gzip, image paths relative to the dataset."""
    listed = []
    for number, sides in tasks.items():
        task: dict[str, object] = {"task_ID": number, "task_type": kind, "image_folder": "CT/Images"}
        for side in ("train", "test"):
            found = [name for name, chosen in sides.items() if chosen == side]
            task[f"{side}_cases_number"] = len(found)
            task[f"{side}_cases"] = [{"case_ID": n[:-7], "image_file": f"CT/Images/{n}"} for n in found]
        listed.append(task)
    plan = {"dataset_info": {"dataset": "Toy"}, "tasks": listed, "tasks_number": len(listed)}
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(plan, indent=4).encode()
    (folder / f"benchmark_plan_{kind}_v{version}.json.gz").write_bytes(gzip.compress(text))


def alternate(task: int, first: int = 0, count: int = 6) -> dict[str, str]:
    return {f"scan{n}_{task}.nii.gz": ("train", "test")[(n + first) % 2] for n in range(count)}


def write_all(folder: Path) -> None:
    write_plan(folder, "detection", "1.0.0", {"01": alternate(1), "02": alternate(2)})
    write_plan(folder, "segmentation", "1.0.0", {"01": alternate(1, 1), "02": alternate(2)})
    lesions = {"01": alternate(2), "02": alternate(2, 1), "03": alternate(1, 1)}
    write_plan(folder, "biometry", "1.4.0", lesions)


@pytest.mark.parametrize("base", ["Datasets/Toy", "Toy", "Toy/Datasets/Toy"])
def test_published_sides_by_kind_and_task(tmp_path, base):
    write_all(tmp_path / base)
    found = read_published_splits(str(tmp_path), "Toy")
    assert found == {
        ("BoxSize", 1): alternate(1),
        ("BoxSize", 2): alternate(2),
        ("MaskSize", 1): alternate(1, 1),
        ("MaskSize", 2): alternate(2),
        ("TumorLesionSize", 1): alternate(2),
        ("TumorLesionSize", 2): alternate(2, 1),
        ("TumorLesionSize", 3): alternate(1, 1),
    }
    splits = numbered_splits(DATASET, cases(5), NUMBERED, str(tmp_path))
    assert splits == {
        (*key, name): (side, "published")
        for key, sides in found.items()
        for name, side in sides.items()
        if not name.startswith("scan5")
    }


def test_the_newest_version_of_each_kind_is_taken(tmp_path):
    """By number, not by text: 1.10.0 is newer than 1.9.0."""
    folder = tmp_path / "Datasets/Toy"
    for version, first in (("1.9.0", 0), ("1.10.0", 1), ("1.0.0", 0)):
        write_plan(folder, "detection", version, {"01": alternate(1, first)})
    write_plan(folder, "segmentation", "1.0.0", {"01": alternate(1)})
    found = read_published_splits(str(tmp_path), "Toy")
    assert found == {("BoxSize", 1): alternate(1, 1), ("MaskSize", 1): alternate(1)}


@pytest.mark.parametrize(
    ("rules", "taken"),
    [("1.0.0", "1.0.0"), ("1.1.0", "1.1.0"), ("1.2.1", "1.1.1"), ("1.3.0", "1.1.1"), ("1.4.0", "1.4.0")],
)
def test_the_newest_version_up_to_that_of_the_rules_is_taken(tmp_path, rules, taken):
    """Upstream's ceiling; a plan made later does not leak into older rules, a kind made once stays."""
    folder = tmp_path / "Datasets/Toy"
    sides = {version: number for number, version in enumerate(("1.0.0", "1.1.0", "1.1.1", "1.4.0", "1.10.0"))}
    names = [alternate(1)] + [{**alternate(1), f"scan{n}_1.nii.gz": "test"} for n in (0, 2, 4)] + [alternate(1, 1)]
    for version, number in sides.items():
        write_plan(folder, "biometry", version, {"03": names[number]})
    write_plan(folder, "detection", "1.0.0", {"01": alternate(1)})
    write_plan(folder, "detection", "1.5.0", {"01": alternate(1, 1)})
    found = read_published_splits(str(tmp_path), "Toy", rules)
    assert found == {("TumorLesionSize", 3): names[sides[taken]], ("BoxSize", 1): alternate(1)}
    lesion_alone = replace(DATASET, tasks=(toy_task(1),), lesion_tasks=(LesionTask(3, 1, 1),))
    write_plan(folder, "segmentation", "1.0.0", {"01": alternate(1)})
    splits = numbered_splits(lesion_alone, cases(6), RULES[rules], str(tmp_path))
    chosen = {name: side for (kind, _, name), (side, _) in splits.items() if kind == "TumorLesionSize"}
    assert chosen == names[sides[taken]]


def test_plans_newer_than_the_rules_place_no_side(tmp_path):
    write_plan(tmp_path / "Toy", "detection", "1.1.0", {"01": alternate(1), "02": alternate(2)})
    with pytest.raises(ValueError, match=r"up to 1\.0\.0 place no side on 4 images of Toy BoxSize task 01"):
        numbered_splits(DATASET, cases(4), RULES["1.0.0"], str(tmp_path))


def test_a_side_without_cases_may_be_left_out(tmp_path):
    """Upstream adds a side's list with its first case."""
    task = {"task_ID": "01", "train_cases_number": 0, "test_cases_number": 1, "test_cases": [{"image_file": "a/b.nii"}]}
    (tmp_path / "Toy").mkdir()
    text = json.dumps({"dataset_info": {}, "tasks": [task], "tasks_number": 1})
    (tmp_path / "Toy/benchmark_plan_detection_v1.0.0.json.gz").write_bytes(gzip.compress(text.encode()))
    assert read_published_splits(str(tmp_path), "Toy") == {("BoxSize", 1): {"b.nii": "test"}}


def test_names_stand_in_the_order_of_the_plans(tmp_path):
    """That of the shuffle, or of the published lists: plans list their cases so."""
    names = [f"scan{number}_1.nii.gz" for number in range(6)]
    shuffled = sorted(names)
    random.Random(1024).shuffle(shuffled)
    splits = numbered_splits(DATASET, cases(6), NUMBERED)
    assert [name for kind, task, name in splits if (kind, task) == ("BoxSize", 1)] == shuffled
    listed = dict.fromkeys(reversed(names[:4]), "train") | dict.fromkeys(names[4:], "test")
    write_all(tmp_path / "Toy")
    write_plan(tmp_path / "Toy", "detection", "1.0.0", {"01": listed, "02": alternate(2)})
    splits = numbered_splits(DATASET, cases(6), NUMBERED, str(tmp_path))
    assert [name for kind, task, name in splits if (kind, task) == ("BoxSize", 1)] == list(listed)


def test_other_datasets_and_files_are_not_read(tmp_path):
    write_all(tmp_path / "Datasets/Toy-2")
    (tmp_path / "Datasets/Toy").mkdir()
    (tmp_path / "Datasets/Toy/benchmark_plan_detection_v1.0.0.json").write_text("{}")
    (tmp_path / "Datasets/Toy/readme_v9.json.gz").write_bytes(b"")
    assert read_published_splits(str(tmp_path), "Toy") == {}


def test_an_image_without_a_published_side_is_an_error(tmp_path):
    write_all(tmp_path / "Toy")
    with pytest.raises(ValueError, match=r"on 2 images of Toy BoxSize task 01, such as scan6_1\.nii\.gz"):
        numbered_splits(DATASET, cases(8), NUMBERED, str(tmp_path))


def test_a_kind_without_a_plan_is_an_error(tmp_path):
    write_all(tmp_path / "Toy")
    (tmp_path / "Toy/benchmark_plan_biometry_v1.4.0.json.gz").unlink()
    with pytest.raises(ValueError, match="Toy TumorLesionSize task 01"):
        numbered_splits(DATASET, cases(4), NUMBERED, str(tmp_path))
    without_lesions = replace(DATASET, lesion_tasks=())
    assert len(numbered_splits(without_lesions, cases(4), NUMBERED, str(tmp_path))) == 16


def test_a_folder_without_plans_is_an_error_not_a_shuffle(tmp_path):
    with pytest.raises(ValueError, match="place no side on 4 images of Toy BoxSize task 01"):
        numbered_splits(DATASET, cases(4), NUMBERED, str(tmp_path))


def test_exact_rules_do_not_need_the_plans(tmp_path):
    found = numbered_splits(DATASET, cases(4), EXACT, str(tmp_path))
    assert {source for _, source in found.values()} == {"patient_hash"}
