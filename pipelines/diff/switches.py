"""Switches of the rules as candidates for a cause: which differ, and which bear on a kind of pair."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from medvision.pipelines.diff.meaning import SLICE
from medvision.pipelines.release import Release, ReleaseError
from medvision.schemas.pairs import KINDS, LANDMARK_KINDS, LESION_KINDS
from medvision.schemas.rules import RULES, Rules

SIDES_ONLY = {"name", "lesion_plan", "split_source", "lesion_split_order", "mask_split_order", "train_fraction"}
"""Switches that no pair shows but by its side."""
PRESENCE = {"physical_planes_only", "grid_mismatch", "grid_tolerance", "known_bad", "drop_upstream_exclusions"}
ONLY_FOR = {
    "late_cases": set(KINDS),
    "connectivity": {"BoxSize"},
    "min_box_pixels": {"BoxSize"},
    "min_mask_pixels": {"MaskSize"},
    "lesion_axes": set(LESION_KINDS),
    "counted_clusters": {"TumorLesionSize"},
    "biometrics": set(LANDMARK_KINDS),
}
"""Kinds whose values a switch can change; one that is not here, nor begins as below, may change every kind."""
SECTIONS = {"BoxSize": (), "MaskSize": (), **dict.fromkeys(LESION_KINDS, ("lesions",)), SLICE: ()}
"""Nested columns beside `segments` that a kind needs."""


def differing(first: Rules, second: Rules) -> list[str]:
    """Names of the switches that differ, in order of definition, without those that only place pairs on sides."""
    one, other = asdict(first), asdict(second)
    return [name for name in one if one[name] != other[name] and name not in SIDES_ONLY]


def bearing_on(kind: str, names: Iterable[str]) -> list[str]:
    """Those of the switches that can change pairs of this kind, or whether slices are there at all."""
    return [name for name in names if kind in _kinds_of(name)]


def flipped(base: Rules, target: Rules, names: Iterable[str]) -> Rules:
    """`base` with the named switches as `target` has them."""
    values: dict[str, Any] = {name: getattr(target, name) for name in names}
    return replace(base, **values)


def rules_of(release: Release) -> Rules:
    """The rules that a release was built by: those of its name, with the switches that its manifest states.

    Raises:
        ReleaseError: Rules of a name that this program does not know.
    """
    name = release.manifest.get("rules")
    if name not in RULES:
        raise ReleaseError(f"{release.url} follows rules {name!r}, which this program does not know; upgrade it")
    stated = release.manifest.get("switches", {}).get("rules", {})
    base = RULES[name]
    known = asdict(base)
    values: dict[str, Any] = {key: value for key, value in stated.items() if key in known}
    return replace(base, **values)


def _kinds_of(switch: str) -> set[str]:
    if switch in ONLY_FOR:
        return ONLY_FOR[switch]
    if switch.startswith(("conic_", "lesion_")):
        return {"TumorLesionSize"}
    return {*KINDS, SLICE}
