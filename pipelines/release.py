"""Open a published release, local or remote, and find a slice in it without reading other images."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BufferedIOBase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from medvision.pipelines import release_summary, release_tables
from medvision.pipelines.lookup import read_row, rows_holding
from medvision.schemas.record import FILE_SCHEMA, FILES_TABLE, MANIFEST, PUBLISHING, PublishedFile
from medvision.schemas.rows import SCHEMA_VERSION
from medvision.schemas.secrets import check_no_secrets
from medvision.transforms.ranges import is_file, read_all

if TYPE_CHECKING:
    from medvision.pipelines.training.dataset import ReleaseDataset, Transform
    from medvision.transforms.windows import Window

FORMAT = "medvision-release"


class ReleaseError(ValueError):
    """A folder that is no readable release, or a name that the release does not hold."""


@dataclass(frozen=True)
class SliceLocation:
    """Row `row`, from 0, of the file `annotations` and of the file `data`, "" where there is none."""

    annotations: str
    data: str
    row: int


@dataclass(frozen=True)
class VolumeRow:
    """Row `row`, from 0, of the file `path`, and its columns by VOLUME_SCHEMA."""

    path: str
    row: int
    columns: dict[str, Any]


@dataclass(frozen=True, eq=False, repr=False)
class Release:
    """A published release. `root` is its path on `fs`; `manifest` the parsed `manifest.json`."""

    url: str
    root: str
    fs: AbstractFileSystem
    manifest: dict[str, Any]

    @cached_property
    def _listed(self) -> tuple[PublishedFile, ...]:
        rows = self.parquet(FILES_TABLE).read(FILE_SCHEMA.names).to_pylist()
        return tuple(PublishedFile(**row) for row in rows)

    def files(self, kind: str | None = None, dataset: str | None = None) -> list[PublishedFile]:
        """Files that the release lists, in order of path; None takes every kind or dataset."""
        chosen = (f for f in self._listed if kind in (None, f.kind) and dataset in (None, f.dataset))
        return sorted(chosen, key=lambda file: file.path)

    def locate(self, path: str) -> str:
        """Full path on `fs` of a path relative to the root. Raises ReleaseError when it leaves the root."""
        parts = PurePosixPath(path)
        if not path or "\\" in path or parts.is_absolute() or ".." in parts.parts:
            raise ReleaseError(f"{path!r} is not a path inside the release")
        return f"{self.root}/{path}"

    def open(self, path: str) -> BufferedIOBase:
        """The file as a binary stream; `path` is relative to the release root."""
        return self.fs.open(self.locate(path), "rb")

    def parquet(self, path: str, stream: bool = False) -> pq.ParquetFile:
        """The Parquet file; `stream` reads it page by page: a batch then costs its pages, not its row group."""
        options = {"pre_buffer": False, "buffer_size": 1 << 20} if stream else {}
        return pq.ParquetFile(self.locate(path), filesystem=self.fs, **options)

    def find_slice(self, slice_id: str) -> SliceLocation:
        """Where the slice stands. Raises ReleaseError when the release does not hold it."""
        data = {file.path for file in self.files("data")}
        for file in self.files("annotations"):
            if not slice_id.startswith(slice_prefix(file.dataset)):
                continue
            for row in rows_holding(self.parquet(file.path), "slice_id", slice_id):
                twin = "data" + file.path.removeprefix("annotations")
                return SliceLocation(file.path, twin if twin in data else "", row)
        names = ", ".join(sorted({file.dataset for file in self.files("annotations")}))
        raise ReleaseError(f"no slice {slice_id!r} in {self.url}; its datasets are {names or 'none'}")

    def find_volume(self, volume_id: str) -> VolumeRow | None:
        """The volume's row, None when the release does not hold it."""
        for file in self.files("volumes"):
            if volume_id.startswith(slice_prefix(file.dataset)):
                table = self.parquet(file.path)
                for row in rows_holding(table, "volume_id", volume_id):
                    return VolumeRow(file.path, row, read_row(table, row))
        return None

    def find_row(self, slice_id: str) -> dict[str, Any]:
        """The slice's row of `data/` with its encoded image, or of `annotations/` if it has no data file.

        Reads one row group up to that row, page by page, and keeps no other row's image. Raises ReleaseError
        when the release does not hold the slice.
        """
        where = self.find_slice(slice_id)
        return read_row(self.parquet(where.data or where.annotations, stream=True), where.row)

    def configs(self) -> dict[str, dict[str, int]]:
        """Config name to rows by split.

        A dataset's name stands for its slices with images, `<dataset>_annotations` for them without,
        `<dataset>_volumes` for its images; each config of pairs has upstream's name.
        """
        return release_tables.row_counts(self)

    def batches(
        self, config: str, split: str | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Batches of a config, read page by page, so that one at a time is in memory.

        Args:
            config: A name of `configs()`.
            split: "train" or "test"; None reads both, train first.
            columns: Names of whole columns; None takes all.

        Raises:
            ReleaseError: The release has no such config, or it no such split or column.
        """
        return release_tables.batches(self, config, split, columns)

    def rows(
        self, config: str, split: str | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """The same rows one by one, as dicts: those of a dataset's own name can be given to `render`."""
        return release_tables.rows(self, config, split, columns)

    def table(self, config: str, split: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """The same rows as one table in memory; name `columns` where a config has millions of them."""
        return release_tables.table(self, config, split, columns)

    def dataset(
        self,
        config: str,
        split: str,
        *,
        size: tuple[int, int] | None = None,
        pixels: str = "picture",
        window: Window = "upstream",
        orientation: str = "array",
        single_instance: bool = False,
        instances: int | None = None,
        columns: Sequence[str] = (),
        transform: Transform | None = None,
        raw: str | os.PathLike[str] = "",
        group_bytes: int = 640 << 20,
        volume_bytes: int = 2 << 30,
        open_files: int = 16,
    ) -> ReleaseDataset:
        """A config as a map-style dataset of (image, target, mm), for PyTorch or any other loop: docs/train.md.

        The image is (1, H, W), the target a dict, `mm` (2,) float32: the row and column step of that image.

        Args:
            config: Name of a config with slices or pairs, as the card has it.
            split: "train" or "test".
            size: (height, width) that every image is resized to; None keeps each slice's own.
            pixels: "picture" for uint8 as `medvision.render` shows them, "values" for float32 in the row's unit.
            window, orientation: As `medvision.render` takes them.
            single_instance: Only the pairs of upstream's default set.
            instances: Rows of a pair's padded arrays; None takes the most that a pair of the split has.
            columns: Columns of the slice's row that the target has too, such as "patient".
            transform: Is given (image, target, mm); what it returns is the sample.
            raw: Raw root, as `medvision build --raw` took it: pixels are read from the volumes there.
            group_bytes: Row groups kept in memory, a process.
            volume_bytes: Raw volumes kept in memory, a process.
            open_files: Files open at most, a process.

        Raises:
            ReleaseError: The release has no such config, split or column, or no images of it (and no `raw`).
            ValueError: An option out of range.
        """
        from medvision.pipelines.training.look import Look
        from medvision.pipelines.training.open import open_dataset

        return open_dataset(
            self,
            config,
            split,
            Look(pixels, size, orientation, window),
            single_instance=single_instance,
            instances=instances,
            columns=columns,
            transform=transform,
            raw=raw,
            group_bytes=group_bytes,
            volume_bytes=volume_bytes,
            open_files=open_files,
        )

    def __repr__(self) -> str:
        return release_summary.summary_text(self.url, self.manifest)

    def _repr_html_(self) -> str:
        return release_summary.summary_html(self.url, self.manifest)


def open_release(url: str) -> Release:
    """Open a release by local path or fsspec URL.

    Raises:
        ReleaseError: No manifest, an interrupted publish, or a release made by a newer version.
        ValueError: The URL holds a user, password or query.
        StorageError: The store does not answer.
    """
    check_no_secrets("the release", url)
    fs, root = url_to_fs(url)
    fs.invalidate_cache()
    root = root.rstrip("/")
    if is_file(fs, f"{root}/{PUBLISHING}"):
        raise ReleaseError(f"{url} holds an interrupted publish; run the same build again to finish it")
    try:
        manifest = json.loads(read_all(fs, f"{root}/{MANIFEST}"))
    except (FileNotFoundError, NotADirectoryError):
        raise ReleaseError(f"{url} has no {MANIFEST}; give the folder that a finished build wrote") from None
    except ValueError:
        raise ReleaseError(f"{url}/{MANIFEST} is not JSON; copy it again or publish again") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ReleaseError(f"{url}/{MANIFEST} does not say format {FORMAT!r}; this is another kind of folder")
    version = manifest.get("schema_version")
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise ReleaseError(f"{url} has schema version {version}, this program reads up to {SCHEMA_VERSION}; upgrade it")
    return Release(url=url, root=root, fs=fs, manifest=manifest)


def open_current(url: str) -> Release:
    """A release whose rows have the columns of this program.

    Raises:
        ReleaseError: As `open_release`, and for a release of an older schema.
    """
    release = open_release(url)
    version = release.manifest["schema_version"]
    if version != SCHEMA_VERSION:
        raise ReleaseError(f"{url} has schema version {version}, this command reads {SCHEMA_VERSION}; build it again")
    return release


def keeps_images(release: Release, dataset: str) -> bool:
    """Whether the release has the dataset's images, by its manifest."""
    manifest = release.manifest
    return manifest.get("switches", {}).get("images") != "none" and dataset not in manifest.get("annotations_only", ())


def slice_prefix(dataset: str) -> str:
    """What every slice id of the dataset starts with: its name, dots replaced, and a hyphen."""
    return dataset.replace(".", "_") + "-"
