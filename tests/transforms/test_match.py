"""Pairing raw files to cases: layouts that users have, and exactly one dead letter for what has no partner."""

import random
from dataclasses import replace

import fsspec
import pyarrow as pa
import pytest
from fsspec.implementations.local import LocalFileSystem
from miniature import write_bytes

from medvision.schemas.case import SourceFile
from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.faults import DEAD_LETTER_SCHEMA
from medvision.sources.acdc import ACDC
from medvision.sources.kits23 import KITS23
from medvision.sources.msd import MSD
from medvision.sources.totalsegmentator import CT_CLASSES, MR_CLASSES, TOTALSEGMENTATOR
from medvision.transforms.listing import list_sources
from medvision.transforms.match import Matched, match_cases
from medvision.transforms.write import dead_letter_rows

CT_FOLDER, MR_FOLDER = "Totalsegmentator_dataset_v201", "TotalsegmentatorMRI_dataset_v200"


def sources(*paths: str) -> list[SourceFile]:
    return [SourceFile(path, 10, "mtime:1") for path in paths]


def match(dataset: Dataset, *paths: str) -> Matched:
    return match_cases(dataset, sources(*paths))


def letters(matched: Matched) -> list[tuple[str, int, str, str]]:
    return [(letter.case_id, letter.task, letter.reason, letter.path) for letter in matched.dead_letters]


def case_ids(matched: Matched) -> list[str]:
    return [case.case_id for case in matched.cases]


def kits(case: str, below: str = "") -> list[str]:
    return [f"{below}{case}/imaging.nii.gz", f"{below}{case}/segmentation.nii.gz"]


def subject(folder: str, case: str, image: str = "", classes: object = ()) -> list[str]:
    """Files of a TotalSegmentator subject; no image for ""."""
    paths = [f"{folder}/{case}/segmentations/{stem}.nii.gz" for stem in classes]  # type: ignore[attr-defined]
    return [*paths, f"{folder}/{case}/{image}"] if image else paths


# Layouts


@pytest.mark.parametrize("below", ["", "dataset/", "kits23/dataset/", "a b/(c)/+d/"])
def test_an_archive_may_have_any_folders_above_its_cases(below):
    matched = match(KITS23, *kits("case_00000", below), *kits("case_00012", below))
    assert case_ids(matched) == ["case_00000", "case_00012"]
    assert [case.images[0].file.path for case in matched.cases] == [
        f"{below}case_00000/imaging.nii.gz",
        f"{below}case_00012/imaging.nii.gz",
    ]
    assert [case.masks[0].path for case in matched.cases] == [
        f"{below}case_00000/segmentation.nii.gz",
        f"{below}case_00012/segmentation.nii.gz",
    ]
    assert letters(matched) == []


def test_a_pattern_takes_whole_names():
    matched = match(KITS23, "xcase_00001/imaging.nii.gz", "case_00001/imaging.nii.gz.bak", "case_1/imaging.nii.gz")
    assert (matched.cases, matched.dead_letters) == ((), ())


def test_acdc_frames_pair_across_parts_and_the_cine_is_no_image():
    frames = [
        f"ACDC/database/{part}/{patient}/{patient}_frame{frame}{end}.nii.gz"
        for part, patient in (("training", "patient001"), ("testing", "patient101"))
        for frame in ("01", "12")
        for end in ("", "_gt")
    ]
    cine = "ACDC/database/training/patient001/patient001_4d.nii.gz"
    matched = match(ACDC, *frames, cine, "ACDC/database/training/patient001/Info.cfg")
    expected = [f"patient{number}_frame{frame}" for number in ("001", "101") for frame in ("01", "12")]
    assert case_ids(matched) == expected
    assert letters(matched) == []
    assert cine not in {file.path for case in matched.cases for file in case.files}
    assert {case.patient for case in matched.cases} == {"patient001", "patient101"}


@pytest.mark.parametrize("litter", ["case_00000/._{}", "__MACOSX/case_00000/{}", "x/__MACOSX/case_00000/._{}"])
def test_resource_forks_are_no_files(litter):
    junk = [litter.format(name) for name in ("imaging.nii.gz", "segmentation.nii.gz")]
    matched = match(KITS23, *kits("case_00000"), *junk)
    assert (case_ids(matched), letters(matched)) == (["case_00000"], [])
    assert letters(match(KITS23, *junk)) == []


def test_a_litter_named_decathlon_case_is_no_orphan():
    names = ["Task09_Spleen/imagesTr/._spleen_2.nii.gz", "Task09_Spleen/labelsTr/._spleen_2.nii.gz"]
    assert match(MSD, *names) == Matched((), ())


def test_images_and_masks_in_different_top_folders_pair_by_case():
    images = [f"images_archive/case_0000{i}/imaging.nii.gz" for i in range(3)]
    masks = [f"git/dataset/case_0000{i}/segmentation.nii.gz" for i in range(3)]
    matched = match(KITS23, *images, *masks)
    assert [(case.images[0].file.path, case.masks[0].path) for case in matched.cases] == list(
        zip(images, masks, strict=True)
    )
    assert letters(matched) == []


def test_the_mask_in_the_same_folder_wins_over_one_elsewhere():
    matched = match(KITS23, *kits("case_00000", "b/"), "a/case_00000/segmentation.nii.gz")
    assert [case.masks[0].path for case in matched.cases] == ["b/case_00000/segmentation.nii.gz"]
    assert letters(matched) == [("case_00000", 0, "image_missing", "a/case_00000/segmentation.nii.gz")]


def test_any_order_of_the_listing_gives_the_same():
    paths = [path for i in range(9) for path in kits(f"case_0000{i}", "x/" if i % 2 else "y/")]
    paths += [*kits("case_00008", "z/"), "x/case_00020/imaging.nii.gz", "x/case_00021/segmentation.nii.gz"]
    paths += ["p/case_00022/imaging.nii.gz", "q/case_00022/segmentation.nii.gz"]
    expected = match(KITS23, *sorted(paths))
    assert len(expected.cases) == 9
    assert len(expected.dead_letters) == 3
    for seed in range(20):
        random.Random(seed).shuffle(paths)
        assert match(KITS23, *paths) == expected


# What has no partner


def test_an_orphan_image_is_one_letter():
    matched = match(KITS23, *kits("case_00000"), "case_00001/imaging.nii.gz")
    assert case_ids(matched) == ["case_00000"]
    assert letters(matched) == [("case_00001", 0, "mask_missing", "case_00001/imaging.nii.gz")]


def test_an_orphan_mask_is_one_letter():
    matched = match(KITS23, *kits("case_00000"), "case_00001/segmentation.nii.gz")
    assert case_ids(matched) == ["case_00000"]
    assert letters(matched) == [("case_00001", 0, "image_missing", "case_00001/segmentation.nii.gz")]


def test_an_image_file_of_four_tasks_is_one_letter():
    image = "Task01_BrainTumour/imagesTr/BRATS_001.nii.gz"
    assert letters(match(MSD, image)) == [("BrainTumour/BRATS_001", 0, "mask_missing", image)]


def test_a_mask_of_four_tasks_is_one_letter():
    mask = "Task01_BrainTumour/labelsTr/BRATS_001.nii.gz"
    assert letters(match(MSD, mask)) == [("BrainTumour/BRATS_001", 0, "image_missing", mask)]


def test_unlabelled_test_images_of_the_decathlon_are_no_dead_letters():
    assert match(MSD, "Task09_Spleen/imagesTs/spleen_1.nii.gz") == Matched((), ())


def four_images() -> Dataset:
    """Four sequences in files of their own that share one mask."""
    sequences = ("t1", "t1ce", "t2", "flair")
    tasks = tuple(
        Task(
            number=number,
            image=f"{{case}}/{{case}}_{name}.nii.gz",
            mask="{case}/{case}_seg.nii.gz",
            case=r"B\d+",
            labels={1: "tumour"},
            modality="MRI",
            description=name,
        )
        for number, name in enumerate(sequences, 1)
    )
    return replace(KITS23, name="Brain", patient=r"(B\d+)", tasks=tasks, lesion_tasks=())


def test_missing_images_are_named_by_task_and_the_others_are_built():
    files = ["B1/B1_t1.nii.gz", "B1/B1_flair.nii.gz", "B1/B1_seg.nii.gz"]
    matched = match(four_images(), *files)
    assert [image.task for image in matched.cases[0].images] == [1, 4]
    assert letters(matched) == [("B1", task, "image_missing", "B1/B1_seg.nii.gz") for task in (2, 3)]


def test_a_case_found_twice_is_one_letter_and_not_built():
    matched = match(KITS23, *kits("case_00000", "a/"), *kits("case_00000", "b/"), *kits("case_00001", "a/"))
    assert case_ids(matched) == ["case_00001"]
    assert letters(matched) == [("case_00000", 0, "duplicate_case", "a/case_00000/segmentation.nii.gz")]
    assert matched.dead_letters[0].message == "2 files match the same case"


@pytest.mark.parametrize(("images", "masks"), [("ab", "c"), ("c", "ab"), ("ab", "cd")])
def test_an_ambiguous_pairing_is_refused_whole(images, masks):
    paths = [f"{folder}/case_00000/imaging.nii.gz" for folder in images]
    paths += [f"{folder}/case_00000/segmentation.nii.gz" for folder in masks]
    matched = match(KITS23, *paths)
    assert matched.cases == ()
    assert letters(matched) == [("case_00000", 0, "duplicate_case", min(paths))]


# Per-class masks, and ids that two groups share


def test_ct_and_mr_subjects_of_one_id_stay_apart():
    paths = subject(CT_FOLDER, "s0001", "ct.nii.gz", CT_CLASSES)
    paths += subject(MR_FOLDER, "s0001", "mri.nii.gz", MR_CLASSES)
    matched = match(TOTALSEGMENTATOR, *paths)
    assert case_ids(matched) == ["CT/s0001", "MR/s0001"]
    assert [case.patient for case in matched.cases] == ["CT/s0001", "MR/s0001"]
    assert letters(matched) == []
    for case, folder, classes in zip(matched.cases, (CT_FOLDER, MR_FOLDER), (CT_CLASSES, MR_CLASSES), strict=True):
        assert {file.path.split("/")[0] for file in case.files} == {folder}
        stems = [mask.path.rsplit("/", 1)[1].removesuffix(".nii.gz") for mask in case.masks]
        assert stems == list(classes)
        assert case.mask_labels == tuple(range(1, len(classes) + 1))


@pytest.mark.parametrize("missing", [("liver",), ("liver", "spleen", "brain")])
def test_missing_class_files_are_one_letter_with_their_number(missing):
    classes = [stem for stem in CT_CLASSES if stem not in missing]
    matched = match(TOTALSEGMENTATOR, *subject(CT_FOLDER, "s0001", "ct.nii.gz", classes))
    folder = f"{CT_FOLDER}/s0001/segmentations"
    assert matched.cases == ()
    assert letters(matched) == [("CT/s0001", 0, "mask_incomplete", folder)]
    assert matched.dead_letters[0].message == f"{len(missing)} of {len(CT_CLASSES)} class files are missing"


def test_class_files_that_the_table_does_not_name_are_ignored():
    paths = subject(CT_FOLDER, "s0001", "ct.nii.gz", [*CT_CLASSES, "body", "face"])
    (case,) = match(TOTALSEGMENTATOR, *paths).cases
    assert len(case.masks) == len(CT_CLASSES)


@pytest.mark.parametrize("mr_image", ["mri.nii.gz", ""])
def test_a_ct_subject_without_masks_never_takes_those_of_an_mr_subject(mr_image):
    paths = [f"{CT_FOLDER}/s0001/ct.nii.gz", *subject(MR_FOLDER, "s0001", mr_image, MR_CLASSES)]
    matched = match(TOTALSEGMENTATOR, *paths)
    expected = [("CT/s0001", 0, "mask_missing", f"{CT_FOLDER}/s0001/ct.nii.gz")]
    if not mr_image:
        expected += [("MR/s0001", 0, "image_missing", f"{MR_FOLDER}/s0001/segmentations")]
    assert case_ids(matched) == (["MR/s0001"] if mr_image else [])
    assert letters(matched) == expected


def test_the_same_trap_with_masks_that_look_alike():
    """Two groups with one mask pattern: nothing but the folder says whose mask it is."""
    first, other = (
        replace(KITS23.tasks[0], number=number, group=group, image=f"{{case}}/{group}.nii.gz")
        for number, group in ((1, "CT"), (2, "MR"))
    )
    both = replace(KITS23, tasks=(first, other), lesion_tasks=())
    paths = ["a/case_00001/CT.nii.gz", "b/case_00001/segmentation.nii.gz"]
    matched = match(both, *paths)
    assert matched.cases == ()
    assert sorted(reason for _, _, reason, _ in letters(matched)) == ["image_missing", "mask_missing"]
    alone = match(replace(both, tasks=(first,)), *paths)
    assert case_ids(alone) == ["CT/case_00001"]


def test_orphan_class_masks_are_one_letter_of_the_group_that_they_fit():
    ct, mr = subject(CT_FOLDER, "s0001", "", CT_CLASSES), subject(MR_FOLDER, "s0002", "", MR_CLASSES)
    assert letters(match(TOTALSEGMENTATOR, *ct, *mr)) == [
        ("CT/s0001", 0, "image_missing", f"{CT_FOLDER}/s0001/segmentations"),
        ("MR/s0002", 0, "image_missing", f"{MR_FOLDER}/s0002/segmentations"),
    ]


def test_a_patient_pattern_that_misses_a_case_is_an_error_of_the_table():
    with pytest.raises(ValueError, match=r"KiTS23: patient pattern '\(P\\\\d\+\)' misses 'case_00000'"):
        match(replace(KITS23, patient=r"(P\d+)"), *kits("case_00000"))


# Listings


def test_local_listing_has_relative_paths_sizes_and_stamps(tmp_path, monkeypatch):
    home = tmp_path / "raw/KiTS23"
    write_bytes(home / "b/two.bin", b"12")
    write_bytes(home / "a.bin", b"1")
    write_bytes(tmp_path / "raw/KiTS23-other/x.bin", b"1")
    listed = list_sources(LocalFileSystem(), str(home))
    assert [(file.path, file.size) for file in listed] == [("a.bin", 1), ("b/two.bin", 2)]
    assert listed[0].stamp == f"mtime:{(home / 'a.bin').stat().st_mtime}"
    monkeypatch.chdir(tmp_path)
    for spelled in ("raw/KiTS23", "raw/KiTS23/", f"file://{home}"):
        assert list_sources(LocalFileSystem(), spelled) == listed


def test_memory_listing_gives_the_same_cases(tmp_path):
    fs = fsspec.filesystem("memory")
    root = "/test_match/KiTS23"
    for path in kits("case_00000", "dataset/"):
        fs.pipe_file(f"{root}/{path}", b"123")
        write_bytes(tmp_path / path, b"123")
    try:
        listed = list_sources(fs, f"memory:/{root}")
        assert [(file.path, file.size) for file in listed] == [
            ("dataset/case_00000/imaging.nii.gz", 3),
            ("dataset/case_00000/segmentation.nii.gz", 3),
        ]
        assert all(file.stamp.startswith("created:") for file in listed)
        local = match_cases(KITS23, list_sources(LocalFileSystem(), str(tmp_path)))
        assert case_ids(match_cases(KITS23, listed)) == case_ids(local) == ["case_00000"]
    finally:
        fs.rm("/test_match", recursive=True)


class Listing:
    """The part of a file system that a listing needs, with details of its own."""

    def __init__(self, **info: object) -> None:
        self.info = info

    def invalidate_cache(self) -> None: ...

    def _strip_protocol(self, path: str) -> str:
        return path.removeprefix("gs://")

    def unstrip_protocol(self, path: str) -> str:
        return f"gs://{path}"

    def find(self, base: str, detail: bool) -> dict[str, dict[str, object]]:
        return {f"{base}/a.nii.gz": self.info}


@pytest.mark.parametrize(
    ("info", "stamp"),
    [
        ({"mtime": 5, "etag": "e", "md5Hash": "h", "size": 3}, "md5Hash:h"),
        ({"mtime": 5, "ETag": "E", "size": 3}, "ETag:E"),
        ({"generation": "9", "updated": "today", "size": 3}, "generation:9"),
        ({"created": 4.0, "mtime": 5.0, "size": 3}, "mtime:5.0"),
        ({"size": 3}, ""),
    ],
)
def test_the_strongest_change_mark_is_taken(info, stamp):
    assert list_sources(Listing(**info), "gs://bucket/raw/") == [SourceFile("a.nii.gz", 3, stamp)]  # type: ignore[arg-type]


def test_a_name_that_is_no_unicode_is_a_dead_letter_that_can_be_written_down(tmp_path):
    folder = b"m\xff".decode("utf-8", "surrogateescape")
    for path in (*kits("case_00001"), *kits("case_00002", f"{folder}/"), f"{folder}/case_00003/imaging.nii.gz"):
        write_bytes(tmp_path / path, b"x")
    matched = match_cases(KITS23, list_sources(LocalFileSystem(), str(tmp_path)))
    assert case_ids(matched) == ["case_00001"]
    assert sorted(letters(matched)) == [
        ("case_00002", 0, "bad_name", r"m\udcff/case_00002/imaging.nii.gz"),
        ("case_00003", 0, "mask_missing", r"m\udcff/case_00003/imaging.nii.gz"),
    ]
    pa.Table.from_pylist(dead_letter_rows(matched.dead_letters), DEAD_LETTER_SCHEMA)
