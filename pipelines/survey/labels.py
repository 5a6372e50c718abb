"""Labels of a case's mask against its dataset's table; the only part of a check that reads voxels."""

from __future__ import annotations

import numpy as np

from medvision.pipelines.survey.findings import Found
from medvision.schemas.case import Case
from medvision.schemas.dataset import Dataset
from medvision.schemas.faults import DataFault
from medvision.transforms.label_checks import is_surrounded
from medvision.transforms.read import CaseReader


def check_labels(case: Case, reader: CaseReader, dataset: Dataset, found: Found) -> bool:
    """Read a case's mask (labels, overlap, damage to its end); False where it is known to hold no label."""
    name, path = dataset.name, case.annotation_path
    try:
        mask = reader.mask(case)
    except DataFault as fault:
        severity = "warning" if fault.reason == "mask_empty" else "error"
        found.add_fault(severity, name, fault, fault.path or path)
        return fault.reason != "mask_empty"
    except OSError as error:
        found.add_unreadable(name, error, path)
        return True
    task = dataset.task(case.images[0].task)
    values = present_values(mask.volume.data)
    ignored = values & set(task.ignored_labels)
    unknown = values - set(task.labels) - ignored
    if unknown:
        example = f"{path}: {', '.join(map(str, sorted(unknown)))}"
        found.add("warning", name, "label_unknown", "mask holds labels that are not in the table", example)
    if ignored:
        example = f"{path}: {', '.join(map(str, sorted(ignored)))}"
        found.add("info", name, "label_ignored", "mask holds labels that the publisher leaves without meaning", example)
    if mask.overlap_voxels:
        example = f"{path}: {mask.overlap_voxels} voxels"
        found.add("info", name, "mask_overlap", "classes overlap; the first of the table wins", example)
    if task.surrounds and not is_surrounded(mask.volume.data, *task.surrounds):
        meaning = "label {} does not lie around label {}".format(*task.surrounds)
        found.add("warning", name, "label_order_doubtful", meaning, path)
    return True


def present_values(labels: np.ndarray) -> set[int]:
    """Values other than 0 of a volume (x, y, z) of unsigned integers, slice by slice."""
    seen = np.zeros(np.iinfo(labels.dtype).max + 1, bool)
    for k in range(labels.shape[2]):
        seen[labels[:, :, k]] = True
    return set(np.flatnonzero(seen).tolist()) - {0}
