"""Slow, obvious measures of slices and volumes, label by label and pixel by pixel, to hold the fast ones against."""

from dataclasses import dataclass
from itertools import groupby

import cv2
import numpy as np
from scipy import ndimage

SLICE_OF = (lambda v, i: v[i, :, :], lambda v, i: v[:, i, :], lambda v, i: v[:, :, i])
"""Slice i of a volume cut across axis 0, 1 or 2."""


def component_rows(slice_rc: np.ndarray, corners: bool = False) -> list[tuple[int, int, int, int, int, int]]:
    """(label, pixels, min row, min column, max row, max column) of each component, 4- or 8-connected, of each label."""
    found = []
    for label in sorted({int(value) for value in slice_rc.ravel()} - {0}):
        numbered, _ = ndimage.label(slice_rc == label, np.ones((3, 3)) if corners else None)
        for number, (rows, columns) in enumerate(ndimage.find_objects(numbered), start=1):
            count = int((numbered == number).sum())
            found.append((label, count, rows.start, columns.start, rows.stop - 1, columns.stop - 1))
    return found


def segment_rows(
    slice_rc: np.ndarray,
    spacing_rc_mm: tuple[float, float],
    names: dict[int, str],
    exact_rc_mm: tuple[float, float] | None = None,
) -> list[dict]:
    """Segments, boxes and instances of a slice as the schema nests them; `exact_rc_mm` None is `spacing_rc_mm`."""
    row_mm, column_mm = spacing_rc_mm
    segments: dict[int, dict] = {}
    for label, count, top, left, bottom, right in component_rows(slice_rc):
        height, width = bottom - top + 1, right - left + 1
        box = {
            "min_rc": [top, left],
            "max_rc": [bottom, right],
            "center_rc": [int((top + bottom) / 2), int((left + right) / 2)],
            "size_px": [height, width],
            "size_mm": [height * row_mm, width * column_mm],
            "pixel_count": count,
            "mask_image_ratio": count / (slice_rc.shape[0] * slice_rc.shape[1]),
        }
        pixels = int((slice_rc == label).sum())
        segment = {
            "label": label,
            "name": names.get(label, ""),
            "pixel_count": pixels,
            "area_mm2": pixels * (row_mm * column_mm),
            "boxes": [],
            "instances": [],
        }
        segments.setdefault(label, segment)["boxes"].append(box)
    row_mm, column_mm = exact_rc_mm or spacing_rc_mm
    for label, count, top, left, bottom, right in component_rows(slice_rc, corners=True):
        instance = {
            "start_rc": [top, left],
            "stop_rc": [bottom + 1, right + 1],
            "start_mm": [top * row_mm, left * column_mm],
            "stop_mm": [(bottom + 1) * row_mm, (right + 1) * column_mm],
            "pixel_count": count,
            "area_mm2": count * (row_mm * column_mm),
        }
        segments[label]["instances"].append(instance)
    return list(segments.values())


def parts_of(mask: np.ndarray, corners: bool) -> tuple[np.ndarray, list[list[int]]]:
    """Numbers of the parts of a bool mask, and [count, start row and column, stop row and column, first column]."""
    numbers, count = ndimage.label(mask, np.ones((3, 3)) if corners else None)
    parts = []
    for number in range(1, count + 1):
        pixels = np.argwhere(numbers == number)  # in raster order
        parts.append([len(pixels), *pixels.min(axis=0).tolist(), *(pixels.max(axis=0) + 1).tolist(), int(pixels[0, 1])])
    return numbers, parts


def runs_of(mask: np.ndarray) -> list[int]:
    """Run lengths of a bool mask read row by row, background first."""
    runs = [(value, len(list(run))) for value, run in groupby(mask.ravel().tolist())]
    return [0] * runs[0][0] + [length for _, length in runs]


def extents_of(ids: np.ndarray) -> tuple[list[list[int]], tuple[list[list[int]], ...]]:
    """Box of each solid of a numbered volume, and box of what each slice across each axis shows."""

    def box(inside: np.ndarray) -> list[int]:
        found = np.argwhere(inside)
        return [*found.min(axis=0).tolist(), *(found.max(axis=0) + 1).tolist()] if len(found) else [0] * 4

    slices = tuple([box(SLICE_OF[dim](ids, i) > 0) for i in range(ids.shape[dim])] for dim in range(3))
    return [box(ids == number) for number in range(1, int(ids.max(initial=0)) + 1)], slices


@dataclass(frozen=True)
class Fit:
    """A conic through the outline of one cluster; points in (row, column) pixels, `fate` "kept" or why not."""

    fate: str
    pixel_count: int
    major_mm: float = 0.0
    minor_mm: float = 0.0
    points_rc: np.ndarray | None = None  # centre, P1, P2, P3, P4


def fit_clusters(target_rc: np.ndarray, spacing_rc_mm: tuple[float, float]) -> list[Fit]:
    """Rules 1.4.0 on a WHOLE slice: every cluster of a bool slice, falling size, then raster order."""
    numbered, count = ndimage.label(target_rc)
    clusters = [numbered == number for number in range(1, count + 1)]
    return [fit_cluster(c, spacing_rc_mm) for c in sorted(clusters, key=lambda c: -int(c.sum()))]


def fit_cluster(cluster_rc: np.ndarray, spacing_rc_mm: tuple[float, float]) -> Fit:
    row_mm, column_mm = spacing_rc_mm
    pixels = np.argwhere(cluster_rc)
    outline = cv2.findContours(cluster_rc.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0][0]
    if len(outline) < 5:
        return Fit("few points", len(pixels))
    outline_mm = np.array([[x * column_mm, y * row_mm] for x, y in outline[:, 0].tolist()], np.float32)
    cv2.setRNGSeed(0)  # as in a fresh process
    (x, y), (a, b), turn = cv2.fitEllipse(outline_mm)
    if not np.isfinite([x, y, a, b, turn]).all():
        return Fit("not finite", len(pixels))
    height, width = np.ptp(pixels, axis=0) + 1
    diagonal_mm = ((height * row_mm) ** 2 + (width * column_mm) ** 2) ** 0.5
    if max(a, b) < max(2.0, 2 * row_mm, 2 * column_mm):
        return Fit("below floor", len(pixels))
    if min(a, b) < min(row_mm, column_mm):
        return Fit("thin", len(pixels))
    if max(a, b) > 1.5 * diagonal_mm:
        return Fit("runaway", len(pixels))
    t = turn * np.pi / 180
    along_a, along_b = np.array([np.cos(t), np.sin(t)]), np.array([-np.sin(t), np.cos(t)])
    pairs = [(length, [(x, y) + s * length / 2 * u for s in (1, -1)]) for length, u in ((a, along_a), (b, along_b))]
    points = [(x, y)]
    for _, ends in sorted(pairs, key=lambda pair: -pair[0]):
        points += sorted(ends, key=lambda end: (round(end[1] / row_mm, 9), end[0]), reverse=True)
    points_rc = np.array([[py / row_mm, px / column_mm] for px, py in points])
    return Fit("kept", len(pixels), max(a, b), min(a, b), points_rc)


def finite_range(data: np.ndarray) -> tuple[float, float, int, bool]:
    """Finite minimum and maximum, number of NaN or Inf, and whether every finite value is an integer."""
    values = data[np.isfinite(data)]
    return float(values.min()), float(values.max()), data.size - values.size, bool((values == np.rint(values)).all())


def lower_percentiles(data: np.ndarray, percents: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(float(v) for v in np.percentile(data[np.isfinite(data)], percents, method="lower"))


def finite_outside(data: np.ndarray, low: float, high: float) -> int:
    """Number of finite values below or above."""
    return int(np.count_nonzero(((data < low) | (data > high)) & np.isfinite(data)))


def exact_codes(pixels: np.ndarray, low: float) -> np.ndarray:
    return (pixels.astype(np.int64) - int(low)).astype(np.uint16)


def scaled_codes(pixels: np.ndarray, low: float, step: float, top: int, invalid: int) -> np.ndarray:
    """uint16 codes of any values, `invalid` for NaN and Inf."""
    finite = np.isfinite(pixels)
    scaled = (np.where(finite, pixels, 0).astype(np.float64) - low) / step
    return np.where(finite, np.rint(np.clip(scaled, 0, top)), invalid).astype(np.uint16)
