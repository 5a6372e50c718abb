"""Whether the masks behind a pair differ between releases, as far as the rows show them."""

from __future__ import annotations

from typing import Any

from medvision.pipelines.diff.halves import Half
from medvision.pipelines.diff.meaning import Meaning
from medvision.schemas.pairs import LANDMARK_KINDS, LESION_KINDS

Evidence = dict[str, dict[str, Any]]


def mask_differs(first: Half, second: Half, pairs: Meaning) -> list[bool]:
    """For each pair: both releases have its slice, and what they say of the mask there is not the same.

    For boxes and masks: pixel counts of the slice's labels and of their 8-connected instances. For lesions: the mask
    itself, as run lengths. For landmarks: the points.
    """
    slice_ids = pairs.keys["slice_id"].combine_chunks()
    one, other = (_evidence(half.only(slice_ids), pairs.kind) for half in (first, second))
    targets = [pair_id.rsplit("-", 1)[1] for pair_id in pairs.ids.to_pylist()]
    keys = zip(slice_ids.to_pylist(), pairs.keys["task"].to_pylist(), targets, strict=True)
    return [_apart(one.get(s), other.get(s), pairs.kind, task, target) for s, task, target in keys]


def _apart(one: dict[str, Any] | None, other: dict[str, Any] | None, kind: str, task: str, label: str) -> bool:
    if one is None or other is None:
        return False
    if kind in LANDMARK_KINDS:
        return one != other
    key = task if kind in LESION_KINDS else label
    return bool(one.get(key) != other.get(key))


def _evidence(half: Half, kind: str) -> Evidence:
    column = "lesions" if kind in LESION_KINDS else "landmarks" if kind in LANDMARK_KINDS else "segments"
    rows = zip(half.rows["slice_id"].to_pylist(), half.rows[column].to_pylist(), strict=True)
    return {slice_id: _seen(items or [], column) for slice_id, items in rows}


def _seen(items: list[dict[str, Any]], column: str) -> dict[str, Any]:
    if column == "lesions":
        return {f"{i['lesion_task']:02d}": [i.get(name) for name in ("origin_rc", "size_rc", "runs")] for i in items}
    if column == "landmarks":
        return {f"{i['source']}-{i['number']}": i["position_rc"] for i in items}
    return {str(i["label"]): (i["pixel_count"], _corners(i.get("instances"))) for i in items}


def _corners(instances: list[dict[str, Any]] | None) -> list[Any]:
    return [(i["start_rc"], i["stop_rc"], i["pixel_count"]) for i in instances or []]
