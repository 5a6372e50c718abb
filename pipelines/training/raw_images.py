"""Pixels of slices from the raw volumes, as a build with images would hold them, for releases that hold none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from fsspec.core import url_to_fs

from medvision.pipelines.release import Release, ReleaseError
from medvision.pipelines.training.recent import Recent
from medvision.schemas.case import Case, CaseImage, SourceFile
from medvision.schemas.dataset import Dataset
from medvision.schemas.faults import DataFault
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import SOURCES_TABLE
from medvision.schemas.volume import RawVolume, Volume
from medvision.sources.registry import find_dataset
from medvision.transforms.columns import plan_encoding
from medvision.transforms.encode import Encoding, code_slices
from medvision.transforms.landmark_rows import landmark_volume
from medvision.transforms.patterns import compile_pattern
from medvision.transforms.ranges import is_file
from medvision.transforms.read import CaseReader
from medvision.transforms.readers.opened import Opened
from medvision.transforms.readers.registry import open_nifti
from medvision.transforms.retries import asking

SAME_MM = 1e-6
"""How far the affine of a raw file may be from the row's: its numbers were summed in another order, at most."""
Row = Mapping[str, Any]
Image = tuple[Volume, Encoding]


@dataclass
class _File:
    """An image file in memory, and those of its images that were asked for, by task and channel: views of it."""

    case: Case
    raw: RawVolume | None
    nbytes: int
    images: dict[tuple[int, int], Image] = field(default_factory=dict)


class RawImages:
    """Codes of slices of the volumes below `raw`, of which those used last stay in memory.

    Args:
        release: Says which files its rows are from, and their hashes.
        raw: Raw root, with a folder a dataset; local or a URL.
        limit_bytes: Voxels kept; one file more is in memory while it is read.
    """

    def __init__(self, release: Release, raw: str, limit_bytes: int) -> None:
        self.release = release
        self.fs, root = url_to_fs(raw)
        self.root = root.rstrip("/")
        images = release.manifest["switches"]["images"]
        self.options = BuildOptions(raw, "", (), images="png16" if images == "none" else images)
        self.reads = 0
        self._kept = Recent(limit_bytes)
        self._datasets: dict[str, _Known] = {}

    def codes(self, row: Row) -> tuple[np.ndarray, Encoding]:
        """(rows, columns) codes of a slice, uint8 or uint16, and what they mean.

        Args:
            row: The columns LOOK and SOURCE of the slice.

        Raises:
            ReleaseError: The file is missing, damaged, or not the one that the release was built from.
        """
        known = self._known(row["dataset"])
        task, channel = int(row["task"]), int(row["source_channel"])
        member = "" if is_of_landmarks(row) else known.dataset.task(task).member
        with _blamed(row, f"{self.root}/{known.dataset.name}"):
            key = (row["dataset"], row["case_id"], row["source_path"], row["space"], member)
            file = self._kept.get(key, lambda: self._read(row, known))
            if (task, channel) not in file.images:
                file.images[task, channel] = self._image(row, file, known)
        volume, encoding = file.images[task, channel]
        stack = np.moveaxis(volume.data, row["slice_dim"], 0)
        return next(code_slices(stack, np.array([row["slice_idx"]]), encoding, 0)), encoding

    def _known(self, name: str) -> _Known:
        if name not in self._datasets:
            try:
                dataset = find_dataset(name)
            except ValueError as error:
                raise ReleaseError(f"{name} has no table here, so its raw files cannot be read: {error}") from None
            columns = ["dataset", "case_id", "path", "bytes", "sha256", "header_sha256"]
            sources = self.release.parquet(SOURCES_TABLE).read(columns)
            self._datasets[name] = _Known(dataset, sources.filter(pc.equal(sources["dataset"], name)))
        return self._datasets[name]

    def _reader(self, known: _Known) -> CaseReader:
        return CaseReader(self.fs, f"{self.root}/{known.dataset.name}", known.dataset)

    def _read(self, row: Row, known: _Known) -> _File:
        self.reads += 1
        reader, path = self._reader(known), row["source_path"]
        source = known.source(path)
        size = self._size(f"{reader.root}/{path}", int(source["bytes"]))
        if source["header_sha256"]:
            with open_nifti(Opened(self.fs, reader.root, SourceFile(path, size, "")), whole=False) as file:
                _same(path, "header", file.header.sha256, source["header_sha256"])
        case, task = _case_of(row, size, known), int(row["task"])
        if is_of_landmarks(row):
            volume, _ = landmark_volume(case, known.dataset.landmark_task(task), reader)
            modality = known.dataset.landmark_task(task).modality
            image = self._checked(row, volume, modality)
            found = _File(case, None, volume.data.nbytes, {(task, int(row["source_channel"])): image})
        else:
            raw = reader.image_file(case, case.images[0])
            found = _File(case, raw, raw.data.nbytes)
        if source["sha256"]:
            _same(path, "file", reader.sha256[path], source["sha256"])
        return found

    def _image(self, row: Row, file: _File, known: _Known) -> Image:
        assert file.raw is not None, "an image with landmarks is the only one of its file"
        image = _image_of(row, file.case.images[0].file.size)
        volume = self._reader(known).image_volume(image, file.raw)
        return self._checked(row, volume, known.dataset.task(image.task).modality)

    def _checked(self, row: Row, volume: Volume, modality: str) -> Image:
        """The volume with its encoding. Raises ReleaseError where it lies on another grid than the row says."""
        shape, affine = tuple(row["shape_xyz"]), np.array(row["affine_ras"]).reshape(4, 4)
        if volume.grid.shape_xyz != shape or not np.allclose(volume.grid.affine_ras, affine, rtol=0, atol=SAME_MM):
            raise ReleaseError(f"{row['source_path']} lies on another grid than the release says: it has changed")
        return volume, plan_encoding(volume, modality, self.options)

    def _size(self, path: str, listed: int) -> int:
        """Bytes of a file as it stands; of a folder as the release lists it."""
        if path.endswith("/") or not is_file(self.fs, path):
            return listed
        return int(asking(self.fs, f"look at {path}", lambda: self.fs.info(path)).get("size") or listed)


@dataclass(frozen=True)
class _Known:
    """A dataset's table, and the raw files that the release read of it."""

    dataset: Dataset
    sources: pa.Table

    def source(self, path: str) -> dict[str, Any]:
        """The row of `sources.parquet`; without hashes where there is none."""
        found = self.sources.filter(pc.equal(self.sources["path"], path)).slice(0, 1).to_pylist()
        return found[0] if found else {"bytes": 0, "sha256": "", "header_sha256": ""}

    def of_case(self, case_id: str) -> list[SourceFile]:
        """Every file that was read for a case."""
        rows = self.sources.filter(pc.equal(self.sources["case_id"], case_id)).to_pylist()
        return [SourceFile(row["path"], row["bytes"], "") for row in rows]


def is_of_landmarks(row: Row) -> bool:
    """Whether a slice row is of a case of landmarks, whose image may be read otherwise."""
    return not row["mask_path"]


def _image_of(row: Row, size: int) -> CaseImage:
    channel = int(row["source_channel"])
    source = SourceFile(row["source_path"], size, "")
    return CaseImage(int(row["task"]), source, None if channel < 0 else channel, "")


def _case_of(row: Row, size: int, known: _Known) -> Case:
    """What of a case its images' reading needs."""
    dataset, extras = known.dataset, ()
    if is_of_landmarks(row) and row["space"] != "native":
        task = dataset.landmark_task(int(row["task"]))
        pattern = compile_pattern(task.transform, task.case)
        files = [file for file in known.of_case(row["case_id"]) if pattern.match(file.path)]
        if len(files) != 1:
            raise ReleaseError(f"the release lists {len(files)} transforms of {dataset.name} {row['case_id']}, not one")
        extras = (("transform", files[0]),)  # type: ignore[assignment]
    axes = row["raw_axes"] if dataset.read_axes is not None and not is_of_landmarks(row) else ""
    return Case(dataset.name, row["case_id"], "", (_image_of(row, size),), (), extras=extras, axes=axes)


def _same(path: str, what: str, found: str, listed: str) -> None:
    if found != listed:
        raise ReleaseError(
            f"the {what} of {path} is not the one that the release was built from: its sha256 is {found[:12]}..., "
            f"sources.parquet has {listed[:12]}..."
        )


@contextmanager
def _blamed(row: Row, root: str) -> Iterator[None]:
    """Faults of a raw file as one error that names it."""
    path = row["source_path"]
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or ".." in PurePosixPath(row["dataset"]).parts:
        raise ReleaseError(f"{path!r} of slice {row['slice_id']!r} is not a path inside the raw folder")
    try:
        yield
    except DataFault as fault:
        raise ReleaseError(f"{root}/{fault.path or path} cannot be read: {fault.message}") from fault
    except FileNotFoundError:
        raise ReleaseError(
            f"no {path} below {root}, of which slice {row['slice_id']!r} is; raw= takes the folder that the release "
            "was built from, with a folder a dataset"
        ) from None
