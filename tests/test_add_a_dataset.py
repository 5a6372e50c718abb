"""docs/add-a-dataset.md does what it says: its example is built from a package of its own, each layout from files."""

import dataclasses
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from layouts.archive import Archive
from pages import DOCS, blocks, run_page
from phantom import CT, Scan, write_nifti
from raw_sources import slice_dataset, write_dicom

import medvision
from medvision.pipelines.release import Release
from medvision.schemas.dataset import Dataset
from medvision.sources.registry import DATASETS

PAGE = DOCS / "add-a-dataset.md"
SHAPE = (9, 12, 5)
AFFINE = np.diag([2.0, 1.5, 4.0, 1.0])
TABLES = {block.title: block.text for block in blocks(PAGE.read_text()) if block.title.endswith(".py")}


@pytest.mark.slow
def test_the_worked_example_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `pip install .` leaves behind, an entry point and the modules, stands on the commands' path."""
    info = tmp_path / "example_tables-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: example-tables\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[medvision.datasets]\nexample_ct = example_tables:EXAMPLE_CT\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert run_page(PAGE, tmp_path) == 11
    assert 'example_ct = "example_tables:EXAMPLE_CT"' in (tmp_path / "pyproject.toml").read_text()
    assert (tmp_path / "look.png").stat().st_size > 300
    slices = [*medvision.open_release(str(tmp_path / "OUT")).rows("ExampleCT_annotations")]
    assert {row["raw_axes"] for row in slices} == {"LPS"}
    assert len({row["slice_id"] for row in slices}) == len(slices) > 400
    for row in slices:
        assert row["spacing_xyz_mm"] == pytest.approx((0.9, 0.9, 4.0))


def load(title: str, folder: Path) -> ModuleType:
    path = folder / Path(title).name
    path.write_text(TABLES[title])
    spec = importlib.util.spec_from_file_location(f"page_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def two_boxes() -> tuple[np.ndarray, np.ndarray]:
    """Binary volumes of the classes: 4 x 3 x 2 and 2 x 2 x 3 voxels."""
    first, second = np.zeros(SHAPE, "u1"), np.zeros(SHAPE, "u1")
    first[1:5, 2:5, 1:3] = 1
    second[6:8, 7:9, 1:4] = 1
    return first, second


def write_class_files(folder: Path) -> None:
    liver, spleen = two_boxes()
    write_nifti(folder / "p01/ct.nii.gz", np.full(SHAPE, 40, "i2"), AFFINE)
    write_nifti(folder / "p01/segmentations/liver.nii.gz", liver, AFFINE)
    write_nifti(folder / "p01/segmentations/spleen.nii.gz", spleen, AFFINE)


def write_channels(folder: Path) -> None:
    images = np.stack([np.full(SHAPE, value, "i2") for value in (10, 200)], axis=3)
    write_nifti(folder / "imagesTr/p01.nii.gz", images, AFFINE)
    write_nifti(folder / "labelsTr/p01.nii.gz", two_boxes()[0], AFFINE)


def write_series(folder: Path) -> None:
    """Slices (rows, columns) of 0.5 x 0.75 mm, 4 mm apart, and a mask on the same grid, stored as LPS."""
    for number in range(SHAPE[2]):
        plane = np.full((SHAPE[1], SHAPE[0]), number, "<i2")
        write_dicom(folder / f"p01/series/{9 - number}.dcm", slice_dataset(plane, (0.0, 0.0, 4.0 * number)))
    affine = np.diag([-0.75, -0.5, 4.0, 1.0])
    write_nifti(folder / "p01/segmentation.nii.gz", two_boxes()[0], affine)


def write_marks(folder: Path) -> None:
    marks = np.zeros(SHAPE, "u1")
    marks[1, 3, 2] = marks[7, 5, 2] = 1
    write_nifti(folder / "p01/t2.nii.gz", np.full(SHAPE, 40, "i2"), AFFINE)
    write_nifti(folder / "p01/marks.nii.gz", marks, AFFINE)


def build_page(title: str, write: Callable[[Path], None], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """A release of the layout that the page shows, with the identity of the page's worked example."""
    module = load("example_tables/__init__.py", folder)
    layout = load(title, folder)
    tasks = [layout.T1, layout.T2] if hasattr(layout, "T1") else [layout.TASK]
    kind = "tasks" if hasattr(tasks[0], "mask") else "landmark_tasks"
    example: Dataset = dataclasses.replace(
        module.EXAMPLE_CT, **{"tasks": (), "lesion_tasks": (), "patient": r"(p\d\d)", kind: tuple(tasks)}
    )
    monkeypatch.setitem(DATASETS, example.name, example)
    write(folder / "raw/ExampleCT")
    release = medvision.build("ExampleCT", raw=str(folder / "raw"), out=str(folder / "out"))
    assert release.manifest["datasets"]["ExampleCT"]["dead_letters"] == {}
    assert medvision.validate_release(str(folder / "out")).ok
    return release


def test_a_binary_file_a_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = build_page("example_tables/class_files.py", write_class_files, tmp_path, monkeypatch)
    (volume,) = release.rows("ExampleCT_volumes")
    found = [(s["label"], s["name"], s["voxel_count"], s["volume_mm3"]) for s in volume["structures"]]
    assert found == [(1, "liver", 24, 24 * 12.0), (2, "spleen", 12, 12 * 12.0)]


def test_a_channel_of_a_4d_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = build_page("example_tables/channels.py", write_channels, tmp_path, monkeypatch)
    rows = list(release.rows("ExampleCT"))
    assert {(row["task"], row["source_channel"], row["intensity_offset"]) for row in rows} == {(1, 0, 10), (2, 1, 200)}
    by_task = [[r["segments"] for r in rows if r["task"] == task] for task in (1, 2)]
    assert by_task[0] == by_task[1] != []


def test_a_dicom_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = build_page("example_tables/dicom.py", write_series, tmp_path, monkeypatch)
    (volume,) = release.rows("ExampleCT_volumes")
    assert volume["structures"][0]["volume_mm3"] == pytest.approx(24 * 0.75 * 0.5 * 4.0)
    assert volume["source_path"] == "p01/series/"


def test_landmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = build_page("example_tables/landmarks.py", write_marks, tmp_path, monkeypatch)
    (row,) = release.rows("ExampleCT")
    first, second = sorted(row["landmarks"], key=lambda point: point["number"])
    assert (first["position_rc"], second["position_rc"]) == ([7, 5], [1, 3])
    values = [measure["value"] for measure in row["biometrics"]]
    assert values == pytest.approx([np.hypot(6 * 2.0, 2 * 1.5)] * 2)


def test_a_layout_of_the_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build of what the page's layout writes finds what the layout says."""
    write_example_ct = load("example_tables/layout.py", tmp_path).write_example_ct
    monkeypatch.setitem(write_example_ct.__globals__, "Scan", Scan)
    monkeypatch.setitem(write_example_ct.__globals__, "CT", CT)
    example = load("example_tables/__init__.py", tmp_path).EXAMPLE_CT
    monkeypatch.setitem(DATASETS, example.name, example)
    archive = Archive(tmp_path / "raw/ExampleCT", cases=3, seed=7)
    write_example_ct(archive)
    release = medvision.build("ExampleCT", raw=str(tmp_path / "raw"), out=str(tmp_path / "out"), images="none")
    assert release.manifest["datasets"]["ExampleCT"]["dead_letters"] == {}
    found = {row["case_id"]: row for row in release.rows("ExampleCT_volumes")}
    assert {case.case_id: case.patient for case in archive.truth.cases} == {c: r["patient"] for c, r in found.items()}
    assert list(found) == ["p01_a", "p01_b", "p02_a"]
    for case in archive.truth.cases:
        voxels = {s["label"]: s["voxel_count"] for s in found[case.case_id]["structures"]}
        labels = case.scan.labels("uint8")
        assert voxels == {label: int((labels == label).sum()) for label in (1, 2)}
