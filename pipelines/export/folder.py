"""The folder that an export writes: it appears under its name, whole, when the export is done."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from fsspec.implementations.local import LocalFileSystem

from medvision.pipelines.release import Release

NOTE = "export.json"
"""What an export says of itself, written last; a folder without it is not replaced."""
UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")
LONGEST_NAME, KEPT_END = 150, 32
"""Characters of a name at most, and of them at the end of one that is cut."""


class ExportError(ValueError):
    """An export that cannot be made as asked; the message says what to do."""


class ExportFolder:
    """Files of one export, staged beside the final folder. Counts what is written.

    Attributes:
        files, bytes: Of all files written.
    """

    def __init__(self, staging: Path) -> None:
        self.staging = staging
        self.files = 0
        self.bytes = 0

    @contextmanager
    def open(self, *parts: str) -> Iterator[BinaryIO]:
        """A new file; each part of its path is made safe by `safe_name`. Raises ExportError where it stands already."""
        path = self.staging.joinpath(*map(safe_name, parts))
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("xb")
        except FileExistsError:
            raise ExportError(f"two rows would be written to {'/'.join(parts)}; their ids are alike") from None
        with file:
            yield file
        self.files += 1
        self.bytes += path.stat().st_size


@contextmanager
def export_folder(
    out: str, release: Release, replace: bool, note: str = NOTE, option: str = "--out"
) -> Iterator[ExportFolder]:
    """Stage an export; on an error nothing is left of it, and what stood in `out` stands as before.

    Args:
        out: Local folder, missing or empty; or with `replace` one that an earlier export wrote.
        note: Name of the file that tells such a folder.
        option: What the command line calls `out`.

    Raises:
        ExportError: `out` is no such folder, or lies in the release, or the release in it.
    """
    final = _checked(out, release, replace, note, option)
    final.parent.mkdir(parents=True, exist_ok=True)
    staging = final.with_name(f".{final.name}.{uuid.uuid4().hex}.partial")
    staging.mkdir()
    try:
        folder = ExportFolder(staging)
        yield folder
        _put_in_place(staging, final)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_note(folder: ExportFolder, note: dict[str, Any], name: str = NOTE) -> None:
    """Say what was exported."""
    with folder.open(name) as out:
        out.write((json.dumps(note, indent=1, sort_keys=True) + "\n").encode())


def safe_name(text: str) -> str:
    """A name of one file or folder: no separator, not hidden, not `..`, at most 150 characters; safe ones unchanged.

    In a longer one a hash stands for the middle: what sets names apart is often at their end, as is the file's kind.
    """
    name = UNSAFE.sub("_", text).lstrip(".") or "_"
    if len(name) <= LONGEST_NAME:
        return name
    middle = f"_{hashlib.sha256(text.encode()).hexdigest()[:16]}_"
    return name[: LONGEST_NAME - KEPT_END - len(middle)] + middle + name[-KEPT_END:]


def _checked(out: str, release: Release, replace: bool, note: str, option: str) -> Path:
    if "://" in out:
        raise ExportError(
            f"{option} {out} is a URL; exports are written to a local folder, from where you can copy them"
        )
    final = Path(out).absolute()
    place = final.resolve()
    if isinstance(release.fs, LocalFileSystem):
        root = Path(release.root).resolve()
        if place.is_relative_to(root) or root.is_relative_to(place):
            raise ExportError(f"{option} {out} and the release {release.url} lie in one another; choose another folder")
    if not place.exists():
        return place
    if not place.is_dir():
        raise ExportError(f"{option} {out} is a file; name a folder")
    if any(place.iterdir()):
        if not replace:
            raise ExportError(f"{out} is not empty; choose another folder, or pass --replace")
        if not (place / note).is_file():
            raise ExportError(f"{out} has no {note}, so no export wrote it and --replace leaves it; empty it yourself")
    return place


def _put_in_place(staging: Path, final: Path) -> None:
    """Two renames where a folder stands: a reader sees the old one, for a moment none, then the new one."""
    if not final.exists():
        staging.rename(final)
        return
    older = final.with_name(f".{final.name}.{uuid.uuid4().hex}.older")
    final.rename(older)
    try:
        staging.rename(final)
    except BaseException:
        older.rename(final)
        raise
    shutil.rmtree(older)
