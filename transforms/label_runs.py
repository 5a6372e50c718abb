"""A mask as runs of equal labels, found in one compiled sweep: what all components are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numba
import numpy as np

from medvision.schemas.faults import DataFault
from medvision.transforms.memory_order import in_memory_order

T = TypeVar("T")

MAX_RUNS = 8_000_000
"""Most runs of one mask, some 40 bytes each: real masks have up to a few hundred thousand; noise fills the memory."""


@dataclass(frozen=True)
class LabelRuns:
    """Runs of one label along one axis of a mask, line by line over the grid of the other two.

    Attributes:
        axes: Which of x, y, z are the two axes of the grid of lines, and the axis along the lines.
        shape: Their lengths, in the same order.
        flipped: Which of them are counted from their far end, in the same order.
        first: (shape[0] * shape[1] + 1,) where the runs of each line start.
        start, stop: First index of each run along its line, and the one past it.
        label: Of each run, never 0.
    """

    axes: tuple[int, int, int]
    shape: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]
    first: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    label: np.ndarray


@dataclass(frozen=True)
class MaskRuns:
    """The runs of a mask along its fastest axis in memory, and those along the next."""

    shape_xyz: tuple[int, int, int]
    along: LabelRuns
    across: LabelRuns

    def __len__(self) -> int:
        return len(self.along.start)


def find_runs(mask: np.ndarray) -> MaskRuns:
    """Runs of a (x, y, z) uint8 or uint16 mask in any memory layout.

    Raises:
        DataFault: too_many_components.
    """
    stack, axes, flipped = in_memory_order(mask)
    flat = stack.reshape(-1)
    whole = len(flat) - len(flat) % (8 // flat.itemsize)
    first, start, stop, label = _runs_along(flat, flat[:whole].view(np.uint64), stack.shape, MAX_RUNS)
    if len(start) == MAX_RUNS:
        raise DataFault("labels", "too_many_components", limit=MAX_RUNS)
    along = LabelRuns(axes, stack.shape, flipped, first, start, stop, label)
    crossing = _runs_across(first, start, stop, label, stack.shape, MAX_RUNS)
    if len(crossing[1]) == MAX_RUNS:
        raise DataFault("labels", "too_many_components", limit=MAX_RUNS)
    across = LabelRuns(_swapped(axes), _swapped(stack.shape), _swapped(flipped), *crossing)
    return MaskRuns((int(mask.shape[0]), int(mask.shape[1]), int(mask.shape[2])), along, across)


def _swapped(triple: tuple[T, ...]) -> tuple[T, T, T]:
    """With the last two in each other's place."""
    return triple[0], triple[2], triple[1]


@numba.njit(cache=True, nogil=True)
def _grown(array: np.ndarray, room: int) -> np.ndarray:
    larger = np.empty(min(room, 2 * array.shape[0]), array.dtype)
    for k in range(array.shape[0]):  # to assign a slice takes seconds to compile
        larger[k] = array[k]
    return larger


@numba.njit(cache=True, nogil=True)
def _end_of_run(flat: np.ndarray, words: np.ndarray, i: int, end: int, value: int) -> int:
    """First index from `i` below `end` where another value stands, looking at words of 8 bytes where they are whole."""
    shift = 3 if flat.itemsize == 1 else 2
    inside = (1 << shift) - 1
    while i < end and i & inside:
        if flat[i] != value:
            return i
        i += 1
    filled = np.uint64(value) * np.uint64(0x0101010101010101 if flat.itemsize == 1 else 0x0001000100010001)
    word, last = i >> shift, end >> shift
    while word + 32 <= last:
        part = words[word : word + 32]
        other = np.uint64(0)
        for k in range(32):  # one test for all: this loop becomes wide instructions
            other |= part[k] ^ filled
        if other != 0:
            break
        word += 32
    while word < last and words[word] == filled:
        word += 1
    i = max(i, word << shift)
    while i < end and flat[i] == value:
        i += 1
    return i


@numba.njit(cache=True, nogil=True)
def _fill(
    flat: np.ndarray,
    words: np.ndarray,
    length: int,
    i: int,
    first: np.ndarray,
    line: int,
    start: np.ndarray,
    stop: np.ndarray,
    label: np.ndarray,
    count: int,
) -> tuple[int, int, int]:
    """Note runs from index `i` on until the arrays are full; returns where it stopped, its line, and the count."""
    i = _end_of_run(flat, words, i, flat.shape[0], 0)  # background goes on over the ends of lines
    while i < flat.shape[0] and count < start.shape[0]:
        here = i // length
        while line <= here:
            first[line] = count
            line += 1
        begin = here * length
        j = _end_of_run(flat, words, i, begin + length, flat[i])
        start[count] = i - begin
        stop[count] = j - begin
        label[count] = flat[i]
        count += 1
        i = _end_of_run(flat, words, j, flat.shape[0], 0)
    return i, line, count


@numba.njit(cache=True, nogil=True)
def _runs_along(
    flat: np.ndarray, words: np.ndarray, shape: tuple[int, int, int], room: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Runs of each line of a C-ordered stack; as many as `room` where there are that many or more."""
    lines, length = shape[0] * shape[1], shape[2]
    first = np.zeros(lines + 1, np.int64)
    start = np.empty(min(room, 4096), np.int32)
    stop = np.empty(start.shape[0], np.int32)
    label = np.empty(start.shape[0], np.uint16)
    i, line, count = _fill(flat, words, length, 0, first, 0, start, stop, label, 0)
    while i < flat.shape[0] and count < room:
        start, stop, label = _grown(start, room), _grown(stop, room), _grown(label, room)
        i, line, count = _fill(flat, words, length, i, first, line, start, stop, label, count)
    while line <= lines:
        first[line] = count
        line += 1
    return first, start[:count].copy(), stop[:count].copy(), label[:count].copy()


@numba.njit(cache=True, nogil=True)
def _ends_between(
    start: np.ndarray,
    stop: np.ndarray,
    label: np.ndarray,
    i: int,
    i_end: int,
    j: int,
    j_end: int,
    columns: int,
    row: int,
    since: np.ndarray,
    ended: np.ndarray,
    count: int,
) -> int:
    """Note what ends between the line of runs `i` and the next, that of runs `j`: walks both from change to change."""
    c = 0
    while i < i_end or j < j_end:
        above, here, until = 0, 0, columns
        if i < i_end:
            if start[i] <= c:
                above, until = int(label[i]), int(stop[i])
            else:
                until = int(start[i])
        if j < j_end:
            if start[j] <= c:
                here, until = int(label[j]), min(until, int(stop[j]))
            else:
                until = min(until, int(start[j]))
        if above != here:
            if above != 0:
                for k in range(c, until):
                    ended[count, 0], ended[count, 1], ended[count, 2], ended[count, 3] = k, since[k], row, above
                    count += 1
            for k in range(c, until):
                since[k] = row
        c = until
        i += i < i_end and stop[i] <= c
        j += j < j_end and stop[j] <= c
    return count


@numba.njit(cache=True, nogil=True)
def _runs_across(
    first: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    label: np.ndarray,
    shape: tuple[int, int, int],
    room: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Runs along the middle axis, from those along the last: only where two lines that follow differ is work done."""
    planes, rows, columns = shape
    first_across = np.zeros(planes * columns + 1, np.int64)
    found_start = np.empty(min(room, 4096), np.int32)
    found_stop = np.empty(found_start.shape[0], np.int32)
    found_label = np.empty(found_start.shape[0], np.uint16)
    total = 0
    since = np.zeros(columns, np.int32)  # row where the column's run began
    ended = np.empty((1024, 4), np.int32)  # column, first row, row past the last, label: as they end
    place = np.empty(columns, np.int64)
    for p in range(planes):
        count = 0
        shown = first[p * rows] != first[(p + 1) * rows]
        for r in range(rows + 1 if shown else 0):
            line = p * rows + r
            i = first[line - 1] if r > 0 else 0
            i_end = first[line] if r > 0 else 0
            j = first[line] if r < rows else 0
            j_end = first[line + 1] if r < rows else 0
            if i == i_end and j == j_end:
                continue
            if ended.shape[0] < count + columns:
                larger = np.empty((2 * ended.shape[0] + columns, 4), np.int32)
                for n in range(count):
                    for k in range(4):
                        larger[n, k] = ended[n, k]
                ended = larger
            count = _ends_between(start, stop, label, i, i_end, j, j_end, columns, r, since, ended, count)
        if total + count >= room:
            return first_across, np.empty(room, np.int32), found_stop, found_label
        while total + count > found_start.shape[0]:
            found_start, found_stop = _grown(found_start, room), _grown(found_stop, room)
            found_label = _grown(found_label, room)
        for k in range(columns):
            place[k] = 0
        for n in range(count):
            place[ended[n, 0]] += 1
        for k in range(columns):
            first_across[p * columns + k + 1] = first_across[p * columns + k] + place[k]
            place[k] = first_across[p * columns + k]
        for n in range(count):  # of a column in the order of rows
            at = place[ended[n, 0]]
            place[ended[n, 0]] += 1
            found_start[at], found_stop[at], found_label[at] = ended[n, 1], ended[n, 2], ended[n, 3]
        total += count
    return first_across, found_start[:total].copy(), found_stop[:total].copy(), found_label[:total].copy()
