"""The graph as text: an outline for the terminal, and for tools that draw on their own, DOT and Mermaid."""

from __future__ import annotations

from medvision.pipelines.graph.model import MERGE, SHUFFLE, Flow, Graph, Step

DOT_SHAPES = {SHUFFLE: "hexagon", MERGE: "ellipse"}
MERMAID_SHAPES = {SHUFFLE: '{{{{"{}"}}}}', MERGE: '(["{}"])'}


def outline(graph: Graph) -> list[str]:
    """A line a step: its stages, kind and readers."""
    lines, box = [], ""
    width = max(len(step.label) for step in graph.steps) + 2
    for step in graph.steps:
        if step.box and step.box != box:
            lines.append(step.box)
        box = step.box
        name = f"{'  ' if step.box else ''}{step.label}"
        kind = step.kind if step.kind != "work" else ""
        lines.append(f"{_stages(step):>8}  {name:<{width}}  {kind:<8}{_readers(step, graph)}".rstrip())
    shuffles = sum(step.kind == SHUFFLE for step in graph.steps)
    return [*lines, f"{len(graph.steps)} steps in {graph.stage_count} stages, {shuffles} shuffles"]


def dot(graph: Graph) -> str:
    """For Graphviz."""
    lines = ["digraph build {", "  node [shape=box, style=rounded];"]
    for number, box in enumerate(graph.boxes):
        lines += [f"  subgraph cluster_{number} {{", f'    label="{box}";']
        lines += [f'    "{step.name}";' for step in graph.steps if step.box == box]
        lines.append("  }")
    for step in graph.steps:
        shape = DOT_SHAPES.get(step.kind, "box")
        lines.append(f'  "{step.name}" [label="{_titled(step, chr(92) + "n")}", shape={shape}];')
    for flow in graph.flows:
        style = "dashed" if flow.side else "bold" if flow.fused else "solid"
        lines.append(f'  "{flow.source}" -> "{flow.target}" [label="{flow.what}", style={style}];')
    return "\n".join([*lines, "}"]) + "\n"


def mermaid(graph: Graph) -> str:
    """For Mermaid, as many sites draw it in Markdown."""
    ids = {step.name: f"s{number}" for number, step in enumerate(graph.steps)}
    lines = ["flowchart TB"]
    for number, box in enumerate((*graph.boxes, "")):
        inside = [step for step in graph.steps if step.box == box]
        indent = "    " if box else "  "
        lines += [f'  subgraph b{number}["{box}"]'] if box else []
        for step in inside:
            shape = MERMAID_SHAPES.get(step.kind, '["{}"]').format(_titled(step, "<br>"))
            lines.append(f"{indent}{ids[step.name]}{shape}")
        lines += ["  end"] if box else []
    lines += [f'  {ids[f.source]} {_mermaid_arrow(f)}|"{f.what}"| {ids[f.target]}' for f in graph.flows]
    return "\n".join(lines) + "\n"


def _stages(step: Step) -> str:
    return ">".join(map(str, dict.fromkeys((*step.stages[:1], *step.stages[-1:]))))


def _titled(step: Step, newline: str) -> str:
    return f"{step.label}{newline}stage {_stages(step)}" if step.stages else step.label


def _readers(step: Step, graph: Graph) -> str:
    found: dict[tuple[str, bool], list[str]] = {}
    for flow in graph.flows:
        if flow.source == step.name:
            found.setdefault((flow.what, flow.side), []).append(_short(flow, step))
    parts = [f"{what} -> {', '.join(to)}{' (side input)' if side else ''}" for (what, side), to in found.items()]
    return "; ".join(parts)


def _short(flow: Flow, step: Step) -> str:
    return flow.target.removeprefix(f"{step.box}/") if step.box else flow.target


def _mermaid_arrow(flow: Flow) -> str:
    return "-.->" if flow.side else "==>" if flow.fused else "-->"
