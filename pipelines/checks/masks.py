"""Masks of lesions as slice rows carry them, and the volume that the slices of one plane make together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from medvision.transforms.geometry import slice_axes
from medvision.transforms.lesion_volumes import CORNERS, LesionVolume
from medvision.transforms.runs import from_run_lengths, run_lengths

Row = Mapping[str, Any]


@dataclass(frozen=True)
class SliceMask:
    """A lesion on a slice.

    Attributes:
        name: Slice id.
        lesion: Row of LESION.
        origin_rc: Row and column of the mask's first pixel in the slice.
        mask: (rows, columns) bool, the box around the lesion's pixels.
    """

    name: str
    lesion: Row
    slice_dim: int
    slice_idx: int
    origin_rc: tuple[int, int]
    mask: np.ndarray

    @property
    def box_xyz(self) -> tuple[slice, slice, slice]:
        """Voxels of the volume that the mask covers."""
        rows_axis, columns_axis = slice_axes(self.slice_dim)
        sides = [slice(self.slice_idx, self.slice_idx + 1)] * 3
        for axis, first, size in zip((rows_axis, columns_axis), self.origin_rc, self.mask.shape, strict=True):
            sides[axis] = slice(first, first + size)
        return sides[0], sides[1], sides[2]


def slice_mask(row: Row, lesion: Row, pixels: int) -> SliceMask | str:
    """The mask of a row of LESION on its slice, or what is wrong with it.

    Args:
        row: Slice row, with `slice_id`, `slice_dim`, `slice_idx`, `height` and `width`.
        lesion: Row of LESION.
        pixels: Pixels that the slice has of the lesion's label.
    """
    origin, size, runs = lesion["origin_rc"], lesion["size_rc"], lesion["runs"]
    if len(origin) != 2 or len(size) != 2 or min(size) < 1:
        return f"a box of {size} from {origin}"
    if origin[0] + size[0] > row["height"] or origin[1] + size[1] > row["width"]:
        return f"a box of {size} from {origin} on a slice of {row['height']} x {row['width']}"
    if sum(runs) != size[0] * size[1]:
        return f"runs of {sum(runs)} pixels in a box of {size}"
    mask = from_run_lengths(runs, size)
    if run_lengths(mask) != runs:
        return "runs that are not the shortest list"
    if not (mask[[0, -1]].any(axis=1).all() and mask[:, [0, -1]].any(axis=0).all()):
        return "a box larger than its pixels"
    count = int(np.count_nonzero(mask))
    if count != pixels:
        return f"{count} pixels, the label has {pixels}"
    return SliceMask(row["slice_id"], lesion, row["slice_dim"], row["slice_idx"], (origin[0], origin[1]), mask)


def stacked(masks: Sequence[SliceMask]) -> tuple[tuple[int, int, int], np.ndarray]:
    """Numbered 26-connected lesions that the slices of a plane make: first voxel, and (x, y, z) numbers from 1.

    Of several planes, that with the most pixels is taken: one that lacks a slice shows less. `masks` is not empty.
    """
    pixels = {dim: sum(int(m.mask.sum()) for m in masks if m.slice_dim == dim) for dim in range(3)}
    chosen = [mask for mask in masks if mask.slice_dim == max(pixels, key=lambda dim: pixels[dim])]
    boxes = [mask.box_xyz for mask in chosen]
    low = [min(box[axis].start for box in boxes) for axis in range(3)]
    high = [max(box[axis].stop for box in boxes) for axis in range(3)]
    volume = np.zeros([b - a for a, b in zip(low, high, strict=True)], bool)
    for mask, box in zip(chosen, boxes, strict=True):
        place = tuple(slice(side.start - first, side.stop - first) for side, first in zip(box, low, strict=True))
        volume[place] |= np.expand_dims(mask.mask, mask.slice_dim)
    ids, _ = ndimage.label(volume, CORNERS)
    return (low[0], low[1], low[2]), ids


def shows(volume: LesionVolume, mask: SliceMask) -> bool:
    """Whether the slice of the volume has exactly the mask's pixels."""
    index = mask.slice_idx - volume.origin_xyz[mask.slice_dim]
    if not 0 <= index < volume.ids.shape[mask.slice_dim]:
        return False
    place = [slice(s.start - o, s.stop - o) for s, o in zip(mask.box_xyz, volume.origin_xyz, strict=True)]
    if any(side.start < 0 for side in place):
        return False
    found = np.take(volume.ids[tuple(place)] > 0, 0, axis=mask.slice_dim)
    whole = np.count_nonzero(np.take(volume.ids, index, axis=mask.slice_dim))
    return bool(np.array_equal(found, mask.mask)) and whole == np.count_nonzero(mask.mask)
