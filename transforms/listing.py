"""Every file below a dataset's raw folder, with its size and a cheap change mark."""

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

from medvision.schemas.case import SourceFile
from medvision.transforms.folders import stamp_data_files
from medvision.transforms.retries import asking

STAMPS = (
    *("md5Hash", "ETag", "etag", "Content-MD5", "checksum", "generation", "mtime", "LastModified", "Last-Modified"),
    *("updated", "created"),
)
"""Where file systems keep a change mark, the strongest first."""
LOOKS_AT_ONCE = 16


def list_sources(fs: fsspec.AbstractFileSystem, root: str) -> list[SourceFile]:
    """All files below a dataset's root, by path relative to it, sorted."""
    base = str(fs._strip_protocol(root)).rstrip("/")
    fs.invalidate_cache()  # an earlier build of this process may have listed another state
    plain = type(fs) is LocalFileSystem and os.sep == "/"
    found = walk_local(base) if plain else _find(fs, base)
    files = [SourceFile(path[len(base) + 1 :], int(info.get("size") or 0), _stamp(info)) for path, info in found]
    return stamp_data_files(sorted(files, key=lambda file: file.path))


def _find(fs: fsspec.AbstractFileSystem, base: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """What fsspec's `find` gives, complete or an error, with names as they are and sizes."""
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
    """Files below a folder, one request a folder. fsspec's own walk leaves out, silently, what it could not list."""
    waiting = [base]
    while waiting:
        folder = waiting.pop()
        try:
            entries = asking(fs, f"list {fs.unstrip_protocol(folder)}", partial(fs.ls, folder, detail=True))
        except FileNotFoundError:
            continue  # removed since it was listed, or no folder from the start
        for entry in entries:
            path = str(entry["name"]).rstrip("/")
            if entry["type"] != "directory":
                yield path, entry
            elif path.startswith(f"{folder}/"):
                waiting.append(path)


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
