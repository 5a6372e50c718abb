"""The result of a comparison, and its stable JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from medvision.pipelines.diff.shards import Build
from medvision.pipelines.diff.sides import MoveKey
from medvision.pipelines.diff.tally import ANY, UNEXPLAINED, Tally
from medvision.schemas.rules import Rules

FORMAT, VERSION = "medvision-diff", 1


@dataclass(frozen=True)
class Half:
    """What the head of a report says of one half; `content_hash` is "" unless it was asked for."""

    url: str
    rules: str
    built_rules: str
    schema_version: int
    algorithm_version: int
    planes: tuple[str, ...]
    limit: int
    datasets: tuple[str, ...]
    content_hash: str = ""

    @staticmethod
    def of(build: Build, rules: Rules) -> Half:
        manifest = build.release.manifest
        return Half(
            url=build.release.url,
            rules=rules.name,
            built_rules=manifest["rules"],
            schema_version=manifest["schema_version"],
            algorithm_version=manifest["algorithm_version"],
            planes=build.planes,
            limit=manifest.get("limit", 0),
            datasets=tuple(build.datasets),
        )


@dataclass
class Diff:
    """Differences of B against A.

    Attributes:
        a, b: What was compared.
        switches: (name, value in A, value in B) of every switch that differs.
        tally: Differing pairs by cause.
        moved: Images on another side of the numbered split.
        not_tested: Why some switches could be no cause.
        not_compared: What this comparison cannot say.
        problems: Files of one release that contradict one another, and in how many pairs.
    """

    a: Half
    b: Half
    switches: list[tuple[str, Any, Any]]
    tally: Tally = field(default_factory=Tally)
    moved: Counter[MoveKey] = field(default_factory=Counter)
    moved_examples: list[str] = field(default_factory=list)
    not_tested: list[str] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)
    problems: dict[str, int] = field(default_factory=dict)

    @property
    def different(self) -> bool:
        return self.tally.different or bool(self.moved) or bool(self.problems)

    @property
    def unexplained(self) -> int:
        """Pairs, slices and images whose difference has no cause, within a release or between both."""
        keys = [key for key in self.tally.listed() if key.quantity == ANY and key.cause.startswith(UNEXPLAINED)]
        moves = sum(count for key, count in self.moved.items() if key.cause.startswith(UNEXPLAINED))
        return sum(self.tally.count(key) for key in keys) + moves + sum(self.problems.values())

    def to_json(self) -> str:
        """The whole report; equal releases and rules give equal text."""
        document = {
            "format": FORMAT,
            "version": VERSION,
            "different": self.different,
            "unexplained": self.unexplained,
            "a": asdict(self.a),
            "b": asdict(self.b),
            "switches": [{"name": name, "a": a, "b": b} for name, a, b in self.switches],
            "not_tested": sorted(self.not_tested),
            "not_compared": sorted(self.not_compared),
            "problems": sorted(self.problems),
            "pairs": self._pairs(),
            "groups": [group.to_json() for group in self.tally.groups()],
            "moved": [key._asdict() | {"images": count} for key, count in sorted(self.moved.items())],
            "moved_examples": self.moved_examples,
            "examples": [
                {"dataset": dataset, "kind": kind, "cause": cause, "pair_ids": ids}
                for (dataset, kind, cause), ids in sorted(self.tally.examples.items())
            ],
        }
        return json.dumps(document, indent=1, sort_keys=True) + "\n"

    def _pairs(self) -> list[dict[str, Any]]:
        seen = sorted({(dataset, kind) for dataset, kind, _ in self.tally.pairs})
        found = []
        for dataset, kind in seen:
            counts = {name: self.tally.pairs[dataset, kind, name] for name in ("a", "b", "both")}
            states: Counter[str] = Counter()
            for key in self.tally.listed():
                if (key.dataset, key.kind, key.quantity) == (dataset, kind, ANY):
                    states[key.state] += self.tally.count(key)
            found.append({"dataset": dataset, "kind": kind, **counts, **states})
        return found


def switches_between(first: Rules, second: Rules) -> list[tuple[str, Any, Any]]:
    """Every switch that differs; the names of the rules and of their plans are none."""
    named = [(item.name, getattr(first, item.name), getattr(second, item.name)) for item in fields(Rules)]
    return [(name, one, other) for name, one, other in named if one != other and name not in ("name", "lesion_plan")]
