"""DICOM: the single-frame images of a folder as one volume, or the segmentation in it (dicom_seg.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume
from medvision.transforms.readers.dicom_file import check_pixels, damage_is, frames_of, kind_of, parse_dicom
from medvision.transforms.readers.dicom_geometry import Plane, Stack, plane_of, stack_planes
from medvision.transforms.readers.dicom_seg import read_segmentation
from medvision.transforms.readers.opened import MAX_SOURCE_BYTES, Opened
from medvision.transforms.streams import DEFLATE_LIMIT, read_bounded

MAX_VOXEL_BYTES = 16 << 30
OTHER_ENDINGS = (".txt", ".csv", ".json", ".xml", ".md", ".html", ".pdf", ".png", ".jpg", ".ini", ".db")
OTHER_NAMES = ("license", "readme", "dicomdir", "version")
"""Files that lie beside DICOM and are passed over by name. Any other file that is no DICOM is a fault."""


@dataclass(frozen=True)
class Slice:
    """One single-frame image: its packed pixels in `dataset`, and value = stored * slope + intercept."""

    dataset: Any
    plane: Plane
    series: str
    slope: float
    intercept: float
    says_text: bool = False


@dataclass(frozen=True)
class _Found:
    """What a folder holds, by kind."""

    slices: list[Slice]
    segmentations: list[Any]
    kinds: Counter[str]


def read_dicom(opened: Opened, max_bytes: int = MAX_VOXEL_BYTES) -> RawVolume:
    """Read a folder of DICOM files, or one file, as one volume.

    An image is the one series of single-frame images, ordered by position along the normal; other objects are
    passed over. A mask is the DICOM-SEG, on the slices of the images beside it or else of `opened.reference`; without
    a DICOM-SEG it is the image series. Rescaling that is the same in all slices is kept, else applied (to float32).

    Raises:
        DataFault: dicom_* and rtstruct_unsupported, seg_off_grid, bad_header, bad_voxels, truncated, bad_affine,
            bad_spacing, bad_dims, dims_exceed_file, volume_too_large, unsupported_encoding.
    """
    found = _sort_out(contents_of(opened), opened.is_mask)
    if opened.is_mask and found.segmentations:
        if len(found.segmentations) > 1:
            raise DataFault("read", "dicom_mixed_series", count=len(found.segmentations))
        stack = _stack(found.slices)[1] if found.slices else _reference_stack(opened)
        return read_segmentation(found.segmentations[0], stack, max_bytes)
    if opened.is_mask and found.kinds["RTSTRUCT"]:
        raise DataFault("read", "rtstruct_unsupported")
    if found.kinds["multi-frame image"]:
        raise DataFault("read", "dicom_unsupported", kind="multi-frame image")
    if not found.slices:
        kinds = ", ".join(sorted(found.kinds)) or "none"
        raise DataFault("read", "dicom_no_image", count=found.kinds.total(), kinds=kinds)
    order, stack = _stack(found.slices)
    _check_size(stack, found.slices, opened.source.size, max_bytes)
    return _volume([found.slices[index] for index in order], stack)


def contents_of(opened: Opened) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of each file of a source that should be DICOM."""
    if not opened.source.path.endswith("/"):
        with opened.stream() as stream:
            content = read_bounded(stream, MAX_SOURCE_BYTES)
        yield opened.source.path, content
        return
    if opened.source.size > MAX_SOURCE_BYTES:
        raise DataFault("read", "volume_too_large", bytes=opened.source.size, limit=MAX_SOURCE_BYTES)
    for path in opened.files():
        name = path.rsplit("/", 1)[-1].lower()
        if not name.startswith((".", *OTHER_NAMES)) and not name.endswith(OTHER_ENDINGS):
            yield path, opened.read_file(path)


def _sort_out(contents: Iterable[tuple[str, bytes]], is_mask: bool) -> _Found:
    found = _Found([], [], Counter())
    for path, content in contents:
        try:
            dataset = parse_dicom(content)
            kind = kind_of(dataset)
            found.kinds[kind] += 1
            if kind == "image":
                found.slices.append(_slice(dataset))
            elif kind == "segmentation" and is_mask:
                found.segmentations.append(dataset)
        except DataFault as fault:
            fault.path = fault.path or path
            raise
    return found


def _slice(dataset: Any) -> Slice:
    check_pixels(dataset, MAX_VOXEL_BYTES)
    rescale = (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
    with damage_is("bad_header", format="DICOM"):
        if not str(dataset.PhotometricInterpretation).startswith("MONOCHROME"):
            raise DataFault("read", "dicom_unsupported", kind="colour image")
        if int(dataset.BitsAllocated) < 8:
            raise DataFault("read", "dicom_unsupported", kind="image of single bits")
        shape = (int(dataset.Columns), int(dataset.Rows))
        slope, intercept = (float(dataset.get(name, usual)) for name, usual in rescale)
        series = str(dataset.get("SeriesInstanceUID", ""))
        position, orientation = dataset.get("ImagePositionPatient"), dataset.get("ImageOrientationPatient")
    if not np.isfinite([slope, intercept]).all() or slope == 0:
        raise DataFault("read", "bad_header", format="DICOM")
    says_text = str(dataset.get("BurnedInAnnotation", "")).strip().upper() == "YES"
    return Slice(dataset, plane_of(position, orientation, dataset, shape), series, slope, intercept, says_text)


def _stack(slices: list[Slice]) -> tuple[list[int], Stack]:
    series = {part.series for part in slices}
    if len(series) > 1:
        raise DataFault("read", "dicom_mixed_series", count=len(series))
    return stack_planes([part.plane for part in slices])


def _reference_stack(opened: Opened) -> Stack | None:
    """The grid of the image that the mask belongs to, None where it is not DICOM."""
    source = opened.reference
    if source is None or not source.path.lower().endswith(("/", ".dcm")):
        return None
    found = _sort_out(contents_of(replace(opened, source=source, reference=None, sha256="", _parts={})), False)
    return _stack(found.slices)[1] if found.slices else None


def _check_size(stack: Stack, slices: list[Slice], size: int, max_bytes: int) -> None:
    with damage_is("bad_header", format="DICOM"):
        width = max(int(part.dataset.BitsAllocated) for part in slices) // 8 or 1
    expected = int(np.prod(stack.shape, dtype=object)) * width
    if expected > max_bytes:
        raise DataFault("read", "volume_too_large", bytes=expected, limit=max_bytes)
    if expected > size * DEFLATE_LIMIT:
        raise DataFault("read", "dims_exceed_file", expected=expected, size=size)


def _volume(slices: list[Slice], stack: Stack) -> RawVolume:
    """Decode slices in stack order into one (i, j, k) array, letting go of each one's packed pixels."""
    scalings = {(part.slope, part.intercept) for part in slices}
    data = np.empty((0, 0, 0))
    for k, part in enumerate(slices):
        (frame,) = frames_of(part.dataset)
        if len(scalings) > 1:
            frame = (frame * part.slope + part.intercept).astype(np.float32)
        frame = frame.astype(frame.dtype.newbyteorder("="), copy=False)
        if k == 0:
            data = np.empty(stack.shape, frame.dtype, order="F")
        elif not np.can_cast(frame.dtype, data.dtype):
            data = data.astype(np.promote_types(data.dtype, frame.dtype), order="F")
        data[:, :, k] = frame.T
        del part.dataset.PixelData
    slope, intercept = scalings.pop() if len(scalings) == 1 else (1.0, 0.0)
    says_text = any(part.says_text for part in slices)
    return RawVolume(data, stack.affine_ras, stack.spacing_mm, slope, intercept, says_text=says_text)
