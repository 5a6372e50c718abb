"""A volume row as lines: its grids, structures and lesions in three dimensions."""

from __future__ import annotations

from typing import Any

from medvision.pipelines.lines.slices import line_text
from medvision.pipelines.lines.text import affine_lines, mm, point, times
from medvision.schemas.dataset import PLANES

Row = dict[str, Any]


def grid_lines(volume: Row) -> list[str]:
    """Size, grids of image and mask, and the acquisition plane of a row of VOLUME_SCHEMA."""
    dim = volume["acquisition_dim"]
    lines = [
        f"size         {times(volume['shape_xyz'])} voxels",
        f"header       {mm(volume['header_spacing_mm'])}, file axes {volume['raw_axes']}",
        *affine_lines("affine RAS", volume["affine_ras"]),
    ]
    if volume["mask_affine_ras"]:
        lines.append(f"mask header  {mm(volume['mask_header_spacing_mm'])}, file axes {volume['mask_raw_axes']}")
        lines += affine_lines("mask RAS", volume["mask_affine_ras"])
    return [*lines, f"space        {volume['space']}", f"acquired     {PLANES[dim]} slices (axis {dim})"]


def structure_lines(volume: Row) -> list[str]:
    """Labels with boxes (inclusive) and instances (half-open), in voxels (x, y, z)."""
    lines = []
    for item in volume["structures"] or []:
        name = item["name"] or "unnamed"
        lines.append(f"label {item['label']} {name}: {item['voxel_count']} voxels, {item['volume_mm3']:.6g} mm3")
        lines += [
            f"  box {tuple(box['min_xyz'])} to {tuple(box['max_xyz'])}: {times(box['size_voxels'])} voxels,"
            f" {mm(box['size_mm'])}, {box['voxel_count']} inside"
            for box in item["boxes"]
        ]
        lines += [
            f"  instance {tuple(part['start_xyz'])} up to {tuple(part['stop_xyz'])}: {point(part['start_mm'])}"
            f" to {point(part['stop_mm'])} mm, {part['voxel_count']} voxels, {part['volume_mm3']:.6g} mm3"
            for part in item["instances"]
        ]
    return lines or ["none"]


def volume_lesion_lines(volume: Row, chosen: set[tuple[int, int]] | None = None) -> list[str]:
    """Lesions with their measures and the ends of their diameters in RAS mm.

    Args:
        volume: Row of VOLUME_SCHEMA.
        chosen: Lesion task and lesion id of those to show, None for all.
    """
    lines = []
    for task in volume["lesions"] or []:
        for lesion in task["lesions"]:
            if chosen is None or (task["lesion_task"], lesion["lesion_id"]) in chosen:
                lines += _lesion(task, lesion)
    return lines or ["none"]


def _lesion(task: Row, lesion: Row) -> list[str]:
    measure = "none" if lesion["measure_mm"] is None else mm([lesion["measure_mm"]])
    flags = f", flags {', '.join(lesion['flags'])}" if lesion["flags"] else ""
    return [
        f"lesion {lesion['lesion_id']} of task {task['lesion_task']}, label {task['label']} {task['name']}"
        f" ({task['lesion_kind']}): measure {measure}, raster {mm([lesion['raster_mm']])}{flags}",
        f"  {lesion['voxel_count']} voxels, {lesion['volume_mm3']:.6g} mm3,"
        f" {tuple(lesion['start_xyz'])} up to {tuple(lesion['stop_xyz'])}, centre {point(lesion['center_mm'])} mm",
        f"  axes {mm(lesion['axes_mm'])}, feret {mm([lesion['feret_mm']])}",
        f"  on {lesion['acquisition_slices']} slices, largest on {lesion['largest_slice_idx']}"
        f" ({lesion['largest_area_mm2']:.6g} mm2), longest on {lesion['longest_slice_idx']}",
        *(f"    {line_text(name, lesion[name])}" for name in ("longest", "perpendicular")),
    ]
