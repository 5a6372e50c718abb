"""What a release knows of one slice, as text: geometry, annotations, lineage and the pairs that use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pyarrow.compute as pc

from medvision.pipelines.lookup import read_row, rows_holding
from medvision.pipelines.release import Release, SliceLocation, open_release
from medvision.schemas.pairs import LANDMARK_KINDS, kind_of_config
from medvision.schemas.record import SOURCES_TABLE


def inspect_row(url: str, slice_id: str) -> list[str]:
    """Readable lines on one slice.

    Args:
        url: Local path or fsspec URL of the release root.
        slice_id: Such as "KiTS23-case_00000-t01-axial-0123".

    Raises:
        ReleaseError: No release at `url`, or none of its slices has this id.
    """
    release = open_release(url)
    where = release.find_slice(slice_id)
    row = read_row(release.parquet(where.annotations, stream=True), where.row)
    return [
        slice_id,
        *_section("Geometry", geometry_lines(row)),
        *_section("Annotations", annotation_lines(row)),
        *_section("Lineage", lineage_lines(release, where, row)),
        *_section("Pairs", pair_lines(release, row["dataset"], slice_id)),
    ]


def geometry_lines(row: dict[str, Any]) -> list[str]:
    """Plane, sizes, spacings in mm, space, affine and intensity scale of a row of ANNOTATION_SCHEMA."""
    affine = row["affine_ras"]
    exact = "exact" if not row["intensity_max_error"] else f"within {row['intensity_max_error']:.6g}"
    return [
        f"plane        {row['plane']} (axis {row['slice_dim']}), slice {row['slice_idx']}",
        f"size         {row['height']} rows x {row['width']} columns of a volume {_times(row['shape_xyz'])}",
        f"spacing      {_mm(row['pixel_spacing_mm'])} (mask {_mm(row['mask_pixel_spacing_mm'])})",
        f"voxel        {_mm(row['spacing_xyz_mm'])}, file axes {row['raw_axes']}",
        *(
            f"{'' if i else 'affine RAS':<13}" + " ".join(f"{value:>11.6g}" for value in affine[i : i + 4])
            for i in range(0, 16, 4)
        ),
        f"space        {row['space']}",
        f"obliquity    {row['obliquity_deg']:.6g} degrees",
        f"grids        {row['grid_mismatch_mm']:.6g} mm apart (image, mask)",
        f"intensity    {row['modality']} {row['unit']}: stored * {row['intensity_scale']:.6g}"
        f" + {row['intensity_offset']:.6g}, {exact}; {row['intensity_clipped']} voxels clipped,"
        f" {row['intensity_invalid']} not finite",
        f"flags        {', '.join(row['flags'] or []) or 'none'}",
    ]


def annotation_lines(row: dict[str, Any]) -> list[str]:
    """Labels and boxes (inclusive), lesions with axes, landmarks and measures; pixels are (row, column)."""
    lines = []
    for segment in row["segments"] or []:
        name = segment["name"] or "unnamed"
        lines.append(f"label {segment['label']} {name}: {segment['pixel_count']} pixels, {segment['area_mm2']:.6g} mm2")
        lines += [
            f"  box {tuple(box['min_rc'])} to {tuple(box['max_rc'])}: {_times(box['size_px'])} pixels,"
            f" {_mm(box['size_mm'])}, {box['pixel_count']} inside"
            for box in segment["boxes"]
        ]
    for lesion in row["lesions"] or []:
        lines.append(
            f"lesion task {lesion['lesion_task']}, label {lesion['label']} {lesion['name']}:"
            f" {len(lesion['ellipses'])} measured of {lesion['n_total_clusters']} clusters"
        )
        lines += [
            f"  axes {_mm([ellipse['major_mm'], ellipse['minor_mm']])},"
            f" centre ({', '.join(f'{value:.6g}' for value in ellipse['center_rc'])}),"
            f" {ellipse['pixel_count']} pixels"
            for ellipse in lesion["ellipses"]
        ]
    return [*lines, *landmark_lines(row)] or ["none"]


def landmark_lines(row: dict[str, Any]) -> list[str]:
    """Points in pixels (row, column) and RAS mm, then every measure with its unit, convention and flags."""
    lines = []
    for point in row["landmarks"] or []:
        native = f", native {_mm(point['native_mm'], ', ')}" if point["native_mm"] else ""
        lines.append(
            f"point {point['number']} {point['name']} ({point['source']}):"
            f" ({', '.join(f'{value:.6g}' for value in point['position_rc'])})"
            f" at {point['slice_position']:.6g} across, {_mm(point['world_mm'], ', ')}{native}"
        )
    for measure in row["biometrics"] or []:
        marks = [measure["source"], measure["definition"], *(["pairs"] if measure["primary"] else [])]
        lines.append(
            f"{_measured(measure['key'], measure['name'], measure['value'], measure['unit'])}"
            f" ({', '.join([*marks, *(measure['flags'] or [])])})"
        )
    return lines


def lineage_lines(release: Release, where: SliceLocation, row: dict[str, Any]) -> list[str]:
    """Sources with their hashes, the shard and row, and the split."""
    channel = f", channel {row['source_channel']}" if row["source_channel"] >= 0 else ""
    hashes = _source_hashes(release, row["dataset"], row["case_id"])
    return [
        f"case         {row['case_id']} of {row['dataset']}, patient {row['patient']}, task {row['task']}",
        f"image        {row['source_path']}{channel}",
        f"             sha256 {hashes.get(row['source_path'], 'not recorded')}",
        *(_landmark_sources(hashes, row) if row["landmark_path"] else _mask_sources(hashes, row)),
        f"shard        {where.data or where.annotations}, row {where.row}",
        f"side         {row['side']} ({row['split_source']})",
        f"rules        {release.manifest.get('rules', 'not recorded')}",
    ]


def _mask_sources(hashes: dict[str, str], row: dict[str, Any]) -> list[str]:
    masks = [path for path in hashes if path.startswith(row["mask_path"] + "/")] if row["mask_path"] else []
    return [
        f"mask         {row['mask_path'] or 'none'}",
        *(f"             sha256 {hashes[path]} {path}" for path in masks),
        *([f"             sha256 {hashes.get(row['mask_path'], 'not recorded')}"] if not masks else []),
    ]


def _landmark_sources(hashes: dict[str, str], row: dict[str, Any]) -> list[str]:
    """The landmark file that the row names, then whatever else its case was read from."""
    first = row["landmark_path"]
    others = sorted(set(hashes) - {first, row["source_path"]})
    return [
        f"landmarks    {first}",
        f"             sha256 {hashes.get(first, 'not recorded')}",
        *(f"             sha256 {hashes[path]} {path}" for path in others),
    ]


def pair_lines(release: Release, dataset: str, slice_id: str) -> list[str]:
    """Every pair of the slice: its config, its label or measure, and whether the single-instance set holds it."""
    lines = []
    for file in release.files("pairs", dataset):
        for pair in _pairs_of(release, file.path, slice_id):
            held = "single-instance" if pair["single_instance"] else f"left out: {pair['excluded_reason']}"
            split = PurePosixPath(file.path).name.split("-")[0]
            lines.append(
                f"{PurePosixPath(file.path).parent.name} {split} ({pair['split_source']}): {pair['pair_id']},"
                f" {_target(pair)}, {held}"
            )
    return lines or ["none"]


def _target(pair: dict[str, Any]) -> str:
    """What a pair asks for: a label, or a measure of one source."""
    if "landmark_source" not in pair:
        return f"label {pair['label']} {pair['label_name']}"
    profile = pair["biometric_profile"]
    measured = (profile["metric_key"], pair["label_name"], profile["metric_value"], profile["metric_unit"])
    return f"{_measured(*measured)} ({pair['landmark_source']}, {pair['definition']})"


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
    """SHA-256 by path of the raw files of a case."""
    table = release.parquet(SOURCES_TABLE).read(["dataset", "case_id", "path", "sha256"])
    mine = pc.and_(pc.equal(table["dataset"], dataset), pc.equal(table["case_id"], case_id))
    return {source["path"]: source["sha256"] for source in table.filter(mine).to_pylist()}


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines)]


def _times(numbers: list[int]) -> str:
    return " x ".join(str(number) for number in numbers)


def _mm(numbers: list[float], between: str = " x ") -> str:
    return between.join(f"{number:.6g}" for number in numbers) + " mm"


def _measured(key: str, name: str, value: float, unit: str) -> str:
    label = f"{key} {name}" if name not in ("", key) else key
    return f"{label}: {value:.6g} {unit}".rstrip()
