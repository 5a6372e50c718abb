"""Columns of a slice row: `data/`, `annotations/` and the JSON of `webdataset/`. Structs: nested.py, lesions.py."""

from __future__ import annotations

from medvision.schemas.definitions.definition import AFFINE, RAS, RC, XYZ, Definition, Fields

SLICE: Fields = {
    "image": Definition("", "the encoded slice; `datasets` decodes it as an Image. In `data/` alone"),
    "slice_id": Definition("", "unique in the release; at most 128 characters, without a dot"),
    "dataset": Definition("", "upstream's dataset name"),
    "case_id": Definition("", "`<group>/<case>` or `<case>`; unique in the dataset"),
    "patient": Definition("", "key of the patient, who is never on both sides of the patient-level split"),
    "task": Definition(
        "", "upstream's detection and segmentation task of this image; for rows of landmarks its landmark task"
    ),
    "side": Definition("", "patient-level split: `train` or `test`"),
    "split_source": Definition("", "where `side` is from: `patient_hash`"),
    "modality": Definition("", "`CT`, `MRI`, `PET`, `ultrasound` or `X Ray`"),
    "unit": Definition("", "of the intensities: `HU`, `SUV`, `a.u.`, ..."),
    "plane": Definition("", "`sagittal`, `coronal` or `axial`"),
    "slice_dim": Definition("", "volume axis that the plane is cut across: 0, 1, 2"),
    "slice_idx": Definition("voxels", "index on that axis, from 0, in RAS+"),
    "height": Definition("pixels", "rows of the slice"),
    "width": Definition("pixels", "columns of the slice"),
    "pixel_spacing_mm": Definition("mm", "row step and column step of the image", RC, "spacing_source"),
    "mask_pixel_spacing_mm": Definition(
        "mm", "row step and column step of the mask, by which boxes and areas are measured", RC, "spacing_source"
    ),
    "shape_xyz": Definition("voxels", "of the volume", XYZ),
    "spacing_xyz_mm": Definition("mm", "voxel size of the volume", XYZ, "spacing_source"),
    "affine_ras": Definition("mm", "takes the voxel index (x, y, z, 1) of the RAS+ volume to RAS millimetres", AFFINE),
    "raw_axes": Definition("", "axis codes of the file before it was turned to RAS+, such as `LPS`"),
    "obliquity_deg": Definition(
        "degrees", "largest angle between a voxel axis and the anatomical axis that it is named after"
    ),
    "grid_mismatch_mm": Definition(
        "mm", "largest distance between the 8 corner voxel centres of the image and of its mask or landmark mask"
    ),
    "overlap_voxels": Definition("voxels", "claimed by two class files of the case; 0 for a multi-label mask"),
    "flags": Definition("", "doubts about the row, sorted; listed in formats.md", rules="label_names, grid_mismatch"),
    "source_path": Definition("", "of the image, POSIX, relative to the dataset's folder"),
    "source_channel": Definition("", "index on the fourth axis of the file; -1 for a 3D file"),
    "mask_path": Definition("", "of the mask, or the folder of per-class masks; empty for rows of landmarks"),
    "landmark_path": Definition("", "of the first set of landmarks; empty for rows with a mask"),
    "upstream_name": Definition("", "base name that upstream gives this image"),
    "intensity_scale": Definition("`unit`", "intensity = stored * intensity_scale + intensity_offset"),
    "intensity_offset": Definition("`unit`", "intensity of a stored 0"),
    "intensity_max_error": Definition("`unit`", "largest error of an unclipped voxel; 0 is exact"),
    "intensity_clipped": Definition("voxels", "of the volume, outside the stored range"),
    "intensity_invalid": Definition("voxels", "of the volume, NaN or Inf; a PNG of 16 bits stores them as 65,535"),
    "header_slope": Definition("", "scale of the raw file's header, already applied"),
    "header_intercept": Definition("", "offset of the raw file's header, already applied"),
    "space": Definition("", "`native`, or `realigned` for an image resampled onto its landmarks' space"),
    "source_pool": Definition("", "public datasets known to share scans with this one; empty where none is"),
    "segments": Definition("", "one a label on the slice, in order of label"),
    "lesions": Definition("", "one a lesion task whose target the slice shows, in order of task"),
    "landmarks": Definition(
        "", "points of the measures on this slice, by source in the order of the dataset's table, then number"
    ),
    "biometrics": Definition(
        "", "the measures whose first point is on this slice, by source; upstream's before exact ones"
    ),
}

IMAGE_FIELDS: Fields = {
    "bytes": Definition("`unit`", "PNG with one grey channel, coded as the columns `intensity_` say", RC),
    "path": Definition("", "`<slice_id>.png`: the name that loaders show"),
}

SEGMENT_FIELDS: Fields = {
    "label": Definition("", "value in the mask, above 0", rules="label_names"),
    "name": Definition("", 'of the label; "" for a value that the dataset\'s table does not name', rules="label_names"),
    "pixel_count": Definition("pixels", "of the label on the slice"),
    "area_mm2": Definition("mm²", "pixel_count x product of `mask_pixel_spacing_mm`", rules="spacing_source"),
    "boxes": Definition("", "one a 4-connected component, in raster order of its first pixel, as upstream has them"),
    "instances": Definition("", "one an 8-connected component, in the same order"),
}

BOX_FIELDS: Fields = {
    "min_rc": Definition("pixels", "first row and column inside", RC),
    "max_rc": Definition("pixels", "last row and column inside: inclusive", RC),
    "center_rc": Definition("pixels", "floor((min + max) / 2)", RC),
    "size_px": Definition("pixels", "max - min + 1", RC),
    "size_mm": Definition("mm", "size_px x `mask_pixel_spacing_mm`", RC, "spacing_source"),
    "pixel_count": Definition("pixels", "of the component"),
    "mask_image_ratio": Definition("", "pixel_count / (height x width)"),
}

INSTANCE_FIELDS: Fields = {
    "start_rc": Definition("pixels", "first row and column inside", RC),
    "stop_rc": Definition("pixels", "first row and column past it: half-open", RC),
    "start_mm": Definition("mm", "first edges of the box, from the outer corner of the slice's pixel (0, 0)", RC),
    "stop_mm": Definition("mm", "last edges of the box, from the same corner; lengths follow the mask's affine", RC),
    "pixel_count": Definition("pixels", "of the component"),
    "area_mm2": Definition("mm²", "of the component, by the mask's affine"),
}

LANDMARK_FIELDS: Fields = {
    "source": Definition("", "who set it, such as `senior`, `junior`, `mean`"),
    "number": Definition("", "upstream's point number"),
    "name": Definition("", "of the point"),
    "position_rc": Definition("pixels", "on this slice; whole numbers are pixel centres", RC),
    "slice_position": Definition("voxels", "on the axis across; may lie off this slice"),
    "world_mm": Definition("mm", "the point in the row's `space`", RAS),
    "native_mm": Definition("mm", "the point in the native space, where that is another one; else no numbers", RAS),
}

BIOMETRIC_FIELDS: Fields = {
    "landmark_task": Definition("", "upstream's biometry task"),
    "source": Definition("", "whose points"),
    "primary": Definition("", "whether pairs are made from this source"),
    "definition": Definition("", "`upstream` (angles folded to 0-90) or `exact` (signed, full range)"),
    "metric_type": Definition("", "`distance`, `angle` or `ratio`"),
    "key": Definition("", "`L-1-2`, `A-L_1_2-L_2_5`; of exact measures their name"),
    "name": Definition("", "what the field calls it; empty where it has no name"),
    "value": Definition("`unit` of the measure", "the measure", rules="spacing_source"),
    "unit": Definition("", "`mm`, `degree`, or empty for a ratio"),
    "flags": Definition("", "of the measure: `angle_folded`, `incisors_level`"),
}
