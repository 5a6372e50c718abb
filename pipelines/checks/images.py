"""Decode every image of a shard, check its shape, and hash its rows by content."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pyarrow.compute as pc

from medvision.pipelines.checks.findings import Findings
from medvision.pipelines.release import Release
from medvision.transforms.content import row_digest

BATCH = 32


def data_images(release: Release, path: str, findings: Findings) -> Iterator[bytes]:
    """Encoded image of each row of a data file in order, b"" for none; holds `BATCH` of them."""
    with findings.guard("images", path), release.parquet(path, stream=True) as table:
        for number in range(table.num_row_groups):
            for batch in table.iter_batches(batch_size=BATCH, row_groups=[number], columns=["image"]):
                yield from pc.struct_field(batch["image"], "bytes").fill_null(b"").to_pylist()


def check_images(
    rows: Iterator[dict[str, Any]],
    data: Iterator[bytes] | None,
    tar: Iterator[bytes] | None,
    with_images: bool,
    findings: Findings,
) -> Iterator[bytes]:
    """Decode the image of every row and yield the row's content digest.

    Args:
        rows: Annotation rows of a shard, in order.
        data, tar: The encoded images of the same rows in the data file and in the tar; None without one.
        with_images: Whether the release keeps images.
    """
    for row in rows:
        slice_id = row["slice_id"]
        image = next(data, b"") if data is not None else b""
        member = next(tar, b"") if tar is not None else b""
        if data is not None and member:
            findings.count("tar_png")
            if member != image:
                findings.fail("tar_png", f"{slice_id}: the tar's image is not that of the data file")
        pixels = decode(image or member)
        if with_images:
            findings.count("images")
            problem = _problem(pixels, (row["height"], row["width"]))
            if problem:
                findings.fail("images", f"{slice_id}: {problem}")
        findings.count("content_rows")
        yield row_digest(row, pixels)


def decode(png: bytes) -> np.ndarray | None:
    """Pixels (rows, columns) as stored, or None when `png` is no image."""
    if not png:
        return None
    try:
        return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None


def _problem(pixels: np.ndarray | None, shape: tuple[int, int]) -> str:
    if pixels is None:
        return "its image does not decode"
    if pixels.shape != shape:
        return f"its image is {pixels.shape}, its row says {shape}"
    if pixels.dtype not in (np.uint8, np.uint16):
        return f"its image is {pixels.dtype}"
    return ""
