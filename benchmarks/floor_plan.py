"""What the floor is told beforehand: the slices that a build encoded, their codes, and the bytes it wrote."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from floor import FloorImage

COLUMNS = [
    "source_path", "slice_dim", "slice_idx", "shape_xyz", "intensity_scale", "intensity_offset", "header_slope",
    "header_intercept",
]  # fmt: skip


def written_bytes(release: Path) -> int:
    """Bytes of all files of the build's shards."""
    return sum(path.stat().st_size for path in release.rglob("attempt-*/*") if path.is_file())


def amounts(release: Path, folder: Path) -> dict[str, int]:
    """What a build worked on: inflated bytes of images and masks, bytes of 16-bit pixels encoded, rows, bytes
    of tars written."""
    images = floor_images(release, folder)
    shown = {image.path for image in images}
    read = [
        pq.read_table(path, columns=["path"])["path"].to_pylist() for path in release.rglob("attempt-*/sources.parquet")
    ]
    masks = {folder / name for names in read for name in names} - shown
    tables = [pq.read_metadata(path) for path in release.rglob("attempt-*/annotations.parquet")]
    pixels = sum(len(at) * image.shape[r] * image.shape[c] for image in images for _, (r, c), at in image.planes)
    return {
        "image_bytes": sum(int(np.prod(image.shape)) * image.dtype.itemsize for image in images),
        "mask_bytes": sum(int.from_bytes(path.read_bytes()[-4:], "little") for path in masks if path.suffix == ".gz"),
        "pixel_bytes": 2 * pixels,
        "rows": sum(table.num_rows for table in tables),
        "webdataset_bytes": sum(path.stat().st_size for path in release.rglob("attempt-*/webdataset.tar")),
    }


def floor_images(release: Path, folder: Path) -> list[FloorImage]:
    """Each image of the build's shards, with the slices that its rows name."""
    tables = [pq.read_table(path, columns=COLUMNS) for path in sorted(release.rglob("attempt-*/annotations.parquet"))]
    rows = pa.concat_tables(tables).to_pylist()
    images = []
    for name in sorted({row["source_path"] for row in rows}):
        mine = [row for row in rows if row["source_path"] == name]
        stored = nib.load(folder / name)
        ornt = nib.orientations.io_orientation(stored.affine)
        axis_of = [int(np.flatnonzero(ornt[:, 0] == world)[0]) for world in range(3)]
        planes = []
        for dim in sorted({row["slice_dim"] for row in mine}):
            indices = np.array(sorted(row["slice_idx"] for row in mine if row["slice_dim"] == dim))
            if ornt[axis_of[dim], 1] < 0:
                indices = np.sort(mine[0]["shape_xyz"][dim] - 1 - indices)
            rows_axis, columns_axis = (axis_of[axis] for axis in range(3) if axis != dim)
            planes.append((axis_of[dim], (rows_axis, columns_axis), indices))
        first = mine[0]
        low = (first["intensity_offset"] - first["header_intercept"]) / first["header_slope"]
        step = first["intensity_scale"] / first["header_slope"]
        shape, dtype = stored.shape[:3], stored.get_data_dtype()
        images.append(FloorImage(folder / name, shape, dtype, tuple(planes), low, step or 1.0))
    return images
