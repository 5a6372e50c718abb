"""Shape measures against published numbers: PyRadiomics' baselines and the digital phantom of IBSI."""

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from medvision.transforms.shapes.edges import edge_midpoints, face_midpoints
from medvision.transforms.shapes.feret import max_feret
from medvision.transforms.shapes.moments import ellipsoid_axes, second_moment_axes

pytestmark = pytest.mark.realdata

CASES = ["brain1", "breast1"]
SLICES = {"brain1": 16, "breast1": 9}
"""Axial slices of the 2D baseline."""


def radiomics_case(realdata: Path, case: str) -> tuple[np.ndarray, np.ndarray]:
    """(slices, rows, columns) bool, and the spacing along the same axes in mm."""
    image = SimpleITK.ReadImage(str(realdata / f"pyradiomics/{case}_label.nrrd"))
    return SimpleITK.GetArrayFromImage(image) == 1, np.array(image.GetSpacing()[::-1])


def baseline(realdata: Path, name: str, case: str) -> dict[str, float]:
    """Feature name to value."""
    with (realdata / f"pyradiomics/{name}.csv").open() as file:
        header, *rows = csv.reader(file)
    column = next(index for index, title in enumerate(header) if title.startswith(case))
    features = {row[0]: row[column] for row in rows if row[0].startswith("original_")}
    return {name.rpartition("_")[2]: float(value) for name, value in features.items()}


@pytest.mark.parametrize("case", CASES)
def test_3d_axes_diameter_and_volume_are_those_of_pyradiomics(realdata, case):
    mask, spacing_mm = radiomics_case(realdata, case)
    expected = baseline(realdata, "baseline_shape", case)
    axes_mm = second_moment_axes(np.argwhere(mask) * spacing_mm).lengths_mm
    published = [expected[f"{name}AxisLength"] for name in ("Major", "Minor", "Least")]
    np.testing.assert_allclose(axes_mm, published, rtol=1e-9)
    assert max_feret(face_midpoints(mask), spacing_mm)[0] == pytest.approx(expected["Maximum3DDiameter"], rel=1e-9)
    assert mask.sum() * spacing_mm.prod() == pytest.approx(expected["VoxelVolume"], rel=1e-9)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("name", "across"), [("Slice", 0), ("Column", 1), ("Row", 2)])
def test_longest_diameter_in_a_plane_is_that_of_pyradiomics(realdata, case, name, across):
    """PyRadiomics also takes the planes half way between slices, where faces of two slices meet."""
    mask, spacing_mm = radiomics_case(realdata, case)
    faces = face_midpoints(mask)
    within = [axis for axis in range(3) if axis != across]
    planes = (faces[faces[:, across] == half][:, within] for half in np.unique(faces[:, across]))
    longest_mm = max(max_feret(plane, spacing_mm[within])[0] for plane in planes)
    expected = baseline(realdata, "baseline_shape", case)[f"Maximum2DDiameter{name}"]
    assert longest_mm == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_2d_axes_diameter_and_area_are_those_of_pyradiomics(realdata, case):
    volume, spacing_mm = radiomics_case(realdata, case)
    mask, spacing_rc_mm = volume[SLICES[case]], spacing_mm[1:]
    expected = baseline(realdata, "baseline_shape2D", case)
    axes_mm = second_moment_axes(np.argwhere(mask) * spacing_rc_mm).lengths_mm
    np.testing.assert_allclose(axes_mm, [expected["MajorAxisLength"], expected["MinorAxisLength"]], rtol=1e-9)
    diameter_mm = max_feret(edge_midpoints(mask), spacing_rc_mm)[0]
    assert diameter_mm == pytest.approx(expected["MaximumDiameter"], rel=1e-9)
    assert mask.sum() * spacing_rc_mm.prod() == pytest.approx(expected["PixelSurface"], rel=1e-9)


def test_ibsi_phantom_has_the_reference_values(realdata):
    """IBSI divides by N - 1; with N, or as a solid ellipsoid, the printed digits come out otherwise."""
    phantom = nib.load(realdata / "ibsi/ibsi_1_digital_phantom/nifti/mask/mask.nii.gz")
    mask = np.asanyarray(phantom.dataobj) > 0
    spacing_mm = np.array(phantom.header.get_zooms(), float)
    points_mm = np.argwhere(mask) * spacing_mm
    assert printed(second_moment_axes(points_mm, ddof=1).lengths_mm) == [11.4, 9.31, 8.54]
    assert printed(second_moment_axes(points_mm).lengths_mm) != [11.4, 9.31, 8.54]
    assert printed(ellipsoid_axes(points_mm, ddof=1).lengths_mm) != [11.4, 9.31, 8.54]
    assert printed([max_feret(face_midpoints(mask), spacing_mm)[0]]) == [13.1]
    assert mask.sum() * spacing_mm.prod() == 592


def printed(lengths_mm: tuple[float, ...] | list[float]) -> list[float]:
    return [float(f"{length:.3g}") for length in lengths_mm]
