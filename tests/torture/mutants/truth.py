"""What an independent decoder reads in a case's raw files, and whether the built slices say the same."""

import io
from dataclasses import dataclass, field, replace

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from PIL import Image
from torture.mutants.case_path import Built, Row

SLICE_AXES = ((1, 2), (0, 2), (0, 1))


@dataclass
class Truth:
    """A case in RAS+.

    Attributes:
        image: Values as real numbers.
        mask: Labels; None for a case of landmarks.
        affine: Of the image.
        points: Of a case of landmarks: where each point of each source lies, in voxels (x, y, z).
        slices: Of a case of landmarks: by slice_dim, which slices are shown.
        exact: Both of them under rules `exact`, where those differ.
    """

    image: np.ndarray
    mask: np.ndarray | None
    affine: np.ndarray
    points: dict[tuple[str, int], tuple[float, ...]] = field(default_factory=dict)
    slices: dict[int, list[int]] = field(default_factory=dict)
    exact: tuple[dict[tuple[str, int], tuple[float, ...]], dict[int, list[int]]] | None = None


def to_ras(array: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An array and its affine turned to RAS+ by nibabel."""
    turn = io_orientation(affine)
    if array.ndim != 3 or np.isnan(turn).any():
        raise ValueError(f"no volume in space: {array.shape}")
    return apply_orientation(array, turn), affine @ inv_ornt_aff(turn, array.shape)


def truth_of(image: tuple[np.ndarray, np.ndarray], mask: tuple[np.ndarray, np.ndarray]) -> Truth:
    """Of an image and a mask as (values in the file's axes, affine)."""
    values, affine = to_ras(*image)
    labels, _ = to_ras(*mask)
    return Truth(values.astype(np.float64), labels.astype(np.float64), affine)


def disagreement(built: Built, truth: Truth) -> str:
    """The first thing in which the built slices differ from the truth, "" where they agree."""
    if truth.exact is not None and built.rules == "exact":
        truth = replace(truth, points=truth.exact[0], slices=truth.exact[1])
    wanted = truth.slices.get(built.dim, []) if truth.mask is None else _shown(truth.mask, built.dim)
    found = [row["slice_idx"] for row in built.slices]
    if wanted != found:
        return f"slices {found}, not {wanted}"
    for row in built.slices:
        said = _row_disagreement(row, truth)
        if said:
            return f"{row['slice_id']}: {said}"
    return ""


def _shown(mask: np.ndarray, dim: int) -> list[int]:
    """Which slices across an axis show a label; none where a slice has a side of one pixel."""
    across = SLICE_AXES[dim]
    if min(mask.shape[axis] for axis in across) == 1:
        return []
    return [int(index) for index in np.flatnonzero((np.rint(mask) != 0).any(axis=across))]


def _row_disagreement(row: Row, truth: Truth) -> str:
    if not np.allclose(np.reshape(row["affine_ras"], (4, 4)), truth.affine, rtol=1e-6, atol=1e-6):
        return f"affine {row['affine_ras']} is not {truth.affine.reshape(-1).tolist()}"
    pixels = np.take(truth.image, row["slice_idx"], axis=row["slice_dim"])
    if truth.mask is None:
        return _pixels_disagree(row, pixels) or _points_disagree(row, truth)
    labels = np.rint(np.take(truth.mask, row["slice_idx"], axis=row["slice_dim"]))
    return _pixels_disagree(row, pixels) or _labels_disagree(row, labels)


def _points_disagree(row: Row, truth: Truth) -> str:
    if not row["landmarks"] or not row["biometrics"]:
        return "no landmarks"
    for point in row["landmarks"]:
        expected = truth.points.get((point["source"], point["number"]))
        found = [0.0, 0.0, 0.0]
        found[row["slice_dim"]] = point["slice_position"]
        for axis, value in zip(SLICE_AXES[row["slice_dim"]], point["position_rc"], strict=True):
            found[axis] = value
        if expected is None or not np.allclose(found, expected, rtol=1e-12, atol=1e-9):
            return f"point {point['number']} of {point['source']} at {found}, not {expected}"
    return ""


def _pixels_disagree(row: Row, expected: np.ndarray) -> str:
    codes = np.asarray(Image.open(io.BytesIO(row["image"]["bytes"]))).astype(np.float64)
    if codes.shape != expected.shape:
        return f"{codes.shape} pixels, not {expected.shape}"
    values = codes * row["intensity_scale"] + row["intensity_offset"]
    finite = np.isfinite(expected)
    with np.errstate(all="ignore"):
        rounding = 1e-6 * np.abs(expected) + 1e-12 * abs(row["intensity_offset"]) + 1e-9
        close = np.abs(values - expected) <= row["intensity_max_error"] * 1.0001 + rounding
        # Above the range that codes cover, voxels are clipped and counted; NaN and Inf have a code of their own.
        beyond = (codes >= 65534) & (np.abs(expected) >= np.abs(values)) & (row["intensity_clipped"] > 0)
    invalid = (codes == 65535) & (row["intensity_invalid"] > 0)
    wrong = np.where(finite, ~(close | beyond), ~invalid)
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0].tolist())
        return f"{np.count_nonzero(wrong)} pixels differ, {values[place]!r} for {expected[place]!r} at {place}"
    return ""


def _labels_disagree(row: Row, expected: np.ndarray) -> str:
    values, counts = np.unique(expected[expected != 0], return_counts=True)
    wanted = dict(zip(values.astype(int).tolist(), counts.tolist(), strict=True))
    found = {segment["label"]: segment["pixel_count"] for segment in row["segments"]}
    if found != wanted:
        return f"pixels of labels {found}, not {wanted}"
    for segment in row["segments"]:
        rows, columns = np.nonzero(expected == segment["label"])
        low = np.min([box["min_rc"] for box in segment["boxes"]], axis=0).tolist()
        high = np.max([box["max_rc"] for box in segment["boxes"]], axis=0).tolist()
        if low != [rows.min(), columns.min()] or high != [rows.max(), columns.max()]:
            return f"boxes of label {segment['label']} from {low} to {high}"
    for lesion in row["lesions"]:
        part = np.repeat(np.arange(len(lesion["runs"])) % 2 == 1, lesion["runs"]).reshape(lesion["size_rc"])
        shown = np.zeros(expected.shape, bool)
        (top, left), (height, width) = lesion["origin_rc"], lesion["size_rc"]
        shown[top : top + height, left : left + width] = part
        if not np.array_equal(shown, expected == lesion["label"]):
            return f"pixels of lesion {lesion['label']}"
    return ""
