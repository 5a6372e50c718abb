"""Checks on the measures of annotation rows: boxes, instances, areas and axes, all rows of a file at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.checks.columns import all_tuples, close, column, flatten, numbers, tuples
from medvision.pipelines.checks.components import PLANAR, Labels, check_components
from medvision.pipelines.checks.findings import Findings
from medvision.pipelines.checks.landmarks import check_landmarks
from medvision.transforms.conics import AXES_EXCHANGED

PAIR_COLUMNS = ("pixel_spacing_mm", "mask_pixel_spacing_mm")


def check_measures(table: pa.Table, exact_rc_mm: np.ndarray, findings: Findings) -> None:
    """Boxes and instances lie in the image and agree with their sizes and label pixels, areas with pixels.

    The major axis of an ellipse is the longer one, but where its lesion says that the rules exchange them.
    Landmarks have checks of their own (`check_landmarks`), as lesions do (`check_lesions`).

    Args:
        table: Rows of ANNOTATION_SCHEMA, chunks combined.
        exact_rc_mm: (rows, 2) pixel size by the mask's affine, NaN where it is not known.
    """
    check_landmarks(table, findings)
    ids = table["slice_id"]
    if not all_tuples(table, PAIR_COLUMNS, 2):
        findings.fail("areas", "a pixel spacing is not two numbers")
        return
    spacing_mm = tuples(table, "mask_pixel_spacing_mm", 2)
    segments, row_of_segment = flatten(column(table, "segments"))
    pixels = numbers(segments, "pixel_count", np.int64)
    area_mm2 = numbers(segments, "area_mm2", np.float64)
    expected_mm2 = pixels * spacing_mm[row_of_segment].prod(axis=1)
    findings.rows("areas", close(area_mm2, expected_mm2), ids, row_of_segment)
    shape = np.stack([numbers(table, name, np.int64) for name in ("height", "width")], axis=1)
    labels = Labels(segments, row_of_segment, shape, spacing_mm, exact_rc_mm, ids)
    check_components(PLANAR, labels, findings)
    _check_axes(table, findings)


def _check_axes(table: pa.Table, findings: Findings) -> None:
    lesions, row_of_lesion = flatten(column(table, "lesions"))
    flags, lesion_of_flag = flatten(pc.struct_field(lesions, "flags"))
    exchanged = np.zeros(len(lesions), bool)
    exchanged[lesion_of_flag[pc.equal(flags, AXES_EXCHANGED).to_numpy(zero_copy_only=False)]] = True
    ellipses, lesion_of_ellipse = flatten(pc.struct_field(lesions, "ellipses"))
    major = numbers(ellipses, "major_mm", np.float64)
    minor = numbers(ellipses, "minor_mm", np.float64)
    ordered = np.isfinite(major) & np.isfinite(minor) & (major >= 0) & (minor >= 0)
    ordered &= (major >= minor) | exchanged[lesion_of_ellipse]
    findings.rows("axes", ordered, table["slice_id"], row_of_lesion[lesion_of_ellipse])
