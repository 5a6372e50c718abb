"""Rows of landmark cases, from small raw trees on disk: a film with two readings, a realigned oblique volume."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from phantom import write_bmp, write_bytes
from raw_sources import LOCAL, source_file

from medvision.schemas.case import Case, CaseImage
from medvision.schemas.dataset import PLANES, Dataset
from medvision.schemas.faults import DataFault
from medvision.schemas.options import BuildOptions
from medvision.schemas.rows import ANNOTATION_SCHEMA
from medvision.sources.ceph import CEPH
from medvision.sources.feta24 import FETA24
from medvision.transforms.landmark_rows import landmark_rows
from medvision.transforms.read import CaseReader

Row = dict[str, Any]
WIDTH, HEIGHT = 61, 83
SENIOR = {n: (5.0 + 2 * n, 10.0 + 7 * n % 60) for n in range(1, 20)}
JUNIOR = {n: (x + n % 3, y - n % 2) for n, (x, y) in SENIOR.items()}
EXACT = ("SNA", "SNB", "ANB", "ODI", "APDI", "FHI", "FMA", "MW")
SHAPE, SPACING = (21, 25, 19), (0.5, 0.7, 1.1)
ENDS = {
    1: ((10, 4, 9), (10, 20, 8)),  # corpus callosum: the larger y first
    2: ((11, 8, 3), (11, 6, 12)),  # vermis: the larger z first
    3: ((2, 12, 10), (18, 12, 11)),  # then the larger x
    4: ((1, 13, 7), (19, 12, 7)),
    5: ((6, 9, 5), (15, 10, 6)),
}
"""Two voxels of each label, the second being the point that must come first."""
SLICES = {"L-1-2": (0, 10), "L-3-4": (0, 11), "L-5-6": (2, 11), "L-7-8": (2, 7), "L-9-10": (1, 10)}
SHIFT_LPS = (1.5, -0.7, 2.2)
CASE = "sub-001_rec-mial"


def text(points: dict[int, tuple[float, float]]) -> bytes:
    return "".join(f"{x:g},{y:g}\n" for x, y in points.values()).encode() + b"1\n" * 8


@dataclass
class Tree:
    """A raw tree of one case; its parts are changed before it is read."""

    root: Path
    dataset: Dataset
    case: Case
    rules: str = "1.4.0"
    planes: tuple[str, ...] = PLANES
    images: str = "none"

    def planes_of(self) -> list[Any]:
        options = BuildOptions("", "", (self.dataset.name,), rules=self.rules, planes=self.planes, images=self.images)
        reader = CaseReader(LOCAL, str(self.root), self.dataset)
        return list(landmark_rows(self.case, self.dataset, reader, options, "train"))

    def rows(self) -> list[Row]:
        found = self.planes_of()
        for plane in found:
            assert plane.batch.schema == ANNOTATION_SCHEMA
            plane.batch.validate(full=True)
        return [row for plane in found for row in plane.batch.to_pylist()]

    def fault(self) -> DataFault:
        with pytest.raises(DataFault) as caught:
            self.rows()
        return caught.value


@pytest.fixture
def film(tmp_path: Path) -> Tree:
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for number, (x, y) in SENIOR.items():
        pixels[int(y) - 1, int(x) - 1] = 100 + number
    write_bmp(tmp_path / "001.bmp", pixels)
    write_bytes(tmp_path / "400_senior/001.txt", text(SENIOR))
    write_bytes(tmp_path / "400_junior/001.txt", text(JUNIOR))
    readings = tuple((r, source_file(tmp_path, f"400_{r}/001.txt")) for r in ("senior", "junior"))
    image = CaseImage(1, source_file(tmp_path, "001.bmp"), None, "001.nii.gz")
    return Tree(tmp_path, CEPH, Case(CEPH.name, "001", "001", (image,), (), landmarks=readings))


def oblique() -> np.ndarray:
    c, s = math.cos(0.2), math.sin(0.2)
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(SPACING)
    affine[:3, 3] = (-5.0, 3.0, 8.0)
    return affine


def write_volume(path: Path, data: np.ndarray, affine: np.ndarray, axes: str = "RAS", zooms: tuple = ()) -> None:
    """`data` and `affine` are RAS+; the file has other axes, and other header voxel sizes where asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, affine)
    turn = nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(axes))
    image = image.as_reoriented(turn)
    if zooms:
        image.header["pixdim"][1:4] = zooms
        image.header["qform_code"] = 0
    nib.save(image, path)


def marks(ends: dict[int, tuple] = ENDS) -> np.ndarray:
    data = np.zeros(SHAPE, np.uint8)
    for label, places in ends.items():
        for place in places:
            data[place] = label
    return data


def transform(shift: tuple[float, ...] = SHIFT_LPS) -> bytes:
    numbers = " ".join(map(str, (1, 0, 0, 0, 1, 0, 0, 0, 1, *shift)))
    head = "#Insight Transform File V1.0\n#Transform 0\nTransform: MatrixOffsetTransformBase_double_3_3\n"
    return f"{head}Parameters: {numbers}\nFixedParameters: 0 0 0\n".encode()


def brain() -> np.ndarray:
    return np.random.default_rng(3).integers(1, 500, SHAPE).astype(np.float32)


@pytest.fixture
def fetus(tmp_path: Path) -> Tree:
    write_volume(tmp_path / f"{CASE}_T2w.nii.gz", brain(), oblique())
    write_volume(tmp_path / f"{CASE}_meas.nii.gz", marks(), oblique())
    write_bytes(tmp_path / f"{CASE}_trf.txt", transform())
    lengths = {label: math.dist(*(np.array(end) * SPACING for end in ends)) for label, ends in ENDS.items()}
    table = "\tLCC\tHV\tbBIP\tsBIP\tTCD\nsub-001\t" + "\t".join(f"{lengths[n]:.3f}" for n in range(1, 6)) + "\n"
    write_bytes(tmp_path / "biometry.tsv", table.encode())
    image = CaseImage(1, source_file(tmp_path, f"{CASE}_T2w.nii.gz"), None, f"{CASE}_T2w.nii.gz")
    extras = (("transform", f"{CASE}_trf.txt"), ("table", "biometry.tsv"))
    case = Case(
        FETA24.name,
        f"realigned/{CASE}",
        "sub-001",
        (image,),
        (),
        landmarks=(("biometry", source_file(tmp_path, f"{CASE}_meas.nii.gz")),),
        extras=tuple((role, source_file(tmp_path, name)) for role, name in extras),
    )
    return Tree(tmp_path, FETA24, case)


def values(row: Row, source: str, definition: str) -> dict[str, float]:
    return {b["key"]: b["value"] for b in row["biometrics"] if (b["source"], b["definition"]) == (source, definition)}


# Films


def test_a_film_is_one_sagittal_row(film: Tree) -> None:
    (row,) = film.rows()
    assert (row["slice_id"], row["plane"], row["slice_idx"]) == (
        "Ceph-Biometrics-400-001-t01-sagittal-0000",
        "sagittal",
        0,
    )
    assert (row["height"], row["width"], row["shape_xyz"]) == (WIDTH, HEIGHT, [1, WIDTH, HEIGHT])
    assert row["pixel_spacing_mm"] == row["mask_pixel_spacing_mm"] == [0.1, 0.1]
    stated = {"segments": [], "lesions": [], "mask_path": "", "space": "native", "flags": [], "grid_mismatch_mm": 0.0}
    stated |= {"landmark_path": "400_senior/001.txt", "source_path": "001.bmp", "task": 1, "side": "train"}
    assert {name: row[name] for name in stated} == stated


def test_both_readers_and_their_mean(film: Tree) -> None:
    (row,) = film.rows()
    position = {(p["source"], p["number"]): p["position_rc"] for p in row["landmarks"]}
    for number in {n for _, n in position}:
        (x, y), (u, v) = SENIOR[number], JUNIOR[number]
        assert position["senior", number] == [x - 1, HEIGHT - y]
        assert position["junior", number] == [u - 1, HEIGHT - v]
        assert position["mean", number] == pytest.approx([(x + u) / 2 - 1, HEIGHT - (y + v) / 2])
    assert list(dict.fromkeys(p["source"] for p in row["landmarks"])) == ["senior", "junior", "mean"]
    numbers = [p["number"] for p in row["landmarks"] if p["source"] == "senior"]
    assert numbers == [*range(1, 13), 17, 18]  # those of some measure
    assert {b["source"] for b in row["biometrics"] if b["primary"]} == {"senior"}


def test_points_of_a_film_lie_on_its_pixels(film: Tree) -> None:
    film.images = "png16"
    (plane,) = film.planes_of()
    (row,) = plane.batch.to_pylist()
    for point in row["landmarks"]:
        if point["source"] == "senior":
            r, c = map(int, point["position_rc"])
            assert plane.volume.data[0, r, c] == 100 + point["number"]
            assert point["world_mm"] == pytest.approx([0.0, r * 0.1, c * 0.1])
            assert (point["slice_position"], point["native_mm"]) == (0.0, [])


def test_a_film_has_upstreams_measures_and_the_challenges(film: Tree) -> None:
    (row,) = film.rows()
    for source, points in (("senior", SENIOR), ("junior", JUNIOR)):
        upstream, exact = values(row, source, "upstream"), values(row, source, "exact")
        assert sum(key.startswith("A-") for key in upstream) == 8
        assert sum(key.startswith("L-") for key in upstream) == 11
        assert {key for key in exact if not key.startswith("L-")} == set(EXACT)
        assert upstream["L-1-2"] == exact["L-1-2"] == pytest.approx(math.dist(points[1], points[2]) / 10)
        assert exact["FHI"] == pytest.approx(math.dist(points[1], points[10]) / math.dist(points[2], points[8]))
        assert exact["ANB"] == pytest.approx(exact["SNA"] - exact["SNB"])
        assert upstream["A-L_1_2-L_2_5"] == pytest.approx(min(exact["SNA"], 180 - exact["SNA"]))


def test_one_reader_has_no_mean(film: Tree) -> None:
    film.case = replace(film.case, landmarks=film.case.landmarks[:1])
    assert {p["source"] for p in film.rows()[0]["landmarks"]} == {"senior"}


def test_points_that_coincide_leave_their_angles_out(film: Tree) -> None:
    write_bytes(film.root / "400_senior/001.txt", text({**SENIOR, 2: SENIOR[1]}))
    (row,) = film.rows()
    upstream, exact = values(row, "senior", "upstream"), values(row, "senior", "exact")
    assert "A-L_1_2-L_2_5" not in upstream
    assert upstream["L-1-2"] == 0.0
    assert set(EXACT) - set(exact) == {"SNA", "SNB", "ANB", "FMA"}
    assert len(values(row, "junior", "exact")) == 19
    assert row["flags"] == ["landmarks_incomplete"]
    assert all(math.isfinite(b["value"]) for b in row["biometrics"])


@pytest.mark.parametrize(
    ("reader", "change"),
    [
        ("senior", {4: (WIDTH + 1.0, 5.0)}),
        ("junior", {4: (5.0, HEIGHT + 1.0)}),
        ("junior", {4: (0.0, 5.0)}),
        ("senior", {4: (float("nan"), 5.0)}),
    ],
)
def test_a_point_beside_the_film_is_a_fault(film: Tree, reader: str, change: dict) -> None:
    write_bytes(film.root / f"400_{reader}/001.txt", text({**SENIOR, **change}))
    fault = film.fault()
    assert (fault.reason, fault.path) == ("bad_landmarks", f"400_{reader}/001.txt")


def test_corner_pixels_are_on_the_film(film: Tree) -> None:
    write_bytes(film.root / "400_senior/001.txt", text({**SENIOR, 3: (1.0, 1.0), 4: (float(WIDTH), float(HEIGHT))}))
    position = {p["number"]: p["position_rc"] for p in film.rows()[0]["landmarks"] if p["source"] == "senior"}
    assert (position[3], position[4]) == ([0.0, HEIGHT - 1.0], [WIDTH - 1.0, 0.0])


def test_other_planes_of_a_film_have_no_rows(film: Tree) -> None:
    film.planes = ("coronal", "axial")
    assert film.rows() == []


# Realigned volumes


@pytest.mark.parametrize("axes", ["RAS", "LPS", "IPL"])
def test_a_measure_is_on_the_slice_of_its_first_point(fetus: Tree, axes: str) -> None:
    write_volume(fetus.root / f"{CASE}_T2w.nii.gz", brain(), oblique(), axes)
    write_volume(fetus.root / f"{CASE}_meas.nii.gz", marks(), oblique(), axes)
    rows = fetus.rows()
    shown = {b["key"]: (row["slice_dim"], row["slice_idx"]) for row in rows for b in row["biometrics"]}
    assert shown == SLICES
    assert len(rows) == 5
    assert {row["raw_axes"] for row in rows} == {axes}
    for row in rows:
        first, second = row["landmarks"]
        assert second["number"] == first["number"] + 1
        ends = ENDS[second["number"] // 2]
        at = [
            [*p["position_rc"][: row["slice_dim"]], p["slice_position"], *p["position_rc"][row["slice_dim"] :]]
            for p in (first, second)
        ]
        assert at == [list(ends[1]), list(ends[0])]
        assert first["slice_position"] == row["slice_idx"]
        for point, voxel in zip((first, second), at, strict=True):
            world_mm = (oblique() @ [*voxel, 1.0])[:3]
            assert point["world_mm"] == pytest.approx(world_mm, abs=1e-5)
            native_mm = world_mm + np.array(SHIFT_LPS) * (-1, -1, 1)
            assert point["native_mm"] == pytest.approx(native_mm, abs=1e-5)
    assert {(row["space"], row["landmark_path"]) for row in rows} == {("realigned", f"{CASE}_meas.nii.gz")}


def test_lengths_are_in_mm_of_unequal_voxels(fetus: Tree) -> None:
    found = {b["key"]: b["value"] for row in fetus.rows() for b in row["biometrics"] if b["definition"] == "upstream"}
    expected = {
        f"L-{2 * n - 1}-{2 * n}": math.dist(*(np.array(end) * SPACING for end in ends)) for n, ends in ENDS.items()
    }
    assert found == pytest.approx(expected, rel=1e-6)
    exact = {b["key"]: b["value"] for row in fetus.rows() for b in row["biometrics"] if b["definition"] == "exact"}
    assert exact == found


def test_the_picture_is_the_realigned_one(fetus: Tree) -> None:
    """A shift of whole voxels, so that the resampled voxels are native ones."""
    straight = np.diag([*SPACING, 1.0])
    write_volume(fetus.root / f"{CASE}_T2w.nii.gz", brain(), straight)
    write_volume(fetus.root / f"{CASE}_meas.nii.gz", marks(), straight)
    write_bytes(fetus.root / f"{CASE}_trf.txt", transform((-2 * SPACING[0], 0.0, 1 * SPACING[2])))
    for plane in fetus.planes_of():
        expected = np.zeros(SHAPE, np.float32)
        expected[:-2, :, :-1] = brain()[2:, :, 1:]
        assert np.allclose(plane.volume.data, expected, atol=1e-2)
        for row in plane.batch.to_pylist():
            for point in row["landmarks"]:
                moved = np.array(point["native_mm"]) - point["world_mm"]
                assert moved == pytest.approx([2 * SPACING[0], 0.0, SPACING[2]])


@pytest.mark.parametrize(("rules", "factor"), [("1.4.0", 2.0), ("exact", 1.0)])
def test_numbered_rules_measure_by_the_header_and_exact_ones_by_the_affine(
    fetus: Tree, rules: str, factor: float
) -> None:
    for kind, data in (("T2w", brain()), ("meas", marks())):
        write_volume(fetus.root / f"{CASE}_{kind}.nii.gz", data, oblique(), zooms=tuple(2 * mm for mm in SPACING))
    fetus.rules = rules
    rows = fetus.rows()
    assert all("spacing_conflict" in row["flags"] for row in rows)
    (value,) = {b["value"] for row in rows for b in row["biometrics"] if b["key"] == "L-1-2"}
    assert value == pytest.approx(factor * math.dist(*(np.array(end) * SPACING for end in ENDS[1])), rel=1e-6)
    assert rows[0]["spacing_xyz_mm"] == pytest.approx([factor * mm for mm in SPACING], rel=1e-6)


@pytest.mark.parametrize("rules", ["1.4.0", "exact"])
def test_the_table_decides_under_exact_rules_alone(fetus: Tree, rules: str) -> None:
    exchanged = {**ENDS, 1: ENDS[2], 2: ENDS[1]}
    write_volume(fetus.root / f"{CASE}_meas.nii.gz", marks(exchanged), oblique())
    fetus.rules = rules
    rows = fetus.rows()
    (length,) = {b["value"] for row in rows for b in row["biometrics"] if b["name"] == "LCC"}
    label = 1 if rules == "exact" else 2
    assert length == pytest.approx(math.dist(*(np.array(end) * SPACING for end in ENDS[label])), rel=1e-6)
    assert {"label_order_exchanged" in row["flags"] for row in rows} == {rules == "exact"}


def test_a_measure_with_one_voxel_is_left_out_and_flagged(fetus: Tree) -> None:
    write_volume(fetus.root / f"{CASE}_meas.nii.gz", marks({**ENDS, 4: ENDS[4][:1]}), oblique())
    rows = fetus.rows()
    assert {b["key"] for row in rows for b in row["biometrics"]} == set(SLICES) - {"L-7-8"}
    assert all(row["flags"] == ["landmarks_incomplete"] for row in rows)


def test_a_landmark_mask_off_the_image_is_flagged_or_refused(fetus: Tree) -> None:
    affine = oblique()
    affine[0, 3] += 0.2
    write_volume(fetus.root / f"{CASE}_meas.nii.gz", marks(), affine)
    rows = fetus.rows()
    assert all(row["grid_mismatch_mm"] == pytest.approx(0.2, abs=1e-5) for row in rows)
    assert all(row["flags"] == ["grid_mismatch"] for row in rows)
    fetus.rules = "exact"
    fault = fetus.fault()
    assert (fault.reason, fault.path) == ("grid_mismatch", f"{CASE}_meas.nii.gz")


def test_image_and_landmarks_may_be_stored_on_other_axes(fetus: Tree) -> None:
    before = fetus.rows()
    write_volume(fetus.root / f"{CASE}_meas.nii.gz", marks(), oblique(), "IPL")
    after = fetus.rows()
    assert [row["landmarks"] for row in after] == [row["landmarks"] for row in before]
    assert max(row["grid_mismatch_mm"] for row in after) < 1e-4


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (f"{CASE}_trf.txt", b"nothing", "bad_transform"),
        (f"{CASE}_T2w.nii.gz", b"nothing", "bad_gzip"),
        (f"{CASE}_meas.nii.gz", b"nothing", "bad_gzip"),
    ],
)
def test_a_fault_names_its_file(fetus: Tree, name: str, content: bytes, reason: str) -> None:
    write_bytes(fetus.root / name, content)
    fault = fetus.fault()
    assert (fault.reason, fault.path) == (reason, name)


def test_landmarks_of_another_shape_are_a_fault(fetus: Tree) -> None:
    write_volume(fetus.root / f"{CASE}_meas.nii.gz", np.ones((4, 5, 6), np.uint8), oblique())
    fault = fetus.fault()
    assert (fault.reason, fault.path) == ("shape_mismatch", f"{CASE}_meas.nii.gz")


def test_only_the_asked_planes(fetus: Tree) -> None:
    fetus.planes = ("coronal",)
    assert [(row["plane"], [b["key"] for b in row["biometrics"]]) for row in fetus.rows()] == [
        ("coronal", ["L-9-10"] * 2)
    ]


def test_two_measures_of_one_slice_share_its_row(fetus: Tree) -> None:
    together = {**ENDS, 2: ((10, 8, 3), (10, 6, 12))}
    write_volume(fetus.root / f"{CASE}_meas.nii.gz", marks(together), oblique())
    (row,) = [row for row in fetus.rows() if row["plane"] == "sagittal"]
    assert [p["number"] for p in row["landmarks"]] == [1, 2, 3, 4]
    assert [b["key"] for b in row["biometrics"]] == ["L-1-2", "L-3-4"] * 2
