"""Tables of nine datasets against their publishers' file names, traps included, and upstream's names and numbers."""

import json
import re

import pytest

from medvision.schemas.case import SourceFile
from medvision.schemas.dataset import Dataset, LandmarkTask
from medvision.sources.ceph import CEPH
from medvision.sources.feta24 import FETA24
from medvision.sources.hntsmrg24 import HNTSMRG24
from medvision.sources.isles24 import ISLES24
from medvision.sources.kipa22 import KIPA22
from medvision.sources.oaizib import OAIZIB_CM
from medvision.sources.skmtea import SKM_TEA
from medvision.sources.toothfairy2 import TOOTHFAIRY2
from medvision.sources.topcow24 import TOPCOW24
from medvision.transforms.match import Matched, match_cases
from medvision.transforms.split import shuffle_split

DATASETS = (CEPH, FETA24, HNTSMRG24, ISLES24, KIPA22, OAIZIB_CM, SKM_TEA, TOOTHFAIRY2, TOPCOW24)
ALL_DATASETS = pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)


def matched(dataset: Dataset, *paths: str) -> Matched:
    return match_cases(dataset, [SourceFile(path, 1, "") for path in paths])


def with_masks(found: Matched) -> dict[str, tuple[str, dict[int, tuple[str, str]], list[str]]]:
    """Case id to its patient, (path, upstream name) by task, and mask paths; landmark cases are left out."""
    return {
        case.case_id: (
            case.patient,
            {image.task: (image.file.path, image.upstream_name) for image in case.images},
            [mask.path for mask in case.masks],
        )
        for case in found.cases
        if case.masks
    }


def dead(found: Matched) -> list[tuple[str, str]]:
    """(Reason, path) of each dead letter of a task with masks."""
    return [(x.reason, x.path) for x in found.dead_letters if x.reason != "landmarks_missing"]


def case_text(task: LandmarkTask, pattern: str, path: str) -> str | None:
    """What `{case}` stands for where `path` matches a pattern of a landmark task, at any depth."""
    expression = re.escape(pattern).replace(re.escape("{case}"), f"({task.case})")
    found = re.fullmatch(rf"(?:[^/]+/)*{expression}", path)
    return found[1] if found else None


def test_hntsmrg24_registered_copies_are_no_cases() -> None:
    top = "HNTSMRG24_train/HNTSMRG24_train/2"
    found = matched(
        HNTSMRG24,
        f"{top}/preRT/2_preRT_T2.nii.gz",
        f"{top}/preRT/2_preRT_mask.nii.gz",
        f"{top}/midRT/2_midRT_T2.nii.gz",
        f"{top}/midRT/2_midRT_mask.nii.gz",
        f"{top}/midRT/2_preRT_T2_registered.nii.gz",
        f"{top}/midRT/2_preRT_mask_registered.nii.gz",
        "HNTSMRG24_train/10/preRT/10_preRT_T2.nii.gz",
    )
    assert with_masks(found) == {
        "midRT/2": (
            "2",
            {1: (f"{top}/midRT/2_midRT_T2.nii.gz", "2_midRT_T2.nii.gz")},
            [f"{top}/midRT/2_midRT_mask.nii.gz"],
        ),
        "preRT/2": (
            "2",
            {2: (f"{top}/preRT/2_preRT_T2.nii.gz", "2_preRT_T2.nii.gz")},
            [f"{top}/preRT/2_preRT_mask.nii.gz"],
        ),
    }
    assert dead(found) == [("mask_missing", "HNTSMRG24_train/10/preRT/10_preRT_T2.nii.gz")]


def test_hntsmrg24_split_is_drawn_from_file_names() -> None:
    """Sorted as text "10_preRT_T2.nii.gz" precedes "2_preRT_T2.nii.gz", so the folder number gives other sides."""
    names = {f"{number:03d}": HNTSMRG24.task(2).upstream_name.replace("{case}", str(number)) for number in range(1, 40)}
    by_name, by_number = shuffle_split(names.values()), shuffle_split(names)
    assert {number for number, name in names.items() if by_name[name] != by_number[number]}


@pytest.mark.parametrize(
    ("folder", "stem"),
    [
        ("train/derivatives/sub-stroke0001/ses-02", "sub-stroke0001_ses-02_space-ncct"),
        ("train/derivatives/sub-strokecase0001/ses-0002", "sub-strokecase0001_ses-0002_space-ncct"),
        ("train/derivatives/sub-strokecase0001/ses-0002", "sub-strokecase0001_ses-02_space-ncct"),
        ("ISLES24_COMBINED/derivatives/sub-stroke0001/ses-02", "sub-stroke0001_ses-02"),
    ],
)
def test_isles24_spellings(folder: str, stem: str) -> None:
    found = matched(
        ISLES24,
        f"{folder}/{stem}_adc.nii.gz",
        f"{folder}/{stem}_dwi.nii.gz",
        f"{folder}/{stem}_lesion-msk.nii.gz",
    )
    assert with_masks(found) == {
        stem: (
            "0001",
            {
                1: (f"{folder}/{stem}_adc.nii.gz", f"{stem}_adc.nii.gz"),
                2: (f"{folder}/{stem}_dwi.nii.gz", f"{stem}_dwi.nii.gz"),
            },
            [f"{folder}/{stem}_lesion-msk.nii.gz"],
        )
    }
    assert dead(found) == []


def test_isles24_challenge_copy_keeps_images_and_masks_apart() -> None:
    raw, derived = "train/raw_data/sub-stroke0003/ses-02", "train/derivatives/sub-stroke0003/ses-02"
    stem = "sub-stroke0003_ses-02"
    found = matched(
        ISLES24, f"{raw}/{stem}_adc.nii.gz", f"{raw}/{stem}_dwi.nii.gz", f"{derived}/{stem}_lesion-msk.nii.gz"
    )
    ((patient, images, masks),) = with_masks(found).values()
    assert (patient, images[1][1], images[2][1]) == ("0003", f"{stem}_adc.nii.gz", f"{stem}_dwi.nii.gz")
    assert masks == [f"{derived}/{stem}_lesion-msk.nii.gz"]


def test_isles24_stray_mask_and_other_images_match_nothing() -> None:
    folder = "train/derivatives/sub-stroke0142"
    stem = f"{folder}/ses-02/sub-stroke0142_ses-02_space-ncct"
    found = matched(
        ISLES24,
        f"{stem}_adc.nii.gz",
        f"{stem}_dwi.nii.gz",
        f"{stem}_lesion-msk.nii.gz",
        f"{folder}/ses-02/sub-stroke0142_ses-02_lesion-msk.nii",
        f"{folder}/ses-01/sub-stroke0142_ses-01_space-ncct_lvo-msk.nii.gz",
        f"{folder}/ses-01/sub-stroke0142_ses-01_space-ncct_cow-msk.nii.gz",
        f"{folder}/ses-01/perfusion-maps/sub-stroke0142_ses-01_space-ncct_tmax.nii.gz",
        "train/raw_data/sub-stroke0142/ses-01/sub-stroke0142_ses-01_ncct.nii.gz",
    )
    assert [masks for _, _, masks in with_masks(found).values()] == [[f"{stem}_lesion-msk.nii.gz"]]
    assert dead(found) == []


def test_kipa22_names_have_no_leading_zeros() -> None:
    found = matched(
        KIPA22,
        *(f"train/{folder}/{number}.nii.gz" for folder in ("image", "label") for number in (0, 7, 69)),
        "train/image/12.nii.gz",
        "train/label/13.nii.gz",
        "open_test/image/70.nii.gz",
    )
    assert {case: images[1][1] for case, (_, images, _) in with_masks(found).items()} == {
        "0": "0.nii.gz",
        "7": "7.nii.gz",
        "69": "69.nii.gz",
    }
    assert dead(found) == [("mask_missing", "train/image/12.nii.gz"), ("image_missing", "train/label/13.nii.gz")]


def test_oaizib_parts_are_merged() -> None:
    found = matched(
        OAIZIB_CM,
        "imagesTr/oaizib_001_0000.nii.gz",
        "labelsTr/oaizib_001.nii.gz",
        "imagesTs/oaizib_405_0000.nii.gz",
        "labelsTs/oaizib_405.nii.gz",
        "train.csv",
        "subInfo_train_1.csv",
    )
    cases = with_masks(found)
    assert list(cases) == ["oaizib_001", "oaizib_405"]
    assert cases["oaizib_405"][1:] == (
        {1: ("imagesTs/oaizib_405_0000.nii.gz", "oaizib_405_0000.nii.gz")},
        ["labelsTs/oaizib_405.nii.gz"],
    )
    assert dead(found) == []


def test_oaizib_patients_are_subjects() -> None:
    header = "SubjectID,CMT-ID,Path,MRBarCode,KneeSide,KLGrade,Gender,Age,BMI\r\n"
    train = f"\ufeff{header}9005075,1,0.E.1/9005075/20050926/10593811,16610593811,1,0,1,47,39.2\r\n"
    test = f"{header}9695686,497,0.C.2/9695686/20050614/10559012,16610559012,1,,2,72,28.6\r\n"
    assert OAIZIB_CM.read_patients is not None
    assert OAIZIB_CM.read_patients([test.encode(), train.encode()]) == {
        "oaizib_497": "9695686",
        "oaizib_001": "9005075",
    }
    assert OAIZIB_CM.patient_files == ("subInfo_train_1.csv", "subInfo_test_1.csv")


def test_skm_tea_images_and_mask_share_a_file() -> None:
    top = "skm-tea/v1-release"
    found = matched(
        SKM_TEA,
        f"{top}/image_files/MTR_001.h5",
        f"{top}/files_recon_calib-24/MTR_001.h5",
        f"{top}/segmentation_masks/dicom-track/MTR_001.nii.gz",
        f"{top}/segmentation_masks/raw-data-track/MTR_001.nii.gz",
        f"{top}/annotations/v1.0.0/train.json",
        f"{top}/all_metadata.csv",
    )
    path = f"{top}/image_files/MTR_001.h5"
    assert with_masks(found) == {
        "MTR_001": ("MTR_001", {1: (path, "MTR_001.nii.gz"), 2: (path, "MTR_001.nii.gz")}, [path])
    }
    assert dead(found) == []
    assert [(task.member, task.mask_member) for task in SKM_TEA.tasks] == [("echo1", "seg"), ("echo2", "seg")]


def test_skm_tea_patients_are_subjects_even_subject_0() -> None:
    def split(*images: tuple[str, int, int]) -> bytes:
        keys = ("scan_id", "subject_id", "timepoint")
        return json.dumps({"images": [dict(zip(keys, image, strict=True)) for image in images]}).encode()

    assert SKM_TEA.read_patients is not None
    patients = SKM_TEA.read_patients([split(("MTR_001", 79, 0), ("MTR_002", 79, 1)), split(("MTR_184", 0, 0))])
    assert patients == {"MTR_001": "subject_79", "MTR_002": "subject_79", "MTR_184": "subject_0"}
    assert [path.rpartition("/")[2] for path in SKM_TEA.patient_files] == ["train.json", "val.json", "test.json"]


def test_toothfairy2_sets_do_not_mix() -> None:
    top = "Dataset112_ToothFairy2"
    found = matched(
        TOOTHFAIRY2,
        *(f"{top}/imagesTr/ToothFairy2{letter}_001_0000.mha" for letter in "FP"),
        *(f"{top}/labelsTr/ToothFairy2{letter}_001.mha" for letter in "FP"),
        f"{top}/imagesTr/ToothFairy2F_002_0000.mha",
        f"{top}/dataset.json",
    )
    assert {case: (patient, images[1][1]) for case, (patient, images, _) in with_masks(found).items()} == {
        "ToothFairy2F_001": ("ToothFairy2F_001", "ToothFairy2F_001_0000.nii.gz"),
        "ToothFairy2P_001": ("ToothFairy2P_001", "ToothFairy2P_001_0000.nii.gz"),
    }
    assert dead(found) == [("mask_missing", f"{top}/imagesTr/ToothFairy2F_002_0000.mha")]


def test_topcow24_mr_and_ct_are_one_patient() -> None:
    top = "TopCoW2024_Data_Release"
    found = matched(
        TOPCOW24,
        *(f"{top}/imagesTr/topcow_{kind}_024_0000.nii.gz" for kind in ("ct", "mr")),
        *(f"{top}/cow_seg_labelsTr/topcow_{kind}_024.nii.gz" for kind in ("ct", "mr")),
        f"{top}/roi_loc_labelsTr/topcow_ct_024.txt",
        f"{top}/antpos_edgelist/topcow_ct_024.yml",
        f"{top}/__MACOSX/imagesTr/._topcow_ct_024_0000.nii.gz",
        f"{top}/imagesTr/topcow_ct_025_0000.nii.gz",
    )
    assert with_masks(found) == {
        f"{group}/topcow_{kind}_024": (
            "024",
            {number: (f"{top}/imagesTr/topcow_{kind}_024_0000.nii.gz", f"topcow_{kind}_024_0000.nii.gz")},
            [f"{top}/cow_seg_labelsTr/topcow_{kind}_024.nii.gz"],
        )
        for number, group, kind in ((1, "MR", "mr"), (2, "CT", "ct"))
    }
    assert dead(found) == [("mask_missing", f"{top}/imagesTr/topcow_ct_025_0000.nii.gz")]


def test_feta24_boxes_need_no_biometry() -> None:
    biometry = "feta_2.4/derivatives/biometry"
    paths = [
        f"feta_2.4/{subject}/anat/{subject}_rec-{method}_{kind}.nii.gz"
        for subject, method in (("sub-001", "mial"), ("sub-004", "mial"), ("sub-041", "irtk"))
        for kind in ("T2w", "dseg")
    ]
    found = matched(
        FETA24,
        *paths,
        f"{biometry}/sub-001/anat/sub-001_rec-mial_meas.nii.gz",
        f"{biometry}/sub-001/anat/sub-001_rec-mial_trf.txt",
        f"{biometry}/biometry.tsv",
        "feta_2.4/participants.tsv",
    )
    assert {case: (patient, images[1][1]) for case, (patient, images, _) in with_masks(found).items()} == {
        "sub-001_rec-mial": ("sub-001", "sub-001_rec-mial_T2w.nii.gz"),
        "sub-004_rec-mial": ("sub-004", "sub-004_rec-mial_T2w.nii.gz"),
        "sub-041_rec-irtk": ("sub-041", "sub-041_rec-irtk_T2w.nii.gz"),
    }
    assert dead(found) == []


def test_feta24_landmarks_take_the_name_of_the_image() -> None:
    (task,) = FETA24.landmark_tasks
    folder = "feta_2.4/derivatives/biometry/sub-001/anat/sub-001_rec-mial"
    assert case_text(task, task.image, "feta_2.4/sub-001/anat/sub-001_rec-mial_T2w.nii.gz") == "sub-001_rec-mial"
    assert case_text(task, task.sources["biometry"], f"{folder}_meas.nii.gz") == "sub-001_rec-mial"
    assert case_text(task, task.transform, f"{folder}_trf.txt") == "sub-001_rec-mial"
    assert case_text(task, task.image, f"{folder}_meas.nii.gz") is None
    assert (task.space, task.group) == ("realigned", "realigned")
    assert (task.format, task.table) == ("voxel_pairs", "biometry.tsv")


def test_feta24_measures_are_upstreams() -> None:
    (task,) = FETA24.landmark_tasks
    assert [(m.key, m.kind, m.points, m.slice_dim, m.larger_axis) for m in task.measures] == [
        ("L-1-2", "distance", (1, 2), 0, 1),
        ("L-3-4", "distance", (3, 4), 0, 2),
        ("L-5-6", "distance", (5, 6), 2, 0),
        ("L-7-8", "distance", (7, 8), 2, 0),
        ("L-9-10", "distance", (9, 10), 1, 0),
    ]
    assert list(task.points) == list(range(1, 11))
    assert sorted(task.excluded_upstream) == [
        "sub-005_rec-mial",
        "sub-016_rec-mial",
        "sub-025_rec-mial",
        "sub-032_rec-mial",
        "sub-066_rec-irtk",
    ]
    assert all(re.fullmatch(task.case, case) for case in task.excluded_upstream)


def test_ceph_films_and_readings() -> None:
    (task,) = CEPH.landmark_tasks
    assert case_text(task, task.image, "RawImage/TrainingData/001.bmp") == "001"
    assert case_text(task, task.image, "3471833/RawImage/Test2Data/400.bmp") == "400"
    assert case_text(task, task.sources["senior"], "AnnotationsByMD/400_senior/151.txt") == "151"
    assert case_text(task, task.sources["junior"], "400_junior/151.txt") == "151"
    assert case_text(task, task.sources["senior"], "400_junior/151.txt") is None
    assert list(task.sources) == ["senior", "junior"]
    assert (task.format, task.spacing_mm, task.mean_of_sources, CEPH.tasks) == ("isbi_text", 0.1, True, ())


def test_ceph_measures_are_upstreams() -> None:
    (task,) = CEPH.landmark_tasks
    keys = [
        *("A-L_2_5-L_2_6", "A-L_1_2-L_2_6", "A-L_1_2-L_2_5", "A-L_5_6-L_8_10"),
        *("A-L_3_4-L_2_7", "A-L_3_4-L_17_18", "A-L_2_7-L_5_6", "A-L_1_2-L_9_10"),
        *("L-1-2", "L-1-10", "L-2-5", "L-2-6", "L-2-7", "L-2-8", "L-3-4", "L-5-6", "L-8-10", "L-9-10", "L-17-18"),
    ]
    assert [measure.key for measure in task.measures] == keys
    assert [measure.kind for measure in task.measures] == ["angle"] * 8 + ["distance"] * 11
    assert all(tuple(map(int, re.findall(r"\d+", measure.key))) == measure.points for measure in task.measures)
    assert {measure.slice_dim for measure in task.measures} == {0}
    assert {m.name: m.points for m in task.measures if m.name and m.name != "FMA"} == {
        "ANB": (2, 5, 2, 6),
        "SNB": (1, 2, 2, 6),
        "SNA": (1, 2, 2, 5),
    }
    assert [task.points[n] for n in (1, 2, 5, 6, 8, 9, 17, 18, 19)] == [
        "sella",
        "nasion",
        "subspinale",
        "supramentale",
        "menton",
        "gnathion",
        "posterior nasal spine",
        "anterior nasal spine",
        "articulare",
    ]
    assert len(task.points) == 19


@pytest.mark.parametrize(
    ("dataset", "images", "masks"),
    [
        (CEPH, 400, 0),
        (FETA24, 80, 80),
        (HNTSMRG24, 300, 300),
        (ISLES24, 298, 149),
        (KIPA22, 70, 70),
        (OAIZIB_CM, 507, 507),
        (SKM_TEA, 310, 155),
        (TOOTHFAIRY2, 480, 480),
        (TOPCOW24, 250, 250),
    ],
    ids=lambda value: value.name if isinstance(value, Dataset) else str(value),
)
def test_published_counts(dataset: Dataset, images: int, masks: int) -> None:
    assert (dataset.images_published, dataset.masks_published) == (images, masks)


# Dataset, task, number of labels, some of them.
LABELS = [
    (FETA24, 1, 7, {1: "external cerebrospinal fluid", 4: "ventricles", 7: "brainstem"}),
    (HNTSMRG24, 1, 2, {1: "primary gross tumor volume (head & neck)", 2: "metastatic lymph node"}),
    (HNTSMRG24, 2, 2, {2: "metastatic lymph node"}),
    (ISLES24, 1, 1, {1: "stroke infarct"}),
    (KIPA22, 1, 4, {1: "renal vein", 2: "kidney", 3: "renal artery", 4: "tumor"}),
    (OAIZIB_CM, 1, 5, {1: "femur", 4: "medial tibial cartilage", 5: "lateral tibial cartilage"}),
    (SKM_TEA, 2, 6, {1: "patellar cartilage", 3: "medial tibial cartilage", 6: "lateral meniscus"}),
    (TOOTHFAIRY2, 1, 43, {18: "upper right third molar (wisdom tooth)", 21: "upper left central incisor", 40: "na"}),
    (TOOTHFAIRY2, 1, 43, {10: "implant", 36: "lower left first molar", 43: "lower right canine"}),
    (TOPCOW24, 1, 13, {1: "basilar artery", 4: "right internal carotid artery", 12: "left anterior cerebral artery"}),
    (TOPCOW24, 2, 13, {15: "third a2 segment"}),
]


@pytest.mark.parametrize(("dataset", "number", "count", "names"), LABELS)
def test_labels_are_upstreams(dataset: Dataset, number: int, count: int, names: dict[int, str]) -> None:
    labels = dataset.task(number).labels
    assert len(labels) == count
    assert list(labels) == sorted(labels)
    assert {value: labels[value] for value in names} == names


def test_unused_ids() -> None:
    assert TOOTHFAIRY2.task(1).ignored_labels == (19, 20, 29, 30, 39, 40)
    assert not {13, 14} & set(TOPCOW24.task(1).labels)


def test_lesion_tasks_are_upstreams() -> None:
    found = {d.name: [(x.number, x.task, x.target) for x in d.lesion_tasks] for d in DATASETS if d.lesion_tasks}
    assert found == {"HNTSMRG24": [(1, 1, 1), (2, 1, 2), (3, 2, 1), (4, 2, 2)], "KiPA22": [(1, 1, 4)]}
    assert HNTSMRG24.task(1).upstream_images == "HNTSMRG24-midRT/Images"


@ALL_DATASETS
def test_tables_keep_the_rules(dataset: Dataset) -> None:
    assert [task.number for task in dataset.tasks] == list(range(1, len(dataset.tasks) + 1))
    assert not dataset.redistribute
    assert dataset.access in {"open", "registration", "gated"}
    assert re.search(r"\b20\d\d\.", dataset.citation)
    assert all(re.match(r"https://(doi\.org/10\.\d+/|arxiv\.org/abs/)", paper) for paper in dataset.papers)
    assert [dataset.known_bad, dataset.suspect, dataset.no_mm] == [{}, {}, {}]
    assert bool(dataset.patient_files) == (dataset.read_patients is not None)
