"""From a Beam pipeline that was wired, not run, to the graph that its reader has in mind."""

# No `from __future__ import annotations` here: this module imports Beam.

from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.pvalue import PCollection
from apache_beam.typehints.typehints import AnyTypeConstraint

from medvision.pipelines.graph.model import MERGE, SHUFFLE, WORK, Flow, Graph, Step
from medvision.pipelines.graph.names import side_input_hint, type_name
from medvision.pipelines.graph.stages import stages_of

OWN = __name__.partition(".")[0] + "."


class _Read(NamedTuple):
    """A collection at the leaf that reads it; `place` is that of a side input, -1 for the main input."""

    reader: AppliedPTransform
    collection: PCollection
    place: int


def read_graph(pipeline: beam.Pipeline) -> Graph:
    """The named steps of a pipeline and the collections between them.

    A step is what the wiring names: the parts of this project's composites. What a step of Beam is made of inside (a
    Reshuffle has five parts) is not shown.
    """
    nodes = dict(_steps(_root(pipeline), ""))
    owner = {part: node for node in nodes for part in _all_parts(node)}
    kinds = {node: _kind(node) for node in nodes}
    merges = {node.full_label for node, kind in kinds.items() if kind == MERGE}
    stages = stages_of(pipeline, [node.full_label for node in nodes], merges)
    reads = [read for node in nodes for part in _all_parts(node) if not part.parts for read in _reads(part)]
    flows: dict[Flow, None] = {}
    for read in reads:
        producer: Any = read.collection.producer
        source, target = owner[producer], owner[read.reader]
        if source is target:
            continue
        tag = next((str(tag or "") for tag, made in source.outputs.items() if made == read.collection), "")
        what, side = type_name(_element_type(read.collection, reads)), read.place >= 0
        ends = stages[source.full_label][-1:], stages[target.full_label][:1]
        fused = bool(ends[0]) and ends[0] == ends[1] and not side
        flows[Flow(source.full_label, target.full_label, tag, what, side, fused)] = None
    steps = (Step(node.full_label, box, kinds[node], stages[node.full_label]) for node, box in nodes.items())
    return Graph(tuple(steps), tuple(flows))


def _root(pipeline: beam.Pipeline) -> AppliedPTransform:
    entered: list[AppliedPTransform] = []

    class Visitor(PipelineVisitor):  # type: ignore[misc]
        def enter_composite_transform(self, transform_node: AppliedPTransform) -> None:
            entered.append(transform_node)

    pipeline.visit(Visitor())
    return entered[0]


def _steps(node: AppliedPTransform, box: str) -> Iterator[tuple[AppliedPTransform, str]]:
    """Steps below a node with the names of their boxes; a composite of this project is a box, not a step."""
    for part in node.parts:
        if type(part.transform).__module__.startswith(OWN):
            yield from _steps(part, box or part.full_label)
        else:
            yield part, box


def _all_parts(node: AppliedPTransform) -> Iterator[AppliedPTransform]:
    yield node
    for part in node.parts:
        yield from _all_parts(part)


def _kind(node: AppliedPTransform) -> str:
    if isinstance(node.transform, beam.Flatten):
        return MERGE
    shuffled = any(isinstance(part.transform, beam.GroupByKey) for part in _all_parts(node))
    return SHUFFLE if shuffled else WORK


def _reads(leaf: AppliedPTransform) -> Iterator[_Read]:
    for collection in leaf.inputs:
        if isinstance(collection, PCollection):
            yield _Read(leaf, collection, -1)
    for place, side in enumerate(leaf.side_inputs):
        yield _Read(leaf, side.pvalue, place)


def _element_type(collection: PCollection, reads: list[_Read]) -> Any:
    """By Beam's hints, or where those know nothing, by the DoFn that reads it as a side input, maybe after a merge."""
    if not isinstance(collection.element_type, AnyTypeConstraint):
        return collection.element_type
    for reader, read, place in reads:
        if read is not collection:
            continue
        if place >= 0:
            transform: Any = reader.transform
            return side_input_hint(transform.fn, place, reader.side_inputs[place])
        if isinstance(reader.transform, beam.Flatten):
            merged: Any = reader.outputs[None]
            return _element_type(merged, reads)
    return collection.element_type
