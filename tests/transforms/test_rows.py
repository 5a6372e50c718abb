"""Slice rows of one case whose sides and spacings are all unequal, for image and mask apart."""

import io
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from miniature import ellipsoid
from PIL import Image
from twins import SLICE_OF, fit_clusters, segment_rows

from medvision.schemas.case import Case, CaseImage, SourceFile
from medvision.schemas.dataset import Dataset, LesionTask, Task
from medvision.schemas.faults import DataFault
from medvision.schemas.options import PLANES, BuildOptions
from medvision.schemas.rows import ANNOTATION_SCHEMA
from medvision.schemas.volume import Grid, Volume
from medvision.transforms import columns, rows
from medvision.transforms.read import Mask
from medvision.transforms.rows import PlaneRows, image_rows, lesion_volumes, measure_case, slice_stem

SHAPE = (26, 33, 19)
IMAGE_MM, MASK_MM = (0.7, 1.1, 2.3), (0.9, 1.3, 2.9)
AXES = ((1, 2), (0, 2), (0, 1))
NAMES = {1: "liver", 2: "cancer"}


def toy_task(number: int) -> Task:
    return Task(number, f"{{case}}_{number}.nii", "{case}_mask.nii", r"\d+", NAMES, "MRI", "a scan")


DATASET = Dataset(
    name="Toy-1.5",
    package="Toy",
    patient=r"(\d+)",
    licence="CC0",
    spdx="CC0-1.0",
    redistribute=True,
    access="open",
    homepage="",
    data_urls=(),
    papers=(),
    citation="",
    images_published=2,
    masks_published=1,
    bucket_bits=0,
    tasks=(toy_task(1), toy_task(2)),
    lesion_tasks=(LesionTask(4, 2, 2), LesionTask(3, 2, 1)),
)


def grid(shape, spacing_mm, zooms_mm=None, shift_mm=0.0) -> Grid:
    affine = np.diag([*spacing_mm, 1.0])
    affine[0, 3] = shift_mm
    return Grid(tuple(shape), affine, tuple(zooms_mm or spacing_mm), "LPS")


def labels_of(shape=SHAPE) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    center = np.array(shape) * (0.5, 0.45, 0.5)
    mask[ellipsoid(shape, center, (9, 11, 6), 25.0)] = 1
    mask[ellipsoid(shape, center - 2, (5, 3, 3))] = 2
    return mask


def intensities(shape=SHAPE) -> np.ndarray:
    """Every voxel its own value."""
    return np.random.default_rng(1).permutation(int(np.prod(shape))).reshape(shape).astype(np.int16)


@dataclass(frozen=True)
class Scene:
    """A case to measure; fields are replaced one at a time."""

    mask: np.ndarray = field(default_factory=labels_of)
    image: np.ndarray = field(default_factory=intensities)
    image_grid: Grid = field(default_factory=lambda: grid(SHAPE, IMAGE_MM))
    mask_grid: Grid = field(default_factory=lambda: grid(SHAPE, IMAGE_MM, MASK_MM))
    case_id: str = "Site A/case.007"
    overlap: int = 0
    rules: str = "1.4.0"
    planes: tuple[str, ...] = PLANES
    images: str = "png16"
    dataset: Dataset = DATASET

    def case(self) -> Case:
        files = [SourceFile(f"raw/7_{kind}.nii", 1, "") for kind in ("1", "2", "mask")]
        images = tuple(CaseImage(n, files[n - 1], None, f"7_{n}.nii.gz") for n in (1, 2))
        return Case(DATASET.name, self.case_id, "7", images, (files[2],))

    def planes_of(self, task: int = 2) -> list[PlaneRows]:
        names = (self.dataset.name,)
        options = BuildOptions("", "", names, rules=self.rules, planes=self.planes, images=self.images)
        case = self.case()
        mask = Mask(Volume(self.mask, self.mask_grid, 1.0, 0.0), self.overlap)
        labels = measure_case(case, mask, self.dataset, options)
        volume = Volume(self.image, self.image_grid, 1.0, 0.0)
        image = case.images[task - 1]
        lesions = lesion_volumes(labels, image, self.dataset)
        found = list(image_rows(labels, image, volume, lesions, self.dataset, options, "train"))
        for plane in found:
            assert plane.batch.schema == ANNOTATION_SCHEMA
            plane.batch.validate(full=True)
        return found

    def rows_of(self, task: int = 2) -> list[dict]:
        return [row for plane in self.planes_of(task) for row in plane.batch.to_pylist()]


def labelled(mask: np.ndarray, slice_dim: int) -> list[int]:
    return [i for i in range(mask.shape[slice_dim]) if SLICE_OF[slice_dim](mask, i).any()]


# Which rows there are


def test_one_row_per_labelled_slice_of_every_plane():
    scene = Scene()
    expected = [(dim, i) for dim in range(3) for i in labelled(scene.mask, dim)]
    assert [(row["slice_dim"], row["slice_idx"]) for row in scene.rows_of()] == expected
    assert len({len(labelled(scene.mask, dim)) for dim in range(3)}) == 3


@pytest.mark.parametrize("planes", [("axial",), ("sagittal", "coronal"), ("coronal",)])
def test_only_the_asked_planes(planes):
    assert [PLANES[plane.slice_dim] for plane in Scene(planes=planes).planes_of()] == list(planes)


@pytest.mark.parametrize(
    ("thin_axis", "left"), [(0, ["sagittal"]), (1, ["coronal"]), (2, ["axial"]), (None, list(PLANES))]
)
def test_planes_with_a_side_of_one_are_skipped(thin_axis, left):
    shape = tuple(1 if axis == thin_axis else side for axis, side in enumerate(SHAPE))
    mask = np.ones(shape, np.uint8)
    scene = Scene(mask, intensities(shape), grid(shape, IMAGE_MM), grid(shape, MASK_MM))
    assert [PLANES[plane.slice_dim] for plane in scene.planes_of()] == left


def test_slice_ids_are_unique_short_and_dotless():
    rows_all = [row for task in (1, 2) for row in Scene().rows_of(task)]
    ids = [row["slice_id"] for row in rows_all]
    assert len(set(ids)) == len(ids)
    assert max(map(len, ids)) <= 128
    assert not any(set(slice_id) & set("./ ") for slice_id in ids)
    first = labelled(Scene().mask, 0)[0]
    assert ids[0] == f"Toy-1_5-Site_A-case_007-t01-sagittal-{first:04d}"
    for row in rows_all:
        assert row["slice_id"].endswith(f"-t{row['task']:02d}-{row['plane']}-{row['slice_idx']:04d}")


def test_slice_ids_of_other_cases_differ():
    ids = {row["slice_id"] for row in Scene().rows_of()}
    assert ids.isdisjoint(row["slice_id"] for row in Scene(case_id="Site A/case.008").rows_of())
    case = Scene().case()
    stems = {slice_stem(case, image, plane) for image in case.images for plane in PLANES}
    assert len(stems) == 6


# What stands in them


def test_geometry_of_each_plane():
    for row in Scene().rows_of():
        rows_axis, columns_axis = AXES[row["slice_dim"]]
        assert row["plane"] == PLANES[row["slice_dim"]]
        assert (row["height"], row["width"]) == (SHAPE[rows_axis], SHAPE[columns_axis])
        assert row["pixel_spacing_mm"] == [IMAGE_MM[rows_axis], IMAGE_MM[columns_axis]]
        assert row["mask_pixel_spacing_mm"] == [MASK_MM[rows_axis], MASK_MM[columns_axis]]
        assert row["shape_xyz"] == list(SHAPE)
        assert row["spacing_xyz_mm"] == list(IMAGE_MM)
        assert row["affine_ras"] == np.diag([*IMAGE_MM, 1.0]).ravel().tolist()
        assert row["raw_axes"] == "LPS"


@pytest.mark.parametrize("rules", ["1.4.0", "exact"])
def test_boxes_take_the_mask_spacing_and_ellipses_the_image_spacing(rules):
    """Numbered rules read header voxel sizes, exact rules the affines."""
    scene = Scene(image_grid=grid(SHAPE, (2.0, 0.5, 1.5), IMAGE_MM), rules=rules)
    scene = replace(scene, mask_grid=grid(SHAPE, (2.0, 0.5, 1.5), MASK_MM))
    image_mm, mask_mm = (IMAGE_MM, MASK_MM) if rules == "1.4.0" else ((2.0, 0.5, 1.5), (2.0, 0.5, 1.5))
    fitted = 0
    for row in scene.rows_of():
        pixels = SLICE_OF[row["slice_dim"]](scene.mask, row["slice_idx"])
        axes = AXES[row["slice_dim"]]
        image_rc, mask_rc = (tuple(mm[axis] for axis in axes) for mm in (image_mm, mask_mm))
        affine_rc = tuple((2.0, 0.5, 1.5)[axis] for axis in axes)
        assert row["segments"] == segment_rows(pixels, mask_rc, NAMES, affine_rc)
        shown = [(task, label) for task, label in ((3, 1), (4, 2)) if (pixels == label).any()]
        assert [(lesion["lesion_task"], lesion["label"]) for lesion in row["lesions"]] == shown
        for lesion in row["lesions"]:
            fits = fit_clusters(pixels == lesion["label"], image_rc)
            lengths = [(e["major_mm"], e["minor_mm"]) for e in lesion["ellipses"]]
            assert lengths == [(fit.major_mm, fit.minor_mm) for fit in fits if fit.fate == "kept"]
            fitted += len(lengths)
    assert fitted > 20


def test_an_image_without_lesion_tasks_has_none():
    assert all(row["lesions"] == [] for row in Scene().rows_of(task=1))
    assert all(row["task"] == 1 for row in Scene().rows_of(task=1))


def test_constants_of_the_case():
    row = Scene(overlap=5).rows_of()[0]
    stated = {
        "dataset": "Toy-1.5",
        "case_id": "Site A/case.007",
        "patient": "7",
        "side": "train",
        "split_source": "patient_hash",
        "modality": "MRI",
        "unit": "a.u.",
        "overlap_voxels": 5,
        "source_path": "raw/7_2.nii",
        "source_channel": -1,
        "mask_path": "raw/7_mask.nii",
        "upstream_name": "7_2.nii.gz",
    }
    assert {name: row[name] for name in stated} == stated


def test_per_class_masks_state_their_folder_and_4d_images_their_channel():
    scene = Scene()
    files = tuple(SourceFile(f"raw/s7/segmentations/{name}.nii", 1, "") for name in ("liver", "cancer"))
    image = CaseImage(2, SourceFile("raw/7.nii", 1, ""), 3, "7.nii.gz")
    case = replace(scene.case(), masks=files, mask_labels=(1, 2), images=(image,))
    options = BuildOptions("", "", (DATASET.name,))
    labels = measure_case(case, Mask(Volume(scene.mask, scene.mask_grid, 1.0, 0.0), 0), DATASET, options)
    volume = Volume(scene.image, scene.image_grid, 1.0, 0.0)
    row = next(
        image_rows(labels, image, volume, lesion_volumes(labels, image, DATASET), DATASET, options, "test")
    ).batch.to_pylist()[0]
    assert (row["mask_path"], row["source_channel"], row["side"]) == ("raw/s7/segmentations", 3, "test")


# Pictures


@pytest.mark.parametrize("block_bytes", [1, 3000, 32 << 20])
@pytest.mark.parametrize("order", ["C", "F"])
def test_pictures_decode_to_the_slice_array(monkeypatch, order, block_bytes):
    monkeypatch.setattr(columns, "IMAGE_BLOCK_BYTES", block_bytes)
    mask = labels_of()
    mask[10] = 0  # a gap between labelled slices
    scene = Scene(mask=mask, image=np.asarray(intensities() - 900, order=order))
    for plane in scene.planes_of():
        described = plane.batch.to_pylist()
        pictures = list(plane.pictures())
        assert len(pictures) == len(described)
        for row, content in zip(described, pictures, strict=True):
            codes = np.asarray(Image.open(io.BytesIO(content)))
            values = codes * row["intensity_scale"] + row["intensity_offset"]
            expected = SLICE_OF[plane.slice_dim](scene.image, row["slice_idx"])
            assert codes.shape == (row["height"], row["width"])
            np.testing.assert_array_equal(values, expected)


def test_flipped_and_permuted_views_are_drawn_as_they_stand():
    """Volumes come as turned views of the stored array."""
    turned = np.ascontiguousarray(intensities().transpose(2, 0, 1)[::-1])
    view = turned[::-1].transpose(1, 2, 0)
    np.testing.assert_array_equal(view, intensities())
    for plane in Scene(image=view).planes_of():
        picture = np.asarray(Image.open(io.BytesIO(next(plane.pictures()))))
        expected = SLICE_OF[plane.slice_dim](intensities(), int(plane.slice_idx[0]))
        np.testing.assert_array_equal(picture, expected)


# Flags and faults


def test_a_plain_case_has_no_flags():
    scene = Scene(mask_grid=grid(SHAPE, IMAGE_MM))
    assert {tuple(row["flags"]) for row in scene.rows_of()} == {()}
    assert {row["grid_mismatch_mm"] for row in scene.rows_of()} == {0.0}


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({"overlap": 1}, "mask_overlap"),
        ({"image_grid": grid(SHAPE, IMAGE_MM, MASK_MM)}, "spacing_conflict"),
        ({"mask_grid": grid(SHAPE, IMAGE_MM, MASK_MM)}, "mask_spacing_conflict"),
        ({"mask_grid": grid(SHAPE, IMAGE_MM, shift_mm=0.5)}, "grid_mismatch"),
        ({"mask": np.where(labels_of() == 2, 9, labels_of()).astype(np.uint8)}, "label_unknown"),
    ],
)
def test_each_flag(change, flag):
    scene = replace(Scene(mask_grid=grid(SHAPE, IMAGE_MM)), **change)
    assert {tuple(row["flags"]) for row in scene.rows_of()} == {(flag,)}


def test_planes_over_time_are_flagged_and_left_out_by_exact_rules():
    tasks = tuple(replace(task, physical_planes=("axial",)) for task in DATASET.tasks)
    scene = Scene(mask_grid=grid(SHAPE, IMAGE_MM), dataset=replace(DATASET, tasks=tasks))
    flags = {(row["plane"], *row["flags"]) for row in scene.rows_of()}
    assert flags == {("sagittal", "not_spatial"), ("coronal", "not_spatial"), ("axial",)}
    exact = replace(scene, rules="exact")
    assert {row["plane"] for row in exact.rows_of()} == {"axial"}
    assert replace(exact, planes=("coronal",)).rows_of() == []


def test_suspect_cases_are_flagged():
    dataset = replace(DATASET, suspect={"Site A/case.007": "odd"}, known_bad={"Site A/case.008": "wrong"})
    scene = Scene(mask_grid=grid(SHAPE, IMAGE_MM), dataset=dataset)
    assert {tuple(row["flags"]) for row in scene.rows_of()} == {("suspect",)}
    assert {tuple(row["flags"]) for row in replace(scene, case_id="Site A/case.008").rows_of()} == {()}


def test_flags_are_sorted():
    scene = Scene(overlap=1, image_grid=grid(SHAPE, IMAGE_MM, MASK_MM, shift_mm=3.0))
    expected = ["grid_mismatch", "mask_overlap", "mask_spacing_conflict", "spacing_conflict"]
    assert scene.rows_of()[0]["flags"] == expected


@pytest.mark.parametrize(("share", "apart"), [(0.999, False), (1.0, False), (1.001, True)])
def test_grids_are_apart_beyond_a_tenth_of_the_smallest_spacing(share, apart):
    shift_mm = 0.1 * min(IMAGE_MM) * share
    scene = Scene(mask_grid=grid(SHAPE, IMAGE_MM, shift_mm=shift_mm))
    row = scene.rows_of()[0]
    assert ("grid_mismatch" in row["flags"]) is apart
    assert row["grid_mismatch_mm"] == pytest.approx(shift_mm)
    exact = replace(scene, rules="exact")
    if apart:
        with pytest.raises(DataFault) as caught:
            exact.rows_of()
        assert caught.value.reason == "grid_mismatch"
        assert caught.value.values["limit_mm"] == pytest.approx(0.07)
    else:
        assert len(exact.rows_of()) == len(scene.rows_of())


def test_grids_apart_by_scale_are_measured_at_the_far_corner():
    scene = Scene(mask_grid=grid(SHAPE, (0.7, 1.1, 2.5)))
    assert scene.rows_of()[0]["grid_mismatch_mm"] == pytest.approx(0.2 * (SHAPE[2] - 1))


@pytest.mark.parametrize("rules", ["1.4.0", "exact"])
def test_unequal_shapes_are_rejected_under_all_rules(rules):
    shape = (26, 33, 20)
    scene = Scene(image=intensities(shape), image_grid=grid(shape, IMAGE_MM), rules=rules)
    with pytest.raises(DataFault) as caught:
        scene.rows_of()
    assert caught.value.reason == "shape_mismatch"
    assert caught.value.values == {"image": list(shape), "mask": list(SHAPE)}


def test_without_pictures_nothing_is_read_of_the_intensities():
    scene = Scene(image=np.full(SHAPE, np.nan, np.float32), images="none")
    assert len(scene.rows_of()) == len(Scene().rows_of())
    with pytest.raises(DataFault) as caught:
        replace(scene, images="png16").rows_of()
    assert caught.value.reason == "image_not_finite"


def test_a_lesion_of_too_many_clusters_is_a_fault(monkeypatch):
    scene = Scene()
    monkeypatch.setattr(rows, "MAX_REGIONS", 5)
    with pytest.raises(DataFault, match="more than 5 parts"):
        scene.rows_of()
    assert scene.rows_of(task=1)  # an image without lesion tasks
