"""The picture of the pipeline: true, complete, legible, and the one that the docs show."""

import itertools
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from medvision.pipelines.build import build_release
from medvision.pipelines.cli.graph import SUFFIXES, build_graph, draw
from medvision.pipelines.graph.model import SHUFFLE, Flow, Graph
from medvision.pipelines.graph.place import NODE_HEIGHT, place
from medvision.pipelines.graph.read import read_graph
from medvision.pipelines.graph.route import Router, label_end
from medvision.pipelines.main import main
from medvision.runners.direct import direct_options
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import DATASETS

FIGURE = Path(__file__).parents[2] / "docs/figures/pipeline.svg"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return build_graph()


@pytest.fixture(scope="module")
def pipeline() -> beam.Pipeline:
    made = beam.Pipeline(options=direct_options(1))
    build_release(made, tuple(DATASETS.values()), BuildOptions("raw", "out", tuple(DATASETS)))
    return made


def flow(graph: Graph, source: str, target: str) -> Flow:
    (found,) = [flow for flow in graph.flows if (flow.source, flow.target) == (source, target)]
    return found


# The docs


def test_the_picture_of_the_docs_is_what_the_command_draws(tmp_path: Path) -> None:
    assert main(["graph", "--out", str(tmp_path / "now.svg")]) == 0
    assert (tmp_path / "now.svg").read_bytes() == FIGURE.read_bytes(), (
        "the pipeline has changed: medvision graph --out docs/figures/pipeline.svg, and see that docs/design.md holds"
    )


def test_another_process_draws_the_same_bytes(tmp_path: Path) -> None:
    program = "import sys; from medvision.pipelines.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "graph", "--out", str(tmp_path / "other.svg")]
    subprocess.run(command, env={"PYTHONHASHSEED": "4321"}, check=True)
    assert (tmp_path / "other.svg").read_bytes() == FIGURE.read_bytes()


# What is in the graph


def test_every_step_that_the_wiring_names_is_there_once(graph: Graph, pipeline: beam.Pipeline) -> None:
    names = [step.name for step in graph.steps]
    assert len(set(names)) == len(names)
    made = {transform.unique_name for transform in pipeline.to_runner_api().components.transforms.values()}
    made = {name for name in made if not name.startswith("ref_")}  # the whole pipeline
    assert set(names) <= made
    leaves = [name for name in made if not any(other.startswith(f"{name}/") for other in made)]
    assert [leaf for leaf in leaves if not any(f"{leaf}/".startswith(f"{name}/") for name in names)] == []
    assert {"Match cases", "Drop empty masks", "Assign splits", "Plan shards", "Build shards", "Publish"} <= set(
        graph.boxes
    )


def test_steps_that_hold_a_shuffle_are_marked(graph: Graph, pipeline: beam.Pipeline) -> None:
    transforms = pipeline.to_runner_api().components.transforms.values()
    grouped = [t.unique_name for t in transforms if t.spec.urn == "beam:transform:group_by_key:v1"]
    shuffled = {step.name for step in graph.steps if any(f"{g}/".startswith(f"{step.name}/") for g in grouped)}
    assert {"Spread shards", "Plan shards/Gather buckets", "Publish/Gather records"} <= shuffled
    assert {step.name for step in graph.steps if step.kind == SHUFFLE} == shuffled


def test_stages_are_those_of_the_runner(graph: Graph, pipeline: beam.Pipeline) -> None:
    _, fused = FnApiRunner().create_stages(pipeline.to_runner_api())
    fused_sets = [{transform.unique_name for transform in stage.transforms} for stage in fused]
    work = [step for step in graph.steps if step.kind == "work"]
    for one, other in itertools.combinations(work, 2):
        together = any(
            all(any(f"{n}/".startswith(f"{s.name}/") for n in names) for s in (one, other)) for names in fused_sets
        )
        assert (one.stages == other.stages) == together, (one.name, other.name)
    numbers = {stage for step in graph.steps for stage in step.stages}
    assert numbers == set(range(1, graph.stage_count + 1))
    for step in graph.steps:
        if step.kind == SHUFFLE:
            assert len(step.stages) > 1, step.name


def test_flows_are_of_the_types_that_the_wiring_says(graph: Graph) -> None:
    assert flow(graph, "Plan shards/Name shards", "Spread shards").what == "Shard"
    assert flow(graph, "Build shards/Build", "Publish/Gather records").what == "ShardRecord"
    assert flow(graph, "Plan shards/Gather buckets", "Plan shards/Name shards").what == "(Bucket, [Case])"
    assert flow(graph, "Match cases/List and pair", "Left out before").what == "DeadLetter"
    assert "Any" not in " ".join(flow.what for flow in graph.flows)


def test_side_inputs_and_hand_overs_are_told_apart(graph: Graph) -> None:
    splits = flow(graph, "Assign splits/Number splits", "Publish/Write pairs")
    assert (splits.what, splits.side, splits.fused) == ("(str, NumberedSplit)", True, False)
    assert flow(graph, "Left out before", "Publish/Write manifest").side
    assert flow(graph, "Publish/Take lock", "Publish/Each kind").fused
    kept = flow(graph, "Publish/Take lock", "Publish/Write manifest")
    assert (kept.side, kept.fused) == (False, False)


def test_every_build_has_these_steps(graph: Graph) -> None:
    """So the command needs no options of a build."""
    names = ("ACDC", "FeTA24")
    few = BuildOptions("raw", "out", names, rules="exact", planes=("axial",), formats=("parquet",), images="none")
    other = beam.Pipeline(options=direct_options(1))
    build_release(other, tuple(DATASETS[name] for name in names), few)
    assert read_graph(other) == graph


# How it looks


def test_nothing_overlaps(graph: Graph) -> None:
    spots = place(graph)
    router = Router(graph, spots)
    boxes = [(s.x - s.width / 2, s.top, s.right, s.bottom) for s in spots.values()]
    texts = [(m.x, m.y - 8, label_end(m), m.y + 2) for m in router.labels().values()]
    for one, other in itertools.combinations([*boxes, *texts], 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1], (one, other)
    for line in router.lines():  # and no line runs through a step
        for (ax, ay), (bx, by) in itertools.pairwise(line.points):
            left, right, top, bottom = min(ax, bx), max(ax, bx), min(ay, by), max(ay, by)
            hit = [b for b in boxes if left < b[2] and b[0] < right and top < b[3] and b[1] < bottom]
            hit += [b for b in boxes if ax == bx and b[0] < ax < b[2] and top < b[3] and b[1] < bottom]
            assert hit == [], line.flow
    assert all(spot.bottom - spot.top == NODE_HEIGHT for spot in spots.values())


def test_svg_shows_each_step_once_with_its_sign(graph: Graph) -> None:
    root = ET.fromstring(draw(graph, ".svg"))
    groups = [group for group in root.iter(f"{SVG}g") if "step" in group.get("class", "").split()]
    assert sorted(group[0].text.split(":")[0] for group in groups) == sorted(step.name for step in graph.steps)
    for group in groups:
        signs = [path for path in group.iter(f"{SVG}path") if path.get("class") == "shuffle-sign"]
        assert len(signs) == (SHUFFLE in group.get("class", ""))
    dashed = [path for path in root.iter(f"{SVG}path") if path.get("stroke-dasharray")]
    assert len(dashed) == sum(flow.side for flow in graph.flows) + 1  # and one in the legend
    width, height = (float(root.get(name)) for name in ("width", "height"))
    for element in root.iter():
        assert 0 <= float(element.get("x", 0)) <= width
        assert 0 <= float(element.get("y", 0)) <= height


# The command


def test_outline_is_a_line_a_step(graph: Graph, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for step in graph.steps:
        assert len([line for line in lines if re.match(rf"[ \d>]+ {re.escape(step.label)} ", f"{line} ")]) == 1
    assert lines[-1] == f"{len(graph.steps)} steps in {graph.stage_count} stages, 10 shuffles"
    assert all(line.isascii() for line in lines)


def test_each_format_holds_every_step_and_flow(graph: Graph) -> None:
    data = json.loads(draw(graph, ".json"))
    assert [step["name"] for step in data["steps"]] == [step.name for step in graph.steps]
    assert len(data["flows"]) == len(graph.flows)
    dot, mermaid = draw(graph, ".dot"), draw(graph, ".mmd")
    assert dot.count(" -> ") == len(graph.flows)
    assert len(re.findall(r" (?:-->|==>|-\.->)\|", mermaid)) == len(graph.flows)
    for step in graph.steps:
        assert dot.count(f'\n  "{step.name}" [label=') == 1
        assert len(re.findall(rf'"{step.label}(?:<br>|"\])', mermaid)) == 1


def test_another_ending_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["graph", "--out", "pipeline.png"])
    told = capsys.readouterr().err
    assert all(suffix in told for suffix in SUFFIXES)
