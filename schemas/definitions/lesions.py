"""Lesions of a slice row, and the lines that lesions of slices, volumes and pairs are measured by."""

from __future__ import annotations

from medvision.schemas.definitions.definition import RAS, RC, Definition, Fields

CONIC = (
    "lesion_min_pixels, conic_gate, conic_floor_mm, conic_floor_pixels, conic_min_points, conic_min_minor_pixels, "
    "conic_runaway"
)
"""Switches that decide which clusters have an ellipse."""
FITTED = "spacing_source, conic_spacing, conic_length"
"""Switches that decide its lengths."""

LESION_FIELDS: Fields = {
    "lesion_task": Definition("", "upstream's biometry task; counted apart from `task`"),
    "label": Definition("", "of the lesion"),
    "name": Definition("", "of the label", rules="label_names"),
    "lesion_kind": Definition("", "`mass`, or `node` (lymph node, measured by its short axis)"),
    "n_total_clusters": Definition("", "number of 4-connected clusters, before any floor or guard"),
    "ellipses": Definition(
        "", "the clusters that the rules measure by a fitted conic, in order of falling pixel_count", rules=CONIC
    ),
    "regions": Definition("", "8-connected regions with exact measures, in order of falling pixel_count"),
    "flags": Definition(
        "",
        "known oddities of the rules that the ellipses show; listed in rules.md",
        rules="conic_spacing, conic_length, conic_gate",
    ),
    "origin_rc": Definition("pixels", "first row and column of the box around all of the lesion's pixels", RC),
    "size_rc": Definition("pixels", "rows and columns of that box", RC),
    "runs": Definition(
        "pixels",
        "that box read row by row as run lengths, background first: every measure can be taken again from them",
    ),
}

ELLIPSE_FIELDS: Fields = {
    "pixel_count": Definition("pixels", "of the cluster"),
    "major_mm": Definition("mm", "full length of the major axis, by the image's spacing", rules=FITTED),
    "minor_mm": Definition("mm", "full length of the minor axis, by the image's spacing", rules=FITTED),
    "center_rc": Definition("pixels", "centre of the conic", RC, FITTED),
    "major_end_rc": Definition(
        "pixels", "end of the major axis with the larger row (at a tie: column); upstream's P1", RC, FITTED
    ),
    "major_start_rc": Definition("pixels", "its other end; upstream's P2", RC, FITTED),
    "minor_end_rc": Definition("pixels", "likewise of the minor axis; upstream's P3", RC, FITTED),
    "minor_start_rc": Definition("pixels", "its other end; upstream's P4", RC, FITTED),
}

CHORD_FIELDS: Fields = {
    "length_mm": Definition("mm", "distance of the two ends, by the mask's affine"),
    "start_rc": Definition(
        "pixels", "the end with the larger row (at a tie: column); whole numbers are pixel centres", RC
    ),
    "end_rc": Definition("pixels", "the other end", RC),
    "start_mm": Definition("mm", "the first end in the world", RAS),
    "end_mm": Definition("mm", "the other end in the world", RAS),
}

REGION_FIELDS: Fields = {
    "lesion_id": Definition("", "3D lesion of `volumes/` that the region is part of, same lesion task"),
    "pixel_count": Definition("pixels", "of the region"),
    "area_mm2": Definition("mm²", "of the region, by the mask's affine"),
    "start_rc": Definition("pixels", "first row and column inside", RC),
    "stop_rc": Definition("pixels", "first row and column past it: half-open", RC),
    "center_rc": Definition("pixels", "centroid", RC),
    "major_axis": Definition("", "major axis of the ellipse of equal second moments, pixels being areas"),
    "minor_axis": Definition("", "its minor axis"),
    "feret": Definition("", "largest distance of two pixel-edge midpoints, inside or not"),
    "longest": Definition("", "RECIST 1.1 longest diameter inside the region; null off the acquisition plane"),
    "perpendicular": Definition("", "longest diameter perpendicular to `longest`; null where there is none"),
    "raster_mm": Definition("mm", "extent of a pixel along the region's measure: each end is known to half of it"),
    "flags": Definition("", "`coarse_raster`: the minor axis spans fewer than 3 pixels"),
}
