"""Structures of volume rows, made the plain way, label by label with scipy."""

from typing import Any

import numpy as np
from scipy import ndimage

Row = dict[str, Any]


def box_row(place: tuple[slice, ...], count: int, shape: tuple[int, ...], spacing_mm: tuple[float, ...]) -> Row:
    """BOX3D of a component."""
    low, high = [part.start for part in place], [part.stop - 1 for part in place]
    size = [b - a + 1 for a, b in zip(low, high, strict=True)]
    return {
        "min_xyz": low,
        "max_xyz": high,
        "center_xyz": [(a + b) // 2 for a, b in zip(low, high, strict=True)],
        "size_voxels": size,
        "size_mm": [n * mm for n, mm in zip(size, spacing_mm, strict=True)],
        "voxel_count": count,
        "mask_image_ratio": count / int(np.prod(shape)),
    }


def structures(mask: np.ndarray, spacing_mm: tuple[float, ...]) -> list[Row]:
    """STRUCTURE of each label of a (x, y, z) mask; 6-connected boxes, no instances."""
    found = []
    for label in np.unique(mask[mask > 0]):
        numbered, count = ndimage.label(mask == label)
        sizes = np.bincount(numbered.ravel(), minlength=count + 1)[1:]
        boxes = [
            box_row(place, int(size), mask.shape, spacing_mm)
            for place, size in zip(ndimage.find_objects(numbered), sizes, strict=True)
        ]
        total = int(sizes.sum())
        entry = {"label": int(label), "name": "", "voxel_count": total, "boxes": boxes, "instances": []}
        found.append(entry | {"volume_mm3": total * float(np.prod(spacing_mm))})
    return found
