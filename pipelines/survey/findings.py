"""What a look at raw data finds, gathered by code and never raised."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from medvision.schemas.faults import REASONS, DataFault

SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """One kind of finding in one dataset.

    Attributes:
        severity: "error" (raw data that no build can use as it is), "warning" (deserves a look) or "info".
        dataset: Its name; names joined by "+" for doubles across datasets.
        code: Stable name of the kind, a key of REASONS where a build would give that reason.
        meaning: One sentence.
        count: How often.
        examples: Every place: case ids, or paths below the dataset's folder, with figures.
    """

    severity: str
    dataset: str
    code: str
    meaning: str
    count: int
    examples: tuple[str, ...]


@dataclass
class Found:
    """Collects findings."""

    _examples: dict[tuple[str, str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, severity: str, dataset: str, code: str, meaning: str, example: str) -> None:
        self._examples[severity, dataset, code, meaning].append(example)

    def add_fault(self, severity: str, dataset: str, fault: DataFault, path: str) -> None:
        """A data fault of the file at `path` below the dataset's folder."""
        example = f"{path}: {fault.message}" if fault.values else path
        self.add(severity, dataset, fault.reason, meaning_of(fault.reason), example)

    def add_unreadable(self, dataset: str, error: OSError, path: str) -> None:
        """A file that the operating system does not give; its own message is left out, it may name a whole path."""
        example = f"{path}: {error.strerror or type(error).__name__}"
        self.add("error", dataset, "unreadable", "file cannot be opened or read", example)

    def findings(self) -> tuple[Finding, ...]:
        """Errors first, then by dataset and code."""
        ordered = sorted(self._examples, key=lambda key: (SEVERITIES.index(key[0]), *key[1:]))
        return tuple(Finding(*key, len(self._examples[key]), tuple(self._examples[key])) for key in ordered)


def meaning_of(reason: str) -> str:
    """The template of a reason code, without figures."""
    return re.sub(r"\{\w+\}", "...", REASONS[reason]).removesuffix(": ...")
