"""Checks on lesions: masks of slice rows, and every measure of a slice and of a volume taken again from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.checks.columns import column
from medvision.pipelines.checks.compare import RELATIVE, difference, ends_of, in_world
from medvision.pipelines.checks.findings import Findings
from medvision.pipelines.checks.grids import Volumes
from medvision.pipelines.checks.masks import SliceMask, shows, slice_mask, stacked
from medvision.pipelines.checks.volume_lesions import check_slices, check_solids, check_structure
from medvision.schemas.rules import Rules
from medvision.schemas.volume import Grid
from medvision.transforms.annotate import ellipse_row
from medvision.transforms.conics import Frame
from medvision.transforms.lesion_volumes import LesionVolume
from medvision.transforms.lesions import measure_clusters

COLUMNS = [
    *("slice_id", "slice_dim", "slice_idx", "height", "width", "pixel_spacing_mm", "mask_pixel_spacing_mm"),
    *("segments", "lesions"),
]
FLOAT32 = 1e-5
"""Conics are fitted in 32 bits, so that other CPUs change more of them than of the exact measures."""
LINES = ("major_axis", "minor_axis", "feret", "longest", "perpendicular")
DIAMETERS = ("longest", "perpendicular")
Row = dict[str, Any]
Shown = list[tuple[Row, Row]]
"""A slice row, and what it says of one lesion task."""


def check_lesions(table: pa.Table, volumes: Volumes, rules: Rules, findings: Findings) -> None:
    """Masks of lesions fit their slices and one another; every measure is what the build's own functions make of them.

    Args:
        table: Rows of ANNOTATION_SCHEMA, chunks combined.
        volumes: Those of the file of the same name.
        rules: Of the release.
    """
    has_lesions = pc.list_value_length(column(table, "lesions")).fill_null(0).to_numpy(zero_copy_only=False) > 0
    stated = pc.list_value_length(column(volumes.table, "lesions")).fill_null(0).to_numpy(zero_copy_only=False) > 0
    shown = {int(number) for number in np.unique(volumes.of_row[has_lesions]) if number >= 0}
    for number in sorted(shown | set(np.flatnonzero(stated).tolist())):
        volume = volumes.table.slice(number, 1).to_pylist()[0]
        places = np.flatnonzero(has_lesions & (volumes.of_row == number))
        rows = table.select(COLUMNS).take(pa.array(places)).to_pylist()  # those of one volume in memory
        with findings.guard("lesions", volume["volume_id"]):
            _check_volume(volume, rows, volumes, number, rules, findings)


def _check_volume(
    volume: Row, rows: Sequence[Row], volumes: Volumes, number: int, rules: Rules, findings: Findings
) -> None:
    grid = volumes.mask_grid(number)
    for task in volume["lesions"]:
        shown = [(row, lesion) for row in rows for lesion in row["lesions"] if _key(lesion) == _key(task)]
        check_structure(volume, task, findings)
        _check_ends(volume, task, shown, grid.affine_ras, findings)
        masks = [_sound_mask(row, lesion, rules, findings) for row, lesion in shown]
        _check_again(volume, task, shown, masks, grid, findings)
    stated = {_key(task) for task in volume["lesions"]}
    for row in rows:
        unknown = sorted({_key(lesion) for lesion in row["lesions"]} - stated)
        findings.same("lesion_tasks", f"{row['slice_id']} beyond its volume", unknown, [])


def _check_again(
    volume: Row, task: Row, shown: Shown, masks: Sequence[SliceMask | None], grid: Grid, findings: Findings
) -> None:
    """Compare regions and lesions with those of the masks; without a plane whose masks all fit there is nothing to."""
    dim = volume["acquisition_dim"]
    regions = {row["slice_idx"]: lesion["regions"] for row, lesion in shown if row["slice_dim"] == dim}
    broken = {row["slice_dim"] for (row, _), mask in zip(shown, masks, strict=True) if mask is None}
    whole = [mask for mask in masks if mask is not None and mask.slice_dim not in broken]
    if whole:
        again = LesionVolume(grid, dim, task["lesion_kind"], *stacked(whole))
        for mask in masks:
            if mask is not None:
                _check_regions(mask, again, findings)
        check_solids(volume, task, again.rows(), findings)
        regions = regions or _regions_of(again)
    if regions or not shown:
        check_slices(volume, task, regions, findings)


def _key(task: Row) -> tuple[int, int]:
    return task["lesion_task"], task["label"]


def _sound_mask(row: Row, lesion: Row, rules: Rules, findings: Findings) -> SliceMask | None:
    """The mask of a lesion on a slice, its ellipses checked; None, and a failure, for runs that fit not."""
    findings.count("lesion_runs")
    name = f"{row['slice_id']} lesion task {lesion['lesion_task']}"
    pixels = sum(segment["pixel_count"] for segment in row["segments"] if segment["label"] == lesion["label"])
    found = slice_mask(row, lesion, pixels)
    if isinstance(found, str):
        findings.fail("lesion_runs", f"{name}: {found}")
        return None
    frame = Frame((row["height"], row["width"]), tuple(row["pixel_spacing_mm"]), tuple(row["mask_pixel_spacing_mm"]))
    axes = measure_clusters(found.mask, found.origin_rc, frame, rules)
    expected = {
        "n_total_clusters": axes.clusters,
        "ellipses": [ellipse_row(ellipse) for ellipse in axes.ellipses],
        "flags": list(axes.flags),
    }
    _same("lesion_ellipses", name, lesion, expected, findings, FLOAT32)
    return found


def _check_regions(mask: SliceMask, again: LesionVolume, findings: Findings) -> None:
    name = f"{mask.name} lesion task {mask.lesion['lesion_task']}"
    if not shows(again, mask):
        findings.fail("lesion_runs", f"{name}: not the pixels that the slices of another plane show")
        return
    regions = again.regions(mask.slice_dim, mask.slice_idx)
    expected = [again.region_row(region, mask.slice_dim, mask.slice_idx) for region in regions]
    _same("lesion_regions", name, mask.lesion["regions"], expected, findings)


def _regions_of(again: LesionVolume) -> dict[int, list[Row]]:
    """Regions of the acquisition plane by slice, where the release holds no rows of it."""
    dim = again.acquisition_dim
    return {
        index: [again.region_row(region, dim, index) for region in regions] for index, regions in again.acquired.items()
    }


def _check_ends(volume: Row, task: Row, shown: Shown, affine_ras: np.ndarray, findings: Findings) -> None:
    """Ends of lines in mm are where the mask's affine takes their ends in pixels."""
    for name, ends in _ends(volume, task, shown):
        findings.count("lesion_ends_mm")
        if not in_world(ends, affine_ras):
            findings.fail("lesion_ends_mm", name)


def _ends(volume: Row, task: Row, shown: Shown) -> Iterator[tuple[str, list]]:
    for row, lesion in shown:
        place = row["slice_dim"], row["slice_idx"]
        for region in lesion["regions"]:
            name = f"{row['slice_id']} lesion {region['lesion_id']}"
            yield name, [end for line in LINES for end in ends_of(region[line], *place)]
    for lesion in task["lesions"]:
        place = volume["acquisition_dim"], lesion["longest_slice_idx"]
        name = f"{volume['volume_id']} lesion {lesion['lesion_id']}"
        yield name, [end for line in DIAMETERS for end in ends_of(lesion[line], *place)]


def _same(check: str, name: str, found: Any, expected: Any, findings: Findings, relative: float = RELATIVE) -> None:
    findings.count(check)
    text = difference(found, expected, relative)
    if text:
        findings.fail(check, f"{name}: {text}")
