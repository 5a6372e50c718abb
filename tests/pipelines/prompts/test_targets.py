"""Boxes as four numbers, counted by hand on a slice of 8 rows and 10 columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvision.pipelines.prompts.targets import axes_target, box_target, diameter_target, exact_axes
from medvision.transforms.move import move_of

BOX = {"min_coords": [1, 2], "max_coords": [3, 6]}


@pytest.mark.parametrize(
    ("orientation", "exact", "expected"),
    [
        # columns 2 to 6 of 10; the last row inside is the 4th from above, so 5 of 8 rows up by upstream, 4 by its edge
        ("array", False, [2 / 10, 5 / 8, 6 / 10, 7 / 8]),
        ("array", True, [2 / 10, 4 / 8, 7 / 10, 7 / 8]),
        # turned: 10 rows, 8 columns; (r, c) becomes (9 - c, 7 - r), so rows 3 to 7, columns 4 to 6
        ("radiological", False, [4 / 8, 3 / 10, 6 / 8, 7 / 10]),
        ("radiological", True, [4 / 8, 2 / 10, 7 / 8, 7 / 10]),
    ],
)
def test_a_box_by_hand(orientation: str, exact: bool, expected: list[float]) -> None:
    assert box_target(BOX, move_of((8, 10), orientation), exact) == expected


def test_a_box_of_the_whole_slice() -> None:
    whole = {"min_coords": [0, 0], "max_coords": [7, 9]}
    assert box_target(whole, move_of((8, 10), "array"), True) == [0, 0, 1, 1]
    assert box_target(whole, move_of((8, 10), "array"), False) == [0, 1 / 8, 9 / 10, 1]


@given(st.data())
def test_exact_edges_enclose_just_the_pixels(data: st.DataObject) -> None:
    """A centre is inside the edges where, and only where, its pixel is in the box; upstream's box is that of fewer."""
    rows, columns = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    r0, c0 = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    r1, c1 = data.draw(st.integers(r0, rows - 1)), data.draw(st.integers(c0, columns - 1))
    turned = data.draw(st.booleans())
    move = move_of((rows, columns), "radiological" if turned else "array")
    x0, y0, x1, y1 = box_target({"min_coords": [r0, c0], "max_coords": [r1, c1]}, move, True)
    height, width = (columns, rows) if turned else (rows, columns)
    for r in range(rows):
        for c in range(columns):
            down, along = move.point([r, c])
            inside = x0 < (along + 0.5) / width < x1 and y0 < (height - down - 0.5) / height < y1
            assert inside == (r0 <= r <= r1 and c0 <= c <= c1)


def test_axes_and_diameters() -> None:
    axes = {"metric_value_major_axis": 3.5, "metric_value_minor_axis": 1.25}
    assert axes_target({"biometric_profile": [axes, {}]}) == [3.5, 1.25]
    line = {"length_mm": 4.0}
    lesions = [
        {"lesion_task": 1, "regions": []},
        {"lesion_task": 2, "regions": [{"major_axis": line, "minor_axis": line}]},
    ]
    assert exact_axes(lesions, 2) == [4.0, 4.0]
    assert exact_axes(lesions, 1) is None
    assert exact_axes([{"lesion_task": 1, "regions": [{"major_axis": line, "minor_axis": None}]}], 1) is None
    assert diameter_target({"diameters": [{"longest": line, "perpendicular": {"length_mm": 2.0}}]}) == [4.0, 2.0]
    assert diameter_target({"diameters": [{"longest": line, "perpendicular": None}]}) is None
