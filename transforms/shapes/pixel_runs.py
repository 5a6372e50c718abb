"""Runs of set pixels and the edge midpoints of a half row, indexed for a walk over a mask's rows."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from medvision.transforms.shapes.edges import edge_midpoints


class Rows(NamedTuple):
    """A mask's pixels and edge midpoints, row by row; columns of both are in half pixels.

    `edges` (n, 2) holds the midpoints in raster order, those of half row h from `first_edge[h + 1]` on; `runs` (m, 2)
    the first and last half column of each run of set pixels, closed, those of row r from `first_run[r]` on; `reach`
    (n,) the leftmost half column that a midpoint reaches along its own half row; `columns` counts the mask's.
    """

    edges: np.ndarray
    first_edge: np.ndarray
    runs: np.ndarray
    first_run: np.ndarray
    reach: np.ndarray
    columns: int


def mask_rows(mask: np.ndarray) -> Rows:
    """Index a (rows, columns) bool mask; ValueError where it is not two-dimensional."""
    edges = edge_midpoints(mask)
    pixels = np.ascontiguousarray(mask, dtype=np.bool_)
    runs, first_run = _pixel_runs(pixels)
    first_edge = _half_row_starts(edges, mask.shape[0])
    return Rows(edges, first_edge, runs, first_run, _level_reach(pixels, edges), mask.shape[1])


@numba.njit(cache=True, nogil=True)
def _pixel_runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
def _level_reach(mask: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Leftmost half column that each edge midpoint reaches along its own half row."""
    rows = mask.shape[0]
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
def _half_row_starts(edges: np.ndarray, rows: int) -> np.ndarray:
    """Where the edges of half row h start, at index h + 1."""
    first = np.zeros(2 * rows + 2, np.int64)
    for i in range(edges.shape[0]):
        first[edges[i, 0] + 2] += 1
    return np.cumsum(first)
