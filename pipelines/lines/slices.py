"""Annotations of a slice row as lines: labels, lesions, landmarks and measures."""

from __future__ import annotations

from typing import Any

from medvision.pipelines.lines.text import measured, mm, point, times

LINES = ("longest", "perpendicular", "major_axis", "minor_axis", "feret")
Row = dict[str, Any]


def annotation_lines(row: Row) -> list[str]:
    """Labels with boxes (inclusive) and instances (half-open), lesions, landmarks; pixels are (row, column)."""
    lines = []
    for segment in row["segments"] or []:
        name = segment["name"] or "unnamed"
        lines.append(f"label {segment['label']} {name}: {segment['pixel_count']} pixels, {segment['area_mm2']:.6g} mm2")
        lines += [
            f"  box {tuple(box['min_rc'])} to {tuple(box['max_rc'])}: {times(box['size_px'])} pixels,"
            f" {mm(box['size_mm'])}, {box['pixel_count']} inside"
            for box in segment["boxes"]
        ]
        lines += [
            f"  instance {tuple(item['start_rc'])} up to {tuple(item['stop_rc'])}: {point(item['start_mm'])}"
            f" to {point(item['stop_mm'])} mm, {item['pixel_count']} pixels, {item['area_mm2']:.6g} mm2"
            for item in segment["instances"]
        ]
    for lesion in row["lesions"] or []:
        lines += lesion_lines(lesion)
    return [*lines, *landmark_lines(row)] or ["none"]


def lesion_lines(lesion: Row) -> list[str]:
    """A lesion task on a slice: its ellipses by the rules, its regions with their lines and ends in RAS mm."""
    lines = [
        f"lesion task {lesion['lesion_task']}, label {lesion['label']} {lesion['name']} ({lesion['lesion_kind']}):"
        f" {len(lesion['ellipses'])} measured of {lesion['n_total_clusters']} clusters{_flags(lesion)}"
    ]
    for ellipse in lesion["ellipses"]:
        axes = mm([ellipse["major_mm"], ellipse["minor_mm"]])
        lines.append(f"  axes {axes}, centre {point(ellipse['center_rc'])}, {ellipse['pixel_count']} pixels")
    for region in lesion["regions"]:
        lines.append(
            f"  region {tuple(region['start_rc'])} up to {tuple(region['stop_rc'])} of lesion {region['lesion_id']}:"
            f" {region['pixel_count']} pixels, {region['area_mm2']:.6g} mm2, centre {point(region['center_rc'])},"
            f" raster {mm([region['raster_mm']])}{_flags(region)}"
        )
        lines += [f"    {line_text(name, region[name])}" for name in LINES]
    return lines


def line_text(name: str, line: Row | None) -> str:
    """A row of CHORD with its ends in RAS mm."""
    title = name.replace("_", " ")
    if line is None:
        return f"{title:<13} none"
    return f"{title:<13} {mm([line['length_mm']])}, {point(line['start_mm'])} to {point(line['end_mm'])} mm"


def landmark_lines(row: dict[str, Any]) -> list[str]:
    """Points in pixels (row, column) and RAS mm, then every measure with its unit, convention and flags."""
    lines = []
    for mark in row["landmarks"] or []:
        native = f", native {mm(mark['native_mm'], ', ')}" if mark["native_mm"] else ""
        lines.append(
            f"point {mark['number']} {mark['name']} ({mark['source']}): {point(mark['position_rc'])}"
            f" at {mark['slice_position']:.6g} across, {mm(mark['world_mm'], ', ')}{native}"
        )
    for measure in row["biometrics"] or []:
        marks = [measure["source"], measure["definition"], *(["pairs"] if measure["primary"] else [])]
        lines.append(
            f"{measured(measure['key'], measure['name'], measure['value'], measure['unit'])}"
            f" ({', '.join([*marks, *(measure['flags'] or [])])})"
        )
    return lines


def _flags(item: Row) -> str:
    return f", flags {', '.join(item['flags'])}" if item["flags"] else ""
