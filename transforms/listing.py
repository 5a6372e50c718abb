"""Every file below a dataset's raw folder, with its size and a cheap change mark."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from medvision.schemas.case import SourceFile
from medvision.transforms.folders import stamp_data_files

STAMPS = ("md5Hash", "ETag", "etag", "checksum", "generation", "mtime", "LastModified", "updated", "created")
"""Where file systems keep a change mark, the strongest first."""


def list_sources(fs: fsspec.AbstractFileSystem, root: str) -> list[SourceFile]:
    """All files below a dataset's root, by path relative to it, sorted."""
    base = str(fs._strip_protocol(root)).rstrip("/")
    fs.invalidate_cache()  # an earlier build of this process may have listed another state
    plain = type(fs) is LocalFileSystem and os.sep == "/"
    found = walk_local(base) if plain else fs.find(base, detail=True).items()
    files = [SourceFile(path[len(base) + 1 :], int(info.get("size") or 0), _stamp(info)) for path, info in found]
    return stamp_data_files(sorted(files, key=lambda file: file.path))


def walk_local(folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What fsspec's `find` gives of a local folder, in a third of the time: it asks more of each file than is needed.

    Links to folders are not followed, as there; a link has the size of what it leads to, 0 where that is gone, and its
    own time. A folder that may not be listed is an error, where `find` would leave out its cases without a word.

    Raises:
        OSError: A folder cannot be listed.
    """
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        else:
                            yield entry.path, _info(entry)
                    except FileNotFoundError:
                        continue  # removed since it was listed
        except (FileNotFoundError, NotADirectoryError):
            continue  # removed since it was listed, or no folder from the start


def _info(entry: os.DirEntry[str]) -> dict[str, Any]:
    own = entry.stat(follow_symlinks=False)
    size = own.st_size
    if entry.is_symlink():
        try:
            size = entry.stat().st_size
        except OSError:
            size = 0
    return {"size": size, "mtime": own.st_mtime, "created": getattr(own, "st_birthtime", own.st_ctime)}


def _stamp(info: dict[str, Any]) -> str:
    for key in STAMPS:
        if info.get(key):
            return f"{key}:{info[key]}"
    return ""
