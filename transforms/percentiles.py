"""Percentiles of one slice: `numpy.percentile` of float32 values, to the last bit, without putting them in order.

The benchmark calls it with one percentage at a time, so that NumPy counts the place in float32; this does, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np


def slice_percentiles(values: np.ndarray, percents: Sequence[float]) -> list[np.float32]:
    """Linear percentiles of finite float32 values of any shape: `numpy.percentile(values, percent)` of each."""
    last = values.size - 1
    places = [np.float32(last) * np.true_divide(percent, np.float32(100)) for percent in percents]
    wanted = [(min(int(place), last), min(int(place) + 1, last)) for place in places]
    ranks, found = np.unique(wanted, return_inverse=True)
    bits = np.ascontiguousarray(values).reshape(-1).view(np.uint32)
    ends = _ranked(bits, ranks).view(np.float32)[found.reshape(-1, 2)]
    return [_between(low, high, place, int(place)) for (low, high), place in zip(ends, places, strict=True)]


def _between(low: np.float32, high: np.float32, place: np.float32, below: int) -> np.float32:
    part, step = np.float32(place - np.float32(below)), high - low
    return np.float32(high - step * (np.float32(1) - part) if part >= 0.5 else low + step * part)


@numba.njit(cache=True, nogil=True)
def _ranked(bits, ranks):  # type: ignore[no-untyped-def]
    """Bits of the values at some ranks, rising, from 0: by the upper half of their bits, then by the lower."""
    coarse, fine = np.zeros(1 << 16, np.uint32), np.zeros(1 << 16, np.uint32)
    for bit in bits:
        coarse[_key(bit) >> 16] += 1
    found = np.empty(len(ranks), np.uint32)
    counted, upper, before = -1, 0, 0
    for k in range(len(ranks)):
        while before + coarse[upper] <= ranks[k]:
            before += coarse[upper]
            upper += 1
        if upper != counted:
            counted = upper
            fine[:] = 0
            for bit in bits:
                key = _key(bit)
                if key >> 16 == upper:
                    fine[key & 0xFFFF] += 1
        lower, passed = 0, before
        while passed + fine[lower] <= ranks[k]:
            passed += fine[lower]
            lower += 1
        key = np.uint32((upper << 16) | lower)
        found[k] = key ^ (np.uint32(0x80000000) if key >> 31 else np.uint32(0xFFFFFFFF))
    return found


@numba.njit(inline="always")
def _key(bit):  # type: ignore[no-untyped-def]
    """Sorts as the float of these bits does."""
    return bit ^ (np.uint32(0xFFFFFFFF) if bit >> 31 else np.uint32(0x80000000))
