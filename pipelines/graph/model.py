"""A pipeline as its reader sees it: named steps in boxes, and the collections between them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

WORK, SHUFFLE, MERGE = "work", "shuffle", "merge"
"""Plain work; work that regroups its elements between processes; several collections taken as one, which costs none."""


@dataclass(frozen=True)
class Step:
    """One step with a name of its own.

    Attributes:
        name: Full name, "Publish/Write pairs".
        box: The composite that it stands in, "Publish"; "" for none.
        kind: WORK, SHUFFLE or MERGE.
        stages: Numbers from 1 of the fused stages that hold its parts, in order: a shuffle is written by the first and
            read by the last. () for a merge.
    """

    name: str
    box: str
    kind: str
    stages: tuple[int, ...]

    @property
    def label(self) -> str:
        """The name without its box."""
        return self.name.removeprefix(f"{self.box}/")


@dataclass(frozen=True)
class Flow:
    """A collection on its way from the step that makes it to one that reads it.

    Attributes:
        source, target: Full names of steps.
        tag: Which of the source's outputs, "" for the main one.
        what: Type of its elements, as people write it.
        side: A side input: the reader gets the whole collection with each element.
        fused: Handed on inside one stage, so inside one process, without being stored.
    """

    source: str
    target: str
    tag: str
    what: str
    side: bool
    fused: bool

    @property
    def collection(self) -> tuple[str, str]:
        """Equal for all readers of one collection."""
        return self.source, self.tag


@dataclass(frozen=True)
class Graph:
    """Steps in the order in which the pipeline names them, and flows by their readers in that order."""

    steps: tuple[Step, ...]
    flows: tuple[Flow, ...]

    @property
    def boxes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(step.box for step in self.steps if step.box))

    @property
    def stage_count(self) -> int:
        return max((stage for step in self.steps for stage in step.stages), default=0)

    def as_json(self) -> dict[str, object]:
        """The same in dicts and lists."""
        return asdict(self)
