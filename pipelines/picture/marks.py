"""What is drawn on a slice, before it is drawn: boxes, lines, angles, points and outlines.

Places are (row, column) of the slice's picture, in pixels of the slice, counted from its outer corner: the centre of
pixel (0, 0) is (0.5, 0.5), and a box of one pixel reaches from (0, 0) to (1, 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medvision.pipelines.picture.styles import Style

Place = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rectangle; `texts` are the fullest to the shortest words beside it, () for none."""

    start: Place
    stop: Place
    style: Style
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """A measured line; `thin` for one that only supports an angle."""

    start: Place
    end: Place
    style: Style
    texts: tuple[str, ...] = ()
    thin: bool = False


@dataclass(frozen=True)
class Angle:
    """The angle between two directed lines of two places each; `folded`: the acute one, whatever their directions."""

    first: tuple[Place, Place]
    second: tuple[Place, Place]
    folded: bool
    style: Style
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Point:
    """A landmark."""

    at: Place
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outline:
    """Edges of a mask, each from one pixel corner to another."""

    edges: tuple[tuple[Place, Place], ...]
    style: Style


Mark = Box | Line | Angle | Point | Outline


def centre(rc: Sequence[float]) -> Place:
    """The place of a point whose whole numbers are pixel centres."""
    return float(rc[0]) + 0.5, float(rc[1]) + 0.5


def outline_edges(mask: np.ndarray) -> tuple[tuple[Place, Place], ...]:
    """Pixel edges between a (rows, columns) bool mask and its ground, straight runs in one piece."""
    padded = np.pad(mask, 1)
    across = padded[1:, 1:-1] != padded[:-1, 1:-1]
    along = padded[1:-1, 1:] != padded[1:-1, :-1]
    edges: list[tuple[Place, Place]] = []
    for row in range(across.shape[0]):
        edges += [((row, start), (row, stop)) for start, stop in _runs(across[row])]
    for column in range(along.shape[1]):
        edges += [((start, column), (stop, column)) for start, stop in _runs(along[:, column])]
    return tuple(edges)


def _runs(line: np.ndarray) -> list[tuple[int, int]]:
    """Half-open runs of True."""
    ends = np.flatnonzero(np.diff(np.pad(line.astype(np.int8), 1)))
    return [(int(start), int(stop)) for start, stop in zip(ends[::2], ends[1::2], strict=True)]
