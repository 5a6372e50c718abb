"""What building compiles or imports on first use, done once on tiny cases in memory: nothing of them is stored."""

from __future__ import annotations

import gzip
import uuid
from collections import deque
from dataclasses import replace
from functools import cache

import fsspec
import nibabel as nib
import numpy as np

from medvision.schemas.case import Case
from medvision.schemas.dataset import Dataset, LesionTask, Task
from medvision.schemas.faults import DataFault
from medvision.schemas.options import BuildOptions
from medvision.transforms.listing import list_sources
from medvision.transforms.match import match_cases
from medvision.transforms.read import CaseReader
from medvision.transforms.rows import image_rows, lesion_volumes, mask_volume_row, measure_case

SIDE = 8
"""Voxels along each axis of the tiny volumes."""


def _task(number: int, group: str, mask: str, classes: tuple[str, ...] = ()) -> Task:
    return Task(
        number=number,
        group=group,
        image=f"{group}/{{case}}.nii.gz",
        mask=mask,
        case="tiny",
        labels={1: "organ", 2: "lesion"},
        class_files=classes,
        modality="CT",
        description="",
    )


TINY = Dataset(
    name="warm",
    package="warm",
    patient="(tiny)",
    licence="",
    spdx="",
    redistribute=False,
    access="open",
    homepage="",
    data_urls=(),
    papers=(),
    citation="",
    images_published=3,
    masks_published=3,
    bucket_bits=0,
    tasks=(
        _task(1, "whole", "whole/{case}-mask.nii.gz"),
        _task(2, "wide", "wide/{case}-mask.nii.gz"),
        _task(3, "classes", "classes/{case}/{class}.nii.gz", ("organ", "lesion")),
    ),
    lesion_tasks=(LesionTask(1, 1, 2), LesionTask(2, 1, 1, "node")),
)
"""A mask in 8 bits with lesions, one with a label beyond them, and one file a class."""


def warm_up(options: BuildOptions) -> None:
    """Read, measure and encode tiny cases by the same switches, once a process: no shard then pays for first uses.

    A shard of them would be simpler, but goes through the store and the notes on cases in hand, which tell of deaths.
    """
    _warm_up(replace(options, raw="", out="", datasets=(TINY.name,), limit=0, progress_dir="", splits_from=""))


@cache
def _warm_up(options: BuildOptions) -> None:
    root, fs = f"/warm-{uuid.uuid4().hex}", fsspec.filesystem("memory")
    try:
        for path, voxels in _files().items():
            image = nib.Nifti1Image(voxels, np.diag([-1.0, -1.25, 2.0, 1.0]))
            fs.pipe_file(f"{root}/{path}", gzip.compress(image.to_bytes(), 1))
        for case in match_cases(TINY, list_sources(fs, root)).cases:
            reader = CaseReader(fs, root, TINY, with_voxels=options.images != "none")
            _build_case(case, reader, options)
    finally:
        fs.rm(root, recursive=True)


def _build_case(case: Case, reader: CaseReader, options: BuildOptions) -> None:
    labels = measure_case(case, reader.mask(case), TINY, options)
    for image, volume in reader.images(case):
        if isinstance(volume, DataFault):
            raise volume
        lesions = lesion_volumes(labels, image, TINY)
        about = labels, image, volume, lesions, TINY, options, "train"
        for plane in image_rows(*about):
            deque(plane.pictures(), maxlen=0)
        mask_volume_row(*about)


def _files() -> dict[str, np.ndarray]:
    mask = np.zeros((SIDE,) * 3, np.uint8)
    mask[1:3, 1:5, 1:3] = 1
    mask[3:7, 3:7, 3:7] = 2
    mask[4, 4, 4] = 0  # a diameter must see around the hole
    mask[1, 6:8, 3:5] = 2
    wide = mask.astype(np.uint16)
    wide[0, 0, :2] = 300
    values = np.arange(SIDE**3).reshape(mask.shape) % 1000
    return {
        "whole/tiny.nii.gz": values.astype(np.int16),
        "whole/tiny-mask.nii.gz": mask,
        "wide/tiny.nii.gz": values.astype(np.float32) / 3,
        "wide/tiny-mask.nii.gz": wide,
        "classes/tiny.nii.gz": values.astype(np.int16),
        "classes/tiny/organ.nii.gz": (mask == 1).astype(np.uint8),
        "classes/tiny/lesion.nii.gz": (mask == 2).astype(np.uint8),
    }
