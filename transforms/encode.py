"""Intensities to 16-bit (or 8-bit) PNG: one encoding a volume, exact where 16 bits can be, its error stated else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import Volume
from medvision.transforms.gather import CodeMap, gather
from medvision.transforms.memory_order import flat_voxels
from medvision.transforms.png import PngWriter
from medvision.transforms.survey import Survey, count_outside, percentiles, survey

INVALID_CODE = 65535
"""Stored for NaN and Inf."""
CODES = 65534
"""Largest code of a scaled value; one below INVALID_CODE."""
CT_WINDOW = (-160.0, 240.0)
"""Label-free 8-bit window of CT in HU: width 400, level 40. Other modalities take percentiles of the volume."""


@dataclass(frozen=True)
class Encoding:
    """How stored codes and values relate: value = code * scale + offset.

    Attributes:
        bits: 16 or 8.
        top: Largest code of a finite value.
        low, high: Raw (unscaled) range that codes cover; what lies outside is clipped.
        step: Raw units a code.
        scale, offset: From codes to values, header slope and intercept included.
        max_error: Largest |decoded - true| in value units of an unclipped voxel; 0 when exact.
        clipped, invalid: Voxels of the volume above `high` (below `low`), and NaN or Inf ones.
    """

    bits: int
    top: int
    low: float
    high: float
    step: float
    scale: float
    offset: float
    max_error: float
    clipped: int
    invalid: int


def plan_png16(volume: Volume) -> Encoding:
    """16-bit encoding of a volume.

    Integers (whatever the dtype) that span at most 65,535 are stored exactly, by offset. Otherwise values are spread
    linearly over the finite range; where that step would exceed 1/1000 of the p0.5-p99.5 range (hot spots), the
    range ends at p99.99 and what lies above is clipped and counted.

    Raises:
        DataFault: image_not_finite.
    """
    voxels = flat_voxels(volume.data)
    seen = _seen(voxels)
    low, high = seen.low, seen.high
    top = CODES if seen.invalid else INVALID_CODE
    if seen.integral and high - low <= top:
        return _encoding(volume, (16, top), (low, high), 1.0, 0, seen.invalid, exact=True)
    clipped = 0
    p_low, p_high, p_top = percentiles(voxels, (0.5, 99.5, 99.99), seen.edges)
    if (high - low) / CODES > (p_high - p_low) / 1000 and p_top > low:
        high, clipped = p_top, count_outside(voxels, -np.inf, p_top)
    step = (high - low) / CODES or 1.0
    return _encoding(volume, (16, CODES), (low, high), step, clipped, seen.invalid, exact=low == high)


def plan_png8(volume: Volume, modality: str) -> Encoding:
    """8-bit window that needs no label: CT by `CT_WINDOW`, others the volume's p0.5-p99.5.

    Raises:
        DataFault: image_not_finite.
    """
    voxels = flat_voxels(volume.data)
    seen = _seen(voxels)
    if modality == "CT":
        low, high = ((edge - volume.intercept) / volume.slope for edge in CT_WINDOW)
    else:
        low, high = percentiles(voxels, (0.5, 99.5), seen.edges)
    low, high = min(low, high), max(low, high)
    outside = count_outside(voxels, low, high)
    step = (high - low) / 255 or 1.0
    return _encoding(volume, (8, 255), (low, high), step, outside, seen.invalid, exact=False)


def encode_slice(pixels: np.ndarray, encoding: Encoding) -> bytes:
    """PNG bytes of one slice (rows, columns) of stored values."""
    return next(encode_slices(pixels[None], np.zeros(1, np.int64), encoding, 0))


def encode_slices(stack: np.ndarray, slice_idx: np.ndarray, encoding: Encoding, block_bytes: int) -> Iterator[bytes]:
    """PNG bytes of some slices of a stack, in their order; arguments as of `code_slices`."""
    height, width = stack.shape[1:]
    writer = PngWriter(height, width, encoding.bits)
    return map(writer.write, code_slices(stack, slice_idx, encoding, block_bytes))


def code_slices(stack: np.ndarray, slice_idx: np.ndarray, encoding: Encoding, block_bytes: int) -> Iterator[np.ndarray]:
    """Codes (rows, columns), uint8 or uint16, of some slices of a stack, in their order; valid until the next is asked.

    Args:
        stack: (slices, rows, columns) of stored values; a view with any strides.
        slice_idx: Slices wanted.
        encoding: As planned for the volume.
        block_bytes: Codes held at a time, one slice at least: neighbours lie in the same cache lines.
    """
    height, width = stack.shape[1:]
    exact = encoding.max_error == 0.0 and stack.dtype.kind in "iu"
    invalid = INVALID_CODE if encoding.bits == 16 else 0
    mapping = CodeMap(exact, encoding.low, encoding.step, encoding.top, invalid)
    span = min(len(slice_idx), max(1, block_bytes // max(1, height * width * encoding.bits // 8)))
    block = np.empty((span, height, width), np.uint16 if encoding.bits == 16 else np.uint8)
    for start in range(0, len(slice_idx), max(1, span)):
        wanted = slice_idx[start : start + span]
        gather(stack, wanted, mapping, block[: len(wanted)])
        yield from block[: len(wanted)]


def _encoding(
    volume: Volume,
    codes: tuple[int, int],
    span: tuple[float, float],
    step: float,
    clipped: int,
    invalid: int,
    exact: bool,
) -> Encoding:
    return Encoding(
        bits=codes[0],
        top=codes[1],
        low=span[0],
        high=span[1],
        step=step,
        scale=step * volume.slope,
        offset=span[0] * volume.slope + volume.intercept,
        max_error=0.0 if exact else abs(step * volume.slope) / 2,
        clipped=clipped,
        invalid=invalid,
    )


def _seen(voxels: np.ndarray) -> Survey:
    seen = survey(voxels)
    if seen.invalid == voxels.size:
        raise DataFault("encode", "image_not_finite")
    return seen
