"""The files of a release as Croissant resources: a FileObject each with its sha256, and FileSets to read them by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from medvision.schemas.record import PublishedFile

MEDIA_TYPES = {
    "parquet": "application/x-parquet",
    "tar": "application/x-tar",
    "gz": "application/gzip",
    "json": "application/json",
    "md": "text/markdown",
}
"""Media type by the end of a file's name."""


def file_objects(files: Sequence[PublishedFile], others: Mapping[str, Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """A FileObject for each published file, and for each of `others`: path to its `bytes` and `sha256`."""
    for path, stated in sorted(others.items()):
        yield _file_object(path, int(stated["bytes"]), str(stated["sha256"]))
    for file in files:
        yield _file_object(file.path, file.bytes, file.sha256)


def file_set(name: str, pattern: str, description: str) -> dict[str, Any]:
    """A FileSet of the Parquet files that match a pattern, relative to the release.

    It is not contained in a FileObject, so readers take it file by file, one in memory; they do not compare its
    hashes, which stand at the FileObjects: `medvision validate` does.
    """
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "description": description,
        "encodingFormat": MEDIA_TYPES["parquet"],
        "includes": pattern,
    }


def _file_object(path: str, size: int, sha256: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": quote(path, safe="/.-_+~"),  # an @id may not hold spaces, which some sources have in their names
        "name": path,
        "contentUrl": path,
        "contentSize": f"{size} B",
        "encodingFormat": MEDIA_TYPES.get(path.rsplit(".", 1)[-1], "application/octet-stream"),
        "sha256": sha256,
    }
