"""What a release knows of one slice or volume, as text: geometry, annotations, lineage and the pairs that use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pyarrow.compute as pc

from medvision.pipelines.lines.slices import annotation_lines
from medvision.pipelines.lines.text import affine_lines, measured, mm, section, times
from medvision.pipelines.lines.volumes import grid_lines, structure_lines, volume_lesion_lines
from medvision.pipelines.lookup import read_row, rows_holding
from medvision.pipelines.release import Release, VolumeRow, open_current
from medvision.schemas.pairs import LANDMARK_KINDS, kind_of_config
from medvision.schemas.record import SOURCES_TABLE

NO_HASH = "sha256 not recorded"


def inspect_row(url: str, row_id: str) -> list[str]:
    """Readable lines on one slice or one volume.

    Args:
        url: Local path or fsspec URL of the release root.
        row_id: A slice id such as "KiTS23-case_00000-t01-axial-0123", or the volume id that it begins with.

    Raises:
        ReleaseError: No release at `url`, or none of its slices and volumes has this id.
    """
    release = open_current(url)
    volume = release.find_volume(row_id)
    return slice_lines(release, row_id) if volume is None else volume_lines(release, volume)


def inspect_json(url: str, row_id: str) -> str:
    """The same as JSON: `id`, `row` (all columns but the image), `file` and `row_number`, `sources` and `pairs`.

    Raises:
        ReleaseError: As `inspect_row`.
    """
    release = open_current(url)
    volume = release.find_volume(row_id)
    if volume is None:
        where = release.find_slice(row_id)
        row = read_row(release.parquet(where.annotations, stream=True), where.row)
        pairs = [
            {"config": config, "split": split, **pair}
            for config, split, pair in _all_pairs(release, row["dataset"], row_id)
        ]
        found = {"file": where.data or where.annotations, "row_number": where.row, "row": row, "pairs": pairs}
    else:
        row = volume.columns
        found = {"file": volume.path, "row_number": volume.row, "row": row, "pairs": []}
    sources = _source_hashes(release, row["dataset"], row["case_id"])
    return json.dumps({"id": row_id, **found, "sources": sources}, indent=1, sort_keys=True) + "\n"


def slice_lines(release: Release, slice_id: str) -> list[str]:
    """A slice row, and the lesions of its volume that it shows. Raises ReleaseError for an unknown slice."""
    where = release.find_slice(slice_id)
    row = read_row(release.parquet(where.annotations, stream=True), where.row)
    shard = f"{where.data or where.annotations}, row {where.row}"
    volume = release.find_volume(slice_id.rsplit("-", 2)[0])
    shown = {
        (lesion["lesion_task"], region["lesion_id"]) for lesion in row["lesions"] or [] for region in lesion["regions"]
    }
    return [
        slice_id,
        *section("Geometry", geometry_lines(row)),
        *section("Annotations", annotation_lines(row)),
        *(section("Lesions of the volume", volume_lesion_lines(volume.columns, shown)) if volume and shown else []),
        *section("Lineage", lineage_lines(release, shard, row)),
        *section("Pairs", pair_lines(release, row["dataset"], slice_id)),
    ]


def volume_lines(release: Release, volume: VolumeRow) -> list[str]:
    """A volume row."""
    row = volume.columns
    return [
        row["volume_id"],
        *section("Geometry", grid_lines(row)),
        *section("Structures", structure_lines(row)),
        *section("Lesions", volume_lesion_lines(row)),
        *section("Lineage", lineage_lines(release, f"{volume.path}, row {volume.row}", row)),
    ]


def geometry_lines(row: dict[str, Any]) -> list[str]:
    """Plane, sizes, spacings in mm, space, affine and intensity scale of a row of ANNOTATION_SCHEMA."""
    exact = "exact" if not row["intensity_max_error"] else f"within {row['intensity_max_error']:.6g}"
    return [
        f"plane        {row['plane']} (axis {row['slice_dim']}), slice {row['slice_idx']}",
        f"size         {row['height']} rows x {row['width']} columns of a volume {times(row['shape_xyz'])}",
        f"spacing      {mm(row['pixel_spacing_mm'])} (mask {mm(row['mask_pixel_spacing_mm'])})",
        f"voxel        {mm(row['spacing_xyz_mm'])}, file axes {row['raw_axes']}",
        *affine_lines("affine RAS", row["affine_ras"]),
        f"space        {row['space']}",
        f"obliquity    {row['obliquity_deg']:.6g} degrees",
        f"grids        {row['grid_mismatch_mm']:.6g} mm apart (image, mask)",
        f"intensity    {row['modality']} {row['unit']}: stored * {row['intensity_scale']:.6g}"
        f" + {row['intensity_offset']:.6g}, {exact}; {row['intensity_clipped']} voxels clipped,"
        f" {row['intensity_invalid']} not finite",
        f"flags        {', '.join(row['flags'] or []) or 'none'}",
    ]


def lineage_lines(release: Release, shard: str, row: dict[str, Any]) -> list[str]:
    """Sources with their hashes, the shard and row, and the split."""
    channel = f", channel {row['source_channel']}" if row["source_channel"] >= 0 else ""
    hashes = _source_hashes(release, row["dataset"], row["case_id"])
    return [
        f"case         {row['case_id']} of {row['dataset']}, patient {row['patient']}, task {row['task']}",
        f"image        {row['source_path']}{channel}",
        f"             {hashes.get(row['source_path'], NO_HASH)}",
        *(_landmark_sources(hashes, row) if row["landmark_path"] else _mask_sources(hashes, row)),
        f"shard        {shard}",
        f"side         {row['side']} ({row.get('split_source', 'of the patient')})",
        f"rules        {release.manifest.get('rules', 'not recorded')}",
    ]


def _mask_sources(hashes: dict[str, str], row: dict[str, Any]) -> list[str]:
    masks = [path for path in hashes if path.startswith(row["mask_path"] + "/")] if row["mask_path"] else []
    return [
        f"mask         {row['mask_path'] or 'none'}",
        *(f"             {hashes[path]} {path}" for path in masks),
        *([f"             {hashes.get(row['mask_path'], NO_HASH)}"] if not masks else []),
    ]


def _landmark_sources(hashes: dict[str, str], row: dict[str, Any]) -> list[str]:
    """The landmark file that the row names, then whatever else its case was read from."""
    first = row["landmark_path"]
    others = sorted(set(hashes) - {first, row["source_path"]})
    return [
        f"landmarks    {first}",
        f"             {hashes.get(first, NO_HASH)}",
        *(f"             {hashes[path]} {path}" for path in others),
    ]


def pair_lines(release: Release, dataset: str, slice_id: str) -> list[str]:
    """Every pair of the slice: its config, its label or measure, and whether the single-instance set holds it."""
    lines = []
    for config, split, pair in _all_pairs(release, dataset, slice_id):
        held = "single-instance" if pair["single_instance"] else f"left out: {pair['excluded_reason']}"
        lines.append(f"{config} {split} ({pair['split_source']}): {pair['pair_id']}, {_target(pair)}, {held}")
    return lines or ["none"]


def _all_pairs(release: Release, dataset: str, slice_id: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Config, split and columns of every pair of a slice."""
    for file in release.files("pairs", dataset):
        path = PurePosixPath(file.path)
        for pair in _pairs_of(release, file.path, slice_id):
            yield path.parent.name, path.name.split("-")[0], pair


def _target(pair: dict[str, Any]) -> str:
    """What a pair asks for: a label, or a measure of one source."""
    if "landmark_source" not in pair:
        return f"label {pair['label']} {pair['label_name']}"
    profile = pair["biometric_profile"]
    measure = (profile["metric_key"], pair["label_name"], profile["metric_value"], profile["metric_unit"])
    return f"{measured(*measure)} ({pair['landmark_source']}, {pair['definition']})"


def _pairs_of(release: Release, path: str, slice_id: str) -> Iterator[dict[str, Any]]:
    columns = ["pair_id", "label", "label_name", "split_source", "single_instance", "excluded_reason"]
    if kind_of_config(PurePosixPath(path).parent.name) in LANDMARK_KINDS:
        columns += ["landmark_source", "definition", "biometric_profile"]
    with release.parquet(path) as table:
        rows = list(rows_holding(table, "slice_id", slice_id))
        start = 0
        for number in range(table.num_row_groups):
            size = table.metadata.row_group(number).num_rows
            inside = [row - start for row in rows if start <= row < start + size]
            if inside:
                yield from table.read_row_group(number, columns).take(inside).to_pylist()
            start += size


def _source_hashes(release: Release, dataset: str, case_id: str) -> dict[str, str]:
    """What is shown as hash of each raw file of a case, by path."""
    table = release.parquet(SOURCES_TABLE).read(["dataset", "case_id", "path", "sha256", "header_sha256"])
    mine = pc.and_(pc.equal(table["dataset"], dataset), pc.equal(table["case_id"], case_id))
    sources = table.filter(mine).to_pylist()
    return {
        source["path"]: f"sha256 {source['sha256']}" if source["sha256"] else f"header {source['header_sha256']}"
        for source in sources
    }
