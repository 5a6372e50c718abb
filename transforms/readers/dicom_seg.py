"""DICOM-SEG: frames of one or many segments, placed by their positions on a grid of slices (DICOM PS3.3 A.51)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume
from medvision.transforms.readers.dicom_file import check_pixels, damage_is, frames_of
from medvision.transforms.readers.dicom_geometry import (
    SAME_PLACE_MM,
    UNEVEN_TOLERANCE,
    Plane,
    Stack,
    check_alike,
    plane_of,
    stack_from,
)

MAX_FRAMES = 1 << 20


@dataclass(frozen=True)
class Frame:
    """A frame's number in the file, its place, and its segment number (0 in a label map, whose pixels say it)."""

    index: int
    plane: Plane
    segment: int


def read_segmentation(dataset: Any, stack: Stack | None, max_bytes: int) -> RawVolume:
    """Read a BINARY or LABELMAP segmentation. Labels are segment numbers; slices without a frame are empty.

    Where segments overlap, the lowest number keeps the voxel and the voxel counts in `overlap_voxels`. A label map's
    pixel padding value is no label.

    Args:
        dataset: The object as parsed.
        stack: Grid of the source images. None: the smallest even grid that holds all frames.
        max_bytes: Largest volume that is made.

    Returns:
        Labels (i, j, k), uint8 or uint16.

    Raises:
        DataFault: dicom_unsupported, seg_off_grid, shape_mismatch, bad_header, bad_voxels, truncated, bad_spacing,
            volume_too_large and the faults of a plane.
    """
    check_pixels(dataset, max_bytes)
    with damage_is("bad_header", format="DICOM-SEG"):
        kind = str(dataset.SegmentationType)
        padding = dataset.get("PixelPaddingValue")
    if kind not in ("BINARY", "LABELMAP"):
        raise DataFault("read", "dicom_unsupported", kind="fractional segmentation")
    frames = sorted(_frames(dataset, kind == "BINARY"), key=lambda frame: (frame.segment, frame.index))
    if stack is None:
        stack = _smallest_stack([frame.plane for frame in frames])
    places = [_place(frame.plane, stack) for frame in frames]
    dtype = np.uint16 if kind == "LABELMAP" or frames[-1].segment > 255 else np.uint8
    if int(np.prod(stack.shape, dtype=object)) * np.dtype(dtype).itemsize > max_bytes:
        size = int(np.prod(stack.shape, dtype=object))
        raise DataFault("read", "volume_too_large", bytes=size, limit=max_bytes)
    labels = np.zeros(stack.shape, dtype, order="F")
    overlap = np.zeros(stack.shape, bool, order="F")
    pixels = frames_of(dataset, [frame.index for frame in frames])
    for frame, place, stored in zip(frames, places, pixels, strict=True):
        part = stored.T
        if kind == "LABELMAP" and padding is not None:
            part = np.where(part == padding, 0, part)
        part = part if kind == "LABELMAP" else (part != 0) * dtype(frame.segment)
        target = labels[:, :, place]
        overlap[:, :, place] |= (part != 0) & (target != 0) & (part != target)
        np.copyto(target, part, where=target == 0, casting="unsafe")
    if labels.max(initial=0) <= 255:
        labels = labels.astype(np.uint8, copy=False)
    affine, spacing = stack.affine_ras, stack.spacing_mm
    return RawVolume(labels, affine, spacing, overlap_voxels=int(np.count_nonzero(overlap)))


def _frames(dataset: Any, binary: bool) -> list[Frame]:
    """Each frame's place and segment, from its own functional groups or else the shared ones."""
    with damage_is("bad_header", format="DICOM-SEG"):
        shape = (int(dataset.Columns), int(dataset.Rows))
        shared = (dataset.get("SharedFunctionalGroupsSequence") or [{}])[0]
        own = dataset.PerFrameFunctionalGroupsSequence
        if not 1 <= len(own) == int(dataset.get("NumberOfFrames") or 1) <= MAX_FRAMES:
            raise DataFault("read", "bad_header", format="DICOM-SEG")
    frames = []
    for index, groups in enumerate(own):

        def group(name: str, groups: Any = groups) -> Any:
            return (groups.get(name) or shared.get(name))[0]

        with damage_is("dicom_no_position"):
            position = group("PlanePositionSequence").ImagePositionPatient
            orientation = group("PlaneOrientationSequence").ImageOrientationPatient
            measures = group("PixelMeasuresSequence")
        segment = 0
        if binary:
            with damage_is("bad_header", format="DICOM-SEG"):
                segment = int(group("SegmentIdentificationSequence").ReferencedSegmentNumber)
                if not 1 <= segment <= 65535:
                    raise DataFault("read", "bad_header", format="DICOM-SEG")
        frames.append(Frame(index, plane_of(position, orientation, measures, shape), segment))
    return frames


def _smallest_stack(planes: list[Plane]) -> Stack:
    """The even grid of the frames alone; its step is the header's spacing, else the smallest distance of two."""
    first = check_alike(planes)
    positions = np.array([plane.position_mm for plane in planes])
    heights = (positions - first.position_mm) @ first.normal
    steps = np.diff(np.sort(heights))
    steps = steps[steps > SAME_PLACE_MM]
    step = first.thickness_mm
    if len(steps) and (step <= 0 or steps.min() < step * (1 - UNEVEN_TOLERANCE)):
        step = float(steps.min())
    if step <= SAME_PLACE_MM:
        raise DataFault("read", "bad_spacing", spacing_mm=[*first.spacing_mm.tolist(), step])
    count = int(np.rint((heights.max() - heights.min()) / step)) + 1
    return stack_from(first, positions[int(heights.argmin())], first.normal * step, count)


def _place(plane: Plane, stack: Stack) -> int:
    """Number of the stack's slice that a frame lies on."""
    if plane.shape != stack.shape[:2]:
        raise DataFault("read", "shape_mismatch", image=list(stack.shape[:2]), mask=list(plane.shape))
    step = stack.affine_lps[:3, 2]
    origin = stack.affine_lps[:3, 3]
    index = int(np.rint((plane.position_mm - origin) @ step / (step @ step)))
    index = min(max(index, 0), stack.shape[2] - 1)
    expected = stack_from(plane, plane.position_mm, step, 1).affine_lps
    found = stack.affine_lps.copy()
    found[:3, 3] = origin + index * step
    columns, rows = (count - 1.0 for count in plane.shape)
    corners = np.array([[0, 0, 0, 1], [columns, 0, 0, 1], [0, rows, 0, 1], [columns, rows, 0, 1]])
    distance = float(np.linalg.norm((corners @ (expected - found).T)[:, :3], axis=1).max())
    limit = UNEVEN_TOLERANCE * min(stack.spacing_mm)
    if distance > limit:
        raise DataFault("read", "seg_off_grid", distance_mm=round(distance, 3), limit_mm=round(limit, 3))
    return index
