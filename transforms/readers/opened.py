"""A raw file, or a folder read as one volume, as a reader is given it; whatever is read is hashed."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from medvision.schemas.case import SourceFile
from medvision.schemas.faults import DataFault
from medvision.transforms.ranges import check_file, is_file, open_forward
from medvision.transforms.readers.meta_header import META_HEADER_BYTES, meta_data_file
from medvision.transforms.retries import asking
from medvision.transforms.streams import CHUNK, open_hashed, read_bounded, sha256_of

MAX_SOURCE_BYTES = 16 << 30
"""Largest file that is copied to a temporary folder, and largest folder that is read."""
START_BYTES = 1 << 18
"""Bytes asked of a store at a time where the start of a file is read alone."""


@dataclass
class Opened:
    """A source below a dataset's root.

    Attributes:
        fs, root: Where the dataset's folder is.
        source: The file, or the folder where its path ends in "/".
        member: Name of the array inside a file that holds several.
        is_mask: Whether labels are asked for, not intensities.
        reference: The image that a mask belongs to; its slices are the grid of a sparse DICOM-SEG.
        spacing_mm: Pixel size of a film that carries none, 0 for unknown.
        sha256: Of the whole source once it was read; `digest` gives it in any case.
    """

    fs: fsspec.AbstractFileSystem
    root: str
    source: SourceFile
    member: str = ""
    is_mask: bool = False
    reference: SourceFile | None = None
    spacing_mm: float = 0.0
    sha256: str = ""
    _parts: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """Bytes of the file, forward only; the rest is read on leaving."""
        with open_hashed(self.fs, f"{self.root}/{self.source.path}", self.source.size) as (stream, hasher):
            try:
                yield stream
            finally:
                self.sha256 = hasher.finish()

    @contextmanager
    def start(self) -> Iterator[BinaryIO]:
        """The same without a hash: the rest is not read."""
        path, size = f"{self.root}/{self.source.path}", self.source.size
        with open_forward(self.fs, path, size, part_bytes=START_BYTES) as raw:
            yield cast(BinaryIO, raw)

    def data_file(self) -> str:
        """Path of the file that holds the voxels of a .mhd header, "" where they follow it.

        Raises:
            DataFault: external_file, data_file_missing, bad_header.
        """
        return next(iter(data_files(self.fs, self.root, self.source.path, strict=True)), "")

    @contextmanager
    def part(self, path: str) -> Iterator[tuple[BinaryIO, int]]:
        """Bytes of another file of the source, forward only, and how many they are."""
        place = f"{self.root}/{path}"
        found = asking(self.fs, f"look at {self.fs.unstrip_protocol(place)}", lambda: self.fs.info(place))
        size = int(found.get("size") or 0)
        with open_hashed(self.fs, place, size) as (stream, hasher):
            try:
                yield stream, size
            finally:
                self._parts[path] = hasher.finish()

    @contextmanager
    def local_copy(self) -> Iterator[Path]:
        """A path that a library can open: the file itself if it is local, else a temporary copy of bounded size.

        Raises:
            DataFault: not_a_file, volume_too_large.
        """
        check_file(self.fs, f"{self.root}/{self.source.path}")
        if self.source.size > MAX_SOURCE_BYTES:
            raise DataFault("read", "volume_too_large", bytes=self.source.size, limit=MAX_SOURCE_BYTES)
        if isinstance(self.fs, LocalFileSystem):
            self.digest()
            yield Path(self.root) / self.source.path
            return
        with tempfile.TemporaryDirectory(prefix="medvision-") as folder:
            self._copy(self.source.path, Path(folder) / self.source.path)
            self.digest()
            yield Path(folder) / self.source.path

    def files(self) -> list[str]:
        """Paths of the files that stand directly in the folder, sorted, without resource forks."""
        return folder_files(self.fs, self.root, self.source.path)

    def read_file(self, path: str) -> bytes:
        """Content of one file of the folder. A DataFault names it."""
        try:
            with open_forward(self.fs, f"{self.root}/{path}") as raw:
                content = read_bounded(cast(BinaryIO, raw), MAX_SOURCE_BYTES)
        except DataFault as fault:
            fault.path = path
            raise
        self._parts[path] = hashlib.sha256(content).hexdigest()
        return content

    def digest(self) -> str:
        """Hex sha256 of the source, as `source_sha256` defines it; what was not read yet is read."""
        if not self.sha256:
            self.sha256 = source_sha256(self.fs, self.root, self.source.path, self._parts)
        return self.sha256

    def _copy(self, path: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        done = 0
        with open_hashed(self.fs, f"{self.root}/{path}") as (stream, hasher), target.open("wb") as out:
            while data := stream.read(CHUNK):
                done += len(data)
                if done > MAX_SOURCE_BYTES:
                    raise DataFault("read", "volume_too_large", bytes=done, limit=MAX_SOURCE_BYTES)
                out.write(data)
            self._parts[path] = hasher.finish()


def source_sha256(fs: fsspec.AbstractFileSystem, root: str, path: str, known: dict[str, str] | None = None) -> str:
    """Hex sha256 of a source by its path below `root`.

    A file: of its bytes. A folder, or a header with its data file: of the sorted [name, sha256] pairs as JSON, with
    names relative to the folder of `path`. `known` holds the sha256 of files that were read before. What is no file
    has "".
    """
    parts = folder_files(fs, root, path) if path.endswith("/") else [path, *data_files(fs, root, path)]
    hashes = {part: (known or {}).get(part) or _sha256_of_file(fs, f"{root}/{part}") for part in parts}
    if not path.endswith("/") and len(parts) == 1:
        return hashes[path]
    base = posixpath.dirname(path) or "."
    named = sorted((posixpath.relpath(part, base), digest) for part, digest in hashes.items())
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()


def _sha256_of_file(fs: fsspec.AbstractFileSystem, path: str) -> str:
    try:
        return sha256_of(fs, path)
    except DataFault:
        return ""


def data_files(fs: fsspec.AbstractFileSystem, root: str, path: str, strict: bool = False) -> list[str]:
    """Path below `root` of the file that holds the voxels of a .mhd header; empty for every other file.

    With `strict`, a data file outside of `root` or a missing one is a DataFault; else it is left out.
    """
    if not path.lower().endswith(".mhd"):
        return []
    try:
        with open_forward(fs, f"{root}/{path}", part_bytes=META_HEADER_BYTES) as raw:
            start = raw.read(META_HEADER_BYTES) or b""
        name = meta_data_file(start)
        if not name:
            return []
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
        if name.startswith("/") or target.startswith("../") or target == ".." or _leads_out(fs, root, target):
            raise DataFault("read", "external_file")
        if not is_file(fs, f"{root}/{target}"):
            raise DataFault("read", "data_file_missing")
    except DataFault:
        if strict:
            raise
        return []
    return [target]


def folder_files(fs: fsspec.AbstractFileSystem, root: str, folder: str) -> list[str]:
    """Paths below `root` of what stands directly in `folder` (which ends in "/") and is no folder, sorted.

    Resource forks are left out; links that lead nowhere are not, since what they stood for is missing.
    """
    place, local = f"{root}/{folder}".rstrip("/"), isinstance(fs, LocalFileSystem)
    entries = asking(fs, f"list {fs.unstrip_protocol(place)}", lambda: fs.ls(place, detail=True))
    listed = [e for e in entries if e["type"] == "file" or (local and not Path(e["name"]).is_dir())]
    names = [posixpath.basename(str(entry["name"]).rstrip("/")) for entry in listed]
    return sorted(folder + name for name in names if name and not is_junk(folder + name))


def is_junk(path: str) -> bool:
    """Resource forks of macOS archives."""
    parts = path.split("/")
    return "__MACOSX" in parts or parts[-1].startswith("._")


def _leads_out(fs: fsspec.AbstractFileSystem, root: str, path: str) -> bool:
    """Whether a link on a local disk leads out of `root`."""
    if not isinstance(fs, LocalFileSystem):
        return False
    top = os.path.realpath(root)
    return not Path(os.path.realpath(f"{top}/{path}")).is_relative_to(top)  # Path.resolve raises at a loop of links
