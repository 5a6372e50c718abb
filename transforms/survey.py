"""Range, order statistics and counts of a volume's finite voxels, in compiled passes over memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

CHUNK = 1 << 17
"""Voxels that numpy reduces at a time, so that the second reduction finds them in the cache."""
BINS_LOG2 = 16
"""512 kB of counts: what a core's own cache holds."""


@dataclass(frozen=True)
class Survey:
    """What one look at a volume tells.

    Attributes:
        edges: (2,) smallest and largest finite voxel, in the volume's dtype.
        invalid: Voxels that are NaN or Inf; all of them where `edges` says nothing.
        integral: Whether every finite voxel is an integer.
    """

    edges: np.ndarray
    invalid: int
    integral: bool

    @property
    def low(self) -> float:
        return float(self.edges[0]) + 0.0  # never -0.0, which a volume may mix with 0.0

    @property
    def high(self) -> float:
        return float(self.edges[1]) + 0.0


def survey(flat: np.ndarray) -> Survey:
    """One look at all voxels, (voxels,) as `flat_voxels` gives them."""
    if flat.dtype.kind != "f":
        chunks = [flat[start : start + CHUNK] for start in range(0, flat.size, CHUNK)]
        pairs = [(chunk.min(), chunk.max()) for chunk in chunks]
        edges = np.array([min(low for low, _ in pairs), max(high for _, high in pairs)], flat.dtype)
        return Survey(edges, 0, True)
    keys = _Keys.of(flat.dtype)
    largest = np.finfo(flat.dtype).max
    low, high, invalid, fractions = _survey(flat, flat.view(keys.unsigned), *keys.masks, largest)
    return Survey(keys.voxels(np.array([low, high], keys.unsigned), flat.dtype), invalid, not fractions)


def percentiles(flat: np.ndarray, percents: tuple[float, ...], edges: np.ndarray) -> tuple[float, ...]:
    """Percentiles of the finite voxels, which lie within `edges`: numpy.percentile(finite, percents, method="lower").

    The keys between the edges are counted in up to 65,537 bins of equal width; the lowest, often air, has a bin of its
    own. Only the voxels of a percentile's bin are copied and put in order, and those of a bin of one key not even that.
    """
    keys = _Keys.of(flat.dtype)
    bits = flat.view(keys.unsigned)
    first, last = keys.of_voxels(edges)
    shift = max(0, int(last - first).bit_length() - BINS_LOG2)
    counts = _histogram(bits, *keys.masks, first, last - first, np.uint64(shift))
    through = np.cumsum(counts)
    found = []
    for percent in percents:
        rank = int(np.floor((int(through[-1]) - 1) * (percent / 100)))
        number = int(np.searchsorted(through, rank, side="right"))
        start = int(first) + ((number - 1) << shift) + 1 if number else int(first)
        if number and shift:
            span = min((1 << shift) - 1, int(last) - start)
            members = _within(bits, *keys.masks, keys.unsigned.type(start), keys.unsigned.type(span), counts[number])
            rank -= int(through[number] - counts[number])
            start = int(np.partition(members, rank)[rank])
        found.append(start)
    voxels = keys.voxels(np.array(found, keys.unsigned), flat.dtype)
    return tuple(float(voxel) + 0.0 for voxel in voxels)


def count_outside(flat: np.ndarray, low: float, high: float) -> int:
    """Number of finite voxels below `low` or above `high`, compared in the type that numpy compares them in."""
    kind = np.result_type(flat.dtype, low).type
    return int(_count_outside(flat, kind(low), kind(high)))


@dataclass(frozen=True)
class _Keys:
    """Unsigned integers that sort as voxels do: their bits, turned by one mask below zero and by another above.

    A float's bits grow with its size, so all bits of a negative one are turned, and the sign of a positive one.

    Attributes:
        unsigned: Type of a key, as wide as a voxel.
        masks: Sign bit, mask of voxels that have it, mask of the others.
    """

    unsigned: np.dtype
    masks: tuple[Any, Any, Any]

    @staticmethod
    def of(dtype: np.dtype) -> _Keys:
        unsigned = np.dtype(f"u{dtype.itemsize}")
        none, every = unsigned.type(0), unsigned.type(np.iinfo(unsigned).max)
        sign = unsigned.type(1 << (dtype.itemsize * 8 - 1))
        negative, positive = {"u": (none, none), "i": (sign, sign), "f": (every, sign)}[dtype.kind]
        return _Keys(unsigned, (sign, negative, positive))

    def of_voxels(self, voxels: np.ndarray) -> np.ndarray:
        sign, negative, positive = self.masks
        bits = voxels.view(self.unsigned)
        return bits ^ np.where(bits & sign, negative, positive)

    def voxels(self, keys: np.ndarray, dtype: np.dtype) -> np.ndarray:
        sign, negative, positive = self.masks
        return (keys ^ np.where(keys & sign, positive, negative)).view(dtype)


@numba.njit(cache=True, nogil=True)
def _survey(voxels, bits, sign, negative, positive, largest):  # type: ignore[no-untyped-def]
    """Smallest and largest key of finite voxels, how many voxels are not, whether any has a fraction."""
    kind = bits.dtype.type
    low, high, invalid, fractions = kind(~kind(0)), kind(0), 0, False
    for start in range(0, len(voxels), 4096):  # tallies as narrow as the voxels keep the loop in vector registers
        part, part_bits = voxels[start : start + 4096], bits[start : start + 4096]
        part_low, part_high, part_invalid, part_fractions = kind(~kind(0)), kind(0), kind(0), kind(0)
        for k in range(len(part)):
            bit = part_bits[k]
            key = kind(bit ^ (negative if bit & sign else positive))
            finite = abs(part[k]) <= largest
            part_low = min(part_low, key if finite else kind(~kind(0)))
            part_high = max(part_high, key if finite else kind(0))
            part_invalid = kind(part_invalid + kind(0 if finite else 1))
            part_fractions |= kind(1 if finite & (part[k] != np.rint(part[k])) else 0)
        low, high = min(low, part_low), max(high, part_high)
        invalid += part_invalid
        fractions |= part_fractions != 0
    return low, high, invalid, fractions


@numba.njit(cache=True, nogil=True)
def _histogram(bits, sign, negative, positive, first, span, shift):  # type: ignore[no-untyped-def]
    """How many keys are `first`, and how many of the `span` keys after it lie in each bin of 2**shift."""
    kind = bits.dtype.type
    counts = np.zeros((np.uint64(span) >> shift) + np.uint64(2), np.int64)
    at, run = bits[0], 0
    for k in range(len(bits) + 1):
        if k < len(bits) and bits[k] == at:  # air is one value: adding 1 to one bin again and again waits for memory
            run += 1
            continue
        key = kind(kind(at ^ (negative if at & sign else positive)) - first)
        if key <= span:
            counts[(np.uint64(kind(key - kind(1))) >> shift) + np.uint64(1) if key else np.uint64(0)] += run
        if k < len(bits):
            at, run = bits[k], 1
    return counts


@numba.njit(cache=True, nogil=True)
def _within(bits, sign, negative, positive, start, span, count):  # type: ignore[no-untyped-def]
    """The `count` keys from `start` to `start + span`."""
    kind = bits.dtype.type
    found = np.empty(count, bits.dtype)
    size = 0
    for begin in range(0, len(bits), 128):  # most stretches have none, which vector registers see fastest
        part = bits[begin : begin + 128]
        some = kind(0)
        for k in range(len(part)):
            key = kind(part[k] ^ (negative if part[k] & sign else positive))
            some |= kind(1) if kind(key - start) <= span else kind(0)
        if some:
            for k in range(len(part)):
                key = kind(part[k] ^ (negative if part[k] & sign else positive))
                if kind(key - start) <= span:
                    found[size] = key
                    size += 1
    return found


@numba.njit(cache=True, nogil=True)
def _count_outside(voxels, low, high):  # type: ignore[no-untyped-def]
    count = 0
    for voxel in voxels:
        count += ((voxel < low) | (voxel > high)) & (voxel - voxel == 0)
    return count
