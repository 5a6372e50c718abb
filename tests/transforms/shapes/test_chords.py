"""RECIST chords, against a search of all pairs in fractions that shares no code with the module."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, label

from medvision.transforms.shapes.chords import Chord, raster_mm, recist_chords

ANY_TOUCH = np.ones((3, 3), bool)
SPACINGS_MM = [(1.0, 1.0), (0.5, 3.0), (2.5, 0.8), (0.7, 0.7)]
Half = tuple[int, int]


def picture(*lines: str) -> np.ndarray:
    return np.array([[mark == "#" for mark in line] for line in lines])


def largest_part(mask: np.ndarray) -> np.ndarray:
    """The largest 8-connected component, cropped; one pixel where the mask is empty."""
    numbered, count = label(mask, ANY_TOUCH)
    if not count:
        return np.ones((1, 1), bool)
    part = numbered == 1 + np.argmax(np.bincount(numbered.ravel())[1:])
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    return part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


# The slow search


def border(pixels: set[Half]) -> list[Half]:
    """Midpoints of the border's edges in half pixels, in raster order."""
    sides = ((-1, 0), (1, 0), (0, -1), (0, 1))
    return sorted((2 * r + a, 2 * c + b) for r, c in pixels for a, b in sides if (r + a, c + b) not in pixels)


def clip(start: int, step: int, low: int, high: int) -> tuple[Fraction, Fraction] | None:
    """Part of 0..1 where start + t step lies within low..high."""
    if step == 0:
        return (Fraction(0), Fraction(1)) if low <= start <= high else None
    first, second = sorted((Fraction(low - start, step), Fraction(high - start, step)))
    first, second = max(first, Fraction(0)), min(second, Fraction(1))
    return (first, second) if first <= second else None


def inside(start: Half, end: Half, pixels: set[Half]) -> bool:
    """Whether the closed pixels cover the whole chord."""
    covered = []
    for r, c in pixels:
        rows = clip(start[0], end[0] - start[0], 2 * r - 1, 2 * r + 1)
        columns = clip(start[1], end[1] - start[1], 2 * c - 1, 2 * c + 1)
        if rows and columns and max(rows[0], columns[0]) <= min(rows[1], columns[1]):
            covered.append((max(rows[0], columns[0]), min(rows[1], columns[1])))
    reached = Fraction(0)
    for low, high in sorted(covered):
        if low > reached:
            return False
        reached = max(reached, high)
    return reached == 1


def as_chord(start: Half, end: Half, spacing_rc_mm: tuple[float, float]) -> Chord:
    return Chord(length_mm(start, end, spacing_rc_mm), (start[0] / 2, start[1] / 2), (end[0] / 2, end[1] / 2))


def length_mm(start: Half, end: Half, spacing_rc_mm: tuple[float, float]) -> float:
    return float(np.hypot(*((a - b) / 2 * mm for a, b, mm in zip(start, end, spacing_rc_mm, strict=True))))


def slow_chords(mask: np.ndarray, spacing_rc_mm: tuple[float, float]) -> tuple[Chord, Chord | None]:
    """All pairs of midpoints; every longest one with its own perpendiculars."""
    pixels = {(int(r), int(c)) for r, c in np.argwhere(mask)}
    pairs = sorted((b, a) for a, b in combinations(border(pixels), 2))
    pairs.sort(key=lambda pair: -round(length_mm(*pair, spacing_rc_mm), 9))
    most = next(round(length_mm(*pair, spacing_rc_mm), 9) for pair in pairs if inside(*pair, pixels))
    mm = np.array(spacing_rc_mm) / 2
    found = []
    for longest in pairs:
        if round(length_mm(*longest, spacing_rc_mm), 9) != most or not inside(*longest, pixels):
            continue
        along = np.subtract(*longest) * mm / np.linalg.norm(np.subtract(*longest) * mm)
        limit = round(0.5 * float(np.abs(along) @ np.array(spacing_rc_mm)), 9)
        across = [p for p in pairs if round(abs(float(np.subtract(*p) * mm @ along)), 9) <= limit]
        reach = {p: round(abs(float(np.subtract(*p) * mm @ np.array([-along[1], along[0]]))), 9) for p in across}
        across.sort(key=lambda p: (-reach[p], round(length_mm(*p, spacing_rc_mm), 9), p))
        second = next((p for p in across if inside(*p, pixels)), None)
        rank = (-reach[second], round(length_mm(*second, spacing_rc_mm), 9)) if second else (0.0, 0.0)
        found.append((rank, longest, second))
    _, longest, second = min(found, key=lambda item: item[:2])
    return as_chord(*longest, spacing_rc_mm), second and as_chord(*second, spacing_rc_mm)


def assert_as_slow(mask: np.ndarray, spacing_rc_mm: tuple[float, float]) -> None:
    found, expected = recist_chords(mask, (0, 0), spacing_rc_mm), slow_chords(mask, spacing_rc_mm)
    for chord, slow in zip(found, expected, strict=True):
        assert (chord is None) is (slow is None)
        if chord is not None and slow is not None:
            assert chord.length_mm == pytest.approx(slow.length_mm, rel=1e-12)
            assert (chord.start_rc, chord.end_rc) == (slow.start_rc, slow.end_rc)


@pytest.mark.parametrize("seed", range(300))
def test_random_masks_have_the_chords_of_the_slow_search(seed):
    random = np.random.default_rng(seed)
    shape = random.integers(1, 9, 2)
    kind = seed % 3
    if kind == 0:
        mask = random.random(shape) < random.uniform(0.3, 0.9)  # holes, notches, diagonal touches
    elif kind == 1:
        noise = gaussian_filter(random.normal(size=shape + 2), 1.0)
        mask = noise > np.quantile(noise, random.uniform(0.2, 0.7))
    else:
        mask = random.random(shape) < 0.95  # a block with a few holes
    assert_as_slow(largest_part(mask), SPACINGS_MM[seed % 4])


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.integers(0, 127), min_size=1, max_size=7),
    spacing_rc_mm=st.tuples(st.floats(0.3, 5.0), st.floats(0.3, 5.0)),
)
def test_any_mask_has_the_chords_of_the_slow_search(rows, spacing_rc_mm):
    assert_as_slow(largest_part(np.array([[row >> bit & 1 for bit in range(7)] for row in rows], bool)), spacing_rc_mm)


@pytest.mark.parametrize("spacing_rc_mm", SPACINGS_MM)
@pytest.mark.parametrize(
    "mask",
    [
        picture("#"),
        picture("#######"),
        picture("#", "#", "#", "#"),
        picture("##", "##"),
        picture("#..", ".#.", "..#"),
        picture("..#", ".#.", "#.."),
        picture("#.#", ".#.", "#.#"),
        picture("###", "#.#", "###"),
        picture("#####", "#...#", "#.#.#", "#...#", "#####"),
        picture("#...#", "#...#", "#...#", "#####"),
        picture("#.#.#.#", "#######", ".#.#.#."),
        picture("########", "#.......", "#.######", "#.#....#", "#.####.#", "#......#", "########"),
        picture("##..", ".##.", "..##", "...#"),
    ],
)
def test_shapes_have_the_chords_of_the_slow_search(mask, spacing_rc_mm):
    assert_as_slow(mask, spacing_rc_mm)


# Chords known by hand


def test_one_pixel_is_measured_across():
    longest, across = recist_chords(np.ones((1, 1), bool), (4, 7), (2.0, 3.0))
    assert longest == Chord(3.0, (4.0, 7.5), (4.0, 6.5))
    assert across == Chord(2.0, (4.5, 7.0), (3.5, 7.0))


def test_a_bar_is_as_long_as_its_pixels():
    """The bar's diagonal would be longer, but its corners are no midpoints."""
    longest, across = recist_chords(np.ones((1, 9), bool), (0, 0), (2.0, 2.0))
    assert longest == Chord(18.0, (0.0, 8.5), (0.0, -0.5))
    assert across == Chord(2.0, (0.5, 0.0), (-0.5, 0.0))


def test_the_chord_that_reaches_farthest_across_is_the_perpendicular():
    """Pixels of 0.5 x 2 mm in one row: a chord that cuts a corner is longer, but goes only half way across."""
    _, across = recist_chords(np.ones((1, 9), bool), (0, 0), (0.5, 2.0))
    assert across == Chord(0.5, (0.5, 0.0), (-0.5, 0.0))


def test_a_chord_passes_the_corner_that_two_diagonal_pixels_share():
    longest, _ = recist_chords(picture("##..", "##..", "..##", "..##"), (0, 0), (1.0, 1.0))
    assert longest == Chord(5.0, (3.0, 3.5), (0.0, -0.5))


def test_a_chord_may_run_along_an_edge_while_a_pixel_lies_on_either_side():
    longest, _ = recist_chords(picture("#.#.#.#", ".#.#.#."), (0, 0), (1.0, 1.0))
    assert longest == Chord(6.0, (0.5, 6.0), (0.5, 0.0))


def test_a_hole_and_a_notch_stop_a_chord():
    ring = np.ones((9, 9), bool)
    solid, _ = recist_chords(ring, (0, 0), (1.0, 1.0))
    ring[1:8, 1:8] = False
    hollow, _ = recist_chords(ring, (0, 0), (1.0, 1.0))
    assert solid.length_mm == pytest.approx(np.hypot(9.0, 8.0))
    assert hollow.length_mm == 9.0


# Properties


def blob(seed: int) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(60, 50)), 2.5)
    return largest_part(noise > np.quantile(noise, 0.6))


@pytest.mark.parametrize("seed", range(40))
def test_flips_and_transposition_keep_the_lengths(seed):
    mask, spacing = blob(seed), SPACINGS_MM[seed % 4]
    longest, across = recist_chords(mask, (0, 0), spacing)
    turned = [(mask[::-1], spacing), (mask[:, ::-1], spacing), (mask.T, spacing[::-1]), (mask[::-1].T, spacing[::-1])]
    for other, other_spacing in turned:
        chord, second = recist_chords(other, (0, 0), other_spacing)
        assert chord.length_mm == pytest.approx(longest.length_mm, rel=1e-12)
        assert across is not None
        assert second is not None
        assert second.length_mm == pytest.approx(across.length_mm, rel=1e-12)


@pytest.mark.parametrize("spacing_rc_mm", SPACINGS_MM)
def test_of_equal_longest_chords_the_one_with_the_longest_perpendicular_counts(spacing_rc_mm):
    """A box has two equal diagonals, and with a bite in one corner their perpendiculars differ."""
    mask = np.ones((9, 12), bool)
    mask[0, :1] = mask[:1, 0] = False
    mask[:4, 5:7] = False
    lengths = set()
    for other in (mask, mask[::-1], mask[:, ::-1], mask[::-1, ::-1]):
        longest, across = recist_chords(other, (0, 0), spacing_rc_mm)
        assert across is not None
        lengths.add((round(longest.length_mm, 9), round(across.length_mm, 9)))
    assert len(lengths) == 1


@pytest.mark.parametrize("seed", range(10))
def test_twice_the_spacing_is_twice_the_length(seed):
    mask, (row_mm, column_mm) = blob(seed), SPACINGS_MM[seed % 4]
    for once, twice in zip(
        recist_chords(mask, (0, 0), (row_mm, column_mm)),
        recist_chords(mask, (0, 0), (2 * row_mm, 2 * column_mm)),
        strict=True,
    ):
        assert once is not None
        assert twice == Chord(2 * once.length_mm, once.start_rc, once.end_rc)


def test_place_in_the_slice_moves_the_ends_alone():
    near, far = recist_chords(blob(3), (0, 0), (0.7, 1.1)), recist_chords(blob(3), (300, 11), (0.7, 1.1))
    for chord, moved in zip(near, far, strict=True):
        assert chord is not None
        assert moved is not None
        assert moved.length_mm == chord.length_mm
        assert np.subtract(moved.start_rc, chord.start_rc).tolist() == [300, 11]
        assert np.subtract(moved.end_rc, chord.end_rc).tolist() == [300, 11]


@pytest.mark.parametrize("seed", range(40))
def test_ends_stand_on_edges_the_lower_first(seed):
    spacing = SPACINGS_MM[seed % 4]
    longest, across = recist_chords(blob(seed), (0, 0), spacing)
    assert across is not None
    for chord in (longest, across):
        assert chord.start_rc > chord.end_rc
        for end in (chord.start_rc, chord.end_rc):
            assert sorted(coordinate % 1 for coordinate in end) == [0.0, 0.5]
        step_mm = np.subtract(chord.start_rc, chord.end_rc) * spacing
        assert np.linalg.norm(step_mm) == pytest.approx(chord.length_mm, rel=1e-12)
    along = np.subtract(longest.start_rc, longest.end_rc) * spacing / longest.length_mm
    advance = abs(np.subtract(across.start_rc, across.end_rc) * spacing @ along)
    assert advance <= raster_mm(longest, spacing) / 2 + 1e-9


def test_raster_is_a_pixels_extent_along_the_direction():
    assert raster_mm((1.0, 0.0), (0.5, 3.0)) == 0.5
    assert raster_mm((0.0, -2.0), (0.5, 3.0)) == 3.0
    assert raster_mm((3.0, -4.0), (0.5, 3.0)) == pytest.approx(0.6 * 0.5 + 0.8 * 3.0)
    assert raster_mm(Chord(5.0, (6.5, 0.0), (0.5, 8.0)), (0.5, 0.5)) == pytest.approx((0.6 + 0.8) * 0.5)
    with pytest.raises(ValueError, match="direction"):
        raster_mm((0.0, 0.0), (1.0, 1.0))


def test_a_mask_without_pixels_has_no_chord():
    with pytest.raises(ValueError, match="empty mask"):
        recist_chords(np.zeros((3, 4), bool), (0, 0), (1.0, 1.0))
    with pytest.raises(ValueError, match="rows, columns"):
        recist_chords(np.ones((3, 4, 2), bool), (0, 0), (1.0, 1.0))


def test_a_comb_of_many_edges_is_searched_whole():
    """40,602 edges: a search of all pairs, or a matrix of them, would not come back."""
    comb = np.zeros((100, 401), bool)
    comb[-1] = comb[:, ::2] = True
    longest, across = recist_chords(comb, (0, 0), (1.0, 1.0))
    assert longest == Chord(401.0, (99.0, 400.5), (99.0, -0.5))
    assert across == Chord(100.0, (99.5, 0.0), (-0.5, 0.0))
