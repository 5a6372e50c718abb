"""What pairs of each annotation kind hold beside the columns of all: from nested annotations to upstream's fields."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.schemas.pairs import BIOMETRIC_PROFILE, BOUNDING_BOX, DIAMETER, LANDMARK_METRIC
from medvision.schemas.rules import Rules


def kind_columns(kind: str, items: pa.StructArray, rules: Rules) -> dict[str, pa.Array]:
    """Columns of PAIR_SCHEMAS[kind] that are its own; those of landmarks without their profile and file."""
    return _OF_KIND.get(kind, _landmark_columns)(items, rules)


def _box_columns(items: pa.StructArray, rules: Rules) -> dict[str, pa.Array]:
    if rules.connectivity == "corners":
        boxes = _compact(items.field("instances"))
        arrays = _instance_boxes(boxes.values)
    else:
        boxes = _compact(items.field("boxes"))
        arrays = [boxes.values.field(name) for name in ("min_rc", "max_rc", "center_rc", "size_px", "size_mm")]
    renamed = pa.StructArray.from_arrays(arrays, fields=list(BOUNDING_BOX))
    return {"bounding_boxes": pa.ListArray.from_arrays(boxes.offsets, renamed)}


def _instance_boxes(flat: pa.StructArray) -> list[pa.Array]:
    """Half-open instances in upstream's fields: inclusive maxima, floored centres."""
    start, stop, start_mm, stop_mm = (
        pc.list_flatten(flat.field(name)).to_numpy() for name in ("start_rc", "stop_rc", "start_mm", "stop_mm")
    )
    low, high = start.astype(np.int64), stop.astype(np.int64) - 1
    whole = (low, high, (low + high) // 2, high - low + 1)
    offsets = pa.array(np.arange(0, len(low) + 1, 2, dtype=np.int32))
    arrays = [pa.ListArray.from_arrays(offsets, pa.array(values.astype(np.uint16))) for values in whole]
    return [*arrays, pa.ListArray.from_arrays(offsets, pa.array(stop_mm - start_mm))]


def _mask_columns(items: pa.StructArray, rules: Rules) -> dict[str, pa.Array]:
    return {"pixel_count": items.field("pixel_count"), "ROI_area": items.field("area_mm2")}


def _lesion_columns(items: pa.StructArray, rules: Rules) -> dict[str, pa.Array]:
    conic = rules.lesion_axes == "conic"
    found = _compact(items.field("ellipses" if conic else "regions"))
    flat = found.values
    values = {
        "metric_type": "distance",
        "metric_map_name": "lines_map",
        "metric_key_major_axis": "L-1-2",
        "metric_value_major_axis": flat.field("major_mm") if conic else flat.field("major_axis").field("length_mm"),
        "metric_key_minor_axis": "L-3-4",
        "metric_value_minor_axis": flat.field("minor_mm") if conic else flat.field("minor_axis").field("length_mm"),
        "metric_unit": "mm",
    }
    arrays = [_repeat(value, len(flat)) if isinstance(value, str) else value for value in values.values()]
    profile = pa.StructArray.from_arrays(arrays, fields=list(BIOMETRIC_PROFILE))
    return {
        "definition": _repeat(rules.lesion_axes, len(items)),
        "n_total_clusters": items.field("n_total_clusters") if conic else pc.list_value_length(found),
        "biometric_profile": pa.ListArray.from_arrays(found.offsets, profile),
    }


def _diameter_columns(items: pa.StructArray, rules: Rules) -> dict[str, pa.Array]:
    regions = _compact(items.field("regions"))
    flat = regions.values
    kinds = items.field("lesion_kind").take(pc.list_parent_indices(regions))
    longest, perpendicular = flat.field("longest"), flat.field("perpendicular")
    short_mm = pc.if_else(perpendicular.is_valid(), perpendicular.field("length_mm"), pa.scalar(None, pa.float64()))
    arrays = [
        flat.field("lesion_id"),
        longest,
        perpendicular,
        pc.if_else(pc.equal(kinds, "node"), short_mm, longest.field("length_mm")),
        flat.field("raster_mm"),
        flat.field("flags"),
    ]
    diameters = pa.StructArray.from_arrays(arrays, fields=list(DIAMETER))
    return {
        "lesion_kind": items.field("lesion_kind"),
        "n_total_clusters": pc.list_value_length(regions),
        "diameters": pa.ListArray.from_arrays(regions.offsets, diameters),
    }


def _landmark_columns(items: pa.StructArray, rules: Rules) -> dict[str, pa.Array]:
    return {"landmark_source": items.field("source"), "definition": items.field("definition")}


def landmark_profile(items: pa.StructArray, slice_dims: pa.Array) -> pa.StructArray:
    maps = {"distance": "lines_map", "angle": "angles_map", "ratio": "ratios_map"}
    kinds = items.field("metric_type").dictionary_encode()
    names = pa.array([maps[kind] for kind in kinds.dictionary.to_pylist()], pa.string()).take(kinds.indices)
    arrays = [items.field("metric_type"), names, *(items.field(n) for n in ("key", "value", "unit")), slice_dims]
    return pa.StructArray.from_arrays(arrays, fields=list(LANDMARK_METRIC))


_OF_KIND = {
    "BoxSize": _box_columns,
    "MaskSize": _mask_columns,
    "TumorLesionSize": _lesion_columns,
    "LesionDiameter": _diameter_columns,
}


def _compact(lists: pa.ListArray) -> pa.ListArray:
    """The same lists with offsets from 0 over just their own values."""
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, pc.list_flatten(lists))


def _repeat(value: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), count)
