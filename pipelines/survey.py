"""Look at one dataset's raw files before a long build: cases, partners, headers, labels, sizes."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import fsspec
import numpy as np

from medvision.pipelines.findings import Found
from medvision.pipelines.preflight import estimated_bytes
from medvision.schemas.case import Case, SourceFile
from medvision.schemas.dataset import Dataset
from medvision.schemas.faults import REASONS, DataFault
from medvision.schemas.options import BuildOptions
from medvision.schemas.volume import Grid, RawVolume
from medvision.transforms.geometry import grid_distance_mm, grid_flags, to_ras
from medvision.transforms.plan import bucket_of
from medvision.transforms.read import CaseReader
from medvision.transforms.readers.nifti import read_nifti_header
from medvision.transforms.select import find_cases

SHARD_BYTES = 256e6
FLAG_MEANINGS = {
    "spacing_conflict": "header voxel sizes and affine disagree",
    "spacing_unusual": "a voxel side is over 20 mm",
    "sheared": "voxel axes are not at right angles",
    "plane_name_uncertain": "the planes' names are only the nearest ones",
}


@dataclass(frozen=True)
class Survey:
    """Numbers of one dataset; `slices_at_most` counts all slices of the headers that were read."""

    dataset: str
    cases: int
    patients: int
    images: int
    masks_published: int
    images_published: int
    slices_at_most: int
    bytes_raw: int
    bytes_estimated: int
    images_by_task: dict[str, int]


def survey_dataset(dataset: Dataset, options: BuildOptions, deep: bool, found: Found) -> tuple[Survey, list[Case]]:
    """Survey one dataset; what is wrong goes to `found`, a data fault never ends it."""
    matched = find_cases(dataset, options)
    name = dataset.name
    for letter in matched.dead_letters:
        found.add("warning", name, letter.reason, REASONS[letter.reason].split("{")[0].strip(" :,"), letter.path)
    images = Counter(
        f"{'landmarks ' if case.landmarks else ''}{image.task:02d}" for case in matched.cases for image in case.images
    )
    fs, root = fsspec.core.url_to_fs(options.raw)
    reader = CaseReader(fs, f"{root.rstrip('/')}/{name}", dataset)
    slices = 0
    empty: set[str] = set()
    sizes: dict[object, float] = defaultdict(float)
    for case in matched.cases:
        slices += _check_headers(case, reader, dataset, options, found)
        sizes[bucket_of(case, dataset.bucket_bits)] += estimated_bytes(case, options)
        if deep and case.masks and not _check_labels(case, reader, dataset, found):
            empty.add(case.case_id)
    for bucket, size in sorted(sizes.items(), key=str):
        if size > 2 * SHARD_BYTES * len(options.formats):
            meaning = "a shard is estimated at over twice the usual 256 MB"
            found.add("info", name, "bucket_over_size", meaning, f"{bucket}: {size / 1e6:.0f} MB")
    kept = [case for case in matched.cases if not (dataset.drop_empty_masks and case.case_id in empty)]
    total = sum(len(case.images) for case in kept if case.masks or not dataset.tasks)
    if dataset.drop_empty_masks and not deep:
        found.add("info", name, "split_unchecked", "--deep tells which cases are dropped before the split", name)
    elif total != dataset.images_published:
        meaning = "upstream's numbered split needs the whole published list; sides recomputed from another differ"
        found.add("warning", name, "split_incomplete", meaning, f"{total} of {dataset.images_published} images")
    survey = Survey(
        dataset=name,
        cases=len(matched.cases),
        patients=len({case.patient for case in matched.cases}),
        images=total,
        masks_published=dataset.masks_published,
        images_published=dataset.images_published,
        slices_at_most=slices,
        bytes_raw=sum(file.size for case in matched.cases for file in case.files),
        bytes_estimated=int(sum(sizes.values())),
        images_by_task=dict(sorted(images.items())),
    )
    return survey, list(matched.cases)


def _check_headers(case: Case, reader: CaseReader, dataset: Dataset, options: BuildOptions, found: Found) -> int:
    """Grids of a case from its NIfTI headers; returns the slices of its images over the asked planes."""
    name = dataset.name
    mask = _grid(case.masks[0], reader, name, found) if case.masks else None
    if mask is not None and dataset.task(case.images[0].task).mask_affine_from_image:
        mask = None
    slices = 0
    for file in dict.fromkeys(image.file for image in case.images):
        grid = _grid(file, reader, name, found)
        if grid is None:
            continue
        slices += sum(grid.shape_xyz) * sum(image.file == file for image in case.images)
        for flag in grid_flags(grid):
            found.add("warning", name, flag, FLAG_MEANINGS[flag], file.path)
        if mask is None:
            continue
        if grid.shape_xyz != mask.shape_xyz:
            found.add("error", name, "shape_mismatch", "image and mask differ in shape", file.path)
        elif grid_distance_mm(grid, mask) > options.rule_table.grid_tolerance * min(mask.affine_spacing_xyz_mm):
            found.add("warning", name, "grid_mismatch", "image and mask lie on different grids", file.path)
    return slices


def _grid(file: SourceFile, reader: CaseReader, name: str, found: Found) -> Grid | None:
    """RAS+ grid of a NIfTI file from its header; None for other formats and for a damaged header."""
    if not file.path.endswith((".nii", ".nii.gz")):
        return None
    try:
        with reader.fs.open(f"{reader.root}/{file.path}", "rb") as stream:
            header = read_nifti_header(stream, file.path.endswith(".gz"))
        nothing = np.broadcast_to(np.uint8(0), header.shape[:3])
        return to_ras(RawVolume(nothing, header.affine, header.zooms_mm), None, reader.spacing_in_header).grid
    except DataFault as fault:
        found.add("error", name, fault.reason, fault.message, file.path)
        return None


def _check_labels(case: Case, reader: CaseReader, dataset: Dataset, found: Found) -> bool:
    """Labels of a case's mask against its table; False where it holds none."""
    try:
        mask = reader.mask(case)
    except DataFault as fault:
        severity = "warning" if fault.reason == "mask_empty" else "error"
        found.add(severity, dataset.name, fault.reason, fault.message, fault.path or case.annotation_path)
        return fault.reason != "mask_empty"
    known = {0, *dataset.task(case.images[0].task).labels}
    unknown = sorted(set(np.unique(mask.volume.data).tolist()) - known)
    if unknown:
        meaning = f"labels {', '.join(map(str, unknown))} are not in the table"
        found.add("warning", dataset.name, "label_unknown", meaning, case.annotation_path)
    if mask.overlap_voxels:
        found.add("info", dataset.name, "mask_overlap", "classes overlap; the first label wins", case.annotation_path)
    return True
