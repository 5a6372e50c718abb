"""Each version's lesion axes, step by step, by hand from a fit that is given; and figures known from elsewhere.

The slice has 100 rows and 120 columns. The cluster is a full box: rows 10 to 19, columns 20 to 39, pixels 2 mm high
and 1 mm wide. So the shrunk box of the gate is rows 10 to 19, columns 20 to 38, the grown one rows 9 to 20, columns
18 to 40 (whole pixels, cut off).
"""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from medvision.schemas.rules import RULES
from medvision.transforms.conics import Ellipse, Frame, fit_conic
from medvision.transforms.lesions import measure_clusters

BOX = np.ones((10, 20), bool)
ORIGIN = (10, 20)
FRAME = Frame((100, 120), (2.0, 1.0), (2.0, 1.0))
V100, V110, V111, V140 = (RULES[name] for name in ("1.0.0", "1.1.0", "1.1.1", "1.4.0"))
SAME_AS_111 = ("1.2.0", "1.2.1", "1.3.0")


class Fit:
    """Stands in for the fit: keeps the points that it is given and returns a known conic."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, center_xy, axes, angle_deg: float = 0.0) -> None:
        self.points_xy = np.empty((0, 2))
        self.conic = (center_xy, axes, angle_deg)
        monkeypatch.setattr(cv2, "fitEllipse", self)

    def __call__(self, points_xy: np.ndarray):
        self.points_xy = points_xy
        return self.conic


def kept(rules, frame: Frame = FRAME, cluster: np.ndarray = BOX) -> tuple[Ellipse, set[str]]:
    ellipse, flags = fit_conic(cluster, ORIGIN, frame, rules)
    assert ellipse is not None
    return ellipse, set(flags)


# The points that a conic is fitted to


@pytest.mark.parametrize(("rules", "corner_xy"), [(V100, (78.0, 19.0)), (V110, (78.0, 19.0)), (V111, (39.0, 38.0))])
def test_columns_take_the_size_of_a_row_up_to_1_1_0(monkeypatch, rules, corner_xy):
    """The last column is 39 and the last row 19: times 2 and 1, or times 1 and 2."""
    fit = Fit(monkeypatch, (59.0, 14.5), (38.0, 9.0))
    fit_conic(BOX, ORIGIN, FRAME, rules)
    assert fit.points_xy.max(axis=0).tolist() == list(corner_xy)
    assert len(fit.points_xy) == 2 * (10 + 20) - 4


# 1.0.0 and 1.1.0


@pytest.mark.parametrize("rules", [V100, V110])
def test_ends_by_hand_up_to_1_1_0(monkeypatch, rules):
    """Centre 59/2, 14.5/1; half axes 38/2/2 and 9/1/2; ends to whole pixels, halves to even; lengths between those."""
    Fit(monkeypatch, (59.0, 14.5), (38.0, 9.0))
    ellipse, flags = kept(rules)
    assert ellipse.center_rc == (14.5, 29.5)
    assert ellipse.major == ((14.0, 39.0), (14.0, 20.0))
    assert ellipse.minor == ((19.0, 30.0), (10.0, 30.0))
    assert (ellipse.major_mm, ellipse.minor_mm) == (19.0, 18.0)
    assert flags == {"conic_spacing_swapped", "conic_ends_rounded"}


def test_axes_are_divided_as_if_they_were_not_turned(monkeypatch):
    """Turned by 90 degrees the first axis lies along rows, and is divided by the row's size all the same."""
    Fit(monkeypatch, (59.0, 14.5), (9.0, 38.0), 90.0)
    ellipse, _ = kept(replace(V100, conic_gate=False))
    assert ellipse.major == ((14.0, 48.0), (14.0, 10.0))  # 29.5 -+ 38/1/2 is 10.5 and 48.5
    assert ellipse.minor == ((17.0, 30.0), (12.0, 30.0))  # 14.5 -+ 9/2/2 is 12.25 and 16.75


def test_the_longer_in_pixels_is_the_major_axis_even_where_it_is_shorter_in_mm(monkeypatch):
    Fit(monkeypatch, (59.0, 14.5), (40.0, 18.0))
    ellipse, flags = kept(replace(V100, conic_gate=False))
    assert ellipse.major == ((14.0, 40.0), (14.0, 20.0))  # 19.5 and 39.5, halves to even
    assert ellipse.minor == ((24.0, 30.0), (6.0, 30.0))  # 5.5 and 23.5
    assert (ellipse.major_mm, ellipse.minor_mm) == (20.0, 36.0)
    assert "conic_axes_exchanged" in flags


def test_lengths_up_to_1_1_0_take_the_pixels_of_the_mask(monkeypatch):
    Fit(monkeypatch, (59.0, 14.5), (38.0, 9.0))
    ellipse, _ = kept(V100, replace(FRAME, mask_pixel_mm=(2.5, 3.0)))
    assert (ellipse.major_mm, ellipse.minor_mm) == (57.0, 22.5)


def test_square_pixels_cannot_be_swapped(monkeypatch):
    Fit(monkeypatch, (29.5, 14.5), (19.0, 9.0))
    _, flags = kept(V100, Frame((100, 120), (1.0, 1.0), (1.0, 1.0)))
    assert flags == {"conic_ends_rounded"}


# 1.1.1 to 1.3.0


@pytest.mark.parametrize("name", ["1.1.1", *SAME_AS_111])
def test_axes_by_hand_from_1_1_1(monkeypatch, name):
    """The conic is in mm and its axes are the lengths; each coordinate of an end goes by its own pixel size."""
    Fit(monkeypatch, (29.5, 29.0), (19.0, 19.2))
    ellipse, flags = kept(RULES[name])
    assert (ellipse.major_mm, ellipse.minor_mm) == (19.2, 19.0)
    np.testing.assert_allclose(ellipse.major, ((19.3, 29.5), (9.7, 29.5)), atol=1e-12)
    np.testing.assert_allclose(ellipse.minor, ((14.5, 39.0), (14.5, 20.0)), atol=1e-12)
    assert not flags


@pytest.mark.parametrize(("half_columns", "passes"), [(9.5, True), (9.4, False), (10.5, True), (10.6, False)])
def test_the_gate_cuts_its_bounds_to_whole_pixels(monkeypatch, half_columns, passes):
    """An end may lie from column 18 to 20 and from 38 to 40: with a centre at 29.5 that is 9.5 to 10.5 away."""
    Fit(monkeypatch, (29.5, 29.0), (2 * half_columns, 19.2))
    for rules, found in ((V111, passes), (V140, True)):
        ellipse, flags = fit_conic(BOX, ORIGIN, FRAME, rules)
        assert (ellipse is not None) is found
        assert ("conic_gate_rejected" in flags) is not found


def test_the_gate_does_not_reach_out_of_the_slice(monkeypatch):
    """At the last row of a slice the grown box ends there: an end half a pixel past it fails."""
    Fit(monkeypatch, (29.5, 29.0), (19.0, 19.2))
    tight = Frame((20, 120), FRAME.pixel_mm, FRAME.mask_pixel_mm)
    assert fit_conic(BOX, ORIGIN, tight, V111) == (None, frozenset({"conic_gate_rejected"}))
    Fit(monkeypatch, (29.5, 29.0), (19.0, 18.0))
    assert fit_conic(BOX, ORIGIN, tight, V111)[0] is not None


# Thresholds


def with_hole() -> np.ndarray:
    cluster = BOX.copy()
    cluster[5, 5] = False
    return cluster


@pytest.mark.parametrize(
    ("name", "pixels", "measured"),
    [("1.0.0", 200, 1), ("1.0.0", 199, 0), ("1.1.0", 199, 1), ("1.1.1", 20, 1), ("1.1.1", 19, 0), ("1.4.0", 19, 1)],
)
def test_smallest_cluster(monkeypatch, name, pixels, measured):
    cluster = {200: BOX, 199: with_hole(), 20: np.ones((4, 5), bool)}.get(pixels)
    if cluster is None:
        cluster = np.ones((4, 5), bool)
        cluster[0, 0] = False
    assert cluster.sum() == pixels
    Fit(monkeypatch, (22.0, 11.5), (3.0, 4.0))
    rules = replace(RULES[name], conic_gate=False, conic_floor_pixels=0.0, conic_min_minor_pixels=0.0)
    found = measure_clusters(cluster, ORIGIN, Frame((100, 120), (1.0, 1.0), (1.0, 1.0)), rules)
    assert (found.clusters, len(found.ellipses)) == (1, measured)


@pytest.mark.parametrize("name", RULES)
def test_a_fit_that_is_not_finite_is_dropped_by_every_version(monkeypatch, name):
    Fit(monkeypatch, (float("nan"), 14.5), (38.0, 9.0))
    assert fit_conic(BOX, ORIGIN, FRAME, replace(RULES[name], conic_gate=False))[0] is None


@pytest.mark.parametrize("name", ["1.1.0", "1.1.1"])
def test_versions_before_1_4_0_have_no_floor_in_mm(monkeypatch, name):
    tiny = Frame((100, 120), (0.05, 0.05), (0.05, 0.05))
    Fit(monkeypatch, (1.475, 0.725), (0.95, 0.45))
    assert kept(RULES[name], tiny)[0].major_mm == pytest.approx(0.95)
    assert fit_conic(BOX, ORIGIN, tiny, V140)[0] is None


# An ellipse of 60 by 30 mm: lengths of these versions measured apart from this program


def true_ellipse(spacing_rc_mm: tuple[float, float], turn_deg: float) -> np.ndarray:
    sides = [int(80 / mm) | 1 for mm in spacing_rc_mm]
    row_mm, column_mm = np.meshgrid(
        *((np.arange(n) - n // 2) * mm for n, mm in zip(sides, spacing_rc_mm, strict=True)), indexing="ij"
    )
    cosine, sine = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    along, across = row_mm * cosine + column_mm * sine, column_mm * cosine - row_mm * sine
    return (along / 30) ** 2 + (across / 15) ** 2 <= 1


@pytest.mark.parametrize(
    ("name", "spacing_rc_mm", "turn_deg", "lengths_mm"),
    [
        ("1.0.0", (3.0, 0.8), 0, (110, 18)),
        ("1.0.0", (3.0, 0.8), 90, (226, 6)),
        ("1.0.0", (0.8, 3.0), 60, (39, 42)),
        ("1.1.1", (3.0, 0.8), 90, (60, 26)),
        ("1.4.0", (3.0, 0.8), 90, (60, 26)),
        ("1.4.0", (1.0, 1.0), 0, (59, 29)),
    ],
)
def test_known_lengths_of_a_true_ellipse_before_the_gate(name, spacing_rc_mm, turn_deg, lengths_mm):
    target = true_ellipse(spacing_rc_mm, turn_deg)
    rows, columns = np.flatnonzero(target.any(axis=1)), np.flatnonzero(target.any(axis=0))
    crop = target[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    frame = Frame((target.shape[0], target.shape[1]), spacing_rc_mm, spacing_rc_mm)
    ellipse, _ = fit_conic(crop, (int(rows[0]), int(columns[0])), frame, replace(RULES[name], conic_gate=False))
    assert ellipse is not None
    assert (round(ellipse.major_mm), round(ellipse.minor_mm)) == lengths_mm


@pytest.mark.parametrize("spacing_rc_mm", [(1.0, 1.0), (3.0, 0.8), (0.8, 3.0)])
@pytest.mark.parametrize("turn_deg", range(0, 180, 30))
def test_lengths_from_1_1_1_lie_where_they_were_measured(spacing_rc_mm, turn_deg):
    target = true_ellipse(spacing_rc_mm, turn_deg)
    frame = Frame((target.shape[0], target.shape[1]), spacing_rc_mm, spacing_rc_mm)
    (ellipse,) = measure_clusters(target, (0, 0), frame, replace(V111, conic_gate=False)).ellipses
    assert 56.4 <= ellipse.major_mm <= 60.5
    assert 25.5 <= ellipse.minor_mm <= 30.5


# The table


def test_1_2_and_1_3_are_1_1_1_for_these_datasets():
    assert all(replace(RULES[name], name="1.1.1") == V111 for name in SAME_AS_111)


def test_what_each_version_changed():
    """Name and number of plan files apart."""

    def changes(first, second) -> set[str]:
        return {key for key in vars(first) if getattr(first, key) != getattr(second, key)} - {"name", "lesion_plan"}

    assert changes(V100, V110) == {"lesion_min_pixels", "counted_clusters"}
    assert changes(V110, V111) == {"conic_spacing", "conic_length"}
    assert changes(V111, V140) == {
        *("lesion_min_pixels", "conic_gate", "conic_floor_mm", "conic_floor_pixels", "conic_min_minor_pixels"),
        *("conic_runaway", "lesion_split_order", "late_cases"),
    }
