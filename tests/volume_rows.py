"""Volume rows of miniature cases, made the plain way, label by label with scipy; and shards that hold them."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import ndimage

from medvision.schemas.case import Case, CaseImage
from medvision.schemas.dataset import Dataset
from medvision.schemas.faults import DataFault
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import Shard, ShardFile, ShardRecord
from medvision.schemas.volume import Grid
from medvision.schemas.volumes import VOLUME_SCHEMA
from medvision.transforms.geometry import to_ras
from medvision.transforms.landmark_rows import _realignment
from medvision.transforms.plan import read_plan
from medvision.transforms.read import CaseReader
from medvision.transforms.store import Store

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


def volume_row(case: Case, image: CaseImage, grid: Grid, mask: tuple[Grid, np.ndarray] | None) -> Row:
    """Row of one image; `mask` is its grid and its labels."""
    spacing = grid.zooms_xyz_mm
    row: Row = dict.fromkeys(VOLUME_SCHEMA.names, "")
    row |= {"dataset": case.dataset, "case_id": case.case_id, "patient": case.patient, "task": image.task}
    row |= {"upstream_name": image.upstream_name, "source_path": image.file.path, "source_channel": -1}
    row |= {"mask_path": case.masks[0].path if case.masks else ""}
    row |= {"landmark_path": case.landmarks[0][1].path if case.landmarks else ""}
    row |= {"shape_xyz": list(grid.shape_xyz), "affine_ras": grid.affine_ras.ravel().tolist()}
    row |= {"header_spacing_mm": list(spacing), "acquisition_dim": int(np.argmax(spacing)), "lesions": []}
    row |= {"mask_affine_ras": [], "mask_header_spacing_mm": [], "structures": []}
    if mask is not None:
        row |= {"mask_affine_ras": mask[0].affine_ras.ravel().tolist()}
        row |= {"mask_header_spacing_mm": list(mask[0].zooms_xyz_mm)}
        row |= {"structures": structures(mask[1], mask[0].zooms_xyz_mm)}
    return row


def case_rows(case: Case, reader: CaseReader, dataset: Dataset) -> Iterator[tuple[CaseImage, Row]]:
    """Rows of the images of a case that can be read."""
    if case.landmarks:
        image = case.images[0]
        moved, raw = _realignment(case, reader), reader.raw(image.file, dataset.landmark_task(image.task).spacing_mm)
        yield image, volume_row(case, image, to_ras(moved.resample(raw) if moved else raw).grid, None)
        return
    mask = reader.mask(case).volume
    for image, volume in reader.images(case):
        if not isinstance(volume, DataFault) and volume.grid.shape_xyz == mask.grid.shape_xyz:
            yield image, volume_row(case, image, volume.grid, (mask.grid, mask.data))


def with_volumes(record: ShardRecord, dataset: Dataset, options: BuildOptions) -> ShardRecord:
    """The record with a volumes file, where its shard wrote none itself."""
    if not record.files or any(file.kind == "volumes" for file in record.files):
        return record
    store = Store(options.out)
    letters = [file.path for file in record.files if file.kind == "dead_letters"]
    dead = {(row["case_id"], row["task"]) for path in letters for row in pq.read_table(store.path(path)).to_pylist()}
    fs, root = fsspec.core.url_to_fs(options.raw)
    reader, rows = CaseReader(fs, f"{root}/{dataset.name}", dataset), []
    for case in read_plan(store, record.shard):
        if (case.case_id, 0) not in dead:
            found = case_rows(case, reader, dataset)
            rows += [row for image, row in found if (case.case_id, image.task) not in dead]
    if not rows:
        return record
    path = f"{Path(record.files[0].path).parent.as_posix()}/volumes.parquet"
    with store.writing(path) as out:
        pq.write_table(pa.Table.from_pylist(rows, VOLUME_SCHEMA), out)
    content = store.read(path)
    file = ShardFile("volumes", path, len(content), hashlib.sha256(content).hexdigest(), len(rows))
    return replace(record, files=tuple(sorted((*record.files, file))))


def adding_volumes(build: Callable[..., ShardRecord]) -> Callable[..., ShardRecord]:
    """A builder of shards whose records all have volumes."""

    def built(shard: Shard, dataset: Dataset, options: BuildOptions) -> ShardRecord:
        return with_volumes(build(shard, dataset, options), dataset, options)

    return built
