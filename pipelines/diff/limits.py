"""What the rows of a release cannot tell: switches that cannot be tested, and what the build itself left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from medvision.pipelines.diff.switches import flipped
from medvision.schemas.dataset import PLANES, Dataset
from medvision.schemas.rules import Rules
from medvision.transforms.remeasure.spacing import Volumes
from medvision.transforms.remeasure.table import needs_volumes

NO_VOLUMES = {
    "spacing_source": "the header's voxel sizes are not in the rows, and the release has no volumes/",
    "grid_tolerance": "the mask's voxel sizes are not in the rows, and the release has no volumes/",
}


def testable(names: list[str], built: Rules, base: Rules, target: Rules, volumes: Volumes) -> list[str]:
    """Switches that rows of the build can follow from `base` to `target`."""
    return [name for name in names if name not in _blocked(built, flipped(base, target, [name]), volumes)]


def why_untested(names: list[str], tested: list[str], dataset: Dataset | None) -> list[str]:
    """Notes on differing switches that could be no cause of a changed number."""
    notes = [f"{name}: {NO_VOLUMES[name]}" for name in names if name not in tested]
    if "label_names" in names and dataset and any(task.table for task in dataset.landmark_tasks):
        notes.append(
            "label_names on landmarks: the publisher's table, which may exchange two labels, is not in the rows"
        )
    return notes


def comparable(built: Rules, rules: Sequence[Rules], volumes: Volumes) -> tuple[list[Rules], list[str]]:
    """The rules as far as rows of the build can follow them, and notes on what they cannot."""
    found, notes = [], []
    for asked in rules:
        kept = {name: getattr(built, name) for name in _blocked(built, asked, volumes)}
        found.append(replace(asked, **kept))
        notes += [f"{name} of {asked.name}: {NO_VOLUMES[name]}" for name in kept]
    return found, notes


def left_out_by_build(built: Rules, rules: Sequence[Rules], dataset: Dataset | None) -> list[str]:
    """What the build's own rules left out and one of the compared ones has."""
    asked = list(rules)
    notes = []
    planes = dataset is None or any(len(task.physical_planes) < len(PLANES) for task in dataset.tasks)
    if planes and built.physical_planes_only and not all(r.physical_planes_only for r in asked):
        notes.append("planes that are no lengths: the build left them out")
    if built.grid_mismatch == "reject" and not all(r.grid_mismatch == "reject" for r in asked):
        notes.append("images whose grid differs from their mask's: the build left them out")
    listed = dataset is None or bool(dataset.known_bad or dataset.no_mm)
    if listed and built.known_bad == "exclude" and not all(r.known_bad == "exclude" for r in asked):
        notes.append("cases listed as wrong: the build left them out")
    if dataset is None:
        return notes
    dropped = any(task.excluded_upstream for task in dataset.landmark_tasks)
    if dropped and built.drop_upstream_exclusions and not all(r.drop_upstream_exclusions for r in asked):
        notes.append("landmark cases that upstream dropped: the build left them out")
    ignored = any(task.ignored_labels for task in dataset.tasks)
    if ignored and built.label_names == "exact" and not all(r.label_names == "exact" for r in asked):
        notes.append("labels without meaning: the build took them for background")
    if any(task.table for task in dataset.landmark_tasks) and any(r.label_names != built.label_names for r in asked):
        notes.append("landmark labels that the publisher's table may exchange: the table is not in the rows")
    return notes


def _blocked(built: Rules, after: Rules, volumes: Volumes) -> list[str]:
    return [] if volumes else needs_volumes(built, after)
