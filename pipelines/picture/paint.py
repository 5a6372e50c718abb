"""Marks onto a canvas."""

from __future__ import annotations

import math
from collections.abc import Iterable

from medvision.pipelines.picture.angles import arc_between
from medvision.pipelines.picture.canvas import XY, Canvas
from medvision.pipelines.picture.ground import Ground
from medvision.pipelines.picture.marks import Angle, Box, Line, Mark, Outline, Point
from medvision.pipelines.picture.scale import bar_mm, sides_of
from medvision.pipelines.picture.styles import WHITE

THIN = 0.6
ARC_SHARE, ARC_LEAST = 0.07, 4.0
"""Radius of arcs as a share of the picture's shorter side, and at least in widths of a line."""
PROLONGED = (2, 5)
SHORT = 8
"""Heights of a letter: the words of a shorter line stand at its ends, to leave what it measures in sight."""
WORDS_LAST = {Line: 0, Angle: 1, Box: 2, Point: 3}
"""Which words find room first: measures before names."""


def paint(marks: Iterable[Mark], ground: Ground, canvas: Canvas) -> None:
    """Draw all lines, then words where there is room."""
    drawn = list(marks)
    for mark in drawn:
        match mark:
            case Box(start, stop, style):
                corners = [start, (start[0], stop[1]), stop, (stop[0], start[1]), start]
                canvas.line([ground.xy(corner) for corner in corners], style.colour, style.dash)
            case Outline(edges, style):
                for first, second in edges:
                    canvas.line([ground.xy(first), ground.xy(second)], style.colour, width=THIN)
            case Line(start, end, style):
                width = THIN if mark.thin else 1.0
                canvas.line([ground.xy(start), ground.xy(end)], style.colour, style.dash, width)
            case Angle():
                _angle(mark, ground, canvas)
    for mark in drawn:
        if isinstance(mark, Point):
            canvas.dot(ground.xy(mark.at), WHITE)
    for mark in drawn:
        if isinstance(mark, Box) and _small(mark, ground, canvas):
            canvas.keep_free(ground.xy(mark.start), ground.xy(mark.stop))
    for mark in sorted((m for m in drawn if not isinstance(m, Outline)), key=lambda m: WORDS_LAST[type(m)]):
        colour = WHITE if isinstance(mark, Point) else mark.style.colour
        canvas.text_near(_anchors(mark, ground, canvas), mark.texts, colour)


def paint_frame(ground: Ground, canvas: Canvas, slice_dim: int, spatial: bool) -> None:
    """Letters of the patient's sides and a scale bar; neither where an axis is no length."""
    if not spatial:
        return
    width, height = ground.image.size
    sides, margin = sides_of(slice_dim, ground.move.turned), canvas.text_size * 0.5
    letter_width, line = canvas.text_extent("R", bold=True)
    middle_x, middle_y = width / 2 - letter_width / 2, height / 2 - line / 2
    for letter, at in (
        (sides.top, (middle_x, margin)),
        (sides.bottom, (middle_x, height - line - margin)),
        (sides.left, (margin, middle_y)),
        (sides.right, (width - letter_width - margin, middle_y)),
    ):
        canvas.text(at, letter, WHITE, bold=True)
    length_mm = bar_mm(width, ground.pixels_per_mm)
    left, bottom = margin * 1.5, height - margin * 1.5
    right = left + length_mm * ground.pixels_per_mm
    tick = canvas.line_width * 2
    canvas.line([(left, bottom - tick), (left, bottom), (right, bottom), (right, bottom - tick)], WHITE)
    canvas.text((left, bottom - tick - line - 2), f"{length_mm:g} mm", WHITE)


def _angle(mark: Angle, ground: Ground, canvas: Canvas) -> None:
    lines = [(ground.xy(start), ground.xy(end)) for start, end in (mark.first, mark.second)]
    for start, end in lines:
        canvas.line([start, end], mark.style.colour, width=THIN)
    arc = arc_between(lines[0], lines[1], mark.folded)
    if arc is None or not _inside(arc.corner, ground):
        return
    for start, end in lines:
        near = min((start, end), key=lambda at: math.dist(at, arc.corner))
        if not _between(arc.corner, start, end):
            canvas.line([near, arc.corner], mark.style.colour, PROLONGED, THIN)
    canvas.line(arc.points(_radius(ground, canvas)), mark.style.colour)


def _small(box: Box, ground: Ground, canvas: Canvas) -> bool:
    """Whether words in the box would hide most of what it shows."""
    (left, top), (right, bottom) = ground.xy(box.start), ground.xy(box.stop)
    return max(right - left, bottom - top) < SHORT * canvas.text_size


def _anchors(mark: Box | Line | Angle | Point, ground: Ground, canvas: Canvas) -> list[XY]:
    """Places beside which the mark's words may stand, the best first."""
    match mark:
        case Box(start, stop):
            corners = [start, (stop[0], start[1]), (start[0], stop[1]), stop]
            return [ground.xy(corner) for corner in corners]
        case Line(start, end):
            short = math.dist(ground.xy(start), ground.xy(end)) < SHORT * canvas.text_size
            shares = (1.0, 0.0, 0.5) if short else (0.5, 0.25, 0.75, 0.0, 1.0)
            return [ground.xy(_part(start, end, share)) for share in shares]
        case Point(at):
            return [ground.xy(at)]
        case Angle(first, second):
            lines = [(ground.xy(start), ground.xy(end)) for start, end in (first, second)]
            arc = arc_between(lines[0], lines[1], mark.folded)
            middles = [ground.xy(_part(*line, 0.5)) for line in (first, second)]
            if arc is None or not _inside(arc.corner, ground):
                return middles
            return [arc.points(_radius(ground, canvas), 2)[1], *middles]


def _part(start: XY, end: XY, share: float) -> XY:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _radius(ground: Ground, canvas: Canvas) -> float:
    return max(min(ground.image.size) * ARC_SHARE, ARC_LEAST * canvas.line_width)


def _inside(at: XY, ground: Ground) -> bool:
    return 0 <= at[0] <= ground.image.width and 0 <= at[1] <= ground.image.height


def _between(at: XY, start: XY, end: XY) -> bool:
    """Whether a point of the line through start and end lies between them."""
    return math.dist(start, at) + math.dist(at, end) <= math.dist(start, end) + 1e-6 * (1 + math.dist(start, end))
