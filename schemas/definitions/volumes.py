"""Columns of a volume row: `volumes/`."""

from __future__ import annotations

from medvision.schemas.definitions.definition import AFFINE, RAS, XYZ, Definition, Fields
from medvision.schemas.definitions.slices import SLICE

_AS_SLICES = (
    *("dataset", "case_id", "patient", "task", "side", "space", "upstream_name", "source_path", "source_channel"),
    *("mask_path", "landmark_path", "shape_xyz", "affine_ras", "raw_axes"),
)

VOLUME: Fields = {
    "volume_id": Definition("", "unique in the release; the slice ids of its rows begin with it"),
    **{name: SLICE[name] for name in _AS_SLICES},
    "header_spacing_mm": Definition("mm", "voxel size as the image's header states it", XYZ),
    "mask_affine_ras": Definition("mm", "of the mask; no numbers where there is none", AFFINE),
    "mask_header_spacing_mm": Definition(
        "mm", "voxel size as the mask's header states it; no numbers where there is no mask", XYZ
    ),
    "mask_raw_axes": Definition("", "axis codes of the mask's file; empty where there is no mask"),
    "acquisition_dim": Definition(
        "",
        "axis across the slices that the scanner took: that of the largest voxel side; of sides that agree to 1e-3 "
        "the last",
    ),
    "structures": Definition("", "one a label of the mask, in order of label"),
    "lesions": Definition("", "one a lesion task whose target the mask holds, in order of task"),
}

STRUCTURE_FIELDS: Fields = {
    "label": Definition("", "value in the mask, above 0", rules="label_names"),
    "name": Definition("", 'of the label; "" for a value that the dataset\'s table does not name', rules="label_names"),
    "voxel_count": Definition("voxels", "of the label"),
    "volume_mm3": Definition("mm³", "of the label, by the mask's affine"),
    "boxes": Definition(
        "", "one a 6-connected component, in raster order of the first voxel, x slowest, as upstream has them"
    ),
    "instances": Definition("", "one a 26-connected component, in the same order"),
}

BOX3D_FIELDS: Fields = {
    "min_xyz": Definition("voxels", "first voxel inside on each axis", XYZ),
    "max_xyz": Definition("voxels", "last voxel inside on each axis: inclusive", XYZ),
    "center_xyz": Definition("voxels", "floor((min + max) / 2)", XYZ),
    "size_voxels": Definition("voxels", "max - min + 1", XYZ),
    "size_mm": Definition("mm", "size_voxels x voxel size of the mask", XYZ, "spacing_source"),
    "voxel_count": Definition("voxels", "of the component"),
    "mask_image_ratio": Definition("", "voxel_count / voxels of the volume"),
}

INSTANCE3D_FIELDS: Fields = {
    "start_xyz": Definition("voxels", "first voxel inside on each axis", XYZ),
    "stop_xyz": Definition("voxels", "first voxel past it on each axis: half-open", XYZ),
    "start_mm": Definition(
        "mm", "first edges of the box along the voxel axes, from the outer corner of voxel (0, 0, 0)", XYZ
    ),
    "stop_mm": Definition("mm", "last edges of the box, from the same corner; lengths follow the mask's affine", XYZ),
    "voxel_count": Definition("voxels", "of the component"),
    "volume_mm3": Definition("mm³", "of the component, by the mask's affine"),
}

LESIONS3D_FIELDS: Fields = {
    "lesion_task": Definition("", "upstream's biometry task; counted apart from `task`"),
    "label": Definition("", "of the lesion"),
    "name": Definition("", "of the label", rules="label_names"),
    "lesion_kind": Definition("", "`mass`, or `node` (lymph node, measured by its short axis)"),
    "lesions": Definition("", "one a 26-connected lesion, in order of lesion_id"),
}

LESION3D_FIELDS: Fields = {
    "lesion_id": Definition("", "from 0, in raster order of the first voxel; regions of slice rows name it"),
    "voxel_count": Definition("voxels", "of the lesion"),
    "volume_mm3": Definition("mm³", "of the lesion, by the mask's affine"),
    "start_xyz": Definition("voxels", "first voxel inside on each axis", XYZ),
    "stop_xyz": Definition("voxels", "first voxel past it on each axis: half-open", XYZ),
    "center_mm": Definition("mm", "centroid", RAS),
    "axes_mm": Definition("mm", "three axes of the solid ellipsoid of equal second moments, falling"),
    "feret_mm": Definition("mm", "largest distance of two voxel-face midpoints"),
    "acquisition_slices": Definition("", "number of slices of the acquisition plane that show it"),
    "largest_slice_idx": Definition("voxels", "of those, the one with its largest region by area"),
    "largest_area_mm2": Definition("mm²", "of that region"),
    "longest_slice_idx": Definition("voxels", "of those, the one with its longest diameter"),
    "longest": Definition("", "RECIST 1.1 longest diameter, on that slice"),
    "perpendicular": Definition(
        "", "longest diameter perpendicular to `longest`, on the same slice; null where there is none"
    ),
    "measure_mm": Definition("mm", "what counts by RECIST 1.1: `longest` of a mass, `perpendicular` of a node"),
    "raster_mm": Definition("mm", "extent of a pixel along that line: each end is known to half of it"),
    "flags": Definition("", "of the region with the longest diameter: `coarse_raster`"),
}
