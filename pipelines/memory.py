"""What building the largest case takes of a machine's memory, for engines that choose machines by it."""

from __future__ import annotations

from collections.abc import Iterable

import fsspec
import numpy as np

from medvision.pipelines.survey.headers import read_header
from medvision.schemas.case import Case
from medvision.schemas.faults import DataFault
from medvision.transforms.ranges import check_file

PROCESS_BYTES = 600 << 20
"""A worker with every library loaded and kernels compiled, before its first case (measured: under 400 MB)."""
VOXEL_BYTES = 10
"""A voxel of image, mask and what is derived from them (measured on CT and MRI of 16 bits: 4 to 5; twice that)."""
HEADERS_READ = 8
"""Largest files whose headers are looked at: files shrink unequally, so the largest need not hold most voxels."""


def largest_case_bytes(cases: Iterable[Case], raw: str) -> int:
    """Upper estimate of the memory in bytes of a process while it builds the largest of the cases.

    Headers of the largest image files are read, no voxel. A file that has none on its own, or a damaged one, counts
    by its size.
    """
    images = {(case.dataset, image.file.path): image.file for case in cases for image in case.images}
    found = sorted(images.items(), key=lambda item: -item[1].size)[:HEADERS_READ]
    fs, root = fsspec.core.url_to_fs(raw)
    voxels = 0
    for (dataset, path), file in found:
        voxels = max(voxels, _voxels(fs, f"{root.rstrip('/')}/{dataset}/{path}", file.size))
    return PROCESS_BYTES + VOXEL_BYTES * voxels


def _voxels(fs: fsspec.AbstractFileSystem, path: str, size: int) -> int:
    if fs.isdir(path):
        return size  # a DICOM series: 16 bits a voxel, but it may be compressed
    try:
        check_file(fs, path)
        with fs.open(path, "rb", block_size=1 << 16) as stream:
            header = read_header(stream, path, size)
    except DataFault:
        return size
    return size if header is None else int(np.prod(header.shape, dtype=object))
