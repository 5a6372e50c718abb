"""Lesions of slice rows measured again, from the masks that they carry as run lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from medvision.schemas.dataset import Dataset
from medvision.schemas.rows import LESION
from medvision.schemas.rules import Rules
from medvision.transforms.annotate import ellipse_row
from medvision.transforms.conics import Frame
from medvision.transforms.lesions import measure_clusters
from medvision.transforms.remeasure.spacing import Spacings
from medvision.transforms.rows import label_names
from medvision.transforms.runs import from_run_lengths


def measured_lesions(rows: pa.Table, spacings: Spacings, dataset: Dataset, rules: Rules) -> pa.Array:
    """Lesions of every row. One whose runs do not fill its crop comes back without ellipses."""
    found: list[list[dict[str, Any]]] = []
    shapes = zip(rows["height"].to_pylist(), rows["width"].to_pylist(), strict=True)
    columns = zip(rows["task"].to_pylist(), rows["lesions"].to_pylist(), shapes, strict=True)
    for number, (task, lesions, shape) in enumerate(columns):
        if not lesions:
            found.append([])
            continue
        image, mask = spacings.pixel_mm[number], spacings.mask_pixel_mm[number]
        frame = Frame(shape, (float(image[0]), float(image[1])), (float(mask[0]), float(mask[1])))
        names = label_names(dataset.task(task), rules)
        found.append([_measured(lesion, frame, names, rules) for lesion in lesions])
    return pa.array(found, pa.list_(LESION))


def lesion_mask(lesion: dict[str, Any]) -> np.ndarray | None:
    """(rows, columns) bool crop of a lesion, None where its run lengths are damaged."""
    try:
        return from_run_lengths(lesion["runs"], lesion["size_rc"])
    except (ValueError, IndexError, TypeError):
        return None


def _measured(lesion: dict[str, Any], frame: Frame, names: dict[int, str], rules: Rules) -> dict[str, Any]:
    named = lesion | {"name": names.get(lesion["label"], "")}
    crop = lesion_mask(lesion)
    if crop is None:
        return named | {"n_total_clusters": 0, "ellipses": [], "flags": []}
    axes = measure_clusters(crop, tuple(lesion["origin_rc"]), frame, rules)
    return named | {
        "n_total_clusters": axes.clusters,
        "ellipses": [ellipse_row(ellipse) for ellipse in axes.ellipses],
        "flags": list(axes.flags),
    }
