"""Doubts that one look at the rows settles: spacings, grids, intensities, small masks and flags."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.report.batches import Batch
from medvision.pipelines.report.doubts import (
    ANISOTROPY,
    FLAGS,
    MISMATCH,
    SPACING_MM,
    SPACINGS_APART,
    TINY_PIXELS,
    Doubt,
)
from medvision.pipelines.report.quantities import flat

COLUMNS = (
    *("slice_id", "pixel_spacing_mm", "mask_pixel_spacing_mm", "spacing_xyz_mm", "grid_mismatch_mm"),
    *("intensity_clipped", "intensity_invalid", "flags", "lesions.list.element.flags", "biometrics"),
    *("lesions.list.element.regions.list.element.flags",),
)


class RowDoubts:
    """Counts while rows stream by."""

    def __init__(self) -> None:
        low, high = SPACING_MM
        listed = (
            Doubt(
                "anisotropy",
                "Long pixels",
                f"one side of the pixel is more than {ANISOTROPY:g} times the other; expected across thick slices",
            ),
            Doubt("spacing", "Unlikely voxel sizes", f"a voxel side is below {low:g} mm or above {high:g} mm"),
            Doubt(
                "mismatch",
                "Grids apart",
                f"image and mask lie further apart than {MISMATCH:g} of the shortest voxel side",
            ),
            Doubt(
                "spacings_apart",
                "Two pixel sizes",
                f"the pixel sizes of image and mask differ by more than {SPACINGS_APART:.1%}",
            ),
            Doubt("tiny", "Tiny masks", f"a label has fewer than {TINY_PIXELS} pixels on a slice", "labels of slices"),
            Doubt("clipped", "Clipped intensities", "slices of a volume with voxels beyond the stored range"),
            Doubt("invalid", "Invalid intensities", "slices of a volume with voxels that are NaN or infinite"),
        )
        self.fixed = {doubt.key: doubt for doubt in listed}
        self.flags: dict[str, Doubt] = {}

    def found(self) -> list[Doubt]:
        """Those that any row raises: the fixed ones in order, then flags by name."""
        of_flags = [self.flags[name] for name in sorted(self.flags)]
        return [doubt for doubt in (*self.fixed.values(), *of_flags) if doubt.total]

    def add(self, batch: Batch) -> None:
        """Look at rows with COLUMNS and `segments.pixel_count`."""
        pixel, mask = batch.pairs("pixel_spacing_mm"), batch.pairs("mask_pixel_spacing_mm")
        voxel = batch.pairs("spacing_xyz_mm")
        rows, labels = flat(batch.rows["segments"])
        counts = labels.field("pixel_count").to_numpy(zero_copy_only=False)
        unlike = ~np.isclose(pixel, mask, rtol=SPACINGS_APART, atol=0.0).all(axis=1)
        masked = np.bincount(rows, minlength=batch.rows.num_rows) > 0
        found = {
            "anisotropy": pixel.max(axis=1) > ANISOTROPY * pixel.min(axis=1),
            "spacing": (voxel < SPACING_MM[0]).any(axis=1) | (voxel > SPACING_MM[1]).any(axis=1),
            "mismatch": batch.numbers("grid_mismatch_mm") > MISMATCH * voxel.min(axis=1),
            "spacings_apart": unlike & masked,
            "clipped": batch.numbers("intensity_clipped") > 0,
            "invalid": batch.numbers("intensity_invalid") > 0,
        }
        for key, holds in found.items():
            self.fixed[key].add(batch, np.flatnonzero(holds))
        self.fixed["tiny"].add(batch, rows[counts < TINY_PIXELS])
        self._add_flags(batch, "", "slices", FLAGS, np.arange(batch.rows.num_rows), batch.rows["flags"])
        of_lesion, lesions = flat(batch.rows["lesions"])
        self._add_flags(batch, "lesion: ", "lesions of slices", {}, of_lesion, lesions.field("flags"))
        of_region, regions = flat(lesions.field("regions"))
        names = {"coarse_raster": "the region's minor axis spans fewer than 3 pixels"}
        self._add_flags(batch, "region: ", "regions of lesions", names, of_lesion[of_region], regions.field("flags"))
        of_measure, measures = flat(batch.rows["biometrics"])
        names = {
            "angle_folded": "the lines open by more than 90 degrees and upstream gives the supplement",
            "incisors_level": "neither incisor is ahead of the other",
        }
        self._add_flags(batch, "measure: ", "measures of slices", names, of_measure, measures.field("flags"))

    def _add_flags(
        self, batch: Batch, of: str, noun: str, meanings: Mapping[str, str], rows: np.ndarray, lists: pa.Array
    ) -> None:
        """Count each flag of lists that belong to the row numbers."""
        of_list, flags = flat(lists)
        for flag in sorted(pc.unique(flags).to_pylist()):
            key = f"flag-{of}{flag}"
            if key not in self.flags:
                meaning = meanings.get(flag, meanings.get(flag.removeprefix("mask_"), "see docs/rules.md"))
                grid = "of the mask's grid: " if flag.startswith("mask_") and flag not in meanings else ""
                self.flags[key] = Doubt(key, f"Flag {of}{flag}", f"{grid}{meaning}", noun)
            mine = pc.equal(flags, flag).to_numpy(zero_copy_only=False).astype(bool)
            self.flags[key].add(batch, rows[of_list[mine]])
