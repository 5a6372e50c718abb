"""Checks on the lesions of volume rows: against the label's instances, the acquisition slices, and their masks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from medvision.pipelines.checks.compare import RELATIVE, difference
from medvision.pipelines.checks.findings import Findings

Row = Mapping[str, Any]
BOX = ("start_xyz", "stop_xyz", "voxel_count", "volume_mm3")
SOLID = ("center_mm", "axes_mm", "feret_mm")
AS_REGION = ("longest", "perpendicular", "raster_mm", "flags")
TASK = ("label", "name")


def check_structure(volume: Row, task: Row, findings: Findings) -> None:
    """Lesions of a task are numbered from 0, and are one for one the 26-connected instances of its label.

    Args:
        volume: Row of VOLUME_SCHEMA.
        task: One of its `lesions`.
    """
    structures = [structure for structure in volume["structures"] if structure["label"] == task["label"]]
    expected = {
        "lesions": [
            {"lesion_id": number, **{name: instance[name] for name in BOX}}
            for structure in structures
            for number, instance in enumerate(structure["instances"])
        ]
    }
    expected |= {name: structures[0][name] for name in TASK} if structures else {}
    _note("volume_lesions", volume, task, difference(task, expected), findings)


def check_slices(volume: Row, task: Row, regions: Mapping[int, Sequence[Row]], findings: Findings) -> None:
    """What a lesion says of its acquisition slices is what these say.

    Args:
        volume, task: As above.
        regions: Rows of REGION of the task by index of the acquisition slice.
    """
    of_lesion: dict[int, list[tuple[int, Row]]] = defaultdict(list)
    for index, found in sorted(regions.items()):
        for region in found:
            of_lesion[region["lesion_id"]].append((index, region))
    for lesion in task["lesions"]:
        text = _slices_problem(lesion, of_lesion.get(lesion["lesion_id"], []))
        _note("volume_lesion_slices", volume, task, text, findings, lesion)


def check_solids(volume: Row, task: Row, again: Sequence[Row], findings: Findings) -> None:
    """The measure is the diameter that counts; centre, axes and largest distance are those of the lesion's mask.

    Args:
        volume, task: As above.
        again: Rows of LESION3D taken again from the masks of the slices.
    """
    if len(again) != len(task["lesions"]):
        text = f"{len(task['lesions'])} lesions, their masks show {len(again)}"
        _note("volume_lesion_measures", volume, task, text, findings)
        return
    for lesion, other in zip(task["lesions"], again, strict=True):
        text = difference(lesion, {name: other[name] for name in SOLID})
        counted = lesion["perpendicular"] if task["lesion_kind"] == "node" else lesion["longest"]
        text = text or difference(lesion, {"measure_mm": counted["length_mm"] if counted else None})
        _note("volume_lesion_measures", volume, task, text, findings, lesion)


def _slices_problem(lesion: Row, regions: Sequence[tuple[int, Row]]) -> str:
    """Where a lesion contradicts the regions of its acquisition slices, "" where nowhere."""
    if not regions:
        return "no acquisition slice shows it"
    area: dict[int, float] = defaultdict(float)
    length: dict[int, float] = defaultdict(float)
    for index, region in regions:
        area[index] += region["area_mm2"]
        length[index] = max(length[index], region["longest"]["length_mm"] if region["longest"] else 0.0)
    largest, longest = lesion["largest_slice_idx"], lesion["longest_slice_idx"]
    if largest != _first(area) or longest != _first(length):
        return f"largest on slice {largest}, longest on {longest}, expected {_first(area)} and {_first(length)}"
    if lesion["acquisition_slices"] != len(area):
        return f"on {lesion['acquisition_slices']} slices, expected {len(area)}"
    if not math.isclose(lesion["largest_area_mm2"], area[largest], rel_tol=RELATIVE):
        return f"largest_area_mm2 {lesion['largest_area_mm2']}, expected {area[largest]}"
    fields = {name: lesion[name] for name in AS_REGION}
    there = [difference(fields, {n: region[n] for n in AS_REGION}) for index, region in regions if index == longest]
    return "" if "" in there else there[0]


def _first(values: Mapping[int, float]) -> int:
    """Slice of the largest value; of those equal to 1e-9, the first."""
    return max(values, key=lambda index: (round(values[index], 9), -index))


def _note(check: str, volume: Row, task: Row, text: str, findings: Findings, lesion: Row | None = None) -> None:
    findings.count(check)
    if text:
        which = "" if lesion is None else f" lesion {lesion['lesion_id']}"
        findings.fail(check, f"{volume['volume_id']} lesion task {task['lesion_task']}{which}: {text}")
