"""Lesion ellipses: against a whole-slice reading of rules 1.4.0, against true ellipses, and at every limit."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from twins import Fit, fit_cluster, fit_clusters

from medvision.schemas.rules import RULES
from medvision.transforms.conics import Ellipse, Frame, fit_conic
from medvision.transforms.lesions import measure_clusters

RULE = RULES["1.4.0"]
SPACINGS_MM = [(1.0, 1.0), (0.8, 3.0), (3.0, 0.8)]
MAJOR_MM, MINOR_MM = 60.0, 30.0


def picture(*lines: str) -> np.ndarray:
    return np.array([[mark == "#" for mark in line] for line in lines])


def crop(slice_rc: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """The pixels within the bounding box, and the box's first pixel."""
    rows, columns = np.flatnonzero(slice_rc.any(axis=1)), np.flatnonzero(slice_rc.any(axis=0))
    box = slice_rc[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return box, (int(rows[0]), int(columns[0]))


def fit(slice_rc: np.ndarray, spacing_rc_mm: tuple[float, float], rules=RULE) -> Ellipse | None:
    return fit_conic(*crop(slice_rc), frame_of(slice_rc, spacing_rc_mm), rules)[0]


def frame_of(slice_rc: np.ndarray, spacing_rc_mm: tuple[float, float]) -> Frame:
    return Frame((slice_rc.shape[0], slice_rc.shape[1]), spacing_rc_mm, spacing_rc_mm)


def kept(slice_rc: np.ndarray, spacing_rc_mm: tuple[float, float], rules=RULE) -> Ellipse:
    found = fit(slice_rc, spacing_rc_mm, rules)
    assert found is not None
    return found


def points_rc(ellipse: Ellipse) -> np.ndarray:
    return np.array([ellipse.center_rc, *ellipse.major, *ellipse.minor])


def outline_fit(cluster: np.ndarray, spacing_rc_mm: tuple[float, float]) -> tuple[float, float]:
    """Major and minor axis in mm of the conic through the outline, without any guard."""
    outline = cv2.findContours(cluster.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0][0][:, 0]
    cv2.setRNGSeed(0)
    axes = cv2.fitEllipse((outline * np.array(spacing_rc_mm[::-1])).astype(np.float32))[1]
    return max(axes), min(axes)


def blobs(seed: int, shape: tuple[int, int], sigma: float, level: float) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), sigma)
    return noise > np.quantile(noise, level)


def true_ellipse(spacing_rc_mm: tuple[float, float], turn_deg: float) -> np.ndarray:
    """Pixels whose centres lie in an ellipse of 60 by 30 mm, its major axis `turn_deg` from the row direction."""
    sides = [int(70 / mm) | 1 for mm in spacing_rc_mm]
    centred = [(np.arange(n) - n // 2) * mm for n, mm in zip(sides, spacing_rc_mm, strict=True)]
    row_mm, column_mm = np.meshgrid(*centred, indexing="ij")
    cosine, sine = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    along, across = row_mm * cosine + column_mm * sine, column_mm * cosine - row_mm * sine
    return (2 * along / MAJOR_MM) ** 2 + (2 * across / MINOR_MM) ** 2 <= 1


def assert_as_twin(target: np.ndarray, spacing_rc_mm: tuple[float, float]) -> list[Fit]:
    box, origin = crop(target)
    found = measure_clusters(box, origin, frame_of(target, spacing_rc_mm), RULE)
    count, ellipses = found.clusters, found.ellipses
    assert not found.flags
    fits = fit_clusters(target, spacing_rc_mm)
    expected = [found for found in fits if found.fate == "kept"]
    assert count == len(fits)
    measured = [(e.pixel_count, e.major_mm, e.minor_mm) for e in ellipses]
    assert measured == [(e.pixel_count, e.major_mm, e.minor_mm) for e in expected]
    for ellipse, twin in zip(ellipses, expected, strict=True):
        np.testing.assert_allclose(points_rc(ellipse), twin.points_rc, rtol=0, atol=1e-9)
    return fits


# Against the whole-slice reading


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(6, 50), st.integers(6, 40)),
    sigma=st.floats(0.3, 4.0),
    level=st.floats(0.4, 0.97),
    spacing_rc_mm=st.tuples(st.floats(0.3, 5.0), st.floats(0.3, 5.0)),
)
def test_random_blobs_are_fitted_as_on_the_whole_slice(seed, shape, sigma, level, spacing_rc_mm):
    assert_as_twin(blobs(seed, shape, sigma, level), spacing_rc_mm)


def test_many_blobs_meet_every_fate():
    fates = []
    for seed in range(40):
        sigma, level = 0.4 + seed % 8 / 4, (0.6, 0.8, 0.9)[seed % 3]
        target = blobs(seed, (150, 110), sigma, level)
        fates += [found.fate for found in assert_as_twin(target, SPACINGS_MM[seed % 3])]
    counts = {fate: fates.count(fate) for fate in set(fates)}
    assert min(counts[fate] for fate in ("kept", "few points", "below floor", "thin", "runaway")) > 20


def test_a_fit_does_not_depend_on_the_fits_before_it():
    """The outline of CORNER fixes no single conic, so the fit shakes it by random offsets."""
    outline = np.array([[1, 0], [0, 1], [1, 2], [2, 1], [2, 0]], np.float32)
    assert cv2.fitEllipse(outline) != cv2.fitEllipse(outline)
    first = kept(CORNER, (1.0, 1.0))
    for _ in range(5):
        assert kept(CORNER, (1.0, 1.0)) == first


# True ellipses


@pytest.mark.parametrize("spacing_rc_mm", SPACINGS_MM)
@pytest.mark.parametrize("turn_deg", range(0, 180, 10))
def test_true_ellipse_comes_out_about_a_pixel_short(turn_deg, spacing_rc_mm):
    ellipse = kept(true_ellipse(spacing_rc_mm, turn_deg), spacing_rc_mm)
    if spacing_rc_mm == (1.0, 1.0):
        assert MAJOR_MM - 1.3 <= ellipse.major_mm <= MAJOR_MM - 0.5
        assert MINOR_MM - 1.3 <= ellipse.minor_mm <= MINOR_MM - 0.6
    else:
        assert MAJOR_MM - 3.5 <= ellipse.major_mm <= MAJOR_MM + 0.5
        assert MINOR_MM - 4.4 <= ellipse.minor_mm <= MINOR_MM - 0.4


@pytest.mark.parametrize("spacing_rc_mm", SPACINGS_MM)
@pytest.mark.parametrize("turn_deg", range(0, 180, 10))
def test_true_ellipse_points_where_it_lies(turn_deg, spacing_rc_mm):
    target = true_ellipse(spacing_rc_mm, turn_deg)
    ellipse = kept(target, spacing_rc_mm)
    direction = np.array([np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))])
    mm = np.array(spacing_rc_mm)
    major, minor = (np.subtract(*ends) * mm for ends in (ellipse.major, ellipse.minor))
    assert np.linalg.norm(major) == pytest.approx(ellipse.major_mm, rel=1e-6)
    assert np.linalg.norm(minor) == pytest.approx(ellipse.minor_mm, rel=1e-6)
    assert abs(major @ direction) / np.linalg.norm(major) > np.cos(np.radians(2.5))
    assert abs(major @ minor) < 1e-3
    np.testing.assert_allclose(ellipse.center_rc, np.array(target.shape) // 2, atol=0.05)
    for ends in (ellipse.major, ellipse.minor):
        np.testing.assert_allclose(np.mean(ends, axis=0), ellipse.center_rc, atol=1e-9)


def test_one_millimetre_ellipse_has_the_known_lengths():
    ellipse = kept(true_ellipse((1.0, 1.0), 0.0), (1.0, 1.0))
    assert (round(ellipse.major_mm, 1), round(ellipse.minor_mm, 1)) == (59.4, 28.8)


@pytest.mark.parametrize("turn_deg", [0, 20, 70, 90, 130])
def test_row_and_column_spacing_are_not_swapped(turn_deg):
    """Spacing taken along the wrong axes gives 42/39 or 110/18 mm where 60/30 is true."""
    target = true_ellipse((0.8, 3.0), turn_deg)
    right, wrong = kept(target, (0.8, 3.0)), kept(target, (3.0, 0.8))
    assert abs(right.major_mm - MAJOR_MM) < 3.5
    assert abs(wrong.major_mm - MAJOR_MM) > 10


@pytest.mark.parametrize("spacing_rc_mm", SPACINGS_MM)
@pytest.mark.parametrize("turn_deg", [0, 10, 45, 80, 90, 120, 170])
def test_the_first_end_is_lower_in_the_picture_else_more_to_the_right(turn_deg, spacing_rc_mm):
    ellipse = kept(true_ellipse(spacing_rc_mm, turn_deg), spacing_rc_mm)
    for (row, column), (other_row, other_column) in (ellipse.major, ellipse.minor):
        if abs(row - other_row) > 1e-6:
            assert row > other_row
        else:
            assert column > other_column


@pytest.mark.parametrize("spacing_rc_mm", [*SPACINGS_MM, (0.7, 0.7)])
@pytest.mark.parametrize("half", [(9, 4), (4, 9), (3, 12)])
def test_ends_on_one_row_are_told_apart_by_column(half, spacing_rc_mm):
    """Axes along rows and columns: last bits of the cosine must not choose the first end."""
    rows, columns = np.indices((40, 40))
    target = ((rows - 20) / half[0]) ** 2 + ((columns - 19) / half[1]) ** 2 <= 1
    ellipse = kept(target, spacing_rc_mm)
    ((row, column), (other_row, other_column)) = max(
        (ellipse.major, ellipse.minor), key=lambda ends: abs(ends[0][1] - ends[1][1])
    )
    assert row == pytest.approx(other_row, abs=1e-9)
    assert column > other_column + 1


@pytest.mark.parametrize("turn_deg", [0, 25, 60, 145])
@pytest.mark.parametrize("spacing_rc_mm", SPACINGS_MM)
def test_a_quarter_turn_of_the_slice_turns_the_ellipse(turn_deg, spacing_rc_mm):
    target = true_ellipse(spacing_rc_mm, turn_deg)
    target[: target.shape[0] // 3, : target.shape[1] // 3] = False  # so that no symmetry helps
    straight, turned = kept(target, spacing_rc_mm), kept(np.rot90(target), spacing_rc_mm[::-1])
    assert turned.major_mm == pytest.approx(straight.major_mm, abs=1e-3)
    assert turned.minor_mm == pytest.approx(straight.minor_mm, abs=1e-3)
    for ends, found in ((straight.major, turned.major), (straight.minor, turned.minor)):
        moved = sorted(((target.shape[1] - 1 - c, r) for r, c in ends), reverse=True)
        np.testing.assert_allclose(found, moved, atol=2e-3)


@pytest.mark.parametrize("spacing_rc_mm", SPACINGS_MM)
def test_place_in_the_slice_moves_the_points_alone(spacing_rc_mm):
    cluster, _ = crop(true_ellipse(spacing_rc_mm, 35.0))
    frame = Frame((500, 500), spacing_rc_mm, spacing_rc_mm)
    near, _ = fit_conic(cluster, (0, 0), frame, RULE)
    far, _ = fit_conic(cluster, (300, 11), frame, RULE)
    assert near is not None
    assert far is not None
    assert far.major_mm == pytest.approx(near.major_mm, rel=1e-4)
    np.testing.assert_allclose(points_rc(far), points_rc(near) + np.array([300, 11]), atol=5e-3)


# Floor and guards

PLUS = picture(".#.", "###", ".#.")
RING = picture(".##.", "####", "####", ".##.")
HOOK = picture(".#.", "###", "#..", "#..")
STOOL = picture("#..#", "####", "####", "#..#")
CORNER = picture(".##", "###", ".#.")


def test_floor_in_millimetres():
    """Isotropic pixels below 1 mm: the fitted major axis must reach 2 mm."""
    pixels, _ = outline_fit(RING, (1.0, 1.0))
    spacing = 2.0 / pixels
    assert spacing < 1.0
    for factor, found in ((1 + 1e-5, True), (1 - 1e-5, False)):
        assert (fit(RING, (spacing * factor, spacing * factor)) is not None) is found


@pytest.mark.parametrize("turned", [False, True])
def test_floor_in_pixels_goes_by_the_longer_side(turned):
    """Pixels 3 mm wide: the major axis must reach 6 mm, whichever way the slice lies."""
    low, high = 1.5, 2.1
    for _ in range(60):  # the row step at which the major axis is 6 mm
        step = (low + high) / 2
        low, high = (step, high) if outline_fit(HOOK, (step, 3.0))[0] < 6.0 else (low, step)
    assert 1.5 < low < 2.1
    for factor, found in ((1 + 1e-5, True), (1 - 1e-5, False)):
        cluster, spacing = (HOOK.T, (3.0, low * factor)) if turned else (HOOK, (low * factor, 3.0))
        assert (fit(cluster, spacing) is not None) is found


@pytest.mark.parametrize("spacing_rc_mm", SPACINGS_MM)
def test_a_major_axis_equal_to_the_floor_is_kept_and_last_bits_do_not_decide(spacing_rc_mm):
    target = true_ellipse(spacing_rc_mm, 50.0)
    major_mm = kept(target, spacing_rc_mm).major_mm
    for excess_mm, found in ((0.0, True), (1e-13, True), (2e-9, False), (-2e-9, True)):
        rules = replace(RULE, conic_floor_mm=major_mm + excess_mm)
        assert (fit(target, spacing_rc_mm, rules) is not None) is found


@pytest.mark.parametrize("spacing_rc_mm", SPACINGS_MM)
def test_runaway_limit_is_in_diagonals_of_the_box(spacing_rc_mm):
    target = true_ellipse(spacing_rc_mm, 50.0)
    box, _ = crop(target)
    diagonal_mm = np.hypot(box.shape[0] * spacing_rc_mm[0], box.shape[1] * spacing_rc_mm[1])
    share = kept(target, spacing_rc_mm).major_mm / diagonal_mm
    for excess, found in ((0.0, True), (-1e-12, True), (-1e-9, False), (1e-9, True)):
        rules = replace(RULE, conic_runaway=share + excess)
        assert (fit(target, spacing_rc_mm, rules) is not None) is found


def test_runaway_fit_is_rejected():
    """The conic is 9.06 by 3.02 pixels, the box's diagonal 5.66."""
    major, minor = outline_fit(STOOL, (1.0, 1.0))
    assert major > 1.5 * np.hypot(4, 4)
    assert minor > 1.0
    assert fit(STOOL, (1.0, 1.0)) is None
    assert fit(STOOL, (1.0, 1.0), replace(RULE, conic_runaway=1.7)) is not None


def test_fewer_outline_points_than_five_are_not_fitted():
    assert fit(PLUS, (3.0, 3.0)) is None  # its outline is its 4 arms
    assert fit(np.ones((2, 2), bool), (3.0, 3.0)) is None
    assert fit(np.ones((1, 1), bool), (3.0, 3.0)) is None
    outline = 2 * (3 + 4) - 4
    assert fit(np.ones((3, 4), bool), (3.0, 3.0), replace(RULE, conic_min_points=outline)) is not None
    assert fit(np.ones((3, 4), bool), (3.0, 3.0), replace(RULE, conic_min_points=outline + 1)) is None


def test_minor_axis_must_reach_the_shorter_pixel_side():
    thin = picture("###", ".#.", "###")
    major, minor = outline_fit(thin, (2.0, 2.0))
    assert major == pytest.approx(4.0, abs=1e-4)
    assert minor < 1e-6
    assert fit(thin, (2.0, 2.0), replace(RULE, conic_floor_mm=0, conic_floor_pixels=0)) is None
    flat = np.ones((3, 9), bool)  # 2.3 rows of 1 mm are less than one column of 3 mm, and enough
    assert 1.0 < outline_fit(flat, (1.0, 3.0))[1] < 3.0
    assert fit(flat, (1.0, 3.0)) is not None
    assert fit_cluster(flat, (1.0, 3.0)).fate == "kept"


def test_a_line_of_pixels_has_no_ellipse():
    for length in range(1, 12):
        assert fit(np.ones((1, length), bool), (0.5, 2.0)) is None
        assert fit(np.ones((length, 1), bool), (2.0, 2.0)) is None


def test_holes_do_not_change_the_fit():
    solid, hollow = np.ones((9, 12), bool), np.ones((9, 12), bool)
    hollow[3:6, 3:8] = False
    full, ring = kept(solid, (1.0, 1.5)), kept(hollow, (1.0, 1.5))
    assert (ring.major_mm, ring.minor_mm, ring.major) == (full.major_mm, full.minor_mm, full.major)
    assert (full.pixel_count, ring.pixel_count) == (108, 93)


# Clusters of one slice


def test_clusters_stand_by_falling_size_then_in_raster_order():
    target = np.zeros((40, 60), bool)
    target[1:6, 50:55] = True  # 25 pixels
    rows, columns = np.indices(target.shape)
    target |= ((rows - 13) / 10.5) ** 2 + ((columns - 6) / 2.5) ** 2 <= 1  # 85 pixels, the longest
    target[10:20, 20:30] = True  # 100 pixels
    target[25:30, 3:8] = True  # 25 pixels, later
    target[30:35, 40:45] = True  # 25 pixels, last
    target[38, 58] = True  # too small
    target[0, 0] = target[1, 1] = True  # touch at a corner: two clusters
    found = measure_clusters(target, (100, 200), Frame((300, 300), (1.0, 1.0), (1.0, 1.0)), RULE)
    ellipses = found.ellipses
    assert found.clusters == 8
    assert [ellipse.pixel_count for ellipse in ellipses] == [100, 85, 25, 25, 25]
    centers = [tuple(round(value) for value in ellipse.center_rc) for ellipse in ellipses]
    assert centers[0] in {(114, 224), (114, 225), (115, 224)}
    assert centers[2:] == [(103, 252), (127, 205), (132, 242)]


def test_neighbours_in_the_crop_do_not_enter_a_fit():
    """A cluster within the bounding box of another."""
    target = np.zeros((30, 30), bool)
    target[2:28, 2:5] = True
    target[25:28, 2:28] = True
    target[5:12, 15:22] = True
    small = measure_clusters(target, (0, 0), frame_of(target, (1.0, 1.0)), RULE).ellipses[-1]
    assert small.pixel_count == 49
    np.testing.assert_allclose(small.center_rc, (8, 18), atol=1e-4)
    assert small.major_mm == pytest.approx(small.minor_mm, rel=1e-3)
