"""Intensities to 16-bit (or 8-bit) PNG: one encoding a volume, exact where 16 bits can be, its error stated else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import Volume

INVALID_CODE = 65535
"""Stored for NaN and Inf."""
CODES = 65534
"""Largest code of a scaled value; one below INVALID_CODE."""
SAMPLE = 1 << 20
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
    data = volume.data
    low, high, invalid, integral = _survey(data)
    top = CODES if invalid else INVALID_CODE
    if integral and high - low <= top:
        return _encoding(volume, (16, top), (low, high), 1.0, 0, invalid, exact=True)
    clipped = 0
    p_low, p_high, p_top = _percentiles(data, (0.5, 99.5, 99.99))
    if (high - low) / CODES > (p_high - p_low) / 1000 and p_top > low:
        high, clipped = p_top, _count(data, lambda block: block > p_top)
    step = (high - low) / CODES or 1.0
    return _encoding(volume, (16, CODES), (low, high), step, clipped, invalid, exact=low == high)


def plan_png8(volume: Volume, modality: str) -> Encoding:
    """8-bit window that needs no label: CT by `CT_WINDOW`, others the volume's p0.5-p99.5."""
    _, _, invalid, _ = _survey(volume.data)
    if modality == "CT":
        low, high = ((edge - volume.intercept) / volume.slope for edge in CT_WINDOW)
    else:
        low, high = _percentiles(volume.data, (0.5, 99.5))
    low, high = min(low, high), max(low, high)
    outside = _count(volume.data, lambda block: (block < low) | (block > high))
    step = (high - low) / 255 or 1.0
    return _encoding(volume, (8, 255), (low, high), step, outside, invalid, exact=False)


def encode_slice(pixels: np.ndarray, encoding: Encoding) -> bytes:
    """PNG bytes of one slice (rows, columns) of stored values."""
    if encoding.max_error == 0.0 and pixels.dtype.kind in "iu":
        codes = (pixels.astype(np.int64) - int(encoding.low)).astype(np.uint16)
    else:
        with np.errstate(invalid="ignore"):
            scaled = (pixels.astype(np.float64) - encoding.low) / encoding.step
            codes = np.rint(np.clip(scaled, 0, encoding.top)).astype(np.uint16)
        if encoding.invalid:
            codes[~np.isfinite(pixels)] = INVALID_CODE if encoding.bits == 16 else 0
    if encoding.bits == 8:
        codes = codes.astype(np.uint8)
    done, buffer = cv2.imencode(".png", np.ascontiguousarray(codes))
    if not done:
        raise RuntimeError(f"PNG encoder refused an array of shape {codes.shape}")
    return buffer.tobytes()


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


def _blocks(data: np.ndarray) -> list[np.ndarray]:
    """Views of about SAMPLE voxels along the longest-strided axis, so that temporaries stay small."""
    axis = int(np.argmax(np.abs(data.strides)))
    step = max(1, SAMPLE * data.shape[axis] // max(1, data.size))
    turned = np.moveaxis(data, axis, 0)
    return [turned[start : start + step] for start in range(0, turned.shape[0], step)]


def _survey(data: np.ndarray) -> tuple[float, float, int, bool]:
    """Finite minimum and maximum, number of NaN or Inf, and whether every finite value is an integer."""
    if data.dtype.kind != "f":
        return float(data.min()), float(data.max()), 0, True
    low, high, invalid, integral = np.inf, -np.inf, 0, True
    for block in _blocks(data):
        finite = np.isfinite(block)
        bad = block.size - int(np.count_nonzero(finite))
        values = block[finite] if bad else block
        invalid += bad
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
            integral = integral and bool((values == np.rint(values)).all())
    if not np.isfinite(low):
        raise DataFault("encode", "image_not_finite")
    return low, high, invalid, integral


def _percentiles(data: np.ndarray, percents: tuple[float, ...]) -> tuple[float, ...]:
    """Percentiles of the finite values; one copy of the volume in its own dtype."""
    flat = data.flatten(order="K")
    if flat.dtype.kind == "f":
        flat = flat[np.isfinite(flat)]
    return tuple(float(v) for v in np.percentile(flat, percents, overwrite_input=True, method="lower"))


def _count(data: np.ndarray, test: Callable[[np.ndarray], np.ndarray]) -> int:
    """Number of finite voxels that pass."""
    return sum(int(np.count_nonzero(test(block) & np.isfinite(block))) for block in _blocks(data))
