"""The slice rows of a row group: what an image is made of as arrays, annotations as Arrow has them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LOOK = (
    *("slice_id", "dataset", "task", "modality", "height", "width", "pixel_spacing_mm"),
    *("intensity_scale", "intensity_offset", "intensity_invalid"),
)
"""Columns that every image needs."""
SOURCE = (
    *("case_id", "space", "raw_axes", "shape_xyz", "affine_ras", "source_path", "source_channel", "mask_path"),
    *("slice_dim", "slice_idx"),
)
"""Columns that tell where the pixels are in the raw files."""
STORED = "image.bytes"


class SliceGroup:
    """Rows of `data/` or `annotations/`, of a row group together."""

    def __init__(self, table: pa.Table) -> None:
        self.columns = {name: table.column(name).chunk(0) for name in table.column_names if table.num_rows}
        self.nbytes = int(table.nbytes)

    @cached_property
    def _png(self) -> pa.BinaryArray:
        return self.columns["image"].field("bytes")

    @cached_property
    def _numbers(self) -> dict[str, np.ndarray]:
        names = ("task", "height", "width", "intensity_scale", "intensity_offset", "intensity_invalid")
        return {name: self.columns[name].to_numpy(zero_copy_only=False) for name in names}

    @cached_property
    def _spacing_mm(self) -> np.ndarray:
        return np.asarray(pc.list_flatten(self.columns["pixel_spacing_mm"]).to_numpy()).reshape(-1, 2)

    def png(self, row: int) -> memoryview:
        """The encoded image, a view of the group's memory; empty where there is none."""
        found = self._png[row].as_buffer()
        return memoryview(found if found is not None else b"")

    def look(self, row: int) -> dict[str, Any]:
        """What of the row decides its picture, as `medvision.render` reads it; numbers as plain ones."""
        texts = {name: self.value(name, row) for name in ("slice_id", "dataset", "modality")}
        numbers = {name: column[row].item() for name, column in self._numbers.items()}
        return {**texts, **numbers, "pixel_spacing_mm": self._spacing_mm[row].tolist()}

    def value(self, column: str, row: int) -> Any:
        """One value as plain Python has it."""
        return self.columns[column][row].as_py()
