"""Tables AbdomenAtlas to FLARE22 against listings of what their publishers ship: cases, patients, names, leftovers."""

import re

import pytest

from medvision.schemas.case import Case, SourceFile
from medvision.schemas.dataset import Dataset
from medvision.sources.abdomenatlas import ABDOMENATLAS
from medvision.sources.abdomenct1k import ABDOMENCT1K
from medvision.sources.amos22 import AMOS22
from medvision.sources.autopet import AUTOPET_III
from medvision.sources.bcv15 import BCV15
from medvision.sources.brats24 import BRATS24
from medvision.sources.camus import CAMUS
from medvision.sources.crossmoda import CROSSMODA
from medvision.sources.flare22 import FLARE22
from medvision.transforms.match import Matched, match_cases

TABLES = (ABDOMENATLAS, ABDOMENCT1K, AMOS22, AUTOPET_III, BCV15, BRATS24, CAMUS, CROSSMODA, FLARE22)
ALL_TABLES = pytest.mark.parametrize("dataset", TABLES, ids=[dataset.name for dataset in TABLES])
FOUR = ("t1c", "t1n", "t2f", "t2w")

# Dataset, tasks, lesion tasks, images and masks published.
COUNTS = [
    (ABDOMENATLAS, 1, 0, 5195, 5195),
    (ABDOMENCT1K, 1, 0, 1000, 1000),
    (AMOS22, 2, 0, 360, 360),
    (AUTOPET_III, 2, 1, 2076, 1038),
    (BCV15, 2, 0, 60, 60),
    (BRATS24, 13, 12, 10632, 3033),
    (CAMUS, 1, 0, 1000, 1000),
    (CROSSMODA, 1, 0, 105, 105),
    (FLARE22, 1, 0, 50, 50),
]
LABELS = [
    (ABDOMENATLAS, 1, 9, 2, "gallbladder"),
    (ABDOMENATLAS, 1, 9, 3, "left kidney"),
    (ABDOMENATLAS, 1, 9, 7, "postcava (inferior vena cava)"),
    (ABDOMENCT1K, 1, 4, 2, "kidney"),
    (AMOS22, 1, 15, 8, "arota"),
    (AMOS22, 2, 15, 15, "prostate/uterus"),
    (AUTOPET_III, 2, 1, 1, "tumor"),
    (BCV15, 1, 13, 10, "portal vein and splenic vein"),
    (BCV15, 2, 4, 4, "small bowel"),
    (BRATS24, 4, 4, 4, "resection cavity of brain"),
    (BRATS24, 5, 1, 1, "gross tumor volume of brain"),
    (BRATS24, 9, 3, 3, "enhancing brain tumor tissue"),
    (BRATS24, 10, 4, 1, "enhancing brain tumor"),
    (BRATS24, 13, 4, 3, "cystic component of brain"),
    (CAMUS, 1, 3, 1, "left ventricular myocardium"),
    (CROSSMODA, 1, 2, 1, "vestibular schwannoma (acoustic neuroma)"),
    (FLARE22, 1, 13, 2, "right kidney"),
    (FLARE22, 1, 13, 13, "left kidney"),
]


def match(dataset: Dataset, *paths: str) -> Matched:
    return match_cases(dataset, [SourceFile(path, 10, "mtime:1") for path in paths])


def letters(matched: Matched) -> list[tuple[str, str, str]]:
    return [(letter.case_id, letter.reason, letter.path) for letter in matched.dead_letters]


def patients(matched: Matched) -> dict[str, str]:
    """Patient of each case."""
    return {case.case_id: case.patient for case in matched.cases}


def images(case: Case) -> list[tuple[int, str, str]]:
    """Task, upstream's name and path of each image."""
    return [(image.task, image.upstream_name, image.file.path) for image in case.images]


def brats(folder: str, case: str, sequences: tuple[str, ...] = FOUR, end: str = "-seg") -> list[str]:
    joint = end[0]
    names = [*(f"{joint}{sequence}" for sequence in sequences), end]
    return [f"{folder}/{case}/{case}{name}.nii.gz" for name in names]


# The tables


@pytest.mark.parametrize(("dataset", "tasks", "lesions", "published_images", "published_masks"), COUNTS)
def test_counts_are_upstreams(
    dataset: Dataset, tasks: int, lesions: int, published_images: int, published_masks: int
) -> None:
    assert [task.number for task in dataset.tasks] == list(range(1, tasks + 1))
    assert [lesion.number for lesion in dataset.lesion_tasks] == list(range(1, lesions + 1))
    assert (dataset.images_published, dataset.masks_published) == (published_images, published_masks)


@pytest.mark.parametrize(("dataset", "number", "count", "value", "name"), LABELS)
def test_label_names(dataset: Dataset, number: int, count: int, value: int, name: str) -> None:
    labels = dataset.task(number).labels
    assert list(labels) == list(range(1, count + 1))
    assert labels[value] == name


def test_exact_names_differ_where_upstreams_are_known_to_be_wrong() -> None:
    exact = {
        (dataset.name, value): name
        for dataset in TABLES
        for task in dataset.tasks
        for value, name in task.labels_exact.items()
        if task.labels[value] != name
    }
    assert exact == {
        ("AMOS22", 8): "aorta",
        ("CAMUS", 1): "left ventricular cavity",
        ("CAMUS", 2): "left ventricular myocardium",
    }
    assert all(len(task.labels_exact) in (0, len(task.labels)) for dataset in TABLES for task in dataset.tasks)


@ALL_TABLES
def test_no_image_may_be_passed_on(dataset: Dataset) -> None:
    assert not dataset.redistribute
    assert dataset.licence


@ALL_TABLES
def test_cases_named_as_doubtful_are_of_the_tables_form(dataset: Dataset) -> None:
    for case_id in (*dataset.suspect, *dataset.known_bad, *dataset.no_mm):
        group, _, case = case_id.rpartition("/")
        assert any(task.group == group and re.fullmatch(task.case, case) for task in dataset.tasks), case_id


def test_brats_lesions_are_on_one_sequence_of_each_part() -> None:
    found = [
        (lesion.number, BRATS24.task(lesion.task).upstream_images.removeprefix("BraTS24-"), lesion.target)
        for lesion in BRATS24.lesion_tasks
    ]
    assert found == [
        (1, "GLI/Images-t2f", 1),
        (2, "GLI/Images-t2f", 2),
        (3, "GLI/Images-t2f", 3),
        (4, "GLI/Images-t2f", 4),
        (5, "MEN-RT/Images-t1c", 1),
        (6, "MET/Images-t1c", 1),
        (7, "MET/Images-t1c", 2),
        (8, "MET/Images-t1c", 3),
        (9, "PED/Images-t1c", 1),
        (10, "PED/Images-t1c", 2),
        (11, "PED/Images-t1c", 3),
        (12, "PED/Images-t1c", 4),
    ]


def test_autopet_lesions_are_on_ct_and_empty_studies_are_dropped() -> None:
    (lesion,) = AUTOPET_III.lesion_tasks
    assert (AUTOPET_III.task(lesion.task).modality, lesion.target) == ("CT", 1)
    assert [dataset.name for dataset in TABLES if dataset.drop_empty_masks] == ["autoPET-III"]
    assert [task.intensity_unit for task in AUTOPET_III.tasks] == ["HU", "SUV"]


def test_only_the_image_plane_of_camus_is_in_mm() -> None:
    partial = {task.physical_planes for dataset in TABLES if dataset is not CAMUS for task in dataset.tasks}
    assert partial == {("sagittal", "coronal", "axial")}
    assert CAMUS.task(1).physical_planes == ("axial",)


def test_twenty_scans_of_abdomenct1k_have_no_true_voxel_size() -> None:
    assert len(ABDOMENCT1K.no_mm) == 20
    assert {"Case_00078", "Case_00273", "Case_00286", "Case_00462", "Case_00578"} <= set(ABDOMENCT1K.no_mm)
    assert not {"Case_00272", "Case_00279", "Case_00287", "Case_00579"} & set(ABDOMENCT1K.no_mm)


def test_only_abdomenatlas_takes_the_affine_of_the_image() -> None:
    assert [d.name for d in TABLES if any(task.mask_affine_from_image for task in d.tasks)] == ["AbdomenAtlas1.0Mini"]


# The publishers' trees


def test_abdomenatlas() -> None:
    first, second = "BDMAP_00000001", "AbdomenAtlas1.0Mini/BDMAP_00005195"
    organs = [f"{first}/segmentations/{organ}.nii.gz" for organ in ("aorta", "liver")]
    whole = [f"{folder}/{name}.nii.gz" for folder in (first, second) for name in ("ct", "combined_labels")]
    matched = match(ABDOMENATLAS, *whole, *organs, "BDMAP_00000002/combined_labels.nii.gz")
    assert patients(matched) == {"BDMAP_00000001": "BDMAP_00000001", "BDMAP_00005195": "BDMAP_00005195"}
    assert images(matched.cases[0]) == [(1, "BDMAP_00000001.nii.gz", "BDMAP_00000001/ct.nii.gz")]
    assert letters(matched) == [("BDMAP_00000002", "image_missing", "BDMAP_00000002/combined_labels.nii.gz")]


def test_abdomenct1k() -> None:
    inner = "AbdomenCT-1K-ImagePart1/AbdomenCT-1K-ImagePart1"
    paths = [f"{inner}/Case_00001_0000.nii.gz", "AbdomenCT-1K-ImagePart3/Case_01000_0000.nii.gz"]
    alone = "AbdomenCT-1K-ImagePart2/Case_00664_0000.nii.gz"
    matched = match(ABDOMENCT1K, *paths, alone, "Mask/Case_00001.nii.gz", "Mask/Case_01000.nii.gz")
    assert patients(matched) == {"Case_00001": "Case_00001", "Case_01000": "Case_01000"}
    assert images(matched.cases[0]) == [(1, "Case_00001_0000.nii.gz", paths[0])]
    assert matched.cases[0].masks[0].path == "Mask/Case_00001.nii.gz"
    assert letters(matched) == [("Case_00664", "mask_missing", alone)]


def test_amos22_modality_goes_by_number_in_both_labelled_parts() -> None:
    labelled = {"Tr": ("0001", "0506", "0507"), "Va": ("0008", "0410", "0600")}
    paths = [
        f"amos22/{kind}{part}/amos_{number}.nii.gz"
        for part, numbers in labelled.items()
        for number in numbers
        for kind in ("images", "labels")
    ]
    trap = ["amos22/imagesTs/amos_0002.nii.gz", "__MACOSX/amos22/imagesTr/._amos_0001.nii.gz", "amos22/dataset.json"]
    matched = match(AMOS22, *paths, *trap)
    assert patients(matched) == {
        "CT/amos_0001": "amos_0001",
        "CT/amos_0008": "amos_0008",
        "CT/amos_0410": "amos_0410",
        "CT/amos_0506": "amos_0506",
        "MRI/amos_0507": "amos_0507",
        "MRI/amos_0600": "amos_0600",
    }
    assert images(matched.cases[1]) == [(1, "amos_0008.nii.gz", "amos22/imagesVa/amos_0008.nii.gz")]
    assert images(matched.cases[4]) == [(2, "amos_0507.nii.gz", "amos22/imagesTr/amos_0507.nii.gz")]
    assert letters(matched) == []


def test_amos22_scan_without_a_mask_is_named_by_its_modality() -> None:
    ct, mri = "amos22/imagesVa/amos_0013.nii.gz", "amos22/imagesTr/amos_0510.nii.gz"
    matched = match(AMOS22, ct, mri)
    assert letters(matched) == [("CT/amos_0013", "mask_missing", ct), ("MRI/amos_0510", "mask_missing", mri)]


def test_every_amos_number_is_of_one_modality() -> None:
    ct, mri = (re.compile(task.case) for task in AMOS22.tasks)
    for number in range(1, 10000):
        case = f"amos_{number:04d}"
        assert (bool(ct.fullmatch(case)), bool(mri.fullmatch(case))) == (number < 507, number >= 507), case


def test_autopet_studies_share_a_mask_and_patients_keep_their_tracer() -> None:
    studies = (
        "fdg_0011f3deaf_03-23-2003-NA-PET-CT Ganzkoerper  primaer mit KM-10445",
        "fdg_0011f3deaf_06-13-2004-NA-PET-CT Ganzkoerper nativ_2-97452",
        "psma_95b833d65be26d2f_2018-04-16",
    )
    root = "PSMA-FDG-PET-CT-Lesions"
    paths = [f"{root}/imagesTr/{study}_{channel}.nii.gz" for study in studies for channel in ("0000", "0001")]
    paths += [f"{root}/labelsTr/{study}.nii.gz" for study in studies]
    alone = f"{root}/imagesTr/psma_0a_2020-01-01_0001.nii.gz"
    matched = match(AUTOPET_III, *paths, alone, f"{root}/dataset.json", f"{root}/splits_final.json")
    assert list(patients(matched)) == sorted(studies)
    assert list(patients(matched).values()) == ["fdg_0011f3deaf", "fdg_0011f3deaf", "psma_95b833d65be26d2f"]
    assert images(matched.cases[2]) == [
        (1, "psma_95b833d65be26d2f_2018-04-16_0000.nii.gz", f"{root}/imagesTr/{studies[2]}_0000.nii.gz"),
        (2, "psma_95b833d65be26d2f_2018-04-16_0001.nii.gz", f"{root}/imagesTr/{studies[2]}_0001.nii.gz"),
    ]
    assert letters(matched) == [("psma_0a_2020-01-01", "mask_missing", alone)]


def test_the_first_autopet_tree_does_not_match() -> None:
    old = [f"FDG-PET-CT-Lesions/PETCT_0011f3deaf/2003/{name}.nii.gz" for name in ("CTres", "SUV", "SEG")]
    assert match(AUTOPET_III, *old) == Matched((), ())


def test_bcv15_pairs_training_images_of_both_parts() -> None:
    paths = [f"Abdomen/RawData/Training/{name}0001.nii.gz" for name in ("img/img", "label/label")]
    paths += [f"CervixRawData/RawData/Training/{name}.nii.gz" for name in ("img/0507688-Image", "label/0507688-Mask")]
    trap = [
        "Abdomen/RawData/Testing/img/img0061.nii.gz",
        "Abdomen/Reg-Training-Testing/img/0061/img0061-0001.nii.gz",
        "Abdomen/Reg-Training-Testing/label/0061/label0061-0001.nii.gz",
    ]
    matched = match(BCV15, *paths, *trap)
    assert patients(matched) == {"Abdomen/0001": "Abdomen/0001", "Cervix/0507688": "Cervix/0507688"}
    assert [image for case in matched.cases for image in images(case)] == [
        (1, "img0001.nii.gz", paths[0]),
        (2, "0507688-Image.nii.gz", paths[2]),
    ]
    assert [case.masks[0].path for case in matched.cases] == [paths[1], paths[3]]
    assert letters(matched) == []


def test_brats24_parts_sequences_and_time_points() -> None:
    gli = "training_data1_v2"
    paths = brats(gli, "BraTS-GLI-00005-100") + brats("training_data_additional", "BraTS-GLI-00005-101")
    paths += brats("BraTS-MEN-RT-Train-v2", "BraTS-MEN-RT-0002-1", ("t1c",), "_gtv")
    paths += brats("MET/UCSD - Training", "BraTS-MET-00559-003", ("t1c", "t1n", "t2f"))
    paths += brats("PED", "BraTS-PED-00001-000")
    trap = brats("GoAT", "BraTS-GoAT-00000") + brats("SSA", "BraTS-SSA-00002-000")
    unlabelled = "BraTS-MEN-RT-Val-v1/BraTS-MEN-RT-0510-1/BraTS-MEN-RT-0510-1_t1c.nii.gz"
    matched = match(BRATS24, *paths, *trap, unlabelled)
    assert patients(matched) == {
        "GLI/BraTS-GLI-00005-100": "BraTS-GLI-00005",
        "GLI/BraTS-GLI-00005-101": "BraTS-GLI-00005",
        "MEN-RT/BraTS-MEN-RT-0002-1": "BraTS-MEN-RT-0002",
        "MET/BraTS-MET-00559-003": "BraTS-MET-00559",
        "PED/BraTS-PED-00001-000": "BraTS-PED-00001",
    }
    tasks = [[image.task for image in case.images] for case in matched.cases]
    assert tasks == [[1, 2, 3, 4], [1, 2, 3, 4], [5], [6, 7, 8], [10, 11, 12, 13]]
    assert [image.upstream_name for image in matched.cases[0].images] == [
        f"BraTS-GLI-00005-100-{sequence}.nii.gz" for sequence in FOUR
    ]
    assert images(matched.cases[2])[0][:2] == (5, "BraTS-MEN-RT-0002-1_t1c.nii.gz")
    mask = "MET/UCSD - Training/BraTS-MET-00559-003/BraTS-MET-00559-003-seg.nii.gz"
    assert letters(matched) == [
        ("MEN-RT/BraTS-MEN-RT-0510-1", "mask_missing", unlabelled),
        ("MET/BraTS-MET-00559-003", "image_missing", mask),
    ]
    assert [letter.task for letter in matched.dead_letters] == [0, 9]


def test_a_corrected_brats_case_beside_the_old_one_is_refused() -> None:
    case = "BraTS-MEN-RT-0402-1"
    folders = ("BraTS-MEN-RT-Train-v2", "BraTS-MEN-RT-additional")
    both = [path for folder in folders for path in brats(folder, case, ("t1c",), "_gtv")]
    matched = match(BRATS24, *both)
    assert matched.cases == ()
    assert letters(matched) == [(f"MEN-RT/{case}", "duplicate_case", both[1])]
    assert list(patients(match(BRATS24, *both[2:]))) == [f"MEN-RT/{case}"]


def test_camus_takes_sequences_and_keeps_the_views_of_a_patient_together() -> None:
    folder = "database_nifti/patient0001"
    names = ("ED", "ED_gt", "ES", "ES_gt", "half_sequence", "half_sequence_gt")
    paths = [f"{folder}/patient0001_{view}_{name}.nii.gz" for view in ("2CH", "4CH") for name in names]
    old = ["training/patient0001/patient0001_2CH_ED.mhd", "training/patient0001/patient0001_2CH_sequence.mhd"]
    matched = match(CAMUS, *paths, *old, f"{folder}/Info_2CH.cfg", "database_split/subgroup_training.txt")
    assert patients(matched) == {"patient0001_2CH": "patient0001", "patient0001_4CH": "patient0001"}
    name = "patient0001_4CH_half_sequence.nii.gz"
    assert images(matched.cases[1]) == [(1, name, f"{folder}/{name}")]
    assert matched.cases[1].masks[0].path == f"{folder}/patient0001_4CH_half_sequence_gt.nii.gz"
    assert letters(matched) == []


@pytest.mark.parametrize("folder", ["source_training", "crossmoda2021/training_source", "training_source"])
def test_crossmoda_takes_the_labelled_domain_of_2021(folder: str) -> None:
    paths = [f"{folder}/crossmoda2021_ldn_{case}_{end}.nii.gz" for case in (1, 10) for end in ("ceT1", "Label")]
    trap = [
        "target_training/crossmoda2021_ldn_106_hrT2.nii.gz",
        "training_source/crossmoda2022_etz_0_ceT1.nii.gz",
        "training_source/crossmoda2022_etz_0_Label.nii.gz",
    ]
    matched = match(CROSSMODA, *paths, *trap)
    assert patients(matched) == {f"crossmoda2021_ldn_{case}": f"crossmoda2021_ldn_{case}" for case in (1, 10)}
    assert images(matched.cases[1]) == [(1, "crossmoda2021_ldn_10_ceT1.nii.gz", paths[2])]
    assert letters(matched) == []


@pytest.mark.parametrize("root", ["FLARE22Train/", "FLARE22Train/FLARE22Train/", ""])
def test_flare22_takes_the_labelled_scans(root: str) -> None:
    paths = [f"{root}images/FLARE22_Tr_0001_0000.nii.gz", f"{root}labels/FLARE22_Tr_0001.nii.gz"]
    trap = ["Unlabeled/images/Case_00001_0000.nii.gz", "Tuning/images/FLARETs_0001_0000.nii.gz"]
    matched = match(FLARE22, *paths, *trap)
    assert patients(matched) == {"FLARE22_Tr_0001": "FLARE22_Tr_0001"}
    assert images(matched.cases[0]) == [(1, "FLARE22_Tr_0001_0000.nii.gz", paths[0])]
    assert letters(matched) == []
