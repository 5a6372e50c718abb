"""One case of a plan: what upstream's planner says of an image, and the landmark file beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.schemas.plans import AXES, counts_all_clusters, stores_measurements
from medvision.schemas.rules import Rules
from medvision.transforms.plans.images import KEY_COLUMNS, ImageKey, keys_of
from medvision.transforms.plans.landmarks import Landmarks, lesion_landmarks, set_landmarks
from medvision.transforms.plans.slices import (
    Profiles,
    box_profiles,
    labelled_boxes,
    landmark_profiles,
    lesion_profiles,
    mask_profiles,
)
from medvision.transforms.plans.tasks import PlanTask

Row = dict[str, Any]

_SLICE = ("slice_dim", "slice_idx")
ROW_COLUMNS = {
    "detection": (*KEY_COLUMNS, *_SLICE, "segments.list.element.label", "segments.list.element.boxes"),
    "segmentation": (
        *(*KEY_COLUMNS, *_SLICE, "segments.list.element.label"),
        *("segments.list.element.pixel_count", "segments.list.element.area_mm2"),
    ),
    "biometry": (
        *(*KEY_COLUMNS, *_SLICE, "landmarks", "biometrics"),
        *(f"lesions.list.element.{name}" for name in ("lesion_task", "n_total_clusters", "ellipses")),
    ),
}
"""Columns of annotation rows that a kind of plan is made of."""
GRID_COLUMNS = (
    *(*KEY_COLUMNS, "upstream_name", "shape_xyz", "affine_ras", "header_spacing_mm"),
    *("mask_affine_ras", "mask_header_spacing_mm"),
)
_BOXES_3D = ("structures.list.element.label", "structures.list.element.boxes")
VOLUME_COLUMNS = {"detection": (*GRID_COLUMNS, *_BOXES_3D), "segmentation": GRID_COLUMNS, "biometry": GRID_COLUMNS}
"""The same of volume rows."""


@dataclass(frozen=True)
class PlanCase:
    """A case of one task. `landmark_file` is its path relative to the dataset's folder, "" for none."""

    task: PlanTask
    upstream_name: str
    record: Row
    landmark_file: str = ""
    landmarks: Landmarks | None = None


def plan_cases(
    kind: str, tasks: Sequence[PlanTask], volume: Row, rows: pa.Table | None, rules: Rules
) -> Iterator[PlanCase]:
    """The case that one image makes in each task of a plan that it is of.

    Args:
        kind: Of the plan.
        tasks: Of the plan.
        volume: Row of the image, columns VOLUME_COLUMNS[kind]; `structures` as an Arrow array.
        rows: Its slices, columns ROW_COLUMNS[kind], planes and slices rising; None where none shows anything.
        rules: Convention of landmark measures, and what is stored of lesions.
    """
    key = ImageKey(volume["case_id"], volume["task"], volume["landmark_path"] != "")
    name = volume["upstream_name"]
    for task in tasks:
        if task.image_task != key.task or bool(task.measures) != key.of_landmarks:
            continue
        if kind == "detection":
            profiles = box_profiles(rows) if rows is not None else None
            boxes = labelled_boxes(volume["structures"], 3)
            yield PlanCase(task, name, {**_case(task, name, volume, profiles), "profile_3D": boxes})
        elif kind == "segmentation":
            profiles = mask_profiles(rows) if rows is not None else None
            yield PlanCase(task, name, _case(task, name, volume, profiles))
        else:
            profiles, landmarks = _biometry(task, rows, rules)
            yield PlanCase(task, name, _case(task, name, volume, profiles), task.landmark_file(name), landmarks)


def _biometry(task: PlanTask, rows: pa.Table | None, rules: Rules) -> tuple[Profiles, Landmarks]:
    if task.measures:
        found = [] if rows is None else rows.select([*_SLICE, "landmarks", "biometrics"]).to_pylist()
        return landmark_profiles(found, task, rules.biometrics), set_landmarks(found, task)
    lesions = [] if rows is None else _lesions(rows, task.number)
    return (
        lesion_profiles(lesions, counts_all_clusters(rules)),
        lesion_landmarks(lesions, stores_measurements(rules)),
    )


def _lesions(rows: pa.Table, number: int) -> list[Row]:
    """Measured lesions of one lesion task, with the slice that each is on."""
    nested = rows.column("lesions").combine_chunks()
    parents, lesions = pc.list_parent_indices(nested), pc.list_flatten(nested)
    measured = pc.greater(pc.list_value_length(lesions.field("ellipses")), 0)
    chosen = pc.and_(pc.equal(lesions.field("lesion_task"), number), measured)
    slices = rows.select(_SLICE).take(parents.filter(chosen)).to_pylist()
    return [{**place, **lesion} for place, lesion in zip(slices, lesions.filter(chosen).to_pylist(), strict=True)]


def _case(task: PlanTask, name: str, volume: Row, profiles: Profiles | None) -> Row:
    masked = task.mask is not None
    files = {"mask_file": task.mask_file(name)} if masked else {}
    files |= {"landmark_file": task.landmark_file(name)} if task.folder else {}
    infos = {"image_file_info": file_info(volume["shape_xyz"], volume["affine_ras"], volume["header_spacing_mm"])}
    if masked:
        infos["mask_file_info"] = file_info(
            volume["shape_xyz"], volume["mask_affine_ras"], volume["mask_header_spacing_mm"]
        )
    return {
        "case_ID": task.case_id(name),
        "image_file": task.image_file(name),
        **files,
        **infos,
        **{f"slice_profiles_{axis}": (profiles or {}).get(dim, []) for dim, axis in enumerate(AXES)},
    }


def file_info(shape_xyz: Sequence[int], affine: Sequence[float], spacing_mm: Sequence[float]) -> Row:
    """`image_file_info` or `mask_file_info`.

    Args:
        shape_xyz: Voxels on each axis; an image and its mask have the same.
        affine: 16 numbers, row by row, voxel index to RAS mm.
        spacing_mm: x, y, z as the file's header states them.
    """
    matrix = np.array(affine, np.float64).reshape(4, 4)
    return {
        "voxel_size": [round(float(size), 3) for size in spacing_mm],
        "affine": np.round(matrix, 3).tolist(),
        "orientation": list(nib.orientations.aff2axcodes(matrix)),
        "array_size": list(shape_xyz),
    }


class Volumes:
    """Volume rows of one shard, each to be taken once.

    Args:
        table: Columns VOLUME_COLUMNS of a kind of plan.

    Raises:
        ValueError: An image has two rows.
    """

    def __init__(self, table: pa.Table) -> None:
        keys = keys_of(table)
        self._places = {key: place for place, key in enumerate(keys)}
        if len(self._places) < len(keys):
            raise ValueError(f"{len(keys)} volume rows name {len(self._places)} images; each image has one")
        self._flat = table.select(GRID_COLUMNS)
        self._structures = table.column("structures") if "structures" in table.column_names else None

    def take(self, key: ImageKey) -> Row:
        """The row of an image. Raises ValueError for an image without one, or the second time."""
        if key not in self._places:
            raise ValueError(f"image {key.case_id} of task {key.task} has slices apart, or no volume row")
        place = self._places.pop(key)
        row: Row = self._flat.slice(place, 1).to_pylist()[0]
        if self._structures is not None:
            row["structures"] = pc.list_flatten(self._structures.slice(place, 1).combine_chunks())
        return row

    def left(self) -> list[ImageKey]:
        """Images not taken yet: no slice shows anything of them."""
        return list(self._places)
