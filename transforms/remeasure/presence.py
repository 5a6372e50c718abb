"""Which slice rows the rules keep at all, by the tables and by what the rows say of themselves."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.schemas.dataset import Dataset
from medvision.schemas.rules import Rules
from medvision.transforms.remeasure.spacing import Volumes, volume_keys


def kept_rows(rows: pa.Table, before: Rules, after: Rules, dataset: Dataset, volumes: Volumes) -> np.ndarray:
    """(rows,) bool: those that a build by `after` has too, of rows of one dataset that were built by `before`.

    Raises:
        KeyError: The tolerance of grids differs and `volumes` lacks an image.
    """
    of_masks = pc.equal(rows["landmark_path"], "").to_numpy()
    keep = np.ones(rows.num_rows, bool)
    tasks, planes, cases = (rows[name].to_pylist() for name in ("task", "plane", "case_id"))
    if after.physical_planes_only:
        physical = {
            number: dataset.task(number).physical_planes
            for number in {t for t, m in zip(tasks, of_masks, strict=True) if m}
        }
        keep &= [not m or p in physical[t] for t, p, m in zip(tasks, planes, of_masks, strict=True)]
    if after.known_bad == "exclude":
        keep &= [case not in dataset.known_bad and case not in dataset.no_mm for case in cases]
    if after.drop_upstream_exclusions:
        dropped = {task.number: task.excluded_upstream for task in dataset.landmark_tasks}
        names = [case.rsplit("/", 1)[-1] for case in cases]
        keep &= [m or n not in dropped.get(t, {}) for t, n, m in zip(tasks, names, of_masks, strict=True)]
    if after.grid_mismatch == "reject":
        keep &= ~_apart(rows, before, after, volumes)
    return keep


def _apart(rows: pa.Table, before: Rules, after: Rules, volumes: Volumes) -> np.ndarray:
    if before.grid_tolerance == after.grid_tolerance:
        flags = rows["flags"].combine_chunks()
        found = np.zeros(rows.num_rows, bool)
        flagged = pc.equal(pc.list_flatten(flags), "grid_mismatch").to_numpy(zero_copy_only=False)
        found[pc.list_parent_indices(flags).to_numpy()[flagged]] = True
        return found
    sides = np.array([min(volumes[key].mask_affine or volumes[key].header) for key in volume_keys(rows)])
    return np.round(rows["grid_mismatch_mm"].to_numpy(), 9) > np.round(after.grid_tolerance * sides, 9)
