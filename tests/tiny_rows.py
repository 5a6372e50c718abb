"""Rows of a tiny release: slices with two labels, and the volume that they are cut from."""

import functools
from typing import Any

import numpy as np
import pyarrow as pa

from medvision.schemas.rows import ANNOTATION_SCHEMA
from medvision.schemas.rules import RULES
from medvision.schemas.volume import Grid
from medvision.transforms.annotate import ellipse_row
from medvision.transforms.conics import Frame
from medvision.transforms.lesion_volumes import LesionVolume
from medvision.transforms.lesions import measure_clusters

HEIGHT, WIDTH = 8, 10
SPACING = (0.5, 0.8203125)
SHAPE = (HEIGHT, WIDTH, 30)
VOXEL = (*SPACING, 3.0)
VOXEL_MM3 = 0.5 * 0.8203125 * 3.0
AFFINE = (0.5, 0.0, 0.0, -9.0, 0.0, 0.8203125, 0.0, 4.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 1.0)
DATASET = "Tiny-Set.1"
Row = dict[str, Any]


def slice_row(case: int, index: int, side: str) -> Row:
    """A row with two boxes of label 1 (3x2 full and 1x1) and a lesion of label 2."""
    boxes = [box((1, 2), (3, 3), 6), box((6, 7), (6, 7), 1)]
    found = lesion(index)
    high, pixels = (6 + (index == 1), 5), 12 if index == 1 else 9
    row: Row = dict.fromkeys(ANNOTATION_SCHEMA.names, 0)
    row |= {name: "" for name in ANNOTATION_SCHEMA.names if ANNOTATION_SCHEMA.field(name).type == pa.string()}
    row |= {name: [] for name in ANNOTATION_SCHEMA.names if pa.types.is_list(ANNOTATION_SCHEMA.field(name).type)}
    return row | {
        "slice_id": f"Tiny-Set_1-case_{case:02d}-t01-axial-{index:04d}",
        **identity(case, side),
        "split_source": "patient_hash",
        "modality": "CT",
        "unit": "HU",
        "plane": "axial",
        "slice_dim": 2,
        "slice_idx": index,
        "height": HEIGHT,
        "width": WIDTH,
        "pixel_spacing_mm": list(SPACING),
        "mask_pixel_spacing_mm": list(SPACING),
        "spacing_xyz_mm": list(VOXEL),
        "flags": ["oblique"],
        "intensity_scale": 1.0,
        "header_slope": 1.0,
        "segments": [segment(1, "organ", boxes), segment(2, "lesion", [box((4, 3), high, pixels)])],
        "lesions": [found],
    }


def identity(case: int, side: str) -> Row:
    """Columns that a slice row and its volume row share."""
    return {
        "dataset": DATASET,
        "case_id": f"case_{case:02d}",
        "patient": f"case_{case:02d}",
        "task": 1,
        "side": side,
        "shape_xyz": list(SHAPE),
        "affine_ras": list(AFFINE),
        "raw_axes": "LPS",
        "source_path": f"case_{case:02d}/imaging.nii.gz",
        "source_channel": -1,
        "mask_path": f"case_{case:02d}/segmentation.nii.gz",
        "landmark_path": "",
        "space": "native",
        "upstream_name": f"case_{case:02d}.nii.gz",
    }


def volume_row(case: int, side: str) -> Row:
    """The volume of the rows of slices 0, 1 and 2."""
    low, high = (4, 3, 0), (7, 5, 2)
    found = {"lesion_task": 1, "label": 2, "name": "lesion", "lesion_kind": "mass"}
    return identity(case, side) | {
        "volume_id": f"Tiny-Set_1-case_{case:02d}-t01",
        "header_spacing_mm": list(VOXEL),
        "mask_affine_ras": list(AFFINE),
        "mask_header_spacing_mm": list(VOXEL),
        "mask_raw_axes": "LPS",
        "acquisition_dim": 2,
        "structures": [
            structure(1, "organ", [box3d((1, 2, 0), (3, 3, 2), 18), box3d((6, 7, 0), (6, 7, 2), 3)]),
            structure(2, "lesion", [box3d(low, high, 30)]),
        ],
        "lesions": [{**found, "lesions": lesion_volume_of_tiny().rows()}],
    }


@functools.cache
def lesion_volume_of_tiny() -> LesionVolume:
    """Label 2: 3 x 3 pixels from (4, 3) on slices 0 and 2, 4 x 3 on slice 1. Measured by the library."""
    ids = np.ones((4, 3, 3), np.int32)
    ids[3, :, ::2] = 0
    grid = Grid(SHAPE, np.array(AFFINE).reshape(4, 4), VOXEL, "LPS")
    return LesionVolume(grid, 2, "mass", (4, 3, 0), ids)


def lesion(index: int) -> Row:
    """Label 2 on a slice: one cluster. Its lines and ellipse are the library's."""
    volume, index = lesion_volume_of_tiny(), min(index, 2)
    rows = 4 if index == 1 else 3
    axes = measure_clusters(np.ones((rows, 3), bool), (4, 3), Frame((HEIGHT, WIDTH), SPACING, SPACING), RULES["1.4.0"])
    return {
        "lesion_task": 1,
        "label": 2,
        "name": "lesion",
        "lesion_kind": "mass",
        "n_total_clusters": 1,
        "ellipses": [ellipse_row(ellipse) for ellipse in axes.ellipses],
        "regions": [volume.region_row(region, 2, index) for region in volume.regions(2, index)],
        "flags": [],
        "origin_rc": [4, 3],
        "size_rc": [rows, 3],
        "runs": [0, 3 * rows],
    }


def structure(label: int, name: str, boxes: list[Row]) -> Row:
    count = sum(item["voxel_count"] for item in boxes)
    return {
        "label": label,
        "name": name,
        "voxel_count": count,
        "volume_mm3": count * VOXEL_MM3,
        "boxes": boxes,
        "instances": [instance3d(item) for item in boxes],
    }


def instance3d(item: Row) -> Row:
    """The same component half-open."""
    start, stop = item["min_xyz"], [n + 1 for n in item["max_xyz"]]
    return {
        "start_xyz": start,
        "stop_xyz": stop,
        "start_mm": [n * mm for n, mm in zip(start, VOXEL, strict=True)],
        "stop_mm": [n * mm for n, mm in zip(stop, VOXEL, strict=True)],
        "voxel_count": item["voxel_count"],
        "volume_mm3": item["voxel_count"] * VOXEL_MM3,
    }


def box3d(low: tuple[int, int, int], high: tuple[int, int, int], voxels: int) -> Row:
    size = [b - a + 1 for a, b in zip(low, high, strict=True)]
    return {
        "min_xyz": list(low),
        "max_xyz": list(high),
        "center_xyz": [(a + b) // 2 for a, b in zip(low, high, strict=True)],
        "size_voxels": size,
        "size_mm": [n * mm for n, mm in zip(size, VOXEL, strict=True)],
        "voxel_count": voxels,
        "mask_image_ratio": voxels / (SHAPE[0] * SHAPE[1] * SHAPE[2]),
    }


def segment(label: int, name: str, boxes: list[Row]) -> Row:
    count = sum(item["pixel_count"] for item in boxes)
    area = count * SPACING[0] * SPACING[1]
    instances = [instance(item) for item in boxes]
    found = {"label": label, "name": name, "pixel_count": count, "area_mm2": area}
    return {**found, "boxes": boxes, "instances": instances}


def instance(item: Row) -> Row:
    """The same component half-open."""
    start, stop = item["min_rc"], [n + 1 for n in item["max_rc"]]
    return {
        "start_rc": start,
        "stop_rc": stop,
        "start_mm": [n * mm for n, mm in zip(start, SPACING, strict=True)],
        "stop_mm": [n * mm for n, mm in zip(stop, SPACING, strict=True)],
        "pixel_count": item["pixel_count"],
        "area_mm2": item["pixel_count"] * SPACING[0] * SPACING[1],
    }


def box(low: tuple[int, int], high: tuple[int, int], pixels: int) -> Row:
    size = [b - a + 1 for a, b in zip(low, high, strict=True)]
    return {
        "min_rc": list(low),
        "max_rc": list(high),
        "center_rc": [(a + b) // 2 for a, b in zip(low, high, strict=True)],
        "size_px": size,
        "size_mm": [n * mm for n, mm in zip(size, SPACING, strict=True)],
        "pixel_count": pixels,
        "mask_image_ratio": pixels / (HEIGHT * WIDTH),
    }
