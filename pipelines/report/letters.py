"""Dead letters: what was left out of the release, counted by reason, and the first of them in full."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from medvision.pipelines.release import Release
from medvision.schemas.faults import DEAD_LETTER_SCHEMA

MOST = 400
"""Rows of the table; a dataset that is missing as a whole would fill the page."""


@dataclass
class Letters:
    """`shown` are the first rows of DEAD_LETTER_SCHEMA of each dataset, "" for null; `reasons` counts all."""

    reasons: Counter[str] = field(default_factory=Counter)
    shown: list[dict[str, Any]] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.reasons.total()


def read_letters(release: Release) -> Letters:
    """Of every dataset, batch by batch; as many of each as leave room for the others."""
    found, files = Letters(), release.files("dead_letters")
    share = max(1, MOST // max(1, len(files)))
    for file in files:
        with release.parquet(file.path, stream=True) as table:
            room = share
            for batch in table.iter_batches(columns=DEAD_LETTER_SCHEMA.names):
                found.reasons.update(batch["reason"].to_pylist())
                rows = batch.slice(0, room).to_pylist()
                found.shown += [{name: value or "" for name, value in row.items()} for row in rows]
                room -= min(room, batch.num_rows)
    return found
