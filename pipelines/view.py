"""`medvision view`: one annotated picture of a release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medvision.pipelines.picture.draw import draw
from medvision.pipelines.picture.source import require_image, row_at
from medvision.pipelines.picture.targets import parse_target
from medvision.pipelines.release import Release, ReleaseError, SliceLocation, open_current

if TYPE_CHECKING:
    from PIL.Image import Image


def view_row(url: str, row_id: str, label: str | None = None, blank: bool = False, **options: Any) -> Image:
    """The picture of a slice, or of one pair of it, by the rules of its release.

    Args:
        url: Local path or fsspec URL of the release root.
        row_id: A slice id, or a pair id: then that label's annotation of that kind, or that measure, is shown alone.
        label: Value or name of the one label to show; None for all.
        blank: Draw on an empty grid, whether the release has images or not.
        options: `window`, `orientation`, `size` and `legend` of `draw`.

    Raises:
        ReleaseError: No release, no such slice, or a release without images (unless `blank`).
        ValueError: A label, measure or option that the slice cannot be drawn with.
    """
    release = open_current(url)
    target = parse_target(row_id)
    row = row_at(release, _find(release, row_id, target.slice_id))
    if not blank:
        require_image(release, row)
    asked = target.label if label is None else label_of(row, label)
    rules = release.manifest["rules"]
    return draw(row, asked, target.kind, target.measure, rules, blank=blank, **options)


def label_of(row: dict[str, Any], text: str) -> int:
    """Label value of a value or a name. Raises ValueError where the slice does not have it."""
    labels = {int(segment["label"]): segment["name"] for segment in row["segments"] or ()}
    for value, name in labels.items():
        if text in (str(value), name):
            return value
    shown = ", ".join(f"{value} {name}".strip() for value, name in labels.items()) or "none"
    raise ValueError(f"label {text!r} is not on slice {row['slice_id']!r}; its labels: {shown}")


def _find(release: Release, row_id: str, slice_id: str) -> SliceLocation:
    try:
        return release.find_slice(slice_id)
    except ReleaseError:
        if release.find_volume(row_id) is None:
            raise
        raise ReleaseError(
            f"{row_id!r} is a volume; view shows a slice of it, such as {row_id}-axial-0010 "
            "(`medvision inspect` shows the volume)"
        ) from None
