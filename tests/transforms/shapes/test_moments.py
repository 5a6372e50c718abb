"""Axes by second moments: against LAPACK, against true ellipses and ellipsoids, and bit by bit where that is due."""

import numpy as np
import pytest
from drawn_ellipses import DrawnEllipse, draw, draw_many
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chisquare

from medvision.transforms.shapes.eigen import eigen_axes
from medvision.transforms.shapes.moments import RegionMoments, ellipsoid_axes, region_moments, second_moment_axes

SPACINGS_MM = [(1.0, 1.0), (0.8, 3.0), (3.0, 0.8)]


# Eigenvalues


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([2, 3]), st.data())
def test_eigenvalues_are_those_of_lapack(size, data):
    root = data.draw(arrays(float, (size, size), elements=st.floats(-10, 10).map(lambda value: round(value, 3))))
    matrix = root @ root.T
    values, vectors = eigen_axes(matrix.tolist())
    scale = max(1e-30, np.abs(matrix).max())
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix)[::-1], atol=1e-13 * scale * size)
    basis = np.array(vectors)
    np.testing.assert_allclose(basis @ basis.T, np.eye(size), atol=1e-12)
    np.testing.assert_allclose(matrix @ basis.T, basis.T * values, atol=3e-9 * scale)
    for vector in vectors:
        assert next(component for component in vector if abs(component) > 1e-9) > 0


def test_equal_eigenvalues_keep_the_axes_of_the_coordinates():
    assert eigen_axes([[2.0, 0.0], [0.0, 2.0]]) == ((2.0, 2.0), ((1.0, 0.0), (0.0, 1.0)))
    assert eigen_axes([[2.0, 1e-12], [1e-12, 2.0]])[1] == ((1.0, 0.0), (0.0, 1.0))
    assert eigen_axes(np.diag([1.0, 3.0, 3.0]).tolist())[1] == ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))


@pytest.mark.parametrize("turn_deg", range(0, 180, 15))
@pytest.mark.parametrize("thin", [0.5, 1e-3, 1e-6])
def test_a_thin_ellipse_keeps_its_direction(turn_deg, thin):
    cosine, sine = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    major, minor = np.array([cosine, sine]), np.array([-sine, cosine])
    _, (found, _) = eigen_axes((np.outer(major, major) + thin * np.outer(minor, minor)).tolist())
    assert abs(found @ major) == pytest.approx(1.0, abs=1e-14)


# Points


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([2, 3]), st.data(), st.sampled_from([0, 1]))
def test_axes_are_four_roots_of_the_covariance(axes, data, ddof):
    points = data.draw(arrays(float, (12, axes), elements=st.floats(-50, 50).map(lambda value: round(value, 2))))
    covariance = np.cov(points.T, ddof=ddof)
    found = second_moment_axes(points, ddof=ddof)
    expected = 4 * np.sqrt(np.maximum(np.linalg.eigvalsh(covariance)[::-1], 0))
    np.testing.assert_allclose(np.square(found.lengths_mm), expected**2, atol=1e-9)
    np.testing.assert_allclose(found.center, points.mean(axis=0), atol=1e-12)
    sizes = (0.5, 2.0, 3.0)[:axes]
    with_pixel = second_moment_axes(points, sizes, ddof)
    wider = 4 * np.sqrt(np.maximum(np.linalg.eigvalsh(covariance + np.diag(np.square(sizes)) / 12)[::-1], 0))
    np.testing.assert_allclose(np.square(with_pixel.lengths_mm), wider**2, atol=1e-9)


def test_a_solid_ellipsoid_has_its_own_axes_and_the_radiomics_ones_are_shorter():
    spacing = np.array([0.5, 0.8, 1.0])
    grid = np.indices((121, 71, 41)).reshape(3, -1).T * spacing
    centre = np.array([60, 35, 20]) * spacing
    turn = np.array([[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    semi = np.array([25.0, 12.0, 8.0])
    points = grid[((((grid - centre) @ turn.T) / semi) ** 2).sum(axis=1) <= 1]
    found = ellipsoid_axes(points, spacing.tolist())
    np.testing.assert_allclose(found.lengths_mm, 2 * semi, rtol=0.01)
    np.testing.assert_allclose(found.center, centre, atol=0.01)
    np.testing.assert_allclose(np.abs(np.array(found.directions) @ turn.T), np.eye(3), atol=0.01)
    radiomics = second_moment_axes(points, spacing.tolist())
    np.testing.assert_allclose(radiomics.lengths_mm, np.array(found.lengths_mm) * 2 / np.sqrt(5), rtol=1e-12)


def test_points_that_cannot_be_measured_are_named():
    with pytest.raises(ValueError, match=r"\(4, 4\)"):
        second_moment_axes(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="more than 1 points, got 1"):
        second_moment_axes(np.zeros((1, 2)), ddof=1)
    with pytest.raises(ValueError, match="empty mask"):
        region_moments(np.zeros((4, 4), bool), (1.0, 1.0))
    with pytest.raises(ValueError, match=r"\(4, 4, 1\)"):
        region_moments(np.zeros((4, 4, 1), bool), (1.0, 1.0))


# Masks


@settings(max_examples=200, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.tuples(st.floats(0.3, 5), st.floats(0.3, 5)))
def test_a_mask_is_its_pixel_centres_with_the_pixel_term(mask, spacing_rc_mm):
    mask[0, 0] = True
    points = np.argwhere(mask) * np.array(spacing_rc_mm)
    region, cloud = region_moments(mask, spacing_rc_mm), second_moment_axes(points, spacing_rc_mm)
    assert region.pixel_count == len(points)
    np.testing.assert_allclose(region.lengths_mm, cloud.lengths_mm, rtol=1e-9)
    np.testing.assert_allclose(np.multiply(region.center_rc, spacing_rc_mm), cloud.center, atol=1e-9)
    if cloud.lengths_mm[0] > 1.0001 * cloud.lengths_mm[1]:
        np.testing.assert_allclose(np.abs(np.sum(np.multiply(region.directions, cloud.directions), 1)), 1, atol=1e-9)


def test_one_pixel_has_the_moments_of_a_rectangle():
    assert region_moments(np.ones((1, 1), bool), (3.0, 6.0)) == RegionMoments(
        1,
        (0.0, 0.0),
        (pytest.approx(4 * 6 / np.sqrt(12)), pytest.approx(4 * 3 / np.sqrt(12))),
        ((0.0, 1.0), (1.0, 0.0)),
    )


@pytest.mark.parametrize("spacing_rc_mm", SPACINGS_MM)
def test_place_within_a_large_crop_changes_no_bit(spacing_rc_mm):
    drawn = draw(40.0, 20.0, 0.7, spacing_rc_mm, (0.2, -0.3))
    assert drawn is not None
    near = region_moments(drawn.mask, spacing_rc_mm)
    far = region_moments(np.pad(drawn.mask, ((2000, 3), (1500, 1))), spacing_rc_mm)
    assert (far.lengths_mm, far.directions) == (near.lengths_mm, near.directions)
    np.testing.assert_allclose(np.subtract(far.center_rc, near.center_rc), (2000, 1500), rtol=1e-12)


# 10,000 true ellipses of any turn, offset and pixel

COUNT = 10_000


@pytest.fixture(scope="module")
def measured() -> list[tuple[DrawnEllipse, RegionMoments]]:
    return [(drawn, region_moments(drawn.mask, drawn.spacing_rc_mm)) for drawn in draw_many(COUNT, seed=7)]


def error_percent(measured: list[tuple[DrawnEllipse, RegionMoments]]) -> np.ndarray:
    return np.array(
        [[100 * (found.lengths_mm[0] / drawn.major_mm - 1), 100 * (found.lengths_mm[1] / drawn.minor_mm - 1)]
         for drawn, found in measured]
    )  # fmt: skip


def turns(measured: list[tuple[DrawnEllipse, RegionMoments]]) -> np.ndarray:
    directions = np.array([found.directions[0] for _, found in measured])
    return np.arctan2(directions[:, 1], directions[:, 0]) % np.pi


def uniform_p(angles: np.ndarray) -> float:
    return float(chisquare(np.histogram(angles, bins=18, range=(0, np.pi))[0]).pvalue)


def test_true_ellipses_are_measured_to_a_percent(measured):
    assert min(drawn.minor_pixels for drawn, _ in measured) >= 10
    major, minor = error_percent(measured).T
    assert abs(major.mean()) < 0.2
    assert abs(minor.mean()) < 0.3
    assert np.percentile(np.abs(major), 95) < 1.0
    assert np.percentile(np.abs(minor), 95) < 1.3


def test_true_ellipses_lie_where_they_are_found(measured):
    offset = np.array([np.subtract(found.center_rc, drawn.center_rc) for drawn, found in measured])
    coarse = np.array([np.divide(drawn.spacing_rc_mm, max(drawn.spacing_rc_mm)) for drawn, _ in measured])
    assert np.abs(offset * coarse).max() < 0.25  # in pixels of the coarser side
    assert np.abs(offset.mean(axis=0)).max() < 0.005
    long = np.array([drawn.major_mm > 1.5 * drawn.minor_mm for drawn, _ in measured])
    turned = (turns(measured) - np.array([drawn.turn_rad for drawn, _ in measured]) + np.pi / 2) % np.pi - np.pi / 2
    assert np.degrees(np.abs(turned[long])).max() < 5
    assert abs(np.degrees(turned[long]).mean()) < 0.05


def test_no_direction_is_preferred(measured):
    """Neither among all, nor among those within 1 % of the truth."""
    angles, close = turns(measured), np.abs(error_percent(measured)).max(axis=1) < 1.0
    assert close.mean() > 0.9
    assert uniform_p(angles) > 0.01
    assert uniform_p(angles[close]) > 0.01
    # The same test on axes taken in pixels instead of mm:
    stretched = [
        np.arctan2(np.sin(turn) / drawn.spacing_rc_mm[1], np.cos(turn) / drawn.spacing_rc_mm[0]) % np.pi
        for turn, (drawn, _) in zip(angles, measured, strict=True)
    ]
    assert uniform_p(np.array(stretched)) < 1e-6
