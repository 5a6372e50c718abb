"""Pictures against geometry worked out by hand: aspect in mm, sides of the patient, places of marks, the scale bar."""

import io

import numpy as np
import pytest
from PIL import Image
from tiny_rows import slice_row

import medvision
from medvision.pipelines.picture.scale import Sides, sides_of
from medvision.pipelines.picture.styles import COLOURS, style_of

ROWS, COLUMNS, SPACING_MM = 40, 15, (0.5, 2.0)
"""An axial slice: 40 steps of 0.5 mm to the right, 15 steps of 2 mm to the front; 20 x 30 mm."""


def row_of(stored: np.ndarray | None = None, **columns) -> dict:
    """An axial slice without annotations."""
    stored = np.zeros((ROWS, COLUMNS), np.uint16) if stored is None else stored
    buffer = io.BytesIO()
    Image.fromarray(stored).save(buffer, "PNG")
    base = slice_row(0, 0, "train") | {"segments": [], "lesions": [], "image": {"bytes": buffer.getvalue()}}
    shape = {"height": stored.shape[0], "width": stored.shape[1], "pixel_spacing_mm": list(SPACING_MM), "flags": []}
    return base | shape | {"mask_pixel_spacing_mm": list(SPACING_MM)} | columns


def segment(low: tuple[int, int], high: tuple[int, int], label: int = 1) -> dict:
    size = [(b - a + 1) for a, b in zip(low, high, strict=True)]
    box = {"min_rc": list(low), "max_rc": list(high), "pixel_count": size[0] * size[1]}
    box |= {"center_rc": [(a + b) // 2 for a, b in zip(low, high, strict=True)], "size_px": size}
    box["size_mm"] = [n * mm for n, mm in zip(size, SPACING_MM, strict=True)]
    return {"label": label, "name": "organ", "pixel_count": size[0] * size[1], "area_mm2": 1.0, "boxes": [box]}


def pixels_of(row: dict, **options) -> np.ndarray:
    return np.asarray(medvision.draw(row, size=600, legend=False, **options)).astype(int)


def near(pixels: np.ndarray, x: float, y: float, colour: tuple[int, int, int]) -> bool:
    """Whether the colour stands within 3 pixels of a place."""
    x, y = round(x), round(y)
    part = pixels[max(0, y - 3) : y + 4, max(0, x - 3) : x + 4]
    return bool((np.abs(part - colour).max(axis=2) < 12).any())


def test_a_picture_has_the_proportions_of_the_slice_in_mm():
    assert medvision.draw(row_of(), size=600, legend=False).size == (400, 600)  # 20 mm across, 30 mm down
    assert medvision.draw(row_of(), size=600, legend=False, orientation="array").size == (600, 400)


def test_the_patients_right_is_at_the_left_and_the_front_on_top():
    stored = np.zeros((ROWS, COLUMNS), np.uint16)
    stored[30:, 10:] = 1000  # x grows to the right, y to the front
    grey = pixels_of(row_of(stored), window="percentile")[..., 0]
    corners = {"top left": grey[20:150, 20:70], "top right": grey[20:150, -70:-20], "low left": grey[-300:-150, 20:70]}
    assert {name: bool(part.mean() > 128) for name, part in corners.items()} == {
        "top left": True,
        "top right": False,
        "low left": False,
    }


def test_letters_name_the_sides_of_every_plane():
    assert sides_of(0, True) == Sides(top="S", bottom="I", left="A", right="P")
    assert sides_of(1, True) == Sides(top="S", bottom="I", left="R", right="L")
    assert sides_of(2, True) == Sides(top="A", bottom="P", left="R", right="L")
    assert sides_of(2, False) == Sides(top="L", bottom="R", left="P", right="A")


@pytest.mark.parametrize(
    ("label", "low", "high"), [(1, (4, 3), (15, 8)), (2, (20, 0), (39, 14)), (5, (10, 6), (10, 6))]
)
def test_a_box_stands_on_the_outer_edges_of_its_pixels(label, low, high):
    pixels = pixels_of(row_of(segments=[segment(low, high, label)]), blank=True)
    per_mm, colour = 20.0, style_of(label).colour
    left, right = ((ROWS - edge) * 0.5 * per_mm for edge in (high[0] + 1, low[0]))
    top, bottom = ((COLUMNS - edge) * 2.0 * per_mm for edge in (high[1] + 1, low[1]))
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    for x, y in ((left, middle_y), (right, middle_y), (middle_x, top), (middle_x, bottom)):
        assert near(pixels, min(x, 399), min(y, 599), colour), (x, y)
    assert not near(pixels, middle_x, middle_y, colour) or right - left < 20


def test_each_label_has_its_colour_everywhere():
    assert style_of(3) == style_of(3)
    assert len({style_of(number) for number in range(1, 19)}) == 18
    assert len(set(COLOURS)) == len(COLOURS)


def test_the_scale_bar_is_as_long_as_it_says():
    pixels = pixels_of(row_of(), blank=True)
    white = (pixels > 235).all(axis=2)
    line = max(range(560, 600), key=lambda y: np.count_nonzero(white[y, :200]))
    assert np.count_nonzero(white[line, :200]) == pytest.approx(5 * 20, abs=4)  # 5 mm: the longest in a quarter of 20


def test_a_plane_with_a_time_axis_has_no_scale_bar_and_no_sides():
    with_time = pixels_of(row_of(flags=["not_spatial"]), blank=True)
    assert not (with_time > 235).all(axis=2).any()


def test_axes_of_a_lesion_follow_the_rules():
    row = slice_row(0, 1, "train")
    first, exact = (medvision.draw(row, rules=rules, blank=True) for rules in ("1.4.0", "exact"))
    assert first.tobytes() != exact.tobytes()


def landmark_row(points: dict[int, tuple[float, float]], metric: str, key: str, value: float, unit: str) -> dict:
    landmarks = [
        {"source": "s", "number": number, "name": f"point {number}", "position_rc": list(at)}
        for number, at in points.items()
    ]
    measure = {"source": "s", "primary": True, "definition": "upstream", "metric_type": metric, "key": key}
    return row_of(landmarks=landmarks, biometrics=[measure | {"name": "", "value": value, "unit": unit, "flags": []}])


def test_a_distance_is_a_line_between_the_centres_of_its_points():
    row = landmark_row({1: (5.0, 2.0), 2: (30.0, 11.0)}, "distance", "L-1-2", 21.9, "mm")
    pixels, colour = pixels_of(row, blank=True), style_of(1).colour
    ends = [((ROWS - r - 0.5) * 10, (COLUMNS - c - 0.5) * 40) for r, c in ((5.0, 2.0), (30.0, 11.0))]
    for share in (0.2, 0.4, 0.8):
        x, y = (a + (b - a) * share for a, b in zip(*ends, strict=True))
        assert near(pixels, x, y, colour)
    for x, y in ends:
        assert near(pixels, x, y, (255, 255, 255))


def test_equal_rows_give_equal_pictures_and_numbers_stand_beside():
    row = slice_row(0, 1, "train")
    one, other = (medvision.draw(row, blank=True) for _ in range(2))
    assert one.tobytes() == other.tobytes()
    assert one.width > medvision.draw(row, blank=True, legend=False).width


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"label": 9}, "label 9 is not on"),
        ({"measure": "L-1-2"}, "its measures: none"),
        ({"kind": "Volume"}, "'Volume' is none of"),
        ({"rules": "9.9"}, "'9.9' are none of"),
        ({"size": 5}, "64 to 4096"),
    ],
)
def test_what_cannot_be_drawn_is_said(options, word):
    with pytest.raises(ValueError, match=word):
        medvision.draw(slice_row(0, 0, "train"), blank=True, **options)
