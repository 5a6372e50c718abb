"""Arrow schema of a slice row: one image slice once, its geometry, and its annotations of every kind.

Axes. Volumes are (x, y, z) in RAS+. A slice is the array `volume[i, :, :]`, `volume[:, i, :]` or `volume[:, :, i]`
(slice_dim 0, 1, 2), never transposed: its rows r are the first remaining axis, its columns c the second.
Every `_rc` pair is (r, c) in pixels of that array; every `_mm` pair is in the same order.
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
        ("min_rc", PAIR_U16),  # first row and column inside the component
        ("max_rc", PAIR_U16),  # last row and column inside it: INCLUSIVE, as upstream
        ("center_rc", PAIR_U16),  # floor((min + max) / 2)
        ("size_px", PAIR_U16),  # max - min + 1
        ("size_mm", PAIR_F64),  # size_px * mask pixel spacing
        ("pixel_count", pa.uint32()),  # pixels of the component
        ("mask_image_ratio", pa.float64()),  # pixel_count / (height * width)
    ]
)
"""One 4-connected 2D component of one label, as upstream has it."""

INSTANCE = pa.struct(
    [
        ("start_rc", PAIR_U16),  # half-open: first row and column inside the component
        ("stop_rc", PAIR_U16),  # first row and column past it
        ("start_mm", PAIR_F64),  # edges of the box in mm along rows and columns ...
        ("stop_mm", PAIR_F64),  # ... from the outer corner of the slice's pixel (0, 0)
        ("pixel_count", pa.uint32()),
        ("area_mm2", pa.float64()),
    ]
)
"""One 8-connected 2D component of one label (`exact`); lengths follow the mask's affine."""

SEGMENT = pa.struct(
    [
        ("label", pa.uint16()),
        ("name", pa.string()),  # "" for a value that the dataset's table does not name
        ("pixel_count", pa.uint32()),
        ("area_mm2", pa.float64()),
        ("boxes", pa.list_(BOX)),  # in raster order of each component's first pixel
        ("instances", pa.list_(INSTANCE)),  # in the same order
    ]
)
"""One label on one slice."""

ELLIPSE = pa.struct(
    [
        ("pixel_count", pa.uint32()),
        ("major_mm", pa.float64()),  # full length
        ("minor_mm", pa.float64()),
        ("center_rc", PAIR_F64),
        ("major_end_rc", PAIR_F64),  # P1: of the major axis, the end with the larger row (tie: column)
        ("major_start_rc", PAIR_F64),  # P2
        ("minor_end_rc", PAIR_F64),  # P3
        ("minor_start_rc", PAIR_F64),  # P4
    ]
)
"""Axes of a conic fitted to a cluster's outline through pixel centres, by the build's rules."""

CHORD = pa.struct(
    [
        ("length_mm", pa.float64()),
        ("start_rc", PAIR_F64),  # pixel centres have whole numbers; the end with the larger row (tie: column)
        ("end_rc", PAIR_F64),
        ("start_mm", POINT_F64),  # the same points in RAS mm
        ("end_mm", POINT_F64),
    ]
)
"""A measured line on a slice."""

REGION = pa.struct(
    [
        ("lesion_id", pa.uint32()),  # 3D lesion of the volume that it belongs to: `volumes/`, same lesion task
        ("pixel_count", pa.uint32()),
        ("area_mm2", pa.float64()),
        ("start_rc", PAIR_U16),  # half-open box
        ("stop_rc", PAIR_U16),
        ("center_rc", PAIR_F64),  # centroid
        ("major_axis", CHORD),  # axes of the ellipse of equal second moments, pixels being areas
        ("minor_axis", CHORD),
        ("feret", CHORD),  # largest distance of two pixel-edge midpoints, inside or not
        ("longest", CHORD),  # RECIST 1.1 longest diameter inside the region; null off the acquisition plane
        ("perpendicular", CHORD),  # longest diameter perpendicular to it; null where there is none
        ("raster_mm", pa.float64()),  # extent of a pixel along its measure: each end is known to half of it
        ("flags", pa.list_(pa.string())),
    ]
)
"""One 8-connected 2D component of a lesion (`exact`); lengths follow the mask's affine."""

LESION = pa.struct(
    [
        ("lesion_task", pa.uint8()),
        ("label", pa.uint16()),
        ("name", pa.string()),
        ("lesion_kind", pa.string()),  # "mass" (its longest diameter counts) or "node" (its short axis)
        ("n_total_clusters", pa.uint32()),  # 4-connected clusters before any floor or guard
        ("ellipses", pa.list_(ELLIPSE)),  # those kept, in order of falling pixel_count
        ("regions", pa.list_(REGION)),  # in order of falling pixel_count
        ("flags", pa.list_(pa.string())),  # known oddities of the rules that these ellipses show
        ("origin_rc", PAIR_U16),  # first row and column of the crop that `runs` describes
        ("size_rc", PAIR_U16),
        ("runs", pa.list_(pa.uint32())),  # run lengths of the crop, row by row: background first, then in turn
    ]
)
"""One lesion task on one slice that shows its target."""

LANDMARK = pa.struct(
    [
        ("source", pa.string()),  # which reader set it, such as "senior"
        ("number", pa.uint8()),  # upstream's point number
        ("name", pa.string()),
        ("position_rc", PAIR_F64),  # pixels of this slice
        ("slice_position", pa.float64()),  # on the axis across: may lie off this slice
        ("world_mm", PAIR_F64),  # RAS x, y, z in this row's space
        ("native_mm", PAIR_F64),  # RAS x, y, z in the native space, where that is another one
    ]
)
"""One landmark of a measure shown on this slice."""

BIOMETRIC = pa.struct(
    [
        ("landmark_task", pa.uint8()),
        ("source", pa.string()),
        ("primary", pa.bool_()),  # whether pairs are made from this source
        ("definition", pa.string()),  # "upstream" (angles folded to 0-90) or "exact" (signed, full range)
        ("metric_type", pa.string()),  # "distance", "angle" or "ratio"
        ("key", pa.string()),  # "L-1-2", "A-L_1_2-L_2_5"; for exact measures their name
        ("name", pa.string()),
        ("value", pa.float64()),
        ("unit", pa.string()),  # "mm", "degree" or ""
        ("flags", pa.list_(pa.string())),
    ]
)
"""One measure between landmarks, on the slice of its first point."""

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

ANNOTATION_FIELDS: list[tuple[str, pa.DataType]] = [
    ("slice_id", pa.string()),  # unique in the release, at most 128 characters, no dot
    ("dataset", pa.string()),
    ("case_id", pa.string()),
    ("patient", pa.string()),
    ("task", pa.uint8()),  # upstream's detection and segmentation task of this image
    ("side", pa.string()),  # patient-level split: "train" or "test"
    ("split_source", pa.string()),  # "patient_hash"
    ("modality", pa.string()),
    ("unit", pa.string()),
    ("plane", pa.string()),  # "sagittal", "coronal", "axial"
    ("slice_dim", pa.uint8()),  # 0, 1, 2
    ("slice_idx", pa.uint16()),
    ("height", pa.uint16()),  # rows
    ("width", pa.uint16()),  # columns
    ("pixel_spacing_mm", PAIR_F64),  # (row step, column step) of the IMAGE
    ("mask_pixel_spacing_mm", PAIR_F64),  # of the MASK: boxes and areas use this one
    ("shape_xyz", PAIR_U16),
    ("spacing_xyz_mm", PAIR_F64),
    ("affine_ras", PAIR_F64),  # 16 numbers, row by row: voxel index (x, y, z, 1) to RAS mm
    ("raw_axes", pa.string()),  # axis codes of the file before it was turned to RAS+, such as "LPS"
    ("obliquity_deg", pa.float64()),  # largest angle between a voxel axis and its nearest anatomical axis
    (
        "grid_mismatch_mm",
        pa.float64(),
    ),  # largest displacement of the 8 corner voxel centres, image against mask
    ("overlap_voxels", pa.uint64()),  # voxels claimed by two class files; 0 for multi-label masks
    ("flags", pa.list_(pa.string())),
    ("source_path", pa.string()),  # POSIX, relative to the dataset's root
    ("source_channel", pa.int16()),  # -1 for a 3D file
    ("mask_path", pa.string()),  # of per-class masks, their folder
    ("landmark_path", pa.string()),  # first set of landmarks, "" for rows with a mask
    ("upstream_name", pa.string()),
    ("intensity_scale", pa.float64()),  # value = stored * intensity_scale + intensity_offset
    ("intensity_offset", pa.float64()),
    ("intensity_max_error", pa.float64()),  # 0 when the stored values are exact
    ("intensity_clipped", pa.uint64()),  # voxels of the volume clipped at p99.99
    ("intensity_invalid", pa.uint64()),  # NaN and Inf voxels of the volume, stored as 65,535
    ("header_slope", pa.float64()),  # scl_slope and scl_inter of the file, already applied
    ("header_intercept", pa.float64()),
    ("space", pa.string()),  # "native", or "realigned" for an image resampled onto its landmarks' space
    ("source_pool", pa.string()),  # public datasets that share scans with this one
    ("segments", pa.list_(SEGMENT)),  # in order of label
    ("lesions", pa.list_(LESION)),  # in order of lesion_task
    ("landmarks", pa.list_(LANDMARK)),  # in order of source as the table lists them, then number
    ("biometrics", pa.list_(BIOMETRIC)),  # in the same order of source, upstream's before exact ones
]
"""Columns of `annotations/`; `data/` has the image before them."""

ANNOTATION_SCHEMA = pa.schema(ANNOTATION_FIELDS)
DATA_SCHEMA = pa.schema([("image", IMAGE), *ANNOTATION_FIELDS])
