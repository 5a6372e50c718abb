"""Folders as sources: what a pattern that ends in "/" matches, and when such a source has changed."""

import random
from dataclasses import replace

import pytest

from medvision.schemas.case import SourceFile
from medvision.schemas.dataset import Dataset, Task
from medvision.sources.kits23 import KITS23
from medvision.transforms.folders import add_folders, stamp_data_files, stamp_of
from medvision.transforms.match import match_cases

TASK = replace(KITS23.tasks[0], image="{case}/ct/", mask="{case}/seg/", case=r"case_\d+")
SERIES = replace(KITS23, tasks=(TASK,), lesion_tasks=(), patient=r"(case_\d+)")
SLICES = [SourceFile(f"top/case_1/ct/{name}", 10, f"mtime:{name}") for name in ("1", "10", "2")]
SEGMENT = SourceFile("top/case_1/seg/label", 7, "mtime:7")


def dataset(**patterns: str) -> Dataset:
    task: Task = replace(TASK, **patterns)  # type: ignore[arg-type]
    return replace(SERIES, tasks=(task,))


def test_a_folder_is_matched_as_one_source() -> None:
    files = [*SLICES, SEGMENT, SourceFile("top/case_1/ct/._1", 99, "mtime:1"), SourceFile("top/case_1/a/b", 1, "")]
    matched = match_cases(SERIES, files)
    (case,) = matched.cases
    assert matched.dead_letters == ()
    assert case.images[0].file == SourceFile("top/case_1/ct/", 30, stamp_of(SLICES))
    assert case.masks == (SourceFile("top/case_1/seg/", 7, stamp_of([SEGMENT])),)


def test_a_folder_and_a_file_make_a_case() -> None:
    (case,) = match_cases(dataset(mask="{case}/seg/label"), [*SLICES, SEGMENT]).cases
    assert [file.path for file in case.files] == ["top/case_1/ct/", "top/case_1/seg/label"]


def test_a_folder_without_a_partner_is_a_dead_letter() -> None:
    (letter,) = match_cases(SERIES, SLICES).dead_letters
    assert (letter.reason, letter.path) == ("mask_missing", "top/case_1/ct/")
    (letter,) = match_cases(SERIES, [SEGMENT]).dead_letters
    assert (letter.reason, letter.path) == ("image_missing", "top/case_1/seg/")


def test_files_in_folders_below_belong_to_those() -> None:
    deeper = [replace(file, path=file.path.replace("/ct/", "/ct/series/")) for file in SLICES]
    assert match_cases(SERIES, [*deeper, SEGMENT]).cases == ()
    assert len(match_cases(dataset(image="{case}/ct/series/"), [*deeper, SEGMENT]).cases) == 1


def test_without_a_folder_pattern_no_folder_is_added() -> None:
    plain = dataset(image="{case}/ct/1", mask="{case}/seg/label")
    files = sorted([*SLICES, SEGMENT])
    assert add_folders(plain, files) == files
    assert len(add_folders(SERIES, files)) == len(files) + 2


@pytest.mark.parametrize("change", [{"size": 11}, {"stamp": "mtime:9"}, {"path": "top/case_1/ct/3"}])
def test_a_stamp_of_many_changes_with_any_of_them_and_not_with_their_order(change: dict[str, object]) -> None:
    shuffled = random.Random(1).sample(SLICES, len(SLICES))
    assert stamp_of(shuffled) == stamp_of(SLICES) != ""
    assert stamp_of([replace(SLICES[0], **change), *SLICES[1:]]) != stamp_of(SLICES)  # type: ignore[arg-type]
    assert stamp_of(SLICES[1:]) != stamp_of(SLICES)


def test_a_file_without_a_stamp_leaves_none() -> None:
    assert stamp_of([*SLICES, replace(SEGMENT, stamp="")]) == ""


def test_a_header_has_changed_when_its_voxels_have() -> None:
    files = [SourceFile(path, 5, "mtime:1") for path in ("a/x.mhd", "a/x.raw", "a/y.mha", "b/x.raw")]
    header, *others = stamp_data_files(files)
    assert (header.path, header.size, others) == ("a/x.mhd", 5, files[1:])
    touched = [files[0], replace(files[1], stamp="mtime:2"), *files[2:]]
    assert stamp_data_files(touched)[0].stamp != header.stamp
    elsewhere = [*files[:3], replace(files[3], stamp="mtime:2")]
    assert stamp_data_files(elsewhere)[0].stamp == header.stamp
