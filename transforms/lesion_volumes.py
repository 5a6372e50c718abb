"""Exact measures of the lesions of one label in a volume: 26-connected, with the diameters of the acquisition plane."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import ndimage

from medvision.schemas.volume import Grid
from medvision.transforms.columns import in_plane
from medvision.transforms.components import find_components, label_volume
from medvision.transforms.geometry import slice_axes
from medvision.transforms.regions import Region, measure_regions
from medvision.transforms.shapes.chords import Chord
from medvision.transforms.shapes.edges import face_midpoints
from medvision.transforms.shapes.extents import solid_extents
from medvision.transforms.shapes.feret import max_feret
from medvision.transforms.shapes.moments import ellipsoid_axes

CORNERS = np.ones((3, 3, 3), bool)
MAX_REGIONS = 100_000
"""Most clusters of one lesion label on one plane: each is measured, at some 6 kB and 0.3 ms."""


@dataclass(frozen=True)
class LesionVolume:
    """The lesions of one label in a mask.

    Attributes:
        grid: Grid of the mask; lengths follow its affine.
        acquisition_dim: Axis across the acquisition slices: RECIST diameters are taken on those alone.
        kind: "mass" or "node".
        origin_xyz: Voxel of the mask that is the first of `ids`.
        ids: (x, y, z) crop: 0 for background, else the lesion's number plus 1, in raster order, x slowest.
    """

    grid: Grid
    acquisition_dim: int
    kind: str
    origin_xyz: tuple[int, int, int]
    ids: np.ndarray

    @cached_property
    def acquired(self) -> dict[int, list[Region]]:
        """Regions, with diameters, of each acquisition slice that shows a lesion."""
        low = self.origin_xyz[self.acquisition_dim]
        boxes = self._extents[1][self.acquisition_dim]
        shown = [index for index, box in enumerate(boxes, start=low) if box[2]]
        return {index: self._measured(self.acquisition_dim, index, True) for index in shown}

    def regions(self, slice_dim: int, slice_idx: int) -> list[Region]:
        """Regions of one slice; with diameters on the acquisition plane."""
        if slice_dim == self.acquisition_dim:
            return self.acquired[slice_idx]
        return self._measured(slice_dim, slice_idx, False)

    def rows(self) -> list[dict[str, Any]]:
        """Rows of LESION3D in order of `lesion_id`."""
        on_slices: dict[int, list[tuple[int, Region]]] = defaultdict(list)
        for index, regions in sorted(self.acquired.items()):
            for region in regions:
                on_slices[region.lesion_id].append((index, region))
        boxes = self._extents[0]
        return [self._row(lesion_id, box, on_slices[lesion_id]) for lesion_id, box in enumerate(boxes)]

    def chord(self, chord: Chord | None, slice_dim: int, slice_idx: int) -> dict[str, Any] | None:
        """A row of CHORD: the line on its slice and in the world."""
        if chord is None:
            return None
        return {
            "length_mm": chord.length_mm,
            "start_rc": list(chord.start_rc),
            "end_rc": list(chord.end_rc),
            "start_mm": self._world_mm(chord.start_rc, slice_dim, slice_idx),
            "end_mm": self._world_mm(chord.end_rc, slice_dim, slice_idx),
        }

    def region_row(self, region: Region, slice_dim: int, slice_idx: int) -> dict[str, Any]:
        """A row of REGION."""
        lines = ("major_axis", "minor_axis", "feret", "longest", "perpendicular")
        return {
            "lesion_id": region.lesion_id,
            "pixel_count": region.pixel_count,
            "area_mm2": region.area_mm2,
            "start_rc": list(region.start_rc),
            "stop_rc": list(region.stop_rc),
            "center_rc": list(region.center_rc),
            **{name: self.chord(getattr(region, name), slice_dim, slice_idx) for name in lines},
            "raster_mm": region.raster_mm,
            "flags": list(region.flags),
        }

    def _measured(self, slice_dim: int, slice_idx: int, diameters: bool) -> list[Region]:
        place = slice_idx - self.origin_xyz[slice_dim]
        top, left, bottom, right = self._extents[1][slice_dim][place]
        crop = self._stacks[slice_dim][place, top:bottom, left:right]
        first = in_plane(self.origin_xyz, slice_dim)
        origin = (int(first[0]) + top, int(first[1]) + left)
        spacing_mm = in_plane(self._spacing_xyz_mm, slice_dim)
        return measure_regions(crop, origin, spacing_mm, self.kind, diameters)

    @cached_property
    def _extents(self) -> tuple[list[list[int]], tuple[list[list[int]], ...]]:
        """Boxes within `ids`: see `solid_extents`."""
        return solid_extents(self.ids)

    @cached_property
    def _stacks(self) -> tuple[np.ndarray, ...]:
        """Views of `ids` as slices across each axis."""
        return tuple(np.moveaxis(self.ids, dim, 0) for dim in range(3))

    @cached_property
    def _spacing_xyz_mm(self) -> tuple[float, float, float]:
        return self.grid.affine_spacing_xyz_mm

    def _row(self, lesion_id: int, box: list[int], on_slices: list[tuple[int, Region]]) -> dict[str, Any]:
        (x0, y0, z0, x1, y1, z1), spacing_mm = box, self._spacing_xyz_mm
        mask = self.ids[x0:x1, y0:y1, z0:z1] == lesion_id + 1
        start = [low + first for low, first in zip(box[:3], self.origin_xyz, strict=True)]
        voxels = np.argwhere(mask)
        count = len(voxels)
        moments = ellipsoid_axes(voxels * np.array(spacing_mm), spacing_mm)
        center = [c / mm + first for c, mm, first in zip(moments.center, spacing_mm, start, strict=True)]
        area: dict[int, float] = defaultdict(float)
        for index, region in on_slices:
            area[index] += region.area_mm2
        largest = max(area, key=lambda index: (round(area[index], 9), -index))
        slice_idx, longest = max(on_slices, key=_longest_first)
        chords = {name: self.chord(getattr(longest, name), self.acquisition_dim, slice_idx) for name in _DIAMETERS}
        measure = longest.perpendicular if self.kind == "node" else longest.longest
        return {
            "lesion_id": lesion_id,
            "voxel_count": count,
            "volume_mm3": count * (spacing_mm[0] * spacing_mm[1] * spacing_mm[2]),
            "start_xyz": start,
            "stop_xyz": [first + side for first, side in zip(start, mask.shape, strict=True)],
            "center_mm": self._affine(center),
            "axes_mm": list(moments.lengths_mm),
            "feret_mm": max_feret(face_midpoints(mask), spacing_mm)[0],
            "acquisition_slices": len(area),
            "largest_slice_idx": largest,
            "largest_area_mm2": area[largest],
            "longest_slice_idx": slice_idx,
            **chords,
            "measure_mm": measure.length_mm if measure else None,
            "raster_mm": longest.raster_mm,
            "flags": list(longest.flags),
        }

    def _world_mm(self, point_rc: tuple[float, float], slice_dim: int, slice_idx: int) -> list[float]:
        rows_axis, columns_axis = slice_axes(slice_dim)
        voxel = [0.0, 0.0, 0.0]
        voxel[slice_dim], voxel[rows_axis], voxel[columns_axis] = float(slice_idx), *point_rc
        return self._affine(voxel)

    def _affine(self, voxel: list[float]) -> list[float]:
        rows = self.grid.affine_ras.tolist()[:3]
        return [row[0] * voxel[0] + row[1] * voxel[1] + row[2] * voxel[2] + row[3] for row in rows]


_DIAMETERS = ("longest", "perpendicular")


def _longest_first(found: tuple[int, Region]) -> tuple[float, int]:
    """Orders regions of slices by diameter, equal ones by rising slice."""
    index, region = found
    return (round(region.longest.length_mm, 9) if region.longest else 0.0), -index


def lesion_volume(
    mask: np.ndarray, target: int, grid: Grid, acquisition_dim: int, kind: str, components: np.ndarray | None = None
) -> LesionVolume | None:
    """The lesions of one label of a (x, y, z) mask, None where it is absent.

    Args:
        components: 26-connected table of `label_volume`, where it is known: nothing outside the label's box is read.
    """
    known = label_volume(find_components(mask))[1] if components is None else components
    lesions = known[known[:, 0] == target]
    if not len(lesions):
        return None
    low, high = lesions[:, 2:5].min(axis=0).tolist(), (lesions[:, 5:8].max(axis=0) + 1).tolist()
    inside = mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]] == target
    ids = ndimage.label(inside, CORNERS)[0] if len(lesions) > 1 else np.ascontiguousarray(inside, dtype=np.int32)
    return LesionVolume(grid, acquisition_dim, kind, (low[0], low[1], low[2]), ids)
