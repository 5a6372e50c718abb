"""Rows of one dataset under other rules: presence, spacing, segments, lesions and measures of landmarks."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.schemas.dataset import Dataset
from medvision.schemas.rows import ANNOTATION_SCHEMA, PAIR_F64, POINT_F64
from medvision.schemas.rules import Rules
from medvision.transforms.annotate import pair_column
from medvision.transforms.remeasure.landmarks import measured_biometrics
from medvision.transforms.remeasure.lesions import measured_lesions
from medvision.transforms.remeasure.presence import kept_rows
from medvision.transforms.remeasure.segments import measured_segments
from medvision.transforms.remeasure.spacing import Volumes, spacings_of

SECTIONS = ("segments", "lesions", "biometrics")


def remeasure(
    rows: pa.Table,
    before: Rules,
    after: Rules,
    dataset: Dataset,
    volumes: Volumes | None = None,
    sections: Collection[str] = SECTIONS,
) -> pa.Table:
    """Rows as a build by `after` has them, of rows that a build by `before` made.

    Every number is computed again, also where no switch differs: a row whose numbers are not what its own evidence
    gives comes back with others. What `before` left out does not come back.

    Args:
        rows: Annotation rows of one dataset.
        volumes: Voxel sizes by image, for switches that need header and affine both; see `needs_volumes`.
        sections: Nested columns to measure; the others are kept as they are.

    Raises:
        KeyError: `volumes` lacks an image that a switch needs.
    """
    volumes = volumes or {}
    keep = kept_rows(rows, before, after, dataset, volumes)
    if not keep.all():
        rows = rows.filter(pa.array(keep))
    spacings = spacings_of(rows, before, after, volumes)
    columns = {
        "spacing_xyz_mm": _lists(spacings.voxel_mm, POINT_F64),
        "pixel_spacing_mm": pair_column(spacings.pixel_mm[:, 0], spacings.pixel_mm[:, 1], PAIR_F64),
        "mask_pixel_spacing_mm": pair_column(spacings.mask_pixel_mm[:, 0], spacings.mask_pixel_mm[:, 1], PAIR_F64),
    }
    # Labels without meaning become background, and a slice that shows nothing else goes with them.
    segments = measured_segments(rows, spacings.mask_pixel_mm, dataset, after)
    if "segments" in sections:
        columns["segments"] = segments
    if "lesions" in sections:
        columns["lesions"] = measured_lesions(rows, spacings, dataset, after)
    if "biometrics" in sections:
        columns["biometrics"] = measured_biometrics(rows, spacings.voxel_mm, dataset)
    for name, column in columns.items():
        rows = rows.set_column(rows.schema.get_field_index(name), ANNOTATION_SCHEMA.field(name), column)
    empty = pc.equal(pc.list_value_length(segments), 0).to_numpy(zero_copy_only=False)
    of_masks = pc.equal(rows["landmark_path"], "").to_numpy()
    return rows.filter(pa.array(~(empty & of_masks))) if (empty & of_masks).any() else rows


def needs_volumes(before: Rules, after: Rules) -> list[str]:
    """Switches between these rules that rows alone cannot follow."""
    found = []
    if (before.spacing_source, after.spacing_source) == ("affine", "header_zooms"):
        found.append("spacing_source")
    if before.grid_tolerance != after.grid_tolerance and after.grid_mismatch == "reject":
        found.append("grid_tolerance")
    return found


def _lists(values: np.ndarray, kind: pa.DataType) -> pa.ListArray:
    offsets = np.arange(0, values.size + 1, values.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(values.reshape(-1), kind.value_type))
