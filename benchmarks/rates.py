"""What a unit of work takes, from the JSON of bench.py: seconds and bytes a byte, a row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

WORK = ("image_bytes", "mask_bytes", "pixel_bytes", "rows")
"""What `work` of each result must tell: inflated bytes, bytes of the 16-bit pixels encoded, rows."""


@dataclass(frozen=True)
class Rates:
    """One core's seconds, and bytes written.

    Attributes:
        image_s: Seconds an inflated byte of an image: read, inflate, turn.
        mask_s: Seconds an inflated byte of a mask.
        picture_s: Seconds a byte of 16-bit pixels: encode, hash and write Parquet and tar.
        row_s: Seconds a row of annotations: boxes, lesions, writing, and what else a build without images does.
        parquet: Bytes of Parquet with pictures a byte of 16-bit pixels.
        webdataset: Bytes of tar a byte of 16-bit pixels.
        row_bytes: Bytes of annotation files a row.
    """

    image_s: float
    mask_s: float
    picture_s: float
    row_s: float
    parquet: float
    webdataset: float
    row_bytes: float


def rates_of(results: Iterable[dict[str, Any]], like: tuple[str, ...] = ()) -> Rates:
    """Rates of the cases named, as sums over them; of all cases where none is named or none is there.

    A case counts with both of its modes. Its seconds are split without a rest: what a build without images takes
    beside the mask belongs to rows, what images add beside reading them to pictures.

    Raises:
        ValueError: No case has both modes, or one does not say how much it worked on.
    """
    by_case: dict[str, dict[str, dict[str, Any]]] = {}
    for result in results:
        by_case.setdefault(result["case"], {})[result["images"]] = result
    both = {name: modes for name, modes in by_case.items() if {"png16", "none"} <= set(modes)}
    if not both:
        raise ValueError("no case was run both with images (png16) and without (none)")
    chosen = [both[name] for name in like if name in both] or list(both.values())
    total = dict.fromkeys(("image", "mask", "picture", "row", "parquet", "webdataset", "annotations", *WORK), 0.0)
    for modes in chosen:
        for name, amount in _amounts(modes["png16"], modes["none"]).items():
            total[name] += amount
    return Rates(
        image_s=total["image"] / total["image_bytes"],
        mask_s=total["mask"] / total["mask_bytes"],
        picture_s=total["picture"] / total["pixel_bytes"],
        row_s=total["row"] / total["rows"],
        parquet=total["parquet"] / total["pixel_bytes"],
        webdataset=total["webdataset"] / total["pixel_bytes"],
        row_bytes=total["annotations"] / total["rows"],
    )


def _amounts(png: dict[str, Any], none: dict[str, Any]) -> dict[str, float]:
    """Seconds, bytes and work of one case."""
    work = png.get("work", {})
    if missing := [name for name in WORK if not work.get(name)]:
        raise ValueError(f"case {png['case']!r} has no work[{missing[0]!r}]: run the benchmark anew")
    with_images, without = png["ours"], none["ours"]
    image, mask = with_images["steps"]["read image"], without["steps"]["read mask"]
    pictured = with_images["bytes"] - without["bytes"]
    return {
        "image": image,
        "mask": mask,
        "picture": max(0.0, with_images["seconds"] - without["seconds"] - image),
        "row": without["seconds"] - mask,
        "parquet": pictured - work.get("webdataset_bytes", pictured / 2),
        "webdataset": work.get("webdataset_bytes", pictured / 2),
        "annotations": without["bytes"],
        **{name: work[name] for name in WORK},
    }
