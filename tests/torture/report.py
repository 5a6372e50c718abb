"""What a part of the torture says: tables of what was tried, and what did not survive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Cell = str | int | float


@dataclass
class Section:
    """One table. `failures` are sentences, each a promise that was broken; none is what everybody hopes for."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Heading, table and notes for the page in docs/."""
        lines = [f"### {self.title}", "", _line(self.columns), _line(["---"] * len(self.columns))]
        lines += [_line([_text(cell) for cell in row]) for row in self.rows]
        lines += ["", *self.notes] if self.notes else []
        return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(cell: Cell) -> str:
    return (
        f"{cell:,}" if isinstance(cell, int) else f"{cell:.3g}" if isinstance(cell, float) else cell.replace("|", "\\|")
    )
