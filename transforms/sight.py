"""Longest chord of a mask between two pixel-edge midpoints that see each other, decided in integers.

From each midpoint the rows above are walked one by one, as in shadow casting. A ray of slope s = columns per row
crosses a row of pixels between depths d0 and d1; it stays within the mask if and only if s*d0 and s*d1 lie in one run
of that row. So the slopes in sight are a list of closed intervals, cut down row by row, and a chord needs no test of
its own. On a half row only the outermost midpoints of an interval can end the longest chord.
Work per midpoint is bounded by the rows and runs it sees; memory by the runs.
"""

from __future__ import annotations

import math

import numba
import numpy as np

TIE = 1e9  # lengths are compared as whole multiples of 1e-9 mm


@numba.njit(cache=True, nogil=True)
def pixel_runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Runs of set pixels of each row.

    Returns:
        (runs, 2) first and last half column, closed, and (rows + 1,) where each row's runs start.
    """
    rows, columns = mask.shape
    runs = np.empty((rows * ((columns + 1) // 2), 2), np.int64)
    first = np.zeros(rows + 1, np.int64)
    count = 0
    for r in range(rows):
        before = False
        for c in range(columns):
            if mask[r, c]:
                if not before:
                    runs[count, 0] = 2 * c - 1
                    count += 1
                runs[count - 1, 1] = 2 * c + 1
            before = mask[r, c]
        first[r + 1] = count
    return runs[:count].copy(), first


@numba.njit(cache=True, nogil=True)
def level_reach(mask: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Leftmost half column that each edge midpoint reaches along its own half row."""
    rows, columns = mask.shape
    reach = np.empty(edges.shape[0], np.int64)
    for i in range(edges.shape[0]):
        half_row, half_column = edges[i]
        if half_row & 1:  # along the line between two rows of pixels: either will do
            below = (half_row + 1) // 2
            c = half_column // 2
            while c >= 0 and ((below > 0 and mask[below - 1, c]) or (below < rows and mask[below, c])):
                c -= 1
            reach[i] = 2 * (c + 1)
        else:
            c = (half_column - 1) // 2
            while c >= 0 and mask[half_row // 2, c]:
                c -= 1
            reach[i] = 2 * c + 1
    return reach


@numba.njit(cache=True, nogil=True)
def half_row_starts(edges: np.ndarray, rows: int) -> np.ndarray:
    """Where the edges of half row h start, at index h + 1."""
    first = np.zeros(2 * rows + 2, np.int64)
    for i in range(edges.shape[0]):
        first[edges[i, 0] + 2] += 1
    return np.cumsum(first)


@numba.njit(cache=True, nogil=True)
def longest_in_sight(mask: np.ndarray, edges: np.ndarray, half_mm: np.ndarray, along: np.ndarray) -> tuple[int, int]:
    """Indices (start, end) of the longest chord, or (-1, -1).

    Args:
        mask: (rows, columns) bool, C-contiguous.
        edges: (n, 2) int64, its edge midpoints in raster order.
        half_mm: Half a pixel's size along rows and columns.
        along: Millimetres that half a pixel along rows and columns advances in some direction; only chords that
            advance at most |along[0]| + |along[1]| in it count. Zeros let every chord count.

    Returns:
        start > end, so start has the larger row (tie: column). Of equal lengths (1e-9 mm) the smallest start, then
        the smallest end.
    """
    rows, columns = mask.shape
    runs, first_run = pixel_runs(mask)
    first_edge = half_row_starts(edges, rows)
    reach = level_reach(mask, edges)
    best = np.array([-1, -1, -1], np.int64)  # start, end, length in 1e-9 mm
    floor = np.zeros(1)  # squared length that a better chord cannot be below
    room = runs.shape[0] + 1
    seen, next_seen = np.empty((room, 4), np.int64), np.empty((room, 4), np.int64)  # low and high slope, as fractions
    for i in range(edges.shape[0] - 1, -1, -1):  # from the bottom: the first chords are long and raise the floor
        row, column = edges[i]
        far = max(column + 1, 2 * columns - 1 - column)
        if _squared(row + 1, far, half_mm) < floor[0]:
            continue
        _try_span(edges, first_edge, i, 0, reach[i] - column, -1, half_mm, along, best, floor)
        pixel_row = (row - 1) // 2 if row & 1 else row // 2
        if pixel_row < 0:
            continue
        run = _first_reaching(runs, first_run, pixel_row, column)
        if run == first_run[pixel_row + 1] or runs[run, 0] > column:
            continue
        low, high = runs[run, 0] - column, runs[run, 1] - column
        depth = row - (2 * pixel_row - 1)  # of the line above the row of pixels: 2 from a line, 1 from its middle
        if depth == 2:
            _try_span(edges, first_edge, i, 1, low, high, half_mm, along, best, floor)
        _try_span(edges, first_edge, i, depth, low, high, half_mm, along, best, floor)
        seen[0, 0], seen[0, 1], seen[0, 2], seen[0, 3] = low, depth, high, depth
        count = 1
        for above in range(pixel_row - 1, -1, -1):
            steepest = max(-seen[0, 0] / seen[0, 1], seen[count - 1, 2] / seen[count - 1, 3])
            if _squared(row + 1, min(float(far), steepest * (row + 1)), half_mm) < floor[0]:
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
                    if _may_beat(middle, low_n / low_d, high_n / high_d, half_mm, along, floor):
                        from_column, to_column = -((-low_n * middle) // low_d), high_n * middle // high_d
                        _try_span(edges, first_edge, i, middle, from_column, to_column, half_mm, along, best, floor)
                    low_n, low_d = _larger(low_n, low_d, low, near if low > 0 else depth)
                    high_n, high_d = _smaller(high_n, high_d, high, near if high < 0 else depth)
                    if low_n * high_d <= high_n * low_d:
                        if _may_beat(depth, low_n / low_d, high_n / high_d, half_mm, along, floor):
                            from_column, to_column = -((-low_n * depth) // low_d), high_n * depth // high_d
                            _try_span(edges, first_edge, i, depth, from_column, to_column, half_mm, along, best, floor)
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
    return best[0], best[1]


@numba.njit(cache=True, nogil=True)
def _may_beat(
    depth: int, low_slope: float, high_slope: float, half_mm: np.ndarray, along: np.ndarray, floor: np.ndarray
) -> bool:
    """Whether a chord to this depth could be long enough and perpendicular enough; never no where it is."""
    low, high = low_slope * depth - 0.5, high_slope * depth + 0.5  # no rounding reaches so far
    if _squared(depth, max(-low, high), half_mm) < floor[0]:
        return False
    least, most = low * along[1] - depth * along[0], high * along[1] - depth * along[0]
    limit = abs(along[0]) + abs(along[1]) + 1.0 / TIE
    return min(least, most) <= limit and max(least, most) >= -limit


@numba.njit(cache=True, nogil=True)
def _try_span(
    edges: np.ndarray,
    first_edge: np.ndarray,
    start: int,
    depth: int,
    low: int,
    high: int,
    half_mm: np.ndarray,
    along: np.ndarray,
    best: np.ndarray,
    floor: np.ndarray,
) -> None:
    """Offer the outermost midpoints `depth` half rows above `start` and `low` to `high` half columns beside it."""
    if low > high or _squared(depth, max(-low, high), half_mm) < floor[0]:
        return
    low, high = _within_window(depth, low, high, along)
    if low > high or _squared(depth, max(-low, high), half_mm) < floor[0]:
        return
    half_row, column = edges[start, 0] - depth + 1, edges[start, 1]
    left = _bisect(edges, 1, first_edge[half_row], first_edge[half_row + 1], column + low)
    right = _bisect(edges, 1, left, first_edge[half_row + 1], column + high + 1) - 1
    if left <= right:
        _offer(start, left, _squared(depth, edges[left, 1] - column, half_mm), best, floor)
    if left < right:
        _offer(start, right, _squared(depth, edges[right, 1] - column, half_mm), best, floor)


@numba.njit(cache=True, nogil=True)
def _within_window(depth: int, low: int, high: int, along: np.ndarray) -> tuple[int, int]:
    """The part of low..high that advances no more than `along` allows; empty as (1, 0)."""
    if along[1] == 0.0:
        return (low, high) if _allowed(depth, low, along) else (1, 0)
    middle, reach = depth * along[0] / along[1], (abs(along[0]) + abs(along[1])) / abs(along[1])
    if middle - reach > high + 2 or middle + reach < low - 2:
        return 1, 0
    low = int(max(float(low), math.floor(middle - reach) - 1.0))
    high = int(min(float(high), math.ceil(middle + reach) + 1.0))
    while low <= high and not _allowed(depth, low, along):
        low += 1
    while low <= high and not _allowed(depth, high, along):
        high -= 1
    return low, high


@numba.njit(cache=True, nogil=True)
def _allowed(depth: int, step: int, along: np.ndarray) -> bool:
    advance = abs(step * along[1] - depth * along[0])
    return np.rint(advance * TIE) <= np.rint((abs(along[0]) + abs(along[1])) * TIE)


@numba.njit(cache=True, nogil=True)
def _offer(start: int, end: int, squared: float, best: np.ndarray, floor: np.ndarray) -> None:
    if squared < floor[0]:
        return
    length = math.sqrt(squared)
    tick = np.int64(np.rint(length * TIE))
    if tick > best[2] or (tick == best[2] and (start < best[0] or (start == best[0] and end < best[1]))):
        best[0], best[1], best[2] = start, end, tick
        floor[0] = max(0.0, length - 2.0 / TIE) ** 2


@numba.njit(cache=True, nogil=True)
def _squared(half_rows: float, half_columns: float, half_mm: np.ndarray) -> float:
    row, column = half_rows * half_mm[0], half_columns * half_mm[1]
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
