"""Every dataset table keeps the rules and says what the publisher ships; miniature archives are stored as published."""

import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from miniature import LAYOUTS, ellipsoid, main, truth, write_miniature, write_nifti
from phantom import CT, Scan, Solid

from medvision.schemas.dataset import Dataset, LandmarkTask, Task
from medvision.sources.registry import DATASETS, find_dataset
from medvision.sources.totalsegmentator import CT_CLASSES, MR_CLASSES

CASES = 3
load = nib.Nifti1Image.from_filename
ALL_DATASETS = pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
ALL_TASKS = pytest.mark.parametrize(
    ("dataset", "task"),
    [
        pytest.param(dataset, task, id=f"{dataset.name}-{task.number}")
        for dataset in DATASETS.values()
        for task in dataset.tasks
    ],
)
ALL_LANDMARK_TASKS = pytest.mark.parametrize(
    "task", [pytest.param(task, id=dataset.name) for dataset in DATASETS.values() for task in dataset.landmark_tasks]
)
WITHOUT_LICENCE = {"FeTA24", "SKM-TEA", "TopCoW24"}
"""Upstream records none; the publishers have agreements of their own."""

# Dataset, number of tasks, of lesion tasks, images and masks published.
COUNTS = [
    ("ACDC", 1, 0, 300, 300),
    ("KiTS23", 1, 1, 489, 489),
    ("MSD", 14, 8, 3225, 1741),
    ("TotalSegmentator", 2, 0, 1844, 1844),
]
LABELS = [
    ("ACDC", 1, 1, "right ventricular cavity"),
    ("ACDC", 1, 3, "left ventricular cavity"),
    ("KiTS23", 1, 2, "kidney tumor"),
    ("MSD", 1, 1, "edema of brain"),
    ("MSD", 5, 1, "colon cancer primaries"),
    ("MSD", 9, 2, "liver cancer"),
    ("MSD", 13, 2, "transition zone of prostate"),
    ("TotalSegmentator", 1, 2, "right kidney"),
    ("TotalSegmentator", 1, 26, "vertebra S1"),
    ("TotalSegmentator", 1, 61, "left atrial appendage"),
    ("TotalSegmentator", 1, 92, "left 1st rib"),
    ("TotalSegmentator", 1, 117, "costal cartilages"),
    ("TotalSegmentator", 2, 25, "portal and splenic veins"),
    ("TotalSegmentator", 2, 50, "brain"),
]
# MSD lesion task, the task of its image, the label, and the organ and sequence that task must be.
MSD_LESIONS = [
    (1, 3, 1, "MSD-BrainTumour/Images-T1gd"),
    (2, 3, 2, "MSD-BrainTumour/Images-T1gd"),
    (3, 3, 3, "MSD-BrainTumour/Images-T1gd"),
    (4, 5, 1, "MSD-Colon/Images"),
    (5, 7, 2, "MSD-HepaticVessel/Images"),
    (6, 9, 2, "MSD-Liver/Images"),
    (7, 10, 1, "MSD-Lung/Images"),
    (8, 11, 2, "MSD-Pancreas/Images"),
]
# Dataset, a case, the patient it belongs to.
PATIENTS = [
    ("ACDC", "patient001_frame01", "patient001"),
    ("KiTS23", "case_00042", "case_00042"),
    ("MSD", "Liver/liver_7", "Liver/liver_7"),
    ("TotalSegmentator", "CT/s0001", "CT/s0001"),
    ("TotalSegmentator", "MR/s0001", "MR/s0001"),
]
# Dataset, image below its folder, axis codes, data types, codes of sform and qform.
STORAGE = [
    ("ACDC", "ACDC/database/training/patient001/patient001_frame01.nii.gz", "LPS", "int16", (2, 0)),
    ("ACDC", "ACDC/database/training/patient002/patient002_frame01.nii.gz", "LPS", "float32", (2, 0)),
    ("KiTS23", "dataset/case_00000/imaging.nii.gz", "IPL", "int16", (2, 0)),
    ("MSD", "Task01_BrainTumour/imagesTr/BRATS_001.nii.gz", "RAS", "float32", (1, 1)),
    ("MSD", "Task03_Liver/imagesTr/liver_10.nii.gz", "RAS", "int16", (1, 1)),
    ("MSD", "Task04_Hippocampus/labelsTr/hippocampus_003.nii.gz", "RAS", "float32", (1, 1)),
    ("TotalSegmentator", "Totalsegmentator_dataset_v201/s0000/ct.nii.gz", "RAS", "int16", (2, 0)),
    ("TotalSegmentator", "TotalsegmentatorMRI_dataset_v200/s0000/mri.nii.gz", "LPS", "int16", (2, 0)),
    ("AMOS22", "amos22/imagesTr/amos_0506.nii.gz", "LAS", "int16", (2, 0)),
    ("AMOS22", "amos22/imagesVa/amos_0540.nii.gz", "LPS", "float32", (2, 0)),
    (
        "BraTS24",
        "BraTS2024-MEN-RT-TrainingData/BraTS-MEN-RT-0002-1/BraTS-MEN-RT-0002-1_gtv.nii.gz",
        "LPS",
        "uint8",
        (2, 0),
    ),
    ("CrossMoDA", "source_training/crossmoda2021_ldn_10_Label.nii.gz", "LAS", "float32", (2, 0)),
    ("OAIZIB-CM", "imagesTs/oaizib_405_0000.nii.gz", "PIR", "uint16", (2, 0)),
]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("raw")
    write_miniature(root, sorted({name for name, *_ in STORAGE}), cases=CASES)
    return root


def found(root: Path, dataset: Dataset, task: Task) -> dict[Path, list[Path]]:
    """Masks by image, matched at any depth; the masks lie below the leading folders of their own image."""
    folder = root / dataset.name
    expression = re.escape(task.image).replace(re.escape("{case}"), f"(?P<case>{task.case})")
    pattern = re.compile(f"(?P<lead>(?:.+/)?){expression}")
    pairs = {}
    for path in sorted(folder.rglob("*.nii.gz")):
        match = pattern.fullmatch(path.relative_to(folder).as_posix())
        if match:
            mask = match["lead"] + task.mask.replace("{case}", match["case"])
            pairs[path] = [folder / mask.replace("{class}", stem) for stem in task.class_files or ("",)]
    return pairs


def in_ras(path: Path) -> np.ndarray:
    return np.asanyarray(nib.as_closest_canonical(load(path)).dataobj)


def test_registry_is_sorted_and_keyed_by_name() -> None:
    assert len(DATASETS) == 22
    assert set(LAYOUTS) == set(DATASETS)
    assert list(DATASETS) == sorted(DATASETS)
    assert all(name == dataset.name for name, dataset in DATASETS.items())
    assert find_dataset("kits23") is DATASETS["KiTS23"]


def test_unknown_dataset_names_the_known_and_the_close_ones() -> None:
    with pytest.raises(ValueError, match=r"'KiTS'.*ACDC, AMOS22, .*, autoPET-III; did you mean KiTS23\?"):
        find_dataset("KiTS")
    with pytest.raises(ValueError, match=r"autoPET-III$"):
        find_dataset("xyz")


@ALL_DATASETS
def test_numbers_count_from_one(dataset: Dataset) -> None:
    assert [task.number for task in dataset.tasks] == list(range(1, len(dataset.tasks) + 1))
    assert [lesion.number for lesion in dataset.lesion_tasks] == list(range(1, len(dataset.lesion_tasks) + 1))
    assert [task.number for task in dataset.landmark_tasks] == list(range(1, len(dataset.landmark_tasks) + 1))
    assert all(lesion.target in dataset.task(lesion.task).labels for lesion in dataset.lesion_tasks)


@ALL_DATASETS
def test_licence_facts_are_complete(dataset: Dataset) -> None:
    assert dataset.access in {"open", "registration", "gated"}
    assert bool(dataset.licence) == (dataset.name not in WITHOUT_LICENCE)
    assert dataset.licence or not dataset.redistribute
    assert dataset.citation.endswith(".")
    assert re.search(r"\b(19|20)\d\d\b", dataset.citation)
    assert dataset.data_urls
    assert all(re.match(r"https://(doi\.org/10\.\d+/|arxiv\.org/abs/)", paper) for paper in dataset.papers)
    assert not (dataset.redistribute and re.search("NC|ND", dataset.spdx or "NC"))


@ALL_TASKS
def test_task_is_well_formed(dataset: Dataset, task: Task) -> None:
    assert min(task.labels) > 0
    assert len(set(task.labels.values())) == len(task.labels)
    assert "{case}" in task.image
    assert "{case}" in task.mask
    assert ("{class}" in task.mask) == bool(task.class_files)
    assert len(set(task.class_files)) == len(task.class_files)
    assert len(task.class_files) in (0, len(task.labels))
    assert not task.image.startswith("/")
    assert re.compile(task.case).groups == 0
    assert (task.image, task.member) != (task.mask, task.mask_member)
    assert bool(task.member) == bool(task.mask_member) == task.image.endswith(".h5")
    assert set(task.labels_exact) in (set(), set(task.labels))
    assert set(task.surrounds or ()) <= set(task.labels)
    assert set(task.physical_planes) <= {"sagittal", "coronal", "axial"}


@ALL_LANDMARK_TASKS
def test_landmark_task_is_well_formed(task: LandmarkTask) -> None:
    assert all("{case}" in pattern for pattern in (task.image, *task.sources.values()))
    assert re.compile(task.case).groups == 0
    assert list(task.points) == list(range(1, len(task.points) + 1))
    assert len({measure.key for measure in task.measures}) == len(task.measures)
    for measure in task.measures:
        assert len(measure.points) == {"distance": 2, "angle": 4}[measure.kind]
        assert set(measure.points) <= set(task.points)
        assert measure.key.startswith({"distance": "L-", "angle": "A-L_"}[measure.kind])
        assert [int(number) for number in re.findall(r"\d+", measure.key)] == list(measure.points)
    assert all(re.fullmatch(task.case, case) for case in task.excluded_upstream)


@ALL_DATASETS
def test_tasks_of_a_group_share_mask_and_differ_in_image(dataset: Dataset) -> None:
    for group in {task.group for task in dataset.tasks}:
        members = [task for task in dataset.tasks if task.group == group]
        assert len({(task.mask, task.case, tuple(task.labels.items())) for task in members}) == 1
        assert len({(task.image, task.member, task.channel) for task in members}) == len(members)
        assert len({task.upstream_images for task in members}) == len(members)


@pytest.mark.parametrize(("name", "tasks", "lesion_tasks", "images", "masks"), COUNTS)
def test_counts_are_upstreams(name: str, tasks: int, lesion_tasks: int, images: int, masks: int) -> None:
    dataset = DATASETS[name]
    assert (len(dataset.tasks), len(dataset.lesion_tasks)) == (tasks, lesion_tasks)
    assert (dataset.images_published, dataset.masks_published) == (images, masks)


@pytest.mark.parametrize(("name", "number", "value", "text"), LABELS)
def test_label_names(name: str, number: int, value: int, text: str) -> None:
    assert DATASETS[name].task(number).labels[value] == text


@pytest.mark.parametrize(("number", "task", "target", "images"), MSD_LESIONS)
def test_msd_lesion_tasks(number: int, task: int, target: int, images: str) -> None:
    lesion = DATASETS["MSD"].lesion_tasks[number - 1]
    assert (lesion.number, lesion.task, lesion.target) == (number, task, target)
    assert DATASETS["MSD"].task(task).upstream_images == images


def test_msd_channels_follow_the_publishers_order(archives: Path) -> None:
    for group, folder in (("BrainTumour", "Task01_BrainTumour"), ("Prostate", "Task05_Prostate")):
        order = json.loads((archives / "MSD" / folder / "dataset.json").read_text())["modality"]
        tasks = [task for task in DATASETS["MSD"].tasks if task.group == group]
        assert [task.channel for task in tasks] == list(range(len(order)))
        for task in tasks:
            sequence = task.upstream_images.rpartition("-")[2].lower()
            assert sequence.startswith(order[str(task.channel)].lower())


@pytest.mark.parametrize(("name", "case_id", "patient"), PATIENTS)
def test_patient_is_found_in_the_case_id(name: str, case_id: str, patient: str) -> None:
    match = re.search(DATASETS[name].patient, case_id)
    assert match is not None
    assert match[1] == patient
    group, _, case = case_id.rpartition("/")
    assert any(re.fullmatch(task.case, case) for task in DATASETS[name].tasks if task.group == group)


def test_totalsegmentator_class_counts() -> None:
    assert (len(CT_CLASSES), len(MR_CLASSES)) == (117, 50)


@pytest.mark.realdata
def test_totalsegmentator_ids_merge_to_the_publishers_map(realdata: Path) -> None:
    folder = realdata / "TotalSegmentator"
    task = DATASETS["TotalSegmentator"].task(1)
    assert {path.name for path in (folder / "example_seg_fast").glob("*.nii.gz")} == {
        f"{stem}.nii.gz" for stem in task.class_files
    }
    expected = np.asanyarray(load(folder / "example_seg_fast.nii.gz").dataobj)
    merged = np.zeros_like(expected)
    for value, stem in zip(task.labels, task.class_files, strict=True):
        mask = np.asanyarray(load(folder / f"example_seg_fast/{stem}.nii.gz").dataobj) > 0
        merged[mask & (merged == 0)] = value
    np.testing.assert_array_equal(merged, expected)
    assert len(np.unique(merged)) == 41


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "number", "images"), [("ACDC", 1, 6), ("MSD", 8, 13)])
def test_patterns_match_real_archives(realdata: Path, name: str, number: int, images: int) -> None:
    dataset = DATASETS[name]
    assert len(found(realdata, dataset, dataset.task(number))) == images


@pytest.mark.realdata
def test_acdc_affines_hold_no_spacing(realdata: Path, archives: Path) -> None:
    assert DATASETS["ACDC"].spacing_in_header
    for root in (realdata, archives):
        for path in found(root, DATASETS["ACDC"], DATASETS["ACDC"].task(1)):
            image = load(path)
            np.testing.assert_array_equal(image.affine, np.diag([-1.0, -1.0, 1.0, 1.0]))
            assert image.header.get_zooms()[2] == 10.0


@pytest.mark.parametrize(("name", "path", "axcodes", "dtype", "codes"), STORAGE)
def test_miniature_is_stored_as_published(
    archives: Path, name: str, path: str, axcodes: str, dtype: str, codes: tuple[int, int]
) -> None:
    image = load(archives / name / path)
    assert "".join(nib.aff2axcodes(image.affine)) == axcodes
    assert image.get_data_dtype() == np.dtype(dtype)
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == codes


def test_miniature_kits_image_and_mask_point_the_same_way(archives: Path) -> None:
    kidney = CT.body + 3 * CT.step
    for image, masks in found(archives, DATASETS["KiTS23"], DATASETS["KiTS23"].task(1)).items():
        hounsfield, labels = in_ras(image), in_ras(masks[0])
        assert abs(float(np.median(hounsfield[labels == 1])) - kidney) < 15.0
        assert float(hounsfield[:, :2].mean()) < -700.0


@ALL_DATASETS
def test_miniature_sides_differ(dataset: Dataset) -> None:
    known = truth(dataset.name)
    shapes = [case.scan.shape_ras for case in known.cases] + [case.shape_ras for case in known.landmarks]
    assert shapes
    assert all(len(set(shape)) == 3 for shape in shapes)


def test_miniature_has_the_same_bytes_twice(tmp_path: Path) -> None:
    first, again = (write_miniature(tmp_path / name, cases=1) for name in ("first", "again"))
    for home, written in (("first", first), ("again", again)):
        assert written == sorted(path for path in (tmp_path / home).rglob("*") if path.is_file())
    assert [path.relative_to(tmp_path / "again") for path in again] == [
        path.relative_to(tmp_path / "first") for path in first
    ]
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes(), one


def test_miniature_from_the_command_line(archives: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(tmp_path), "--cases", "1", "kits23"])
    assert capsys.readouterr().out.startswith("4 files, ")
    case = "KiTS23/dataset/case_00000/imaging.nii.gz"
    assert (tmp_path / case).read_bytes() == (archives / case).read_bytes()


def test_miniature_seed_moves_the_content(archives: Path, tmp_path: Path) -> None:
    write_miniature(tmp_path, ["ACDC"], cases=1, seed=8)
    mask = "ACDC/ACDC/database/training/patient001/patient001_frame01_gt.nii.gz"
    assert (tmp_path / mask).read_bytes() != (archives / mask).read_bytes()


def test_ellipsoid_turns_from_the_first_axis_to_the_second() -> None:
    tilted = ellipsoid((41, 39, 7), (20, 19, 3), (15, 4, 2), rotation_deg=30.0)
    rows, columns, _ = np.nonzero(tilted)
    moments = np.cov(rows, columns)
    axis = np.linalg.eigh(moments)[1][:, 1]
    assert np.degrees(np.arctan2(axis[1], axis[0])) % 180.0 == pytest.approx(30.0, abs=1.5)
    assert tilted.sum() == pytest.approx(4 / 3 * np.pi * 15 * 4 * 2, rel=0.1)


def test_write_nifti_keeps_header_zooms_apart_from_the_affine(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", np.zeros((4, 5, 6), np.uint8), np.eye(4), zooms_mm=(1.5, 1.5, 10.0))
    image = load(path)
    assert image.header.get_zooms() == (1.5, 1.5, 10.0)
    np.testing.assert_array_equal(image.affine, np.eye(4))


@pytest.mark.parametrize("kind", ["box", "ellipsoid", "tube"])
def test_solid_reaches_from_low_to_high(kind: str) -> None:
    solid = Solid(3, (4, 2, 1), (14, 20, 7), kind)
    labels = Scan((17, 23, 9), (1.0, 1.0, 1.0), (solid,)).labels()
    found = np.argwhere(labels == 3)
    assert found.min(axis=0).tolist() == [4, 2, 1]
    assert found.max(axis=0).tolist() == [14, 20, 7]
    assert [len(np.unique(found[:, axis])) for axis in range(3)] == [11, 19, 7]
