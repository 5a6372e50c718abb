"""What a look at raw data found, gathered by code: errors stop a build's purpose, warnings deserve a look."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

SEVERITIES = ("error", "warning", "info")
EXAMPLES = 3


@dataclass(frozen=True)
class Finding:
    """One kind of finding in one dataset. `examples` are case ids or paths below the raw root."""

    severity: str
    dataset: str
    code: str
    meaning: str
    count: int
    examples: tuple[str, ...]


@dataclass
class Found:
    """Collects findings; each code is counted, its first examples kept."""

    _counts: dict[tuple[str, str, str, str], int] = field(default_factory=lambda: defaultdict(int))
    _examples: dict[tuple[str, str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, severity: str, dataset: str, code: str, meaning: str, example: str) -> None:
        key = (severity, dataset, code, meaning)
        self._counts[key] += 1
        if len(self._examples[key]) < EXAMPLES:
            self._examples[key].append(example)

    def findings(self) -> list[Finding]:
        """All findings, errors first."""
        ordered = sorted(self._counts, key=lambda key: (SEVERITIES.index(key[0]), *key[1:]))
        return [Finding(*key, self._counts[key], tuple(self._examples[key])) for key in ordered]
