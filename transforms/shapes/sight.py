"""Longest chord of a mask between two pixel-edge midpoints that see each other, decided in integers.

From each midpoint the rows above are walked one by one, as in shadow casting. A ray of slope s = columns per row
crosses a row of pixels between depths d0 and d1; it stays within the mask if and only if s*d0 and s*d1 lie in one run
of that row. So the slopes in sight are a list of closed intervals, cut down row by row, and a chord needs no test of
its own. On a half row only the outermost midpoints of an interval can end the longest chord.
Work per midpoint is bounded by the rows and runs it sees; memory by the runs.

A compiled function calls none of another file: numba's cache would not see that the other file changed.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from medvision.transforms.shapes.pixel_runs import Rows

Scale = tuple[float, float, float, float, float, float]
"""What half a pixel along rows and columns is in mm; then what it advances along a direction; then across it."""
TIE = 1e9  # lengths are compared as whole multiples of 1e-9 mm
MOST_TIED = 4096


@numba.njit(cache=True, nogil=True)
def longest_in_sight(mask: Rows, half_mm: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The longest chord, or the one that reaches farthest across a direction.

    Args:
        mask: From `mask_rows`.
        half_mm: Half a pixel's size along rows and columns.
        along: Unit vector in mm along rows and columns; only chords that advance along it by at most half a pixel's
            extent count, and what they reach across it is compared. Zeros let every chord count by its length.

    Returns:
        best: (start, end, reach, length), indices of midpoints (-1 for no chord) and multiples of 1e-9 mm. start >
            end, so start has the larger row (tie: column). Of equal reach the shortest chord, then the smallest
            start, then the smallest end.
        tied: (chords, 2) start and end of chords of the same reach, at most MOST_TIED, in no order.
    """
    edges, first_edge, runs, first_run, reach, columns = mask
    high, wide = half_mm[0], half_mm[1]
    # Numbers: calls that take arrays cost a count of references.
    scale = (high, wide, high * along[0], wide * along[1], -high * along[1], wide * along[0])
    best = np.array([-1, -1, -1, -1], np.int64)
    tied = np.empty((MOST_TIED + 1, 2), np.int64)
    tied[MOST_TIED] = 0  # the last row counts
    floor = np.zeros(1)  # squared length that a better chord cannot be below
    room = runs.shape[0] + 1
    seen, next_seen = np.empty((room, 4), np.int64), np.empty((room, 4), np.int64)  # low and high slope, as fractions
    for i in range(edges.shape[0] - 1, -1, -1):  # from the bottom: the first chords are long and raise the floor
        row, column = edges[i]
        far = max(column + 1, 2 * columns - 1 - column)
        if _squared(row + 1, far, scale) < floor[0]:
            continue
        _try_span(edges, first_edge, i, 0, reach[i] - column, -1, scale, best, tied, floor)
        pixel_row = (row - 1) // 2 if row & 1 else row // 2
        if pixel_row < 0:
            continue
        run = _first_reaching(runs, first_run, pixel_row, column)
        if run == first_run[pixel_row + 1] or runs[run, 0] > column:
            continue
        low, high = runs[run, 0] - column, runs[run, 1] - column
        depth = row - (2 * pixel_row - 1)  # of the line above the row of pixels: 2 from a line, 1 from its middle
        if depth == 2:
            _try_span(edges, first_edge, i, 1, low, high, scale, best, tied, floor)
        _try_span(edges, first_edge, i, depth, low, high, scale, best, tied, floor)
        seen[0, 0], seen[0, 1], seen[0, 2], seen[0, 3] = low, depth, high, depth
        count = 1
        for above in range(pixel_row - 1, -1, -1):
            steepest = max(-seen[0, 0] / seen[0, 1], seen[count - 1, 2] / seen[count - 1, 3])
            if _squared(row + 1, min(float(far), steepest * (row + 1)), scale) < floor[0]:
                break
            near, middle, depth = depth, depth + 1, depth + 2
            made = 0
            view = 0
            run = first_run[above]
            if first_run[above + 1] - run > 1:
                leftmost = min(seen[0, 0] * near // seen[0, 1], seen[0, 0] * depth // seen[0, 1])
                run = _first_reaching(runs, first_run, above, column + leftmost)
            while view < count and run < first_run[above + 1]:
                low, high = runs[run, 0] - column, runs[run, 1] - column
                low_n, low_d = _larger(seen[view, 0], seen[view, 1], low, near if low > 0 else middle)
                high_d = near if high < 0 else middle
                run_ends_first = high * seen[view, 3] < seen[view, 2] * high_d
                high_n, high_d = (high, high_d) if run_ends_first else (seen[view, 2], seen[view, 3])
                if low_n * high_d <= high_n * low_d:
                    if _may_beat(middle, low_n / low_d, high_n / high_d, scale, floor[0]):
                        from_column, to_column = -((-low_n * middle) // low_d), high_n * middle // high_d
                        _try_span(edges, first_edge, i, middle, from_column, to_column, scale, best, tied, floor)
                    low_n, low_d = _larger(low_n, low_d, low, near if low > 0 else depth)
                    high_n, high_d = _smaller(high_n, high_d, high, near if high < 0 else depth)
                    if low_n * high_d <= high_n * low_d:
                        if _may_beat(depth, low_n / low_d, high_n / high_d, scale, floor[0]):
                            from_column, to_column = -((-low_n * depth) // low_d), high_n * depth // high_d
                            _try_span(edges, first_edge, i, depth, from_column, to_column, scale, best, tied, floor)
                        next_seen[made, 0], next_seen[made, 1] = low_n, low_d
                        next_seen[made, 2], next_seen[made, 3] = high_n, high_d
                        made += 1
                if run_ends_first:
                    run += 1
                else:
                    view += 1
            if made == 0:
                break
            seen, next_seen, count = next_seen, seen, made
    return best, tied[: tied[MOST_TIED, 0]]


@numba.njit(cache=True, nogil=True)
def _may_beat(depth: int, low_slope: float, high_slope: float, scale: Scale, floor: float) -> bool:
    """Whether a chord to this depth could be long enough and perpendicular enough; never no where it is."""
    low, high = low_slope * depth - 0.5, high_slope * depth + 0.5  # no rounding reaches so far
    if _squared(depth, max(-low, high), scale) < floor:
        return False
    least, most = low * scale[3] - depth * scale[2], high * scale[3] - depth * scale[2]
    limit = abs(scale[2]) + abs(scale[3]) + 1.0 / TIE
    return min(least, most) <= limit and max(least, most) >= -limit


@numba.njit(cache=True, nogil=True)
def _try_span(
    edges: np.ndarray,
    first_edge: np.ndarray,
    start: int,
    depth: int,
    low: int,
    high: int,
    scale: Scale,
    best: np.ndarray,
    tied: np.ndarray,
    floor: np.ndarray,
) -> None:
    """Offer the outermost midpoints `depth` half rows above `start` and `low` to `high` half columns beside it."""
    if low > high or _squared(depth, max(-low, high), scale) < floor[0]:
        return
    low, high = _within_window(depth, low, high, scale[2], scale[3])
    if low > high or _squared(depth, max(-low, high), scale) < floor[0]:
        return
    half_row, column = edges[start, 0] - depth + 1, edges[start, 1]
    left = _bisect(edges, 1, first_edge[half_row], first_edge[half_row + 1], column + low)
    right = _bisect(edges, 1, left, first_edge[half_row + 1], column + high + 1) - 1
    if left <= right:
        _offer(start, left, depth, edges[left, 1] - column, scale, best, tied, floor)
    if left < right:
        _offer(start, right, depth, edges[right, 1] - column, scale, best, tied, floor)


@numba.njit(cache=True, nogil=True)
def _within_window(depth: int, low: int, high: int, along_r: float, along_c: float) -> tuple[int, int]:
    """The part of low..high that advances no more than `along` allows; empty as (1, 0)."""
    if along_c == 0.0:
        return (low, high) if _allowed(depth, low, along_r, along_c) else (1, 0)
    middle, reach = depth * along_r / along_c, (abs(along_r) + abs(along_c)) / abs(along_c)
    if middle - reach > high + 2 or middle + reach < low - 2:
        return 1, 0
    low = int(max(float(low), math.floor(middle - reach) - 1.0))
    high = int(min(float(high), math.ceil(middle + reach) + 1.0))
    while low <= high and not _allowed(depth, low, along_r, along_c):
        low += 1
    while low <= high and not _allowed(depth, high, along_r, along_c):
        high -= 1
    return low, high


@numba.njit(cache=True, nogil=True)
def _allowed(depth: int, step: int, along_r: float, along_c: float) -> bool:
    advance = abs(step * along_c - depth * along_r)
    return np.rint(advance * TIE) <= np.rint((abs(along_r) + abs(along_c)) * TIE)


@numba.njit(cache=True, nogil=True)
def _offer(
    start: int, end: int, depth: int, step: int, scale: Scale, best: np.ndarray, tied: np.ndarray, floor: np.ndarray
) -> None:
    squared = _squared(depth, step, scale)
    if squared < floor[0]:
        return
    length = math.sqrt(squared)
    reach = length if scale[4] == 0.0 and scale[5] == 0.0 else abs(step * scale[5] - depth * scale[4])
    tick, length_tick = np.int64(np.rint(reach * TIE)), np.int64(np.rint(length * TIE))
    if tick < best[2]:
        return
    if tick > best[2]:
        tied[MOST_TIED, 0] = 0
        best[0] = -1
        floor[0] = max(0.0, reach - 2.0 / TIE) ** 2
    count = tied[MOST_TIED, 0]
    if count < MOST_TIED:
        tied[count, 0] = start
        tied[count, 1] = end
        tied[MOST_TIED, 0] = count + 1
    same = best[0] >= 0 and length_tick == best[3]
    if best[0] < 0 or length_tick < best[3] or (same and (start < best[0] or (start == best[0] and end < best[1]))):
        best[0], best[1], best[2], best[3] = start, end, tick, length_tick


@numba.njit(cache=True, nogil=True)
def _squared(half_rows: float, half_columns: float, scale: Scale) -> float:
    row, column = half_rows * scale[0], half_columns * scale[1]
    return row * row + column * column


@numba.njit(cache=True, nogil=True)
def _larger(n: int, d: int, other_n: int, other_d: int) -> tuple[int, int]:
    return (other_n, other_d) if other_n * d > n * other_d else (n, d)


@numba.njit(cache=True, nogil=True)
def _smaller(n: int, d: int, other_n: int, other_d: int) -> tuple[int, int]:
    return (other_n, other_d) if other_n * d < n * other_d else (n, d)


@numba.njit(cache=True, nogil=True)
def _first_reaching(runs: np.ndarray, first_run: np.ndarray, row: int, half_column: int) -> int:
    """First run of a row that ends at or after a half column."""
    return _bisect(runs, 1, first_run[row], first_run[row + 1], half_column)


@numba.njit(cache=True, nogil=True)
def _bisect(table: np.ndarray, field: int, low: int, high: int, value: int) -> int:
    """First index in low..high whose field is at least `value`."""
    while low < high:
        middle = (low + high) // 2
        if table[middle, field] < value:
            low = middle + 1
        else:
            high = middle
    return low
