"""The picture itself: an SVG that needs no program but a browser, of the same bytes for the same graph."""

from __future__ import annotations

from html import escape

from medvision.pipelines.graph.legend import LEGEND_HEIGHT, legend
from medvision.pipelines.graph.marks import SIZE, SMALL, arrow_head, colours, number, path, shuffle_sign, text
from medvision.pipelines.graph.model import MERGE, SHUFFLE, Graph, Step
from medvision.pipelines.graph.place import HEADER, MARGIN, NODE_HEIGHT, PAD, Spot, place
from medvision.pipelines.graph.route import Line, Router, label_end


def draw_svg(graph: Graph) -> str:
    """A picture of a graph.

    Boxes are composites, colours and numbers the fused stages; thick bands join steps of one stage.
    """
    spots = place(graph)
    router = Router(graph, spots)
    lines, labels = router.lines(), router.labels().values()
    corners = [x for line in lines for x, _ in line.points]
    width = max([*corners, *(spot.right + PAD for spot in spots.values()), *(label_end(m) for m in labels)])
    width += MARGIN
    bottom = max(spot.bottom for spot in spots.values()) + PAD + MARGIN
    parts = [_box(box, graph, spots, lines) for box in graph.boxes]
    stage = {step.name: step.stages for step in graph.steps}
    parts += [
        f'<path d="{path(line.points)}" fill="none" stroke="{colours(stage[line.flow.source][-1])[1]}" '
        'stroke-width="11" stroke-linejoin="round"/>'
        for line in lines
        if line.flow.fused
    ]
    parts += [_line(line) for line in lines]
    parts += [text(label.x, label.y, label.text, SMALL, halo=True) for label in labels]
    parts += [_step(step, spots[step.name]) for step in graph.steps]
    parts.append(legend(MARGIN, bottom, width - 2 * MARGIN))
    height = bottom + LEGEND_HEIGHT + MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
        f'width="{number(width)}" height="{number(height)}" role="img" '
        'font-family="Helvetica, Arial, sans-serif">'
    )
    title = f"<title>The steps of a build and the {graph.stage_count} stages that they are fused to</title>"
    ground = f'<rect width="{number(width)}" height="{number(height)}" rx="8" fill="#ffffff"/>'
    return "\n".join([head, title, ground, *parts, "</svg>"]) + "\n"


def _box(box: str, graph: Graph, spots: dict[str, Spot], lines: list[Line]) -> str:
    inside = [spots[step.name] for step in graph.steps if step.box == box]
    names = {step.name for step in graph.steps if step.box == box}
    ways = [x for line in lines if {line.flow.source, line.flow.target} <= names for x, _ in line.points]
    left = min(spot.x - spot.width / 2 for spot in inside) - PAD
    right = max([*(spot.right for spot in inside), *ways]) + PAD
    top, bottom = min(spot.top for spot in inside) - HEADER, max(spot.bottom for spot in inside) + PAD
    frame = (
        f'<rect x="{number(left)}" y="{number(top)}" width="{number(right - left)}" height="{number(bottom - top)}" '
        'rx="8" fill="#f6f7f9" stroke="#c9ced6"/>'
    )
    return frame + text(left + PAD, top + 16, box, 11.5, fill="#57606a")


def _line(line: Line) -> str:
    dashes = ' stroke-dasharray="5 4"' if line.flow.side else ""
    drawn = f'<path d="{path(line.points)}" fill="none" stroke="#57606a" stroke-width="1.3"{dashes}/>'
    return drawn + arrow_head(*line.points[-1])


def _step(step: Step, spot: Spot) -> str:
    left, height = spot.x - spot.width / 2, NODE_HEIGHT
    radius = height / 2 if step.kind != "work" else 6
    frame = f'x="{number(left)}" y="{number(spot.top)}" width="{number(spot.width)}" height="{height}" rx="{radius:g}"'
    in_words = " to ".join(map(str, step.stages))
    parts = [f"<title>{escape(step.name)}: {f'stage {in_words}' if in_words else 'in no stage'}</title>"]
    if step.kind == MERGE:
        parts.append(f'<rect {frame} fill="#ffffff" stroke="#8c959f"/>')
        return _group(step, parts, text(spot.x, spot.y + 4.3, step.label, SIZE, anchor="middle"))
    clip = f"clip-{step.name.replace('/', '-').replace(' ', '-')}"
    parts.append(f'<clipPath id="{clip}"><rect {frame}/></clipPath>')
    band = height / len(step.stages)
    for index, stage in enumerate(step.stages):
        y = spot.top + index * band
        parts.append(
            f'<rect x="{number(left)}" y="{number(y)}" width="{number(spot.width)}" height="{number(band)}" '
            f'fill="{colours(stage)[0]}" clip-path="url(#{clip})"/>'
        )
    parts.append(f'<rect {frame} fill="none" stroke="{colours(step.stages[-1])[2]}"/>')
    if step.kind == SHUFFLE:
        parts.append(shuffle_sign(left + 17, spot.y))
    ends = "→".join(map(str, dict.fromkeys((step.stages[0], step.stages[-1]))))
    parts.append(
        text(spot.right - 10, spot.y + 4, ends, SMALL, anchor="end", weight=600, fill=colours(step.stages[-1])[2])
    )
    return _group(step, parts, text(spot.x - 6, spot.y + 4.3, step.label, SIZE, anchor="middle"))


def _group(step: Step, parts: list[str], label: str) -> str:
    return f'<g class="step {step.kind}">{"".join(parts)}{label}</g>'
