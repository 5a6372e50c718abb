"""Tasks of plans: upstream's folders, names, keys and their order, for every dataset."""

from dataclasses import replace

import pytest

from medvision.schemas.dataset import Dataset, LesionTask
from medvision.schemas.plans import plan_kinds_of, plan_version
from medvision.schemas.rules import RULES
from medvision.sources.registry import DATASETS
from medvision.transforms.plans.tasks import dataset_info, plan_tasks

MASK_KEYS = [
    *("image_modality", "image_description", "image_folder", "mask_folder"),
    *("image_prefix", "image_suffix", "mask_prefix", "mask_suffix", "labels_map", "task_ID", "task_type"),
]
LESION_KEYS = [
    *("image_modality", "image_description", "image_folder", "mask_folder"),
    *("landmark_folder", "landmark_figure_folder", "image_prefix", "image_suffix", "mask_prefix", "mask_suffix"),
    *("landmark_prefix", "landmark_suffix", "labels_map", "landmarks_map", "lines_map", "angles_map"),
    *("biometrics_map", "target_label", "cluster_size_threshold", "task_ID", "task_type"),
]
LANDMARK_KEYS = [
    *("image_modality", "image_description", "image_folder", "landmark_folder", "image_prefix", "image_suffix"),
    *("landmark_prefix", "landmark_suffix", "landmarks_map", "lines_map", "angles_map", "biometrics_map"),
    *("task_ID", "task_type"),
]
RULES_1_0, RULES_1_4 = RULES["1.0.0"], RULES["1.4.0"]

AFFIXES = {
    "ACDC": ["*.nii.gz *_gt.nii.gz"],
    "AMOS22": ["*.nii.gz *.nii.gz"] * 2,
    "AbdomenAtlas1.0Mini": ["*.nii.gz *.nii.gz"],
    "AbdomenCT-1K": ["*_0000.nii.gz *.nii.gz"],
    "BCV15": ["img*.nii.gz label*.nii.gz", "*-Image.nii.gz *-Mask.nii.gz"],
    "BraTS24": [
        *(f"*-{name}.nii.gz *-seg.nii.gz" for name in ("t1c", "t1n", "t2f", "t2w")),
        "*_t1c.nii.gz *_gtv.nii.gz",
        *(f"*-{name}.nii.gz *-seg.nii.gz" for name in ("t1c", "t1n", "t2f", "t2w") * 2),
    ],
    "CAMUS": ["*.nii.gz *_gt.nii.gz"],
    "CrossMoDA": ["*_ceT1.nii.gz *_Label.nii.gz"],
    "FLARE22": ["*_0000.nii.gz *.nii.gz"],
    "FeTA24": ["*_T2w.nii.gz *_dseg.nii.gz"],
    "HNTSMRG24": ["*_T2.nii.gz *_mask.nii.gz"] * 2,
    "ISLES24": [f"*_{name}.nii.gz *_lesion-msk.nii.gz" for name in ("adc", "dwi")],
    "KiPA22": ["*.nii.gz *.nii.gz"],
    "KiTS23": ["*.nii.gz *.nii.gz"],
    "MSD": ["*.nii.gz *.nii.gz"] * 14,
    "OAIZIB-CM": ["*_0000.nii.gz *.nii.gz"],
    "SKM-TEA": ["*.nii.gz *.nii.gz"] * 2,
    "ToothFairy2": ["*_0000.nii.gz *.nii.gz"],
    "TopCoW24": ["*_0000.nii.gz *.nii.gz"] * 2,
    "TotalSegmentator": ["*.nii.gz *.nii.gz"] * 2,
    "autoPET-III": ["*_0000.nii.gz *.nii.gz", "*_0001.nii.gz *.nii.gz"],
}
"""Image and mask names of upstream's detection tasks, `*` standing for the case id."""
LANDMARK_FOLDERS = {
    "BraTS24": [
        *(f"BraTS24-GLI/Landmarks-Label{label}" for label in (1, 2, 3, 4)),
        "BraTS24-MEN-RT/Landmarks-Label1",
        *(f"BraTS24-MET/Landmarks-Label{label}" for label in (1, 2, 3)),
        *(f"BraTS24-PED/Landmarks-Label{label}" for label in (1, 2, 3, 4)),
    ],
    "Ceph-Biometrics-400": ["Landmarks"],
    "FeTA24": ["Landmarks"],
    "HNTSMRG24": [f"HNTSMRG24-{time}/Landmarks-Label{label}" for time in ("midRT", "preRT") for label in (1, 2)],
    "KiPA22": ["Landmarks-Label4"],
    "KiTS23": ["Landmarks-Label2"],
    "MSD": [
        *(f"MSD-BrainTumour/Landmarks-Label{label}" for label in (1, 2, 3)),
        *("MSD-Colon/Landmarks-Label1", "MSD-HepaticVessel/Landmarks-Label2", "MSD-Liver/Landmarks-Label2"),
        *("MSD-Lung/Landmarks-Label1", "MSD-Pancreas/Landmarks-Label2"),
    ],
    "autoPET-III": ["Landmarks-Label1"],
}


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_names_of_masks_and_landmarks_are_upstreams(dataset: Dataset) -> None:
    masks = plan_tasks(dataset, "detection", RULES_1_4)
    assert [f"{'*'.join(t.image)} {'*'.join(t.mask or ())}" for t in masks] == AFFIXES.get(dataset.name, [])
    lesions = plan_tasks(dataset, "biometry", RULES_1_0)
    assert [task.folder for task in lesions] == LANDMARK_FOLDERS.get(dataset.name, [])
    assert [task.head["task_ID"] for task in masks] == [f"{n:02d}" for n in range(1, len(masks) + 1)]
    assert plan_kinds_of(dataset) == tuple(
        kind for kind, tasks in (("detection", masks), ("segmentation", masks), ("biometry", lesions)) if tasks
    )


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_keys_stand_in_upstreams_order(dataset: Dataset) -> None:
    for kind in ("detection", "segmentation"):
        for task in plan_tasks(dataset, kind, RULES_1_4):
            assert list(task.head) == MASK_KEYS
            assert task.head["task_type"] == kind
    expected = LESION_KEYS if dataset.lesion_tasks else LANDMARK_KEYS
    for task in plan_tasks(dataset, "biometry", RULES_1_0):
        assert list(task.head) == expected
    assert list(dataset_info(dataset)) == ["dataset", "dataset_website", "dataset_data", "license", "paper"]


def test_case_ids_and_files_of_one_image() -> None:
    """The case id is what upstream has between prefix and suffix, more than ours where its names say more."""
    (hnts, *_) = plan_tasks(DATASETS["HNTSMRG24"], "biometry", RULES_1_4)
    name = "12_midRT_T2.nii.gz"
    assert hnts.case_id(name) == "12_midRT"
    assert hnts.image_file(name) == "HNTSMRG24-midRT/Images/12_midRT_T2.nii.gz"
    assert hnts.mask_file(name) == "HNTSMRG24-midRT/Masks/12_midRT_mask.nii.gz"
    assert hnts.landmark_file(name) == "HNTSMRG24-midRT/Landmarks-Label1-v1.4.0/12_midRT.json.gz"
    (camus,) = plan_tasks(DATASETS["CAMUS"], "detection", RULES_1_4)
    name = "patient0001_2CH_half_sequence.nii.gz"
    assert camus.case_id(name) == "patient0001_2CH_half_sequence"
    assert camus.mask_file(name) == "Masks/patient0001_2CH_half_sequence_gt.nii.gz"
    (abdomen, _) = plan_tasks(DATASETS["BCV15"], "segmentation", RULES_1_4)
    assert abdomen.case_id("img0003.nii.gz") == "0003"
    assert abdomen.mask_file("img0003.nii.gz") == "BCV15-Abdomen/Masks/label0003.nii.gz"


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_every_name_holds_its_case_id_once(dataset: Dataset) -> None:
    for task in dataset.tasks:
        for name in (task.upstream_name, task.upstream_mask_name):
            assert name.count(task.upstream_case) == 1
            assert name.count("{case}") == 1


@pytest.mark.parametrize(
    ("rules", "version", "ending", "pixels", "floor"),
    [
        ("1.0.0", "1.0.0", "", 200, None),
        ("1.1.0", "1.1.0", "-v1.1.0", 20, None),
        ("1.1.1", "1.1.1", "-v1.1.1", 20, None),
        ("1.3.0", "1.1.1", "-v1.1.1", 20, None),
        ("1.4.0", "1.4.0", "-v1.4.0", 0, 2.0),
    ],
)
def test_lesion_tasks_follow_the_version(rules, version, ending, pixels, floor):
    kits = DATASETS["KiTS23"]
    assert plan_version(kits, "biometry", RULES[rules]) == version
    assert plan_version(kits, "detection", RULES[rules]) == "1.0.0"
    (task,) = plan_tasks(kits, "biometry", RULES[rules])
    assert task.head["landmark_folder"] == task.folder == f"Landmarks-Label2{ending}"
    assert task.head["landmark_figure_folder"] == f"Landmarks-Label2-fig{ending}"
    assert (task.head["target_label"], task.head["cluster_size_threshold"]) == (2, pixels)
    assert task.head.get("min_major_axis_mm") == floor
    assert task.head["labels_map"] == {"1": "kidney", "2": "kidney tumor", "3": "kidney cyst"}


def test_landmark_plans_are_those_of_the_first_version():
    for name in ("Ceph-Biometrics-400", "FeTA24"):
        assert plan_version(DATASETS[name], "biometry", RULES_1_4) == "1.0.0"


def test_maps_of_films():
    (task,) = plan_tasks(DATASETS["Ceph-Biometrics-400"], "biometry", RULES_1_4)
    head = task.head
    assert head["landmarks_map"]["P19"] == "articulare"
    lines = ("1-2", "1-10", "2-5", "2-6", "2-7", "2-8", "3-4", "5-6", "8-10", "9-10", "17-18")
    assert list(head["lines_map"]) == [f"L-{line}" for line in lines]
    assert head["lines_map"]["L-17-18"] == {
        "name": "",
        "element_keys": ["P17", "P18"],
        "element_map_name": "landmarks_map",
    }
    assert head["angles_map"]["A-L_3_4-L_17_18"] == {
        "name": "",
        "element_keys": ["L-3-4", "L-17-18"],
        "element_map_name": "lines_map",
    }
    assert [item["metric_type"] for item in head["biometrics_map"]] == ["angle"] * 8 + ["distance"] * 11
    angle = {"metric_type": "angle", "metric_map_name": "angles_map", "metric_key": "A-L_2_5-L_2_6", "slice_dim": 0}
    assert head["biometrics_map"][0] == angle


def test_what_upstream_left_blank_is_blank():
    (task,) = plan_tasks(DATASETS["FeTA24"], "biometry", RULES_1_4)
    assert (task.head["image_modality"], task.head["image_description"]) == ("", "")
    names = [line["name"] for line in task.head["lines_map"].values()]
    assert names == [
        "length of corpus callosum",
        "height of vermis",
        "brain biparietal diameter",
        "skull biparietal diameter",
        "transverse cerebellar diameter",
    ]
    assert dataset_info(DATASETS["BraTS24"])["dataset"] == ""
    assert dataset_info(DATASETS["FeTA24"])["dataset"] == "FeTA24"


def test_lines_that_only_angles_are_between_are_listed():
    ceph = DATASETS["Ceph-Biometrics-400"]
    (table,) = ceph.landmark_tasks
    angle = replace(table, measures=table.measures[:1])
    (task,) = plan_tasks(replace(ceph, landmark_tasks=(angle,)), "biometry", RULES_1_4)
    assert list(task.head["lines_map"]) == ["L-2-5", "L-2-6"]


def test_a_dataset_has_one_biometry_plan():
    both = replace(DATASETS["FeTA24"], lesion_tasks=(LesionTask(1, 1, 1),))
    with pytest.raises(ValueError, match="FeTA24 has lesions and landmarks"):
        plan_kinds_of(both)
