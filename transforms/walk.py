"""Every file below a folder of a file system, complete or an error."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import unquote

import fsspec
from fsspec.asyn import AsyncFileSystem
from fsspec.implementations.local import LocalFileSystem

from medvision.transforms.retries import asking

LOOKS_AT_ONCE = 16
LISTING_TRIES = 20
"""Of a folder that stands, and out of which another process removed a file in the middle of a listing."""


def find_files(fs: fsspec.AbstractFileSystem, base: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """Path and what is known of every file below a folder, none where there is no such folder: complete, or an error.

    fsspec's own `find` leaves out, silently, what most file systems could not list.

    Raises:
        StorageError: A store cannot be listed.
        OSError: The same of a local disk.
    """
    if type(fs) is LocalFileSystem and os.sep == "/":
        return walk_local(base)
    own = type(fs)._find if isinstance(fs, AsyncFileSystem) else type(fs).find
    if own not in (AsyncFileSystem._find, fsspec.AbstractFileSystem.find):  # an object store lists all at once
        found = asking(fs, f"list {fs.unstrip_protocol(base)}", lambda: fs.find(base, detail=True))
        return list(found.items())
    walked = list(_walk(fs, base))
    if "http" not in fs.protocol:
        return walked

    def look(path: str) -> tuple[str, dict[str, Any]]:
        """Index pages tell no sizes, and names as links have them."""
        return unquote(path), asking(fs, f"look at {path}", lambda: fs.info(path))

    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        return list(pool.map(look, (path for path, _ in walked if "?" not in path)))  # an index page sorts itself by ?


def _walk(fs: fsspec.AbstractFileSystem, base: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Files below a folder, one request a folder."""
    waiting = [base]
    while waiting:
        folder = waiting.pop()
        for entry in _entries(fs, folder):
            path = str(entry["name"]).rstrip("/")
            if entry["type"] != "directory":
                yield path, entry
            elif path.startswith(f"{folder}/"):
                waiting.append(path)


def _entries(fs: fsspec.AbstractFileSystem, folder: str) -> list[dict[str, Any]]:
    """What stands in a folder; none where it was removed since it was listed, or is no folder from the start."""
    name = fs.unstrip_protocol(folder)
    for left in reversed(range(LISTING_TRIES)):
        try:
            return list(asking(fs, f"list {name}", partial(fs.ls, folder, detail=True)))
        except (FileNotFoundError, NotADirectoryError):
            try:
                found = asking(fs, f"look at {name}", partial(fs.info, folder))
            except FileNotFoundError:
                break
            if found["type"] != "directory":
                break
            if not left:
                raise
    return []


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
