"""Arrow schema of a slice row: one image slice once, its geometry, and its annotations of every kind.

Axes. Volumes are (x, y, z) in RAS+. A slice is the array `volume[i, :, :]`, `volume[:, i, :]` or `volume[:, :, i]`
(slice_dim 0, 1, 2), never transposed: its rows r are the first remaining axis, its columns c the second.
Every `_rc` pair is (r, c) in pixels of that array; every `_mm` pair is in the same order. What each column means stands
in definitions/.
"""

import pyarrow as pa

SCHEMA_VERSION = 4
"""Raise when a column is added, removed or changes meaning: every shard is then built anew."""

PAIR_F64 = pa.list_(pa.float64())
PAIR_U16 = pa.list_(pa.uint16())
POINT_F64 = pa.list_(pa.float64())
"""Three numbers in the order x, y, z."""

BOX = pa.struct(
    [
        ("min_rc", PAIR_U16),
        ("max_rc", PAIR_U16),
        ("center_rc", PAIR_U16),
        ("size_px", PAIR_U16),
        ("size_mm", PAIR_F64),
        ("pixel_count", pa.uint32()),
        ("mask_image_ratio", pa.float64()),
    ]
)
"""One 4-connected 2D component of one label, as upstream has it."""

INSTANCE = pa.struct(
    [
        ("start_rc", PAIR_U16),
        ("stop_rc", PAIR_U16),
        ("start_mm", PAIR_F64),
        ("stop_mm", PAIR_F64),
        ("pixel_count", pa.uint32()),
        ("area_mm2", pa.float64()),
    ]
)
"""One 8-connected 2D component of one label (`exact`); lengths follow the mask's affine."""

SEGMENT = pa.struct(
    [
        ("label", pa.uint16()),
        ("name", pa.string()),
        ("pixel_count", pa.uint32()),
        ("area_mm2", pa.float64()),
        ("boxes", pa.list_(BOX)),
        ("instances", pa.list_(INSTANCE)),
    ]
)
"""One label on one slice."""

ELLIPSE = pa.struct(
    [
        ("pixel_count", pa.uint32()),
        ("major_mm", pa.float64()),
        ("minor_mm", pa.float64()),
        ("center_rc", PAIR_F64),
        ("major_end_rc", PAIR_F64),
        ("major_start_rc", PAIR_F64),
        ("minor_end_rc", PAIR_F64),
        ("minor_start_rc", PAIR_F64),
    ]
)
"""Axes of a conic fitted to a cluster's outline through pixel centres, by the build's rules."""

CHORD = pa.struct(
    [
        ("length_mm", pa.float64()),
        ("start_rc", PAIR_F64),
        ("end_rc", PAIR_F64),
        ("start_mm", POINT_F64),
        ("end_mm", POINT_F64),
    ]
)
"""A measured line on a slice."""

REGION = pa.struct(
    [
        ("lesion_id", pa.uint32()),
        ("pixel_count", pa.uint32()),
        ("area_mm2", pa.float64()),
        ("start_rc", PAIR_U16),
        ("stop_rc", PAIR_U16),
        ("center_rc", PAIR_F64),
        ("major_axis", CHORD),
        ("minor_axis", CHORD),
        ("feret", CHORD),
        ("longest", CHORD),
        ("perpendicular", CHORD),
        ("raster_mm", pa.float64()),
        ("flags", pa.list_(pa.string())),
    ]
)
"""One 8-connected 2D component of a lesion (`exact`); lengths follow the mask's affine."""

LESION = pa.struct(
    [
        ("lesion_task", pa.uint8()),
        ("label", pa.uint16()),
        ("name", pa.string()),
        ("lesion_kind", pa.string()),
        ("n_total_clusters", pa.uint32()),
        ("ellipses", pa.list_(ELLIPSE)),
        ("regions", pa.list_(REGION)),
        ("flags", pa.list_(pa.string())),
        ("origin_rc", PAIR_U16),
        ("size_rc", PAIR_U16),
        ("runs", pa.list_(pa.uint32())),
    ]
)
"""One lesion task on one slice that shows its target."""

LANDMARK = pa.struct(
    [
        ("source", pa.string()),
        ("number", pa.uint8()),
        ("name", pa.string()),
        ("position_rc", PAIR_F64),
        ("slice_position", pa.float64()),
        ("world_mm", PAIR_F64),
        ("native_mm", PAIR_F64),
    ]
)
"""One landmark of a measure shown on this slice."""

BIOMETRIC = pa.struct(
    [
        ("landmark_task", pa.uint8()),
        ("source", pa.string()),
        ("primary", pa.bool_()),
        ("definition", pa.string()),
        ("metric_type", pa.string()),
        ("key", pa.string()),
        ("name", pa.string()),
        ("value", pa.float64()),
        ("unit", pa.string()),
        ("flags", pa.list_(pa.string())),
    ]
)
"""One measure between landmarks, on the slice of its first point."""

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

ANNOTATION_FIELDS: list[tuple[str, pa.DataType]] = [
    ("slice_id", pa.string()),
    ("dataset", pa.string()),
    ("case_id", pa.string()),
    ("patient", pa.string()),
    ("task", pa.uint8()),
    ("side", pa.string()),
    ("split_source", pa.string()),
    ("modality", pa.string()),
    ("unit", pa.string()),
    ("plane", pa.string()),
    ("slice_dim", pa.uint8()),
    ("slice_idx", pa.uint16()),
    ("height", pa.uint16()),
    ("width", pa.uint16()),
    ("pixel_spacing_mm", PAIR_F64),
    ("mask_pixel_spacing_mm", PAIR_F64),
    ("shape_xyz", PAIR_U16),
    ("spacing_xyz_mm", PAIR_F64),
    ("affine_ras", PAIR_F64),
    ("raw_axes", pa.string()),
    ("obliquity_deg", pa.float64()),
    ("grid_mismatch_mm", pa.float64()),
    ("overlap_voxels", pa.uint64()),
    ("flags", pa.list_(pa.string())),
    ("source_path", pa.string()),
    ("source_channel", pa.int16()),
    ("mask_path", pa.string()),
    ("landmark_path", pa.string()),
    ("upstream_name", pa.string()),
    ("intensity_scale", pa.float64()),
    ("intensity_offset", pa.float64()),
    ("intensity_max_error", pa.float64()),
    ("intensity_clipped", pa.uint64()),
    ("intensity_invalid", pa.uint64()),
    ("header_slope", pa.float64()),
    ("header_intercept", pa.float64()),
    ("space", pa.string()),
    ("source_pool", pa.string()),
    ("segments", pa.list_(SEGMENT)),
    ("lesions", pa.list_(LESION)),
    ("landmarks", pa.list_(LANDMARK)),
    ("biometrics", pa.list_(BIOMETRIC)),
]
"""Columns of `annotations/`; `data/` has the image before them."""

ANNOTATION_SCHEMA = pa.schema(ANNOTATION_FIELDS)
DATA_SCHEMA = pa.schema([("image", IMAGE), *ANNOTATION_FIELDS])
