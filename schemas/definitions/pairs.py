"""Columns of a pair: `pairs/`, under upstream's names."""

from __future__ import annotations

from medvision.schemas.definitions.definition import EXACT, RC, XYZ, Definition, Fields
from medvision.schemas.definitions.lesions import CONIC

PAIR: Fields = {
    "pair_id": Definition("", "unique in the release"),
    "slice_id": Definition("", "the slice"),
    "slice_file": Definition(
        "", "file of `data/`, or of `annotations/` in a release without images, relative to the release"
    ),
    "slice_row": Definition("", "row of the slice in that file, from 0"),
    "dataset_name": Definition("", "upstream's dataset name"),
    "taskID": Definition("", "two digits, such as `01`; of the annotation kind, so lesion tasks count apart"),
    "taskType": Definition("", "upstream's word for the annotation kind: `Box-Size`, `Mask-Size`, ..."),
    "image_file": Definition("", "raw image, relative to the dataset's folder"),
    "mask_file": Definition("", "raw mask, or the folder of per-class masks; empty for landmarks"),
    "slice_dim": Definition("", "volume axis that the plane is cut across: 0, 1, 2"),
    "slice_idx": Definition("voxels", "index on that axis, from 0, in RAS+"),
    "image_size_2d": Definition("pixels", "rows and columns of the slice", RC),
    "pixel_size": Definition(
        "mm", "row step and column step: of the mask for boxes and masks, else of the image", RC, "spacing_source"
    ),
    "image_size_3d": Definition("voxels", "of the volume", XYZ),
    "voxel_size": Definition("mm", "of the volume", XYZ, "spacing_source"),
    "label": Definition("", "value of the target in the mask; 0 for landmarks"),
    "label_name": Definition("", "of the target: its label, or its measure for landmarks", rules="label_names"),
    "patient_side": Definition(
        "", "patient-level split; may differ from the split of the pair, which numbered rules draw by file"
    ),
    "split_source": Definition(
        "",
        "where this pair's split is from: `recomputed`, `approximated`, `published` or `patient_hash`",
        rules="split_source, lesion_split_order, mask_split_order",
    ),
    "flags": Definition("", "of the slice, and of the measure", rules="label_names, grid_mismatch"),
    "single_instance": Definition(
        "",
        "whether upstream's default (single-instance) set holds the pair; all pairs together are the multi-instance "
        "set",
        rules="counted_clusters, min_box_pixels, min_mask_pixels",
    ),
    "excluded_reason": Definition(
        "",
        "why not: `multiple_boxes`, `box_too_small`, `mask_too_small`, `multiple_clusters`; else empty",
        rules="counted_clusters, min_box_pixels, min_mask_pixels",
    ),
}

BOX_SIZE: Fields = {
    "bounding_boxes": Definition(
        "", "of the label on the slice: its `boxes`, under `exact` its `instances`", rules="connectivity"
    ),
}
BOUNDING_BOX_FIELDS: Fields = {
    "min_coords": Definition("pixels", "first row and column inside", RC, "connectivity"),
    "max_coords": Definition("pixels", "last row and column inside: inclusive", RC, "connectivity"),
    "center_coords": Definition("pixels", "floor((min + max) / 2)", RC, "connectivity"),
    "dimensions": Definition("pixels", "max - min + 1", RC, "connectivity"),
    "sizes": Definition("mm", "dimensions x pixel size of the mask", RC, "connectivity, spacing_source"),
}

MASK_SIZE: Fields = {
    "pixel_count": Definition("pixels", "of the label on the slice"),
    "ROI_area": Definition("mm²", "pixel_count x product of the mask's pixel size", rules="spacing_source"),
}

TUMOR_LESION_SIZE: Fields = {
    "definition": Definition("", "`conic` (ellipses), or `moments` (axes of the regions)", rules="lesion_axes"),
    "n_total_clusters": Definition(
        "", "number of clusters before any floor or guard; of regions where axes are `moments`", rules="lesion_axes"
    ),
    "biometric_profile": Definition("", "one a measured cluster or region", rules=f"lesion_axes, {CONIC}"),
}
AXES_FIELDS: Fields = {
    "metric_type": Definition("", "`distance`"),
    "metric_map_name": Definition("", "`lines_map`: upstream's word for a line between two points"),
    "metric_key_major_axis": Definition("", "`L-1-2`: the line from P1 to P2"),
    "metric_value_major_axis": Definition(
        "mm", "length of the major axis", rules="lesion_axes, spacing_source, conic_spacing, conic_length"
    ),
    "metric_key_minor_axis": Definition("", "`L-3-4`: the line from P3 to P4"),
    "metric_value_minor_axis": Definition(
        "mm", "length of the minor axis", rules="lesion_axes, spacing_source, conic_spacing, conic_length"
    ),
    "metric_unit": Definition("", "`mm`"),
}

LESION_DIAMETER: Fields = {
    "lesion_kind": Definition("", "`mass`, or `node` (lymph node, measured by its short axis)", rules=EXACT),
    "n_total_clusters": Definition("", "number of 8-connected regions", rules=EXACT),
    "diameters": Definition("", "one a region, in order of falling pixel count", rules=EXACT),
}
DIAMETER_FIELDS: Fields = {
    "lesion_id": Definition("", "3D lesion of `volumes/` that the region is part of, same lesion task", rules=EXACT),
    "longest": Definition("", "RECIST 1.1 longest diameter", rules=EXACT),
    "perpendicular": Definition(
        "", "longest diameter perpendicular to `longest`; null where there is none", rules=EXACT
    ),
    "measure_mm": Definition("mm", "`longest` of a mass, `perpendicular` of a node; null where that is", rules=EXACT),
    "raster_mm": Definition("mm", "extent of a pixel along the measure: each end is known to half of it", rules=EXACT),
    "flags": Definition("", "`coarse_raster`: the minor axis spans fewer than 3 pixels", rules=EXACT),
}

LANDMARKS: Fields = {
    "landmark_source": Definition("", "whose points"),
    "landmark_file": Definition("", "their file, relative to the dataset's folder"),
    "definition": Definition(
        "", "`upstream` (angles folded to 0-90) or `exact` (signed, full range)", rules="biometrics"
    ),
    "biometric_profile": Definition("", "the measure", rules="biometrics"),
}
LANDMARK_METRIC_FIELDS: Fields = {
    "metric_type": Definition("", "`distance`, `angle` or `ratio`"),
    "metric_map_name": Definition("", "`lines_map`, `angles_map` or `ratios_map`"),
    "metric_key": Definition("", "`L-1-2`, `A-L_1_2-L_2_5`; of exact measures their name", rules="biometrics"),
    "metric_value": Definition("metric_unit", "the measure", rules="biometrics, spacing_source"),
    "metric_unit": Definition("", "`mm`, `degree`, or empty for a ratio"),
    "slice_dim": Definition("", "plane that it is shown on: 0, 1, 2"),
}
