"""Checks on the measures of annotation rows: boxes, areas and axes, all rows of a file at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.checks.findings import Findings
from medvision.pipelines.checks.landmarks import check_landmarks

RELATIVE = 1e-9
"""Largest relative difference of a stored product and the same product taken here."""
PAIR_COLUMNS = ("pixel_spacing_mm", "mask_pixel_spacing_mm")
BOX_PAIRS = ("min_rc", "max_rc", "center_rc", "size_px", "size_mm")


def check_measures(table: pa.Table, findings: Findings) -> None:
    """Boxes lie in the image and agree with their sizes and label pixels, areas with pixels, axes in length.

    Landmarks have checks of their own (`check_landmarks`).

    Args:
        table: Rows of ANNOTATION_SCHEMA.
    """
    table = table.combine_chunks()
    check_landmarks(table, findings)
    ids = table["slice_id"]
    if not _all_pairs(table, PAIR_COLUMNS):
        findings.fail("areas", "a pixel spacing is not two numbers")
        return
    spacing_mm = _pairs(_column(table, "mask_pixel_spacing_mm"))
    segments, row_of_segment = _flatten(_column(table, "segments"))
    pixels = _numbers(segments, "pixel_count", np.int64)
    area_mm2 = _numbers(segments, "area_mm2", np.float64)
    expected_mm2 = pixels * spacing_mm[row_of_segment].prod(axis=1)
    findings.rows("areas", _close(area_mm2, expected_mm2), ids, row_of_segment)
    _check_boxes(table, segments, row_of_segment, pixels, findings)
    lesions, row_of_lesion = _flatten(_column(table, "lesions"))
    ellipses, lesion_of_ellipse = _flatten(pc.struct_field(lesions, "ellipses"))
    major = _numbers(ellipses, "major_mm", np.float64)
    minor = _numbers(ellipses, "minor_mm", np.float64)
    ordered = np.isfinite(major) & (major >= minor) & (minor >= 0)
    findings.rows("axes", ordered, ids, row_of_lesion[lesion_of_ellipse])


def _check_boxes(
    table: pa.Table,
    segments: pa.StructArray,
    row_of_segment: np.ndarray,
    pixels: np.ndarray,
    findings: Findings,
) -> None:
    ids = table["slice_id"]
    boxes, segment_of_box = _flatten(pc.struct_field(segments, "boxes"))
    row_of_box = row_of_segment[segment_of_box]
    if not _all_pairs(boxes, BOX_PAIRS):
        findings.fail("boxes_inside", "a field of a box is not two numbers")
        return
    low, high, center, size_px, size_mm = (_pairs(pc.struct_field(boxes, name)) for name in BOX_PAIRS)
    sides = [_numbers(table, name, np.int64) for name in ("height", "width")]
    shape = np.stack(sides, axis=1)[row_of_box]
    spacing_mm = _pairs(_column(table, "mask_pixel_spacing_mm"))[row_of_box]
    inside = (low >= 0) & (low <= high) & (high < shape)
    findings.rows("boxes_inside", inside.all(axis=1), ids, row_of_box)
    in_box = _numbers(boxes, "pixel_count", np.int64)
    ratio = _numbers(boxes, "mask_image_ratio", np.float64)
    agree = (size_px == high - low + 1) & (center == (low + high) // 2)
    agree &= _close(size_mm, size_px * spacing_mm)
    agree = agree.all(axis=1) & _close(ratio, in_box / np.maximum(shape.prod(axis=1), 1))
    findings.rows("box_sizes", agree, ids, row_of_box)
    total = np.zeros(len(pixels), np.int64)
    np.add.at(total, segment_of_box, in_box)
    findings.rows("box_pixels", total == pixels, ids, row_of_segment)


def _close(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return np.abs(found - expected) <= RELATIVE * np.maximum(np.abs(expected), 1e-300)


def _column(table: pa.Table, name: str) -> pa.Array:
    chunks = table[name].chunks
    return chunks[0] if chunks else pa.array([], table.schema.field(name).type)


def _field(holder: pa.Table | pa.StructArray, name: str) -> pa.Array:
    return _column(holder, name) if isinstance(holder, pa.Table) else pc.struct_field(holder, name)


def _flatten(lists: pa.ListArray) -> tuple[pa.Array, np.ndarray]:
    """Items of all lists, and the number of the list that each is from."""
    return lists.flatten(), pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)


def _numbers(holder: pa.Table | pa.StructArray, name: str, kind: type) -> np.ndarray:
    """A number column (N,); a null becomes 0, or NaN where `kind` is a float, and so fails its check."""
    missing = np.nan if kind is np.float64 else 0
    values = _field(holder, name)
    return values.cast(pa.from_numpy_dtype(kind)).fill_null(missing).to_numpy(zero_copy_only=False)


def _pairs(lists: pa.ListArray) -> np.ndarray:
    """(N, 2); integers as int64, so that differences may be negative."""
    flat = lists.flatten().to_numpy(zero_copy_only=False).reshape(-1, 2)
    return flat.astype(np.int64) if np.issubdtype(flat.dtype, np.integer) else flat


def _all_pairs(holder: pa.Table | pa.StructArray, names: tuple[str, ...]) -> bool:
    for name in names:
        lengths = pc.list_value_length(_field(holder, name)).fill_null(0).to_numpy(zero_copy_only=False)
        if not (lengths == 2).all():
            return False
    return True
