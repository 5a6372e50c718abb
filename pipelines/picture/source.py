"""Rows with their images, from whichever of a release's formats has them."""

from __future__ import annotations

import tarfile
from typing import Any

from medvision.pipelines.lookup import read_row
from medvision.pipelines.release import Release, ReleaseError, SliceLocation


def row_at(release: Release, where: SliceLocation) -> dict[str, Any]:
    """The row with its encoded image, from `data/` or else from its tar; without `image` where the release has none."""
    row = read_row(release.parquet(where.data or where.annotations, stream=True), where.row)
    if not where.data and (image := _tar_image(release, where, row["slice_id"])) is not None:
        row["image"] = {"bytes": image}
    return row


def require_image(release: Release, row: dict[str, Any]) -> None:
    """Raises ReleaseError, with what to do, for a row without an image."""
    if "image" not in row:
        raise ReleaseError(
            f"{release.url} has no image of slice {row['slice_id']!r}: it was built with --images none, or without the "
            f"images of {row['dataset']}; build it with them, or draw the annotations alone with --blank"
        )


def _tar_image(release: Release, where: SliceLocation, slice_id: str) -> bytes | None:
    """The PNG of a slice of a release that keeps its images in tars alone; only headers of other members are read."""
    path = "webdataset" + where.annotations.removeprefix("annotations").removesuffix("parquet") + "tar"
    if path not in {file.path for file in release.files("webdataset")}:
        return None
    with release.open(path) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
        for member in tar:
            if member.name == f"{slice_id}.png" and (content := tar.extractfile(member)) is not None:
                return content.read()
    return None
