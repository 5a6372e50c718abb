"""Landmark files to points: text of films, pairs of voxels, and the table that settles their order."""

import io
import math
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from phantom import write_bmp
from raw_sources import read

from medvision.schemas.dataset import Measure
from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume
from medvision.sources.feta24 import FETA24
from medvision.transforms.biometrics import upstream_biometrics
from medvision.transforms.geometry import to_ras
from medvision.transforms.landmarks import (
    PointSet,
    film_points,
    mean_pixels,
    order_by_table,
    read_isbi_text,
    read_voxel_pairs,
)

LINES = [f"{800 + 10 * k},{900 + 7 * k}" for k in range(19)]
CLASSES = ["1", "2", "1", "3", "1", "2", "1", "3"]
FETA = FETA24.landmark_tasks[0]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_first_19_lines_are_points(newline: str) -> None:
    points = read_isbi_text(newline.join([*LINES, *CLASSES]).encode())
    assert points == {k + 1: (800.0 + 10 * k, 900.0 + 7 * k) for k in range(19)}


def test_a_text_of_points_alone_will_do() -> None:
    assert read_isbi_text("\n".join(LINES).encode()) == read_isbi_text("\n".join([*LINES, *CLASSES]).encode())
    assert len([*LINES, *CLASSES]) == 27


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("\n".join(LINES[:18]), id="too few lines"),
        pytest.param("\n".join([*LINES[:18], *CLASSES]), id="a class line in place of a point"),
        pytest.param("\n".join([*LINES[:3], "12;40", *LINES[4:]]), id="another separator"),
        pytest.param("\n".join([*LINES[:3], "12,forty", *LINES[4:]]), id="no number"),
        pytest.param("\n".join([*LINES[:3], "12,40,5", *LINES[4:]]), id="three numbers"),
        pytest.param("\n".join([*LINES[:18], "nan,3"]), id="NaN"),
        pytest.param("\n".join([*LINES[:18], "inf,3"]), id="infinite"),
        pytest.param("é,1", id="not ASCII"),
    ],
)
def test_a_damaged_text_is_a_fault(text: str) -> None:
    with pytest.raises(DataFault) as caught:
        read_isbi_text(text.encode("latin-1"))
    assert caught.value.reason == "bad_landmarks"


def test_points_of_a_film_lie_on_its_stored_pixels() -> None:
    """A film of 12 rows and 7 columns is stored as (1, columns, rows) with its rows flipped; text counts from 1."""
    film = np.arange(12 * 7).reshape(12, 7)
    stored = film[::-1].T[np.newaxis]
    for row in range(12):
        for column in range(7):
            points = film_points("senior", {1: (column + 1.0, row + 1.0)}, height=12, spacing_mm=0.1)
            index = tuple(int(value) for value in points.voxels_xyz[1])
            assert stored[index] == film[row, column]
            assert points.film_mm[1] == pytest.approx(((column + 1) * 0.1, (row + 1) * 0.1))


@pytest.mark.parametrize("colour", [False, True])
def test_the_bright_pixel_of_a_film_is_where_its_landmark_is(tmp_path: Path, colour: bool) -> None:
    """Through the reader of films: upstream's index [0, x - 1, height - y] for "x,y" counted from the top left."""
    x, y, width, height = 23, 8, 31, 40
    pixels = np.zeros((height, width), np.uint8)
    pixels[y - 1, x - 1] = 250
    write_bmp(tmp_path / "001.bmp", pixels, colour)
    film = to_ras(read(tmp_path, "001.bmp", spacing_mm=0.1))
    points = film_points("senior", {1: (float(x), float(y))}, film.grid.shape_xyz[2], 0.1)
    assert points.voxels_xyz[1] == (0.0, x - 1.0, float(height - y))
    assert np.argwhere(film.data == 250).tolist() == [list(map(int, points.voxels_xyz[1]))]
    assert film.grid.zooms_xyz_mm == (0.1, 0.1, 0.1)


def test_the_mean_reader() -> None:
    assert mean_pixels([{1: (10.0, 20.0)}, {1: (11.0, 26.0)}]) == {1: (10.5, 23.0)}


def marks(voxels: dict[int, list[tuple[int, int, int]]], axes: str = "RAS") -> RawVolume:
    """A landmark mask with no two equal sides, its voxels given in RAS+, stored on other axes."""
    data = np.zeros((11, 13, 17), np.float32)
    for label, places in voxels.items():
        for place in places:
            data[place] = label
    image = nib.Nifti1Image(data, np.diag([0.5, 0.7, 1.1, 1.0]))
    turn = nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(axes))
    turned = image.as_reoriented(turn)
    zooms = tuple(float(zoom) for zoom in turned.header.get_zooms())
    return RawVolume(np.asarray(turned.dataobj), turned.affine, zooms)


@pytest.mark.parametrize("axes", ["RAS", "LPS", "IPL", "ASR"])
def test_pairs_of_voxels_in_any_storage(axes: str) -> None:
    """Of the corpus callosum (sagittal) the first point has the larger y, of the vermis the larger z."""
    raw = marks({1: [(5, 2, 9), (5, 10, 8)], 2: [(5, 3, 3), (5, 4, 12)]}, axes)
    points = read_voxel_pairs("biometry", to_ras(raw), FETA)
    assert points.voxels_xyz == {1: (5, 10, 8), 2: (5, 2, 9), 3: (5, 4, 12), 4: (5, 3, 3)}
    values = {m.key: m.value for m in upstream_biometrics(points.voxels_xyz, (0.5, 0.7, 1.1), FETA.measures)}
    assert values == pytest.approx({"L-1-2": math.hypot(8 * 0.7, 1.1), "L-3-4": math.hypot(0.7, 9 * 1.1)})


@pytest.mark.parametrize("places", [[(5, 2, 9)], [(5, 2, 9), (5, 3, 9), (5, 4, 9)]])
def test_a_measure_without_two_voxels_is_left_out_and_flagged(places: list[tuple[int, int, int]]) -> None:
    points = read_voxel_pairs("biometry", to_ras(marks({1: places, 2: [(5, 3, 3), (5, 4, 12)]})), FETA)
    assert set(points.voxels_xyz) == {3, 4}
    assert points.flags == ("landmarks_incomplete",)


def test_a_mask_without_any_pair_is_a_fault() -> None:
    with pytest.raises(DataFault) as caught:
        read_voxel_pairs("biometry", to_ras(marks({})), FETA)
    assert caught.value.reason == "bad_landmarks"


def table(lcc: float, hv: float) -> bytes:
    text = io.StringIO()
    text.write("\tLCC\tHV\tbBIP\tsBIP\tTCD\n")
    text.write(f"sub-001\t{lcc}\t{hv}\t\t\t\n")
    return text.getvalue().encode()


LONG, SHORT = ((5.0, 10.0, 8.0), (5.0, 2.0, 8.0)), ((5.0, 4.0, 6.0), (5.0, 4.0, 3.0))


@pytest.mark.parametrize(
    ("first", "second", "content", "flags"),
    [
        (LONG, SHORT, table(8.0, 3.0), ()),
        (SHORT, LONG, table(8.0, 3.0), ("label_order_exchanged",)),
        (LONG, SHORT, table(55.0, 1.0), ("label_order_unchecked",)),
        (LONG, SHORT, b"subject\tLCC\nsub-002\t8\n", ("label_order_unchecked",)),
        (LONG, SHORT, b"\tLCC\tHV\nsub-001\t8.0\n", ("label_order_unchecked",)),  # a short row
        (LONG, SHORT, b"\tLCC\tHV\nsub-001\t8.0\tn/a\n", ("label_order_unchecked",)),
        (LONG, SHORT, b"\tLCC\tHV\nsub-001\tinf\tinf\n", ("label_order_unchecked",)),
        (LONG, SHORT, b"", ("label_order_unchecked",)),
        (LONG, SHORT, b"\n\xff\x00", ("label_order_unchecked",)),
        (SHORT, LONG, table(8.0, 3.0).replace(b"\n", b"\r\n"), ("label_order_exchanged",)),
        (SHORT, LONG, table(8.0, 3.0).replace(b"\n", b"\r"), ("label_order_exchanged",)),
        (SHORT, LONG, b"\xef\xbb\xbf" + table(8.0, 3.0), ("label_order_exchanged",)),
        (LONG, SHORT, table(8.7, 2.8), ()),  # within a tenth
        (LONG, SHORT, table(9.0, 3.0), ("label_order_unchecked",)),  # 8 is not within a tenth of 9
    ],
)
def test_the_publishers_table_settles_the_order(first: tuple, second: tuple, content: bytes, flags: tuple) -> None:
    voxels = {1: first[0], 2: first[1], 3: second[0], 4: second[1]}
    found = order_by_table(PointSet("biometry", voxels), (1.0, 1.0, 1.0), content, "sub-001", FETA.measures)
    assert found.flags == flags
    if flags != ("label_order_unchecked",):
        assert (found.voxels_xyz[1], found.voxels_xyz[2]) == LONG
        assert (found.voxels_xyz[3], found.voxels_xyz[4]) == SHORT


def test_the_table_is_in_mm_and_the_points_in_voxels() -> None:
    """Voxels of 0.5 x 0.25 x 2 mm: label 1 marks 8 voxels along y (2 mm), label 2 3 voxels along z (6 mm)."""
    voxels = {1: LONG[0], 2: LONG[1], 3: SHORT[0], 4: SHORT[1]}
    points = PointSet("biometry", voxels)
    found = order_by_table(points, (0.5, 0.25, 2.0), table(6.0, 2.0), "sub-001", FETA.measures)
    assert found.flags == ("label_order_exchanged",)
    assert {found.voxels_xyz[1], found.voxels_xyz[2]} == set(SHORT)
    assert {found.voxels_xyz[3], found.voxels_xyz[4]} == set(LONG)
    assert order_by_table(points, (0.5, 0.25, 2.0), table(2.0, 6.0), "sub-001", FETA.measures) == points


def test_one_measure_alone_is_not_checked() -> None:
    points = PointSet("biometry", {1: LONG[0], 2: LONG[1]})
    found = order_by_table(points, (1.0, 1.0, 1.0), table(8.0, 3.0), "sub-001", FETA.measures)
    assert (found.voxels_xyz, found.flags) == (points.voxels_xyz, ("label_order_unchecked",))


def test_angles_fold_and_spacing_counts() -> None:
    measure = Measure("A-L_1_2-L_3_4", "angle", (1, 2, 3, 4), 0)
    points = {1: (0.0, 0.0, 0.0), 2: (0.0, 10.0, 0.0), 3: (0.0, 0.0, 0.0), 4: (0.0, -10.0, 5.0)}
    (found,) = upstream_biometrics(points, (9.0, 1.0, 2.0), [measure])
    assert found.value == pytest.approx(45.0)  # the true angle is 135 degrees
    assert upstream_biometrics({1: (0.0, 0.0, 0.0)}, (1.0, 1.0, 1.0), [measure]) == []
