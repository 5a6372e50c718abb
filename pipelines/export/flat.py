"""Flat Arrow tables of a batch of annotation rows; each function makes one.

Every table but that of slices begins with `slice_id`, `dataset` and `task`. Names end in their unit: `_px` counts
pixels of the slice array (row and column, pixel centres whole), `_mm` millimetres.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.export.boxes import by_corners
from medvision.schemas.rules import Rules

FORMULA = r"^[=+\-@\t\r\n]"
"""First characters that a spreadsheet takes for a formula (CWE-1236)."""
PLACES = {
    "pixel_spacing_mm": ("pixel_spacing_row_mm", "pixel_spacing_column_mm"),
    "mask_pixel_spacing_mm": ("mask_pixel_spacing_row_mm", "mask_pixel_spacing_column_mm"),
    "shape_xyz": ("shape_x_voxels", "shape_y_voxels", "shape_z_voxels"),
    "spacing_xyz_mm": ("spacing_x_mm", "spacing_y_mm", "spacing_z_mm"),
    "affine_ras": tuple(f"affine_ras_{row}{column}" for row in range(3) for column in range(4)),
}
"""Lists of fixed length to a column a place."""
RENAMED = {
    **{"height": "height_px", "width": "width_px", "obliquity_deg": "obliquity_degree"},
    **{"intensity_clipped": "intensity_clipped_voxels", "intensity_invalid": "intensity_invalid_voxels"},
}
NESTED = ("segments", "lesions", "landmarks", "biometrics")
LINES = {"major": "major_axis", "minor": "minor_axis", "longest": "longest", "perpendicular": "perpendicular"}
"""Lines of a region by their name in the table."""


def slices(batch: pa.RecordBatch, rules: Rules) -> pa.Table:
    """A row a slice: identity, geometry, intensity, sources."""
    columns: dict[str, pa.Array] = {}
    for name in batch.schema.names:
        if name in PLACES:
            columns |= places(batch[name], PLACES[name])
        elif name == "flags":
            columns[name] = joined(batch[name])
        elif name not in NESTED:
            columns[RENAMED.get(name, name)] = batch[name]
    return pa.table(columns)


def boxes(batch: pa.RecordBatch, rules: Rules) -> pa.Table:
    """A row a box that the release's box pairs show; corners are inside."""
    segments = Level.of(batch, "segments")
    if by_corners(rules):
        level = segments.down("instances")
        low, stop = level.pair("start_rc"), level.pair("stop_rc")
        high = [pc.subtract(values, pa.scalar(1, values.type)) for values in stop]
        size = [pc.subtract(*edges) for edges in zip(level.pair("stop_mm"), level.pair("start_mm"), strict=True)]
    else:
        level = segments.down("boxes")
        low, high, size = level.pair("min_rc"), level.pair("max_rc"), level.pair("size_mm")
    return pa.table(
        {
            **level.keys(batch),
            "label": level.outer(segments.items.field("label")),
            "label_name": level.outer(segments.items.field("name")),
            "box": level.numbers,
            **dict(zip(("min_row_px", "min_column_px"), low, strict=True)),
            **dict(zip(("max_row_px", "max_column_px"), high, strict=True)),
            **dict(zip(("height_mm", "width_mm"), size, strict=True)),
            "pixel_count_px": level.items.field("pixel_count"),
        }
    )


def masks(batch: pa.RecordBatch, rules: Rules) -> pa.Table:
    """A row a label on a slice."""
    level = Level.of(batch, "segments")
    parts = level.items.field("instances" if by_corners(rules) else "boxes")
    return pa.table(
        {
            **level.keys(batch),
            "label": level.items.field("label"),
            "label_name": level.items.field("name"),
            "pixel_count_px": level.items.field("pixel_count"),
            "area_mm2": level.items.field("area_mm2"),
            "components": pc.list_value_length(parts),
        }
    )


def lesions(batch: pa.RecordBatch, rules: Rules) -> pa.Table:
    """A row a measured cluster: `conic` (upstream's ellipses), then `exact` (regions, with their diameters)."""
    outer = Level.of(batch, "lesions")
    conics, regions = outer.down("ellipses"), outer.down("regions")
    return pa.concat_tables([_conics(batch, outer, conics), _regions(batch, outer, regions)])


def landmarks(batch: pa.RecordBatch, rules: Rules) -> pa.Table:
    """A row a landmark of a measure on a slice."""
    level = Level.of(batch, "landmarks")
    return pa.table(
        {
            **level.keys(batch),
            **{name: level.items.field(name) for name in ("source", "number", "name")},
            **dict(zip(("row_px", "column_px"), level.pair("position_rc"), strict=True)),
            "slice_position_voxels": level.items.field("slice_position"),
            **places(level.items.field("world_mm"), ("x_mm", "y_mm", "z_mm")),
            **places(level.items.field("native_mm"), ("native_x_mm", "native_y_mm", "native_z_mm")),
        }
    )


def measures(batch: pa.RecordBatch, rules: Rules) -> pa.Table:
    """A row a measure between landmarks; its value stands in the column of its unit."""
    level = Level.of(batch, "biometrics")
    unit, value = level.items.field("unit"), level.items.field("value")
    names = ("landmark_task", "source", "primary", "definition", "metric_type", "key", "name")
    by_unit = {"value_mm": "mm", "value_degree": "degree", "value_ratio": ""}
    return pa.table(
        {
            **level.keys(batch),
            **{name: level.items.field(name) for name in names},
            **{
                column: pc.if_else(pc.equal(unit, text), value, pa.scalar(None, pa.float64()))
                for column, text in by_unit.items()
            },
            "flags": joined(level.items.field("flags")),
        }
    )


def safe_cells(table: pa.Table) -> pa.Table:
    """Text that begins like a formula gets an apostrophe before it; names and paths come from outside."""
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            column = table.column(place)
            quoted = pc.binary_join_element_wise("'", column, "")
            table = table.set_column(
                place, field.name, pc.if_else(pc.match_substring_regex(column, FORMULA), quoted, column)
            )
    return table


def places(lists: pa.Array, names: Sequence[str]) -> dict[str, pa.Array]:
    """A column a place of lists that are as long as `names`, or longer, or shorter: then null."""
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if len(lengths) else np.empty(0, int)
    flat, found = pc.list_flatten(lists), {}
    for place, name in enumerate(names):
        missing = lengths <= place
        found[name] = flat.take(pa.array(np.where(missing, 0, starts + place), pa.int64(), mask=missing))
    return found


def joined(lists: pa.Array) -> pa.Array:
    """Lists of words as one text each."""
    return pc.binary_join(lists, ";")


class Level:
    """The items of a nested list, one a row of a table.

    Attributes:
        items: Struct array of all items.
        rows: Row of the batch that each item is of.
        parents: Item of the level above, or row, that each is of.
    """

    def __init__(self, nested: pa.Array, rows: np.ndarray) -> None:
        self.items = pc.list_flatten(nested)
        self.parents = pc.list_parent_indices(nested).to_numpy(zero_copy_only=False)
        self.rows = rows[self.parents]

    @staticmethod
    def of(batch: pa.RecordBatch, column: str) -> Level:
        return Level(batch[column], np.arange(batch.num_rows))

    def down(self, field: str) -> Level:
        return Level(self.items.field(field), self.rows)

    @property
    def numbers(self) -> pa.Array:
        """Place of each item in its list, from 0."""
        first = np.searchsorted(self.parents, self.parents)  # parents rise
        return pa.array(np.arange(len(self.parents)) - first, pa.uint32())

    def keys(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
        return {name: batch[name].take(pa.array(self.rows)) for name in ("slice_id", "dataset", "task")}

    def outer(self, values: pa.Array) -> pa.Array:
        """Values of the level above, for each item."""
        return values.take(pa.array(self.parents))

    def pair(self, field: str) -> list[pa.Array]:
        """Both places of a list of two."""
        return list(places(self.items.field(field), ("0", "1")).values())


def _conics(batch: pa.RecordBatch, outer: Level, level: Level) -> pa.Table:
    nothing = pa.nulls(len(level.items), pa.float64())
    ends = {"major": ("major_start_rc", "major_end_rc"), "minor": ("minor_start_rc", "minor_end_rc")}
    lines: dict[str, pa.Array] = {}
    for name in LINES:
        lines[f"{name}_mm"] = level.items.field(f"{name}_mm") if name in ends else nothing
        pairs = [level.pair(field) for field in ends[name]] if name in ends else [[nothing] * 2] * 2
        lines |= _named_ends(name, pairs)
    return _clusters(batch, outer, level, "conic", pa.nulls(len(level.items), pa.uint32()), nothing, nothing, lines)


def _regions(batch: pa.RecordBatch, outer: Level, level: Level) -> pa.Table:
    lines: dict[str, pa.Array] = {}
    for name, field in LINES.items():
        chord = level.items.field(field)  # null where there is no such line, and so are its parts
        lines[f"{name}_mm"] = pc.struct_field(chord, "length_mm")
        ends = [pc.struct_field(chord, end) for end in ("start_rc", "end_rc")]
        lines |= _named_ends(name, [list(places(end, ("0", "1")).values()) for end in ends])
    feret = pc.struct_field(level.items.field("feret"), "length_mm")
    raster = level.items.field("raster_mm")
    return _clusters(batch, outer, level, "exact", level.items.field("lesion_id"), feret, raster, lines)


def _clusters(
    batch: pa.RecordBatch,
    outer: Level,
    level: Level,
    definition: str,
    lesion_id: pa.Array,
    feret_mm: pa.Array,
    raster_mm: pa.Array,
    lines: dict[str, pa.Array],
) -> pa.Table:
    named = {"lesion_task": "lesion_task", "label": "label", "label_name": "name", "lesion_kind": "lesion_kind"}
    return pa.table(
        {
            **level.keys(batch),
            **{name: level.outer(outer.items.field(field)) for name, field in named.items()},
            "definition": pa.array([definition] * len(level.items), pa.string()),
            "cluster": level.numbers,
            "lesion_id": lesion_id,
            "pixel_count_px": level.items.field("pixel_count"),
            **dict(zip(("center_row_px", "center_column_px"), level.pair("center_rc"), strict=True)),
            **lines,
            "feret_mm": feret_mm,
            "raster_mm": raster_mm,
        }
    )


def _named_ends(name: str, pairs: list[list[pa.Array]]) -> dict[str, pa.Array]:
    """Columns of both ends of a line: (row, column) of its start, then of its end."""
    columns = [f"{name}_{end}_{axis}_px" for end in ("start", "end") for axis in ("row", "column")]
    return dict(zip(columns, [values for pair in pairs for values in pair], strict=True))
