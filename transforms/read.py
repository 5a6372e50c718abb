"""From a case's files to RAS+ volumes: one multi-label mask, one image at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import fsspec
import numpy as np

from medvision.schemas.case import Case, CaseImage, SourceFile
from medvision.schemas.dataset import Dataset
from medvision.schemas.faults import DataFault
from medvision.schemas.record import SourceHash
from medvision.schemas.volume import RawVolume, Volume
from medvision.transforms.class_masks import PRESENT, ClassMask, add_present
from medvision.transforms.geometry import affine_of_axes, to_ras
from medvision.transforms.memory_order import flat_voxels
from medvision.transforms.readers.nifti import NiftiFile
from medvision.transforms.readers.opened import Opened, source_sha256
from medvision.transforms.readers.registry import find_reader, is_nifti, open_nifti
from medvision.transforms.streams import read_bounded

MAX_CONTENT_BYTES = 1 << 26
"""Largest landmark, transform or table file."""
INTEGER_TOLERANCE = 1e-3
LOOK_VOXELS = 1 << 16
"""Voxels looked at together for the first label."""


@dataclass(frozen=True)
class Mask:
    """A multi-label mask (x, y, z) in RAS+; uint8 where its labels fit, else uint16."""

    volume: Volume
    overlap_voxels: int


class CaseReader:
    """Reads the files of one dataset below `root` and keeps the sha256 of each in `sha256`, by relative path.

    The dataset's table says which array of an HDF5 file is meant, and where its voxel sizes are; None: no such table.
    Without `with_voxels`, only the headers of NIfTI images are read, and their voxels stand as zeros.
    """

    def __init__(
        self, fs: fsspec.AbstractFileSystem, root: str, dataset: Dataset | None = None, with_voxels: bool = True
    ) -> None:
        self.fs = fs
        self.root = root
        self.with_voxels = with_voxels
        self.spacing_in_header = dataset is not None and dataset.spacing_in_header
        self.tasks = {task.number: task for task in dataset.tasks} if dataset is not None else {}
        self.sha256: dict[str, str] = {}
        self._header_sha256: dict[str, str] = {}

    def mask(self, case: Case) -> Mask:
        """The case's mask; per-class files are merged in label order, the first label wins."""
        if case.mask_labels:
            return self._merged_mask(case)
        raw = self._placed(case, self._mask_raw(case, case.masks[0]))
        if self._takes_image_affine(case):
            raw = self._on_image(case, raw)
        with _fault_path(case.masks[0].path):
            return Mask(_as_labels(self._ras(raw)), raw.overlap_voxels)

    def images(self, case: Case) -> Iterator[tuple[CaseImage, Volume | DataFault]]:
        """The case's images in task order, each file read once; a damaged one comes as its fault."""
        held, raw = ("", ""), None
        for image in case.images:
            path, member = image.file.path, self._member(image.task)
            try:
                if raw is None or held != (path, member):
                    raw = None  # free the last file's voxels before the next are read
                    raw = self.image_file(case, image)
                    held = (path, member)
                volume = self.image_volume(image, raw)
            except DataFault as fault:
                yield image, fault
                continue
            yield image, volume
            del volume  # it is a view of the voxels to be freed

    def image_file(self, case: Case, image: CaseImage) -> RawVolume:
        """The file of one image as stored, all of its channels, on the axes that the publisher's lists name."""
        member = self._member(image.task)
        return self._placed(case, self._image_raw(Opened(self.fs, self.root, image.file, member)))

    def image_volume(self, image: CaseImage, raw: RawVolume) -> Volume:
        """One image of its file, in RAS+: a view."""
        with _fault_path(image.file.path):
            return self._ras(raw, image.channel)

    def hashes(self, case: Case) -> dict[str, SourceHash]:
        """Of each file of the case, by path; what was not read yet is read for it."""
        return {file.path: self._hash(case, file) for file in case.files}

    def raw(self, source: SourceFile, spacing_mm: float = 0.0) -> RawVolume:
        """A file as stored; `spacing_mm` is the pixel size of a film, which carries none."""
        return self._read(Opened(self.fs, self.root, source, spacing_mm=spacing_mm))

    def content(self, source: SourceFile) -> bytes:
        """Bytes of a small file. Raises DataFault volume_too_large."""
        opened = Opened(self.fs, self.root, source)
        with _fault_path(source.path):
            try:
                with opened.stream() as stream:
                    return read_bounded(stream, MAX_CONTENT_BYTES)
            finally:
                self.sha256[source.path] = opened.digest()

    def _read(self, opened: Opened) -> RawVolume:
        path = opened.source.path
        opened.sha256 = self.sha256.get(path, "")
        with _fault_path(path):
            try:
                return find_reader(path)(opened)
            finally:
                self.sha256[path] = opened.digest()

    def _image_raw(self, opened: Opened) -> RawVolume:
        path = opened.source.path
        if self.with_voxels or not is_nifti(path):
            return self._read(opened)
        with _fault_path(path), open_nifti(opened, whole=False) as file:
            self._header_sha256[path] = file.header.sha256
            return file.header.without_voxels()

    def _hash(self, case: Case, file: SourceFile) -> SourceHash:
        is_image = bool(case.masks) and file in {image.file for image in case.images} - set(case.masks)
        if not self.with_voxels and is_image and file.path not in self.sha256 and is_nifti(file.path):
            with suppress(DataFault):  # without a header to tell it by, it is hashed whole
                if file.path not in self._header_sha256:
                    self._image_raw(Opened(self.fs, self.root, file))
                return SourceHash("", self._header_sha256[file.path])
        if file.path not in self.sha256:
            self.sha256[file.path] = source_sha256(self.fs, self.root, file.path)
        return SourceHash(self.sha256[file.path], "")

    def _mask_raw(self, case: Case, source: SourceFile) -> RawVolume:
        first = case.images[0] if case.images else None
        member = self._member(first.task, of_mask=True) if first else ""
        reference = first.file if first else None
        return self._read(Opened(self.fs, self.root, source, member, is_mask=True, reference=reference))

    def _takes_image_affine(self, case: Case) -> bool:
        task = self.tasks.get(case.images[0].task) if case.images else None
        return task is not None and task.mask_affine_from_image

    def _on_image(self, case: Case, mask: RawVolume) -> RawVolume:
        """The mask's voxels as they stand, on the affine of the case's first image (a NIfTI file)."""
        image = case.images[0].file
        with _fault_path(image.path), open_nifti(Opened(self.fs, self.root, image), whole=False) as file:
            return replace(mask, affine=file.header.affine, zooms_mm=file.header.zooms_mm)

    @staticmethod
    def _placed(case: Case, raw: RawVolume) -> RawVolume:
        """On the axes that the publisher's lists name, for files that hold no affine."""
        return replace(raw, affine=affine_of_axes(case.axes, raw.zooms_mm)) if case.axes else raw

    def _member(self, task: int, of_mask: bool = False) -> str:
        if task not in self.tasks:
            return ""
        return self.tasks[task].mask_member if of_mask else self.tasks[task].member

    def _ras(self, raw: RawVolume, channel: int | None = None) -> Volume:
        return to_ras(raw, channel, self.spacing_in_header)

    def _merged_mask(self, case: Case) -> Mask:
        merged: _Merged | None = None
        for label, source in zip(case.mask_labels, case.masks, strict=True):
            opened = Opened(self.fs, self.root, source)
            with _fault_path(source.path):
                if is_nifti(source.path):
                    try:
                        with open_nifti(opened) as file:
                            merged = merged or self._start_merge(file.header.without_voxels(), max(case.mask_labels))
                            self._merge_nifti(merged, label, file)
                    finally:
                        self.sha256[source.path] = opened.digest()
                else:
                    raw = self._mask_raw(case, source)
                    merged = merged or self._start_merge(raw, max(case.mask_labels))
                    self._merge_view(merged, label, raw)
        assert merged is not None
        if not merged.classes.labels.max():
            raise DataFault("labels", "mask_empty", case.masks[0].path)
        return Mask(merged.view, int(np.count_nonzero(merged.classes.claimed)))

    def _start_merge(self, raw: RawVolume, largest_label: int) -> _Merged:
        """An empty mask on the grid of the first class."""
        grid = self._ras(raw).grid
        classes = ClassMask(raw.data.shape[:3], largest_label)
        view = self._ras(replace(raw, data=classes.labels)).data
        claimed = self._ras(replace(raw, data=classes.claimed)).data
        return _Merged(classes, raw.affine, Volume(view, grid, 1.0, 0.0), claimed)

    def _merge_nifti(self, merged: _Merged, label: int, file: NiftiFile) -> None:
        header = file.header
        if header.shape == merged.classes.labels.shape and np.array_equal(header.affine, merged.affine):
            merged.classes.add_parts(label, file.parts(), header.slope, header.intercept)
        else:
            self._merge_view(merged, label, file.volume())

    def _merge_view(self, merged: _Merged, label: int, raw: RawVolume) -> None:
        part, labels = self._ras(raw), merged.view.data
        if labels.shape != part.data.shape:
            raise DataFault("read", "shape_mismatch", image=list(labels.shape), mask=list(part.data.shape))
        add_present(labels, merged.claimed_view, label, _scaled(part) > PRESENT)


@dataclass(frozen=True)
class _Merged:
    """Class files as merged so far, on the axes of the first, and the same in RAS+."""

    classes: ClassMask
    affine: np.ndarray
    view: Volume
    claimed_view: np.ndarray


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
    flat = flat_voxels(data)  # numpy reduces flipped views several times slower
    if data.dtype == np.uint8:
        if not any(flat[start : start + LOOK_VOXELS].any() for start in range(0, flat.size, LOOK_VOXELS)):
            raise DataFault("labels", "mask_empty")
        return Volume(data, volume.grid, 1.0, 0.0)
    lowest, highest = flat.min(), flat.max()
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
