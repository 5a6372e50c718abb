"""From a case's files to RAS+ volumes: a reader by file ending, one multi-label mask, one image at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import fsspec
import numpy as np

from medvision.schemas.case import Case, CaseImage, SourceFile
from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume, Volume
from medvision.transforms.geometry import to_ras
from medvision.transforms.nifti import read_nifti
from medvision.transforms.streams import open_hashed

Reader = Callable[[BinaryIO, int], RawVolume]

READERS: dict[str, Reader] = {
    ".nii.gz": lambda stream, size: read_nifti(stream, size, compressed=True),
    ".nii": lambda stream, size: read_nifti(stream, size, compressed=False),
}
"""Reader of each supported file ending. A reader takes a forward-only stream and the file's size."""

INTEGER_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Mask:
    """A multi-label mask (x, y, z) in RAS+; uint8 where its labels fit, else uint16."""

    volume: Volume
    overlap_voxels: int


class CaseReader:
    """Reads the files of one dataset below `root` and keeps the sha256 of each in `sha256`, by relative path."""

    def __init__(self, fs: fsspec.AbstractFileSystem, root: str, spacing_in_header: bool = False) -> None:
        self.fs = fs
        self.root = root
        self.spacing_in_header = spacing_in_header
        self.sha256: dict[str, str] = {}

    def mask(self, case: Case) -> Mask:
        """The case's mask; per-class files are merged in label order, the first label wins."""
        if case.mask_labels:
            return self._merged_mask(case)
        raw = self._raw(case.masks[0])
        with _fault_path(case.masks[0].path):
            return Mask(_as_labels(self._ras(raw)), 0)

    def images(self, case: Case) -> Iterator[tuple[CaseImage, Volume | DataFault]]:
        """The case's images in task order, each file read once; a damaged one comes as its fault."""
        path, raw = "", None
        for image in case.images:
            try:
                if raw is None or image.file.path != path:
                    raw = None  # free the last file's voxels before the next are read
                    raw, path = self._raw(image.file), image.file.path
                with _fault_path(path):
                    volume = self._ras(raw, image.channel)
            except DataFault as fault:
                yield image, fault
                continue
            yield image, volume
            del volume  # it is a view of the voxels to be freed

    def _raw(self, source: SourceFile) -> RawVolume:
        with _fault_path(source.path), open_hashed(self.fs, f"{self.root}/{source.path}") as (stream, hasher):
            try:
                return find_reader(source.path)(stream, source.size)
            finally:
                self.sha256[source.path] = hasher.finish()

    def _ras(self, raw: RawVolume, channel: int | None = None) -> Volume:
        return to_ras(raw, channel, self.spacing_in_header)

    def _merged_mask(self, case: Case) -> Mask:
        merged: Volume | None = None
        dtype = np.uint8 if max(case.mask_labels) <= 255 else np.uint16
        for label, source in zip(case.mask_labels, case.masks, strict=True):
            raw = self._raw(source)
            with _fault_path(source.path):
                part = self._ras(raw)
                present = _scaled(part) > 0.5
                if merged is None:
                    merged = Volume(np.zeros(present.shape, dtype, order="F"), part.grid, 1.0, 0.0)
                    overlap = np.zeros(present.shape, bool, order="F")
                if merged.data.shape != present.shape:
                    raise DataFault("read", "shape_mismatch", image=list(merged.data.shape), mask=list(present.shape))
                taken = present & (merged.data != 0)
                overlap |= taken  # a voxel of three classes counts once
                merged.data[present & ~taken] = label
        assert merged is not None
        if not merged.data.any():
            raise DataFault("labels", "mask_empty", case.masks[0].path)
        return Mask(merged, int(np.count_nonzero(overlap)))


def find_reader(path: str) -> Reader:
    """The reader for a file name; longest ending first. Raises DataFault unsupported_format."""
    name = path.rsplit("/", 1)[-1].lower()
    for suffix in sorted(READERS, key=len, reverse=True):
        if name.endswith(suffix):
            return READERS[suffix]
    raise DataFault("read", "unsupported_format", path, suffix=name[name.find(".") :] if "." in name else name)


def _as_labels(volume: Volume) -> Volume:
    """Stored values as label integers, or one of the faults of stage "labels"."""
    data = _scaled(volume)
    if data.dtype.kind == "f":
        spare = np.rint(data)  # reused: a float mask is the largest array of a case
        with np.errstate(invalid="ignore"):
            spare -= data
        if not (np.abs(spare, out=spare) <= INTEGER_TOLERANCE).all():  # NaN and Inf give NaN here
            raise DataFault("labels", "mask_not_integer")
        data = np.rint(data, out=spare)
    lowest, highest = data.min(), data.max()
    if lowest < 0:
        raise DataFault("labels", "mask_negative")
    if highest > 65535:
        raise DataFault("labels", "mask_too_many_labels", value=int(highest))
    if highest == 0:
        raise DataFault("labels", "mask_empty")
    labels = data.astype(np.uint8 if highest <= 255 else np.uint16, copy=False)
    return Volume(labels, volume.grid, 1.0, 0.0)


def _scaled(volume: Volume) -> np.ndarray:
    """Values of a volume; its own array where the header scales nothing."""
    if volume.slope == 1.0 and volume.intercept == 0.0:
        return volume.data
    return volume.data * volume.slope + volume.intercept


class _fault_path:  # noqa: N801 (reads as a statement)
    """Gives a DataFault raised inside the path of the file in hand."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, DataFault) and not error.path:
            error.path = self.path
