"""From stored integers to 8-bit grey values, as the MedVision benchmark shows them (upstream reference c3).

A CT slice shown for one label is windowed in HU by the label's anatomy; everything else is stretched between
the 0.5 and 99.5 percentiles of the slice. The groups are those of the benchmark code, release 1.2.1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from medvision.transforms.percentiles import slice_percentiles

Window = str | tuple[float, float]

WINDOWS: dict[str, tuple[float, float]] = {
    "soft tissue": (400.0, 40.0),
    "lung": (1500.0, -600.0),
    "brain": (80.0, 40.0),
    "bone": (1800.0, 400.0),
}
"""Display group to (width, level) in HU."""

INVALID = 65_535
"""Stored value of a NaN or Inf voxel, in volumes with `intensity_invalid` above 0."""

NAMES: dict[str, tuple[str, ...]] = {
    "lung": (r"(left|right) lung( (upper|middle|lower) lobe)?", r"lung (cancer|nodule)"),
    "brain": (
        r"brain|skull|brainstem|cerebellum|ventricles|external cerebrospinal fluid|stroke infarct",
        r"(anterior|posterior) hippocampus|(deep )?grey matter|white matter",
        r"(non-)?enhancing brain tumor( core| tissue)?|.* of brain",
    ),
    "bone": (
        r"(left|right) (hip|gluteus (maximus|medius|minimus)|iliopsoas)|sacrum",
        r"(left|right) \d+(st|nd|rd|th) rib|costal cartilages",
        r"vertebra [CTLS]\d+|vertebrae|intervertebral discs|spinal cord",
        r"((left|right) )?femur|tibia",
        r"(upper|lower) jawbone|mandible|(left|right) inferior alveolar canal",
        r"(upper|lower) (left|right) (canine|(central|lateral) incisor|(first|second) premolar)",
        r"(upper|lower) (left|right) (first molar|second molar|third molar \(wisdom tooth\))",
        r"gallstone|kidney stone",
    ),
    "percentile": (
        r"na|implant|crown|bridge|sternum|prostate/uterus",
        r"(left|right) (autochthon|clavicle|scapula)|((left|right) )?humerus",
    ),
}
"""Expressions of whole label names; others are soft tissue. Regions are whole: the spinal cord is bone."""

PERCENTILE_TASKS = frozenset({("KiPA22", 1)})
"""(dataset, task) pairs that are stretched between percentiles whatever the label: contrast CT."""


@lru_cache(maxsize=4096)
def display_group(name: str) -> str:
    """A key of `WINDOWS`, or "percentile" for "" and the names of the benchmark's catch-all group."""
    if not name:
        return "percentile"
    for group, patterns in NAMES.items():
        if any(re.fullmatch(pattern, name) for pattern in patterns):
            return group
    return "soft tissue"


def find_segment(row: Mapping[str, Any], label: int) -> Mapping[str, Any]:
    """The row's segment of a label.

    Raises:
        ValueError: If the slice shows no pixel of the label.
    """
    segments = {int(segment["label"]): segment for segment in row.get("segments") or ()}
    if label not in segments:
        shown = ", ".join(map(str, segments)) or "none"
        raise ValueError(f"label {label!r} is not on slice {row.get('slice_id')!r}; its labels: {shown}")
    return segments[label]


def label_name(row: Mapping[str, Any], label: int) -> str:
    """Name of a label that the slice shows: the row's own, else that of the dataset's table, else ""."""
    if name := find_segment(row, label).get("name"):
        return str(name)
    from medvision.sources.registry import find_dataset

    return find_dataset(row["dataset"]).task(int(row["task"])).labels.get(label, "")


def upstream_window(row: Mapping[str, Any], label: int | None) -> tuple[float, float] | None:
    """(width, level) in HU that the benchmark gives this slice and label; None where it takes percentiles."""
    if label is None or str(row["modality"]).lower() != "ct":
        return None
    if (row["dataset"], int(row["task"])) in PERCENTILE_TASKS:
        return None
    return WINDOWS.get(display_group(label_name(row, label)))


def choose_window(window: Window, row: Mapping[str, Any], label: int | None) -> tuple[float, float] | None:
    """(width, level) that the argument `window` of `render` stands for; None for percentiles.

    Raises:
        ValueError: If `window` is neither "upstream", "percentile" nor a finite (width > 0, level).
    """
    if window == "upstream":
        return upstream_window(row, label)
    if window == "percentile":
        return None
    if np.ndim(window) == 1 and len(window) == 2:
        width, level = map(float, window)
        if math.isfinite(level) and 0 < width < math.inf:
            return width, level
    raise ValueError(f'window must be "upstream", "percentile" or (width > 0, level), got {window!r}')


def stored_to_values(stored: np.ndarray, row: Mapping[str, Any]) -> np.ndarray:
    """Intensities in the row's unit: stored * intensity_scale + intensity_offset.

    Args:
        stored: (H, W) uint8 or uint16 pixels of the PNG.

    Returns:
        (H, W) float32, the benchmark's type. Voxels that were NaN or Inf take the slice's lowest value.
    """
    values = stored.astype(np.float64) * row["intensity_scale"] + row["intensity_offset"]
    if row["intensity_invalid"]:
        invalid = stored == INVALID
        values[invalid] = row["intensity_offset"] if invalid.all() else values[~invalid].min()
    return values.astype(np.float32)


def to_grey(values: np.ndarray, window: tuple[float, float] | None) -> tuple[np.ndarray, tuple[float, float] | None]:
    """Map intensities to 0..255: (clip(v, low, high) - low) / (high - low) * 255, fractions cut off.

    Args:
        values: (H, W) float32 intensities.
        window: (width, level) in the same unit, so low = level - width / 2; None for the slice's percentiles.

    Returns:
        (H, W) uint8, zeros for a slice whose percentiles are equal; (low, high) of the window, else None.
    """
    low: Any
    high: Any
    if window is None:
        low, high = slice_percentiles(values, (0.5, 99.5))
        if high - low == 0:
            return np.zeros(values.shape, np.uint8), None
    else:
        low, high = window[1] - window[0] / 2, window[1] + window[0] / 2
    grey = ((np.clip(values, low, high) - low) / (high - low) * 255.0).astype(np.uint8)
    return grey, None if window is None else (low, high)
