"""Arrow schema of a volume row: one image of one case, its grids, and what was measured in three dimensions.

Indices and `_xyz` values are in voxels of the RAS+ volume; `_mm` points are RAS mm.
"""

import pyarrow as pa

from medvision.schemas.rows import CHORD, POINT_F64

TRIPLE_U16 = pa.list_(pa.uint16())

BOX3D = pa.struct(
    [
        ("min_xyz", TRIPLE_U16),  # first and last voxel inside: INCLUSIVE, as upstream
        ("max_xyz", TRIPLE_U16),
        ("center_xyz", TRIPLE_U16),  # floor((min + max) / 2)
        ("size_voxels", TRIPLE_U16),
        ("size_mm", POINT_F64),  # size_voxels * mask voxel size by the rules
        ("voxel_count", pa.uint64()),
        ("mask_image_ratio", pa.float64()),  # voxel_count / voxels of the volume
    ]
)
"""One 6-connected 3D component of one label, as upstream has it."""

INSTANCE3D = pa.struct(
    [
        ("start_xyz", TRIPLE_U16),  # half-open
        ("stop_xyz", TRIPLE_U16),
        ("start_mm", POINT_F64),  # edges of the box in mm along the voxel axes ...
        ("stop_mm", POINT_F64),  # ... from the outer corner of voxel (0, 0, 0)
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
        ("boxes", pa.list_(BOX3D)),  # in raster order of each component's first voxel, x slowest
        ("instances", pa.list_(INSTANCE3D)),  # in the same order
    ]
)
"""One label of a mask."""

LESION3D = pa.struct(
    [
        ("lesion_id", pa.uint32()),  # from 0 in raster order of the first voxel; named by the regions of slice rows
        ("voxel_count", pa.uint64()),
        ("volume_mm3", pa.float64()),
        ("start_xyz", TRIPLE_U16),
        ("stop_xyz", TRIPLE_U16),
        ("center_mm", POINT_F64),  # centroid, RAS mm
        ("axes_mm", POINT_F64),  # of the ellipsoid of equal second moments, falling; voxels being solid
        ("feret_mm", pa.float64()),  # largest distance of two voxel-face midpoints
        ("acquisition_slices", pa.uint32()),  # slices of the acquisition plane that it is on
        ("largest_slice_idx", pa.uint16()),  # acquisition slice of its largest region by area
        ("largest_area_mm2", pa.float64()),
        ("longest_slice_idx", pa.uint16()),  # acquisition slice of its longest diameter
        ("longest", CHORD),  # RECIST 1.1, on that slice
        ("perpendicular", CHORD),  # to it, on the same slice; null where there is none
        ("measure_mm", pa.float64()),  # what counts: `longest` of a mass, `perpendicular` of a node
        ("raster_mm", pa.float64()),  # extent of a pixel along that line
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
        ("volume_id", pa.string()),  # the slice ids of its rows begin with it
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
        ("affine_ras", pa.list_(pa.float64())),  # 16 numbers, row by row, of the image
        ("header_spacing_mm", POINT_F64),  # x, y, z as the image's header states them
        ("raw_axes", pa.string()),
        ("mask_affine_ras", pa.list_(pa.float64())),  # of the mask; empty for rows without one
        ("mask_header_spacing_mm", POINT_F64),
        ("mask_raw_axes", pa.string()),
        ("acquisition_dim", pa.uint8()),  # axis across the slices that the scanner took: the largest voxel side
        ("structures", pa.list_(STRUCTURE)),  # in order of label
        ("lesions", pa.list_(LESIONS3D)),  # in order of lesion_task
    ]
)
"""Columns of `volumes/`."""
