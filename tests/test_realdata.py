"""Releases built from small real files, against the files themselves as nibabel reads them."""

import gzip
import io
import itertools
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import nibabel as nib
import numpy as np
import pyarrow.parquet as pq
import pytest
from miniature import write_bytes, write_nifti
from PIL import Image
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from medvision.pipelines.run import run_build
from medvision.schemas.case import Case
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import find_dataset
from medvision.sources.totalsegmentator import CT_CLASSES
from medvision.transforms.listing import list_sources
from medvision.transforms.match import match_cases
from medvision.transforms.read import CaseReader

pytestmark = pytest.mark.realdata

LOCAL = fsspec.filesystem("file")
KIDNEY_TUMOURS_MM = {
    "case_00000": 27.8,
    "case_00004": 31.8,
    "case_00148": 39.2,
    "case_00160": 53.8,
    "case_00440": 32.3,
}
"""Largest axial centre-to-centre diameter of label 2."""
IN_PLANE_MM = {"patient001": 1.5625, "patient031": 1.484375, "patient101": 1.64062}

Row = dict[str, Any]


class Release:
    """A release and the raw root it is from."""

    def __init__(self, raw: Path, out: Path, datasets: tuple[str, ...], **options: Any) -> None:
        self.raw, self.out = raw, out
        self.manifest = run_build(
            BuildOptions(raw=str(raw), out=str(out), datasets=datasets, formats=("parquet",), **options)
        ).manifest

    def rows(self, dataset: str, folder: str = "annotations") -> list[Row]:
        files = sorted((self.out / folder / dataset).glob("*.parquet"))
        return [row for file in files for row in pq.read_table(file).to_pylist()]

    def by_file(self, dataset: str, folder: str = "annotations", column: str = "source_path") -> Iterator[Any]:
        """Raw file as nibabel turns it to RAS+, and the rows that come from it."""
        rows = sorted(self.rows(dataset, folder), key=lambda row: row[column])
        for path, group in itertools.groupby(rows, key=lambda row: row[column]):
            yield nib.as_closest_canonical(nib.load(self.raw / dataset / path)), list(group)

    def dead_letters(self) -> list[tuple[str, str, str]]:
        rows = [row for file in self.out.glob("dead_letters/*.parquet") for row in pq.read_table(file).to_pylist()]
        return sorted((row["case_id"], row["reason"], row["path"]) for row in rows)

    def count(self, dataset: str) -> dict[str, Any]:
        return self.manifest["datasets"][dataset]


@pytest.fixture(scope="module")
def small(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """MSD and ACDC with images, all planes."""
    return Release(realdata, tmp_path_factory.mktemp("small"), ("ACDC", "MSD"))


@pytest.fixture(scope="module")
def large(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """KiTS23 with made-up images, and TotalSegmentator, axial only and without images."""
    raw = tmp_path_factory.mktemp("raw")
    for case in KIDNEY_TUMOURS_MM:
        folder = raw / "KiTS23/dataset" / case
        folder.mkdir(parents=True)
        shutil.copy(realdata / "KiTS23-masks" / case / "segmentation.nii.gz", folder)
        mask = nib.load(folder / "segmentation.nii.gz")
        image = nib.Nifti1Image(np.asanyarray(mask.dataobj).astype(np.int16) * 60, mask.affine)
        write_bytes(folder / "imaging.nii.gz", gzip.compress(image.to_bytes(), 1))
    unpack_totalsegmentator(realdata, raw)
    return Release(
        raw, tmp_path_factory.mktemp("large"), ("KiTS23", "TotalSegmentator"), planes=("axial",), images="none"
    )


def unpack_totalsegmentator(realdata: Path, raw: Path) -> Path:
    """The example as a subject of the publisher's layout; returns the subject's folder."""
    subject = raw / "TotalSegmentator/Totalsegmentator_dataset_v201/s0011"
    (subject / "segmentations").mkdir(parents=True)
    shutil.copy(realdata / "TotalSegmentator/example_ct_sm.nii.gz", subject / "ct.nii.gz")
    for stem in CT_CLASSES:
        name = f"{stem}.nii.gz"
        shutil.copy(realdata / "TotalSegmentator/example_seg_fast" / name, subject / "segmentations" / name)
    return subject


def only_case(raw: Path, dataset: str) -> Case:
    matched = match_cases(find_dataset(dataset), list_sources(LOCAL, str(raw / dataset)))
    (case,) = matched.cases
    assert matched.dead_letters == ()
    return case


def expected_counts(masks: list[np.ndarray], dims: tuple[int, ...] = (0, 1, 2)) -> Counter[str]:
    """Slices, pairs and boxes of masks, counted slice by slice with scipy's 4-connected components."""
    counts: Counter[str] = Counter()
    for mask in masks:
        for dim in dims:
            for plane in filter(np.any, np.ascontiguousarray(np.moveaxis(mask, dim, 0))):
                counts["slices"] += 1
                for label in np.unique(plane[plane > 0]):
                    counts["pairs"] += 1
                    counts["boxes"] += ndimage.label(plane == label)[1]
    return counts


def check_counts(release: Release, dataset: str, masks: list[np.ndarray], dims: tuple[int, ...] = (0, 1, 2)) -> None:
    expected, stated = expected_counts(masks, dims), release.count(dataset)
    assert stated["cases"] == len(masks)
    assert stated["slices"] == len(release.rows(dataset)) == expected["slices"]
    assert stated["boxes"] == expected["boxes"]
    for kind in ("BoxSize", "MaskSize"):
        assert stated["pairs"][kind] == expected["pairs"]
        files = release.out.glob(f"pairs/{dataset}_{kind}_*/*.parquet")
        assert sum(pq.read_metadata(file).num_rows for file in files) == expected["pairs"]


def pixels_of(row: Row) -> np.ndarray:
    stored = np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))
    return stored * row["intensity_scale"] + row["intensity_offset"]


@pytest.mark.parametrize(
    ("dataset", "images", "integers"), [("MSD", 12, {"uint8": 1}), ("ACDC", 6, {"int16": 4, "float32": 2})]
)
def test_every_released_slice_holds_the_stored_values(
    small: Release, dataset: str, images: int, integers: dict[str, int]
) -> None:
    """Integers exactly, whatever their type; others (11 hippocampus images are floats) within the stated error."""
    exact: Counter[str] = Counter()
    files = 0
    for image, rows in small.by_file(dataset, "data"):
        voxels = np.asanyarray(image.dataobj)
        whole = bool((voxels == np.rint(voxels)).all())
        exact[voxels.dtype.name] += whole
        files += 1
        bound = 0.0 if whole else float(voxels.max() - voxels.min()) / 65534 / 2
        for row in rows:
            expected = np.take(voxels, row["slice_idx"], axis=row["slice_dim"]).astype(np.float64)
            found = pixels_of(row)
            assert found.shape == expected.shape == (row["height"], row["width"])
            assert row["intensity_max_error"] == pytest.approx(bound)
            assert np.abs(found - expected).max() <= bound * (1 + 1e-9)
            assert row["intensity_clipped"] == row["intensity_invalid"] == 0
    assert files == images
    assert +exact == integers


def test_the_hippocampus_orphans_are_the_only_dead_letters(small: Release) -> None:
    folder = "Task04_Hippocampus"
    assert small.dead_letters() == [
        ("Hippocampus/hippocampus_010", "image_missing", f"{folder}/labelsTr/hippocampus_010.nii.gz"),
        ("Hippocampus/hippocampus_118", "mask_missing", f"{folder}/imagesTr/hippocampus_118.nii.gz"),
    ]
    assert small.count("MSD")["dead_letters"] == {"image_missing": 1, "mask_missing": 1}
    assert small.count("ACDC")["dead_letters"] == {}
    assert small.manifest["complete"] is True


@pytest.mark.parametrize(("dataset", "pattern"), [("MSD", "*/labelsTr/*.nii.gz"), ("ACDC", "*/*/*_gt.nii.gz")])
def test_slices_pairs_and_boxes_are_those_of_the_masks(small: Release, dataset: str, pattern: str) -> None:
    paths = [p for p in sorted((small.raw / dataset).glob(pattern)) if p.name != "hippocampus_010.nii.gz"]
    masks = [np.asanyarray(nib.as_closest_canonical(nib.load(path)).dataobj) for path in paths]
    check_counts(small, dataset, masks)


def test_float_labels_of_the_hippocampus_are_measured_as_integers(small: Release) -> None:
    seen = 0
    for mask, rows in small.by_file("MSD", column="mask_path"):
        voxels = np.asanyarray(mask.dataobj)
        seen += voxels.dtype == np.float32
        for row in rows:
            values, sizes = np.unique(np.take(voxels, row["slice_idx"], axis=row["slice_dim"]), return_counts=True)
            found = {segment["label"]: segment["pixel_count"] for segment in row["segments"]}
            assert found == {int(v): int(n) for v, n in zip(values, sizes, strict=True) if v}
            assert row["spacing_xyz_mm"] == [1.0, 1.0, 1.0]
            assert (row["raw_axes"], row["flags"]) == ("RAS", [])
    assert seen == 2


def test_both_frames_of_a_heart_patient_are_on_one_side(small: Release) -> None:
    sides: dict[str, set[str]] = {}
    frames: dict[str, set[str]] = {}
    for row in small.rows("ACDC"):
        sides.setdefault(row["patient"], set()).add(row["side"])
        frames.setdefault(row["patient"], set()).add(row["case_id"])
    assert set(sides) == set(IN_PLANE_MM)
    assert all(len(of_patient) == 1 for of_patient in sides.values())
    assert all(len(of_patient) == 2 for of_patient in frames.values())


def test_heart_spacing_and_boxes_are_in_mm_of_the_header(small: Release) -> None:
    dims = set()
    for image, rows in small.by_file("ACDC"):
        # The publisher's affines are all ones: only the header of the file knows.
        np.testing.assert_array_equal(np.diag(image.affine), 1.0)
        zooms_mm = nib.load(small.raw / "ACDC" / rows[0]["source_path"]).header.get_zooms()
        in_plane_mm = IN_PLANE_MM[rows[0]["patient"]]
        np.testing.assert_allclose(zooms_mm, (in_plane_mm, in_plane_mm, 10.0), rtol=1e-6)
        for row in rows:
            spacing = row["spacing_xyz_mm"]
            assert spacing == [float(zoom) for zoom in zooms_mm]
            kept = [axis for axis in range(3) if axis != row["slice_dim"]]
            pixel_mm = [spacing[axis] for axis in kept]
            assert row["pixel_spacing_mm"] == row["mask_pixel_spacing_mm"] == pixel_mm
            affine = np.reshape(row["affine_ras"], (4, 4))
            np.testing.assert_allclose(affine[:3, :3], np.diag(spacing), rtol=1e-6)
            assert row["raw_axes"] == "LPS"
            assert row["flags"] == []
            for segment in row["segments"]:
                assert segment["area_mm2"] == pytest.approx(segment["pixel_count"] * pixel_mm[0] * pixel_mm[1])
                for box in segment["boxes"]:
                    assert box["size_mm"] == pytest.approx(
                        [n * mm for n, mm in zip(box["size_px"], pixel_mm, strict=True)]
                    )
            dims.add(row["slice_dim"])
    assert dims == {0, 1, 2}


def axial_diameter_mm(plane: np.ndarray, spacing_mm: list[float]) -> float:
    points = np.argwhere(plane) * spacing_mm
    if np.linalg.matrix_rank(points - points[0]) == 2:
        points = points[ConvexHull(points).vertices]
    return float(pdist(points).max()) if len(points) > 1 else 0.0


def test_kidney_tumours_are_as_large_as_measured_in_the_published_masks(large: Release) -> None:
    assert large.dead_letters() == []
    matched = match_cases(find_dataset("KiTS23"), list_sources(LOCAL, str(large.raw / "KiTS23")))
    rows_of: dict[str, list[Row]] = {}
    for row in large.rows("KiTS23"):
        rows_of.setdefault(row["case_id"], []).append(row)
    found = {}
    for case in matched.cases:
        labels = CaseReader(LOCAL, str(large.raw / "KiTS23")).mask(case).volume.data
        found[case.case_id] = max(
            axial_diameter_mm(labels[:, :, row["slice_idx"]] == 2, row["pixel_spacing_mm"])
            for row in rows_of[case.case_id]
            if any(segment["label"] == 2 for segment in row["segments"])
        )
    assert found == pytest.approx(KIDNEY_TUMOURS_MM, abs=0.1)


def test_kidney_scans_stored_slices_first_are_turned_to_ras(large: Release) -> None:
    masks = []
    for mask, rows in large.by_file("KiTS23", column="mask_path"):
        masks.append(np.asanyarray(mask.dataobj))
        raw = nib.load(large.raw / "KiTS23" / rows[0]["mask_path"])
        thickness, posterior, left = (float(zoom) for zoom in raw.header.get_zooms())
        for row in rows:
            assert row["raw_axes"] == "IPL"
            assert tuple(row["shape_xyz"]) == raw.shape[::-1] == masks[-1].shape
            assert row["spacing_xyz_mm"] == [left, posterior, thickness]
            np.testing.assert_allclose(np.reshape(row["affine_ras"], (4, 4)), mask.affine, atol=1e-9)
            sizes = np.bincount(masks[-1][:, :, row["slice_idx"]].ravel(), minlength=4)
            counted = {segment["label"]: segment["pixel_count"] for segment in row["segments"]}
            assert counted == {label: sizes[label] for label in (1, 2, 3) if sizes[label]}
    assert (796, 512, 252) in {mask.shape for mask in masks}
    check_counts(large, "KiTS23", masks, dims=(2,))


def test_117_class_files_merge_to_the_published_multi_label_mask(large: Release, realdata: Path) -> None:
    published = nib.as_closest_canonical(nib.load(realdata / "TotalSegmentator/example_seg_fast.nii.gz"))
    case = only_case(large.raw, "TotalSegmentator")
    assert len(case.masks) == len(case.mask_labels) == 117
    mask = CaseReader(LOCAL, str(large.raw / "TotalSegmentator")).mask(case)
    np.testing.assert_array_equal(mask.volume.data, np.asanyarray(published.dataobj))
    np.testing.assert_allclose(mask.volume.grid.affine_ras, published.affine, atol=1e-9)
    assert mask.overlap_voxels == 0
    ((image, volume),) = CaseReader(LOCAL, str(large.raw / "TotalSegmentator")).images(case)
    assert image.task == 1
    scan = nib.load(realdata / "TotalSegmentator/example_ct_sm.nii.gz")
    np.testing.assert_array_equal(volume.data, np.asanyarray(scan.dataobj))  # type: ignore[union-attr]

    check_counts(large, "TotalSegmentator", [np.asanyarray(published.dataobj)], dims=(2,))
    assert {row["overlap_voxels"] for row in large.rows("TotalSegmentator")} == {0}


def test_an_overlap_of_two_classes_is_won_by_the_lower_id_and_counted(realdata: Path, tmp_path: Path) -> None:
    """The liver (5) swells over half of the stomach (6) and of the right kidney (2)."""
    subject = unpack_totalsegmentator(realdata, tmp_path)
    published = np.asanyarray(nib.load(realdata / "TotalSegmentator/example_seg_fast.nii.gz").dataobj)
    file = subject / "segmentations/liver.nii.gz"
    liver = nib.load(file)
    rng = np.random.default_rng(4)
    claimed = np.isin(published, (2, 6)) & (rng.random(published.shape) < 0.5)
    swollen = np.asanyarray(liver.dataobj).astype(np.uint8) | claimed
    write_nifti(file, swollen, liver.affine)

    mask = CaseReader(LOCAL, str(tmp_path / "TotalSegmentator")).mask(only_case(tmp_path, "TotalSegmentator"))
    expected = np.where(claimed & (published == 6), 5, published)
    np.testing.assert_array_equal(mask.volume.data, expected)
    assert mask.overlap_voxels == claimed.sum()
    assert (claimed & (published == 2)).sum() > 500
    assert (claimed & (published == 6)).sum() > 500
