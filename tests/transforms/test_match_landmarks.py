"""Pairing images with landmarks by paths alone."""

from dataclasses import replace

import pytest

from medvision.schemas.case import SourceFile
from medvision.schemas.dataset import Dataset
from medvision.schemas.rules import RULES
from medvision.sources.ceph import CEPH
from medvision.sources.feta24 import FETA24
from medvision.transforms.match import Matched, match_cases
from medvision.transforms.match_landmarks import match_landmarks
from medvision.transforms.select import select_cases

FETA, FILMS = FETA24.landmark_tasks[0], CEPH.landmark_tasks[0]
HOME = "feta_2.4"
TABLE = f"{HOME}/derivatives/biometry/biometry.tsv"


def listed(*paths: str) -> list[SourceFile]:
    return [SourceFile(path, 1, "") for path in sorted(paths)]


def scan(case: str) -> list[str]:
    return [f"{HOME}/{case.split('_')[0]}/anat/{case}_{kind}.nii.gz" for kind in ("T2w", "dseg")]


def biometry(case: str, *kinds: str) -> list[str]:
    home = f"{HOME}/derivatives/biometry/{case.split('_')[0]}/anat/{case}"
    return [f"{home}_{kind}" for kind in kinds or ("meas.nii.gz", "trf.txt")]


def film(number: str, *readers: str) -> list[str]:
    return [f"RawImage/TrainingData/{number}.bmp", *(f"400_{reader}/{number}.txt" for reader in readers)]


def outcome(dataset: Dataset, *paths: str) -> tuple[list[str], list[tuple[str, int, str]]]:
    matched = match_cases(dataset, listed(*paths))
    dead = [(letter.case_id, letter.task, letter.reason) for letter in matched.dead_letters]
    return [case.case_id for case in matched.cases], dead


def test_a_fetal_case_holds_image_landmarks_transform_and_table() -> None:
    case = "sub-001_rec-mial"
    found = match_cases(FETA24, listed(*scan(case), *biometry(case), TABLE)).cases
    native, realigned = sorted(found, key=lambda case: bool(case.landmarks))
    assert (native.case_id, native.landmarks, native.extras) == (case, (), ())
    assert (realigned.case_id, realigned.patient, realigned.masks) == (f"realigned/{case}", "sub-001", ())
    assert realigned.images[0].file.path == scan(case)[0]
    assert realigned.images[0].upstream_name == f"{case}_T2w.nii.gz"
    (source, marks), *more = realigned.landmarks
    assert (source, marks.path, more) == ("biometry", biometry(case)[0], [])
    assert [(role, file.path) for role, file in realigned.extras] == [
        ("transform", biometry(case)[1]),
        ("table", TABLE),
    ]
    assert realigned.annotation_path == biometry(case)[0]


def test_a_subject_without_biometry_has_boxes_and_one_dead_letter() -> None:
    kept, dead = outcome(FETA24, *scan("sub-004_rec-mial"))
    assert kept == ["sub-004_rec-mial"]
    assert dead == [("realigned/sub-004_rec-mial", 1, "landmarks_missing")]


def test_landmarks_without_a_scan() -> None:
    case = "sub-041_rec-irtk"
    kept, dead = outcome(FETA24, *biometry(case))
    assert (kept, dead) == ([], [(f"realigned/{case}", 1, "image_missing")])


def test_landmarks_without_their_transform() -> None:
    case = "sub-041_rec-irtk"
    kept, dead = outcome(FETA24, *scan(case), *biometry(case, "meas.nii.gz"))
    assert (kept, dead) == ([case], [(f"realigned/{case}", 1, "landmarks_missing")])


@pytest.mark.parametrize("kind", ["meas.nii.gz", "trf.txt"])
def test_two_copies_of_a_landmark_file_are_ambiguous(kind: str) -> None:
    case = "sub-041_rec-irtk"
    copy = f"backup/{biometry(case, kind)[0]}"
    kept, dead = outcome(FETA24, *scan(case), *biometry(case), copy)
    assert (kept, dead) == ([case], [(f"realigned/{case}", 1, "duplicate_case")])


def test_a_derived_copy_of_the_image_is_not_the_image() -> None:
    """The publisher's scripts write realigned images under the names of the native ones."""
    case = "sub-001_rec-mial"
    copy = f"{HOME}/derivatives/im_reo/sub-001/anat/{case}_T2w.nii.gz"
    files = listed(*scan(case), copy, *biometry(case))
    (found,), dead = match_landmarks(FETA24, FETA, files, preferred={scan(case)[0]})
    assert (found.images[0].file.path, dead) == (scan(case)[0], [])
    none, (letter,) = match_landmarks(FETA24, FETA, files, preferred=set())
    assert (none, letter.reason) == ([], "duplicate_case")
    whole = match_cases(FETA24, files)
    assert [case.images[0].file.path for case in whole.cases if case.landmarks] == [scan(case)[0]]


def test_upstreams_five_cases_are_left_out_under_numbered_rules_alone() -> None:
    cases = [*FETA.excluded_upstream, "sub-001_rec-mial"]
    matched = match_cases(FETA24, listed(TABLE, *(path for case in cases for path in (*scan(case), *biometry(case)))))

    def realigned(found: Matched) -> set[str]:
        return {case.case_id.removeprefix("realigned/") for case in found.cases if case.landmarks}

    numbered = select_cases(matched, FETA24, RULES["1.4.0"])
    assert realigned(numbered) == {"sub-001_rec-mial"}
    assert {letter.case_id.removeprefix("realigned/") for letter in numbered.dead_letters} == set(cases[:5])
    assert {letter.reason for letter in numbered.dead_letters} == {"excluded_upstream"}
    assert sum(not case.landmarks for case in numbered.cases) == 6  # their boxes stay
    exact = select_cases(matched, FETA24, RULES["exact"])
    assert (realigned(exact), exact.dead_letters) == (set(cases), ())


def test_a_film_has_its_readers_in_order_of_the_table() -> None:
    (case,) = match_cases(CEPH, listed(*film("001", "junior", "senior"))).cases
    assert (case.case_id, case.patient, case.masks, case.extras) == ("001", "001", (), ())
    assert [(source, file.path) for source, file in case.landmarks] == [
        ("senior", "400_senior/001.txt"),
        ("junior", "400_junior/001.txt"),
    ]
    assert case.images[0].upstream_name == "001.nii.gz"


def test_the_first_reader_is_needed_and_the_second_is_not() -> None:
    kept, dead = outcome(CEPH, *film("001", "senior"), *film("002", "junior"))
    assert (kept, dead) == (["001"], [("002", 1, "landmarks_missing")])


def test_readings_without_a_film() -> None:
    assert outcome(CEPH, *film("001", "senior", "junior")[1:]) == ([], [("001", 1, "image_missing")])


@pytest.mark.parametrize("copy", ["RawImage/Test1Data/001.bmp", "old/400_senior/001.txt", "old/400_junior/001.txt"])
def test_two_copies_of_a_film_or_reading_are_ambiguous(copy: str) -> None:
    assert outcome(CEPH, *film("001", "senior", "junior"), copy) == ([], [("001", 1, "duplicate_case")])


def test_a_dead_letter_names_a_file_that_is_there() -> None:
    _, (letter,) = match_landmarks(CEPH, FILMS, listed(*film("002", "junior")), set())
    assert (letter.path, letter.stage, letter.dataset) == ("RawImage/TrainingData/002.bmp", "match", CEPH.name)


def test_a_task_without_a_transform_needs_none() -> None:
    case = "sub-001_rec-mial"
    (found,), dead = match_landmarks(
        FETA24, replace(FETA, transform="", table=""), listed(*scan(case), *biometry(case)), set()
    )
    assert (found.extras, dead) == ((), [])
