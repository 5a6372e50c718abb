"""Arrow schema of a volume row: one image of one case, its grids, and what was measured in three dimensions.

Indices and `_xyz` values are in voxels of the RAS+ volume; `_mm` points are RAS mm. What each column means stands in
definitions/.
"""

import pyarrow as pa

from medvision.schemas.rows import CHORD, POINT_F64

TRIPLE_U16 = pa.list_(pa.uint16())

BOX3D = pa.struct(
    [
        ("min_xyz", TRIPLE_U16),
        ("max_xyz", TRIPLE_U16),
        ("center_xyz", TRIPLE_U16),
        ("size_voxels", TRIPLE_U16),
        ("size_mm", POINT_F64),
        ("voxel_count", pa.uint64()),
        ("mask_image_ratio", pa.float64()),
    ]
)
"""One 6-connected 3D component of one label, as upstream has it."""

INSTANCE3D = pa.struct(
    [
        ("start_xyz", TRIPLE_U16),
        ("stop_xyz", TRIPLE_U16),
        ("start_mm", POINT_F64),
        ("stop_mm", POINT_F64),
        ("voxel_count", pa.uint64()),
        ("volume_mm3", pa.float64()),
    ]
)
"""One 26-connected 3D component of one label (`exact`); lengths follow the mask's affine."""

STRUCTURE = pa.struct(
    [
        ("label", pa.uint16()),
        ("name", pa.string()),
        ("voxel_count", pa.uint64()),
        ("volume_mm3", pa.float64()),
        ("boxes", pa.list_(BOX3D)),
        ("instances", pa.list_(INSTANCE3D)),
    ]
)
"""One label of a mask."""

LESION3D = pa.struct(
    [
        ("lesion_id", pa.uint32()),
        ("voxel_count", pa.uint64()),
        ("volume_mm3", pa.float64()),
        ("start_xyz", TRIPLE_U16),
        ("stop_xyz", TRIPLE_U16),
        ("center_mm", POINT_F64),
        ("axes_mm", POINT_F64),
        ("feret_mm", pa.float64()),
        ("acquisition_slices", pa.uint32()),
        ("largest_slice_idx", pa.uint16()),
        ("largest_area_mm2", pa.float64()),
        ("longest_slice_idx", pa.uint16()),
        ("longest", CHORD),
        ("perpendicular", CHORD),
        ("measure_mm", pa.float64()),
        ("raster_mm", pa.float64()),
        ("flags", pa.list_(pa.string())),
    ]
)
"""One 26-connected lesion."""

LESIONS3D = pa.struct(
    [
        ("lesion_task", pa.uint8()),
        ("label", pa.uint16()),
        ("name", pa.string()),
        ("lesion_kind", pa.string()),
        ("lesions", pa.list_(LESION3D)),
    ]
)
"""Lesions of one lesion task."""

VOLUME_SCHEMA = pa.schema(
    [
        ("volume_id", pa.string()),
        ("dataset", pa.string()),
        ("case_id", pa.string()),
        ("patient", pa.string()),
        ("task", pa.uint8()),
        ("side", pa.string()),
        ("space", pa.string()),
        ("upstream_name", pa.string()),
        ("source_path", pa.string()),
        ("source_channel", pa.int16()),
        ("mask_path", pa.string()),
        ("landmark_path", pa.string()),
        ("shape_xyz", TRIPLE_U16),
        ("affine_ras", pa.list_(pa.float64())),
        ("header_spacing_mm", POINT_F64),
        ("raw_axes", pa.string()),
        ("mask_affine_ras", pa.list_(pa.float64())),
        ("mask_header_spacing_mm", POINT_F64),
        ("mask_raw_axes", pa.string()),
        ("acquisition_dim", pa.uint8()),
        ("structures", pa.list_(STRUCTURE)),
        ("lesions", pa.list_(LESIONS3D)),
    ]
)
"""Columns of `volumes/`."""
