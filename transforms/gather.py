"""Slices of a volume as PNG samples: picked, turned and mapped to codes in one pass over memory.

A slice's columns almost never lie side by side in memory, as files store x fastest. So the voxels are read in memory
order, a tile at a time, mapped, and written from the tile in the order of the pictures: every cache line of the volume
is read once, even where its strides are powers of two and would push each other out of the cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

TILE = 128
"""Voxels a side of a tile: 32 kB of codes, measured against 32 and 64."""


@dataclass(frozen=True)
class CodeMap:
    """How voxels become codes.

    Attributes:
        exact: Integers less `low`, modulo 65,536; else rint((voxel - low) / step), clipped to 0 and `top`.
        low, step: In stored units.
        top: Largest code of a finite voxel.
        invalid: Code of NaN and Inf.
    """

    exact: bool
    low: float
    step: float
    top: int
    invalid: int


def gather(stack: np.ndarray, slice_idx: np.ndarray, mapping: CodeMap, out: np.ndarray) -> None:
    """Write the codes of some slices.

    Args:
        stack: (slices, rows, columns), a view with any strides, int8 to uint64 or float16 to float64.
        slice_idx: Slices wanted.
        mapping: From voxels to codes.
        out: C-contiguous (wanted slices, rows, columns), uint8 or uint16.
    """
    if stack.dtype == np.float16 or any(stride % stack.itemsize for stride in stack.strides):
        stack = stack[slice_idx].astype(np.float32 if stack.dtype == np.float16 else stack.dtype)
        slice_idx = np.arange(len(stack))
    memory, first, steps = _memory(stack)
    fast = min(range(3), key=lambda axis: (stack.shape[axis] == 1, abs(steps[axis])))
    near = 2 if fast != 2 else 1  # written side by side, or nearly
    far = 3 - fast - near
    index = [np.asarray(slice_idx, np.int64), *(np.arange(n) for n in stack.shape[1:])]
    to_steps = [step // out.itemsize for step in out.strides]
    rising = {axis: np.argsort(index[axis] * steps[axis], kind="stable") for axis in (far, fast)}
    _gather(
        memory,
        first + index[far][rising[far]] * steps[far],
        index[near] * steps[near],
        index[fast][rising[fast]] * steps[fast],
        abs(steps[fast]),
        out.reshape(-1),
        rising[far] * to_steps[far],
        to_steps[near],
        rising[fast] * to_steps[fast],
        mapping.exact,
        int(mapping.low) % (1 << 16) if mapping.exact else 0,
        float(mapping.low),
        float(mapping.step),
        float(mapping.top),
        mapping.invalid,
    )


def _memory(stack: np.ndarray) -> tuple[np.ndarray, int, tuple[int, ...]]:
    """The stretch of memory that a view lies in, the index of its voxel (0, 0, 0) there, and its strides in voxels."""
    steps = tuple(stride // stack.itemsize for stride in stack.strides)
    ends = [(n - 1) * step for n, step in zip(stack.shape, steps, strict=True)]
    lowest = stack[tuple(slice(None, None, -1) if step < 0 else slice(None) for step in steps)]
    length = 1 + sum(abs(end) for end in ends)
    memory = np.lib.stride_tricks.as_strided(lowest, (length,), (stack.itemsize,))
    return memory, -sum(min(end, 0) for end in ends), steps


@numba.njit(cache=True, nogil=True)
def _code(voxel, low, step, top, invalid):  # type: ignore[no-untyped-def]
    value = np.float64(voxel)
    code = np.rint(min(max((value - low) / step, 0.0), top))
    return np.uint16(np.int32(code)) if value - value == 0.0 else np.uint16(invalid)


@numba.njit(cache=True, nogil=True)
def _gather(  # type: ignore[no-untyped-def]
    memory,
    from_far,
    from_near,
    from_fast,
    fast_step,
    out,
    to_far,
    near_step,
    to_fast,
    exact,
    shift,
    low,
    step,
    top,
    invalid,
):
    """Both `from_fast` and `from_far` rise; voxel (far, near, fast) goes to to_far + near * near_step + to_fast."""
    tile = np.empty((TILE, TILE), np.uint16)
    apart = np.empty(TILE, memory.dtype)
    for far in range(len(from_far)):
        fast0 = 0
        while fast0 < len(from_fast):
            fast1 = fast0 + 1  # a tile ends where wanted slices are not neighbours
            while (
                fast1 < len(from_fast) and fast1 - fast0 < TILE and from_fast[fast1] - from_fast[fast1 - 1] == fast_step
            ):
                fast1 += 1
            count = fast1 - fast0
            for near0 in range(0, len(from_near), TILE):
                lines = min(TILE, len(from_near) - near0)
                for near in range(lines):
                    line = tile[near]
                    start = from_far[far] + from_near[near0 + near] + from_fast[fast0]
                    source = memory[start : start + count] if fast_step == 1 else apart
                    if fast_step != 1:
                        for k in range(count):
                            apart[k] = memory[start + k * fast_step]
                    if exact:
                        for k in range(count):
                            line[k] = np.int64(source[k]) - shift
                    else:
                        for k in range(count):
                            line[k] = _code(source[k], low, step, top, invalid)
                start = to_far[far] + near0 * near_step
                if near_step == 1:
                    for k in range(count):
                        at = start + to_fast[fast0 + k]
                        target = out[at : at + lines]
                        for near in range(lines):
                            target[near] = tile[near, k]
                else:
                    for near in range(lines):
                        target = out[start + near * near_step :]
                        for k in range(count):
                            target[to_fast[fast0 + k]] = tile[near, k]
            fast0 = fast1
