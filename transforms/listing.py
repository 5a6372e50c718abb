"""Every file below a dataset's raw folder, with its size and a cheap change mark."""

from __future__ import annotations

from typing import Any

import fsspec

from medvision.schemas.case import SourceFile
from medvision.transforms.folders import stamp_data_files
from medvision.transforms.walk import find_files

STAMPS = (
    *("md5Hash", "ETag", "etag", "Content-MD5", "checksum", "generation", "mtime", "LastModified", "Last-Modified"),
    *("updated", "created"),
)
"""Where file systems keep a change mark, the strongest first."""


def list_sources(fs: fsspec.AbstractFileSystem, root: str) -> list[SourceFile]:
    """All files below a dataset's root, by path relative to it, sorted."""
    base = str(fs._strip_protocol(root)).rstrip("/")
    fs.invalidate_cache()  # an earlier build of this process may have listed another state
    files = [
        SourceFile(path[len(base) + 1 :], int(info.get("size") or 0), _stamp(info))
        for path, info in find_files(fs, base)
    ]
    return stamp_data_files(sorted(files, key=lambda file: file.path))


def _stamp(info: dict[str, Any]) -> str:
    for key in STAMPS:
        if info.get(key):
            return f"{key}:{info[key]}"
    return ""
