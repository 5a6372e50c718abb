"""Which annotations of a slice are shown: all of them, or those of one label, kind or measure, by a release's rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medvision.schemas.pairs import KINDS, LANDMARK_KINDS
from medvision.schemas.rules import RULES, Rules

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Chosen:
    """What to show.

    Attributes:
        rules: Decide which boxes, lesion axes and conventions of angles the pairs of a release are made of.
        label: One label's annotations alone; None for all.
        kind: One of KINDS; "" for all.
        measure: Key of one measure of landmarks; "" for all.
    """

    rules: Rules
    label: int | None = None
    kind: str = ""
    measure: str = ""

    def segments(self, row: Item) -> list[Item]:
        """Labels of the slice with their boxes."""
        return [item for item in self._of(row, "segments", "BoxSize", "MaskSize") if self._labelled(item)]

    def lesions(self, row: Item) -> list[Item]:
        """Lesion tasks of the slice."""
        return [item for item in self._of(row, "lesions", "TumorLesionSize", "LesionDiameter") if self._labelled(item)]

    def measures(self, row: Item) -> list[Item]:
        """Measures that pairs are made of: of the first source, by the rules' convention."""
        if self.label is not None:
            return []
        found = [
            item
            for item in self._of(row, "biometrics", *LANDMARK_KINDS)
            if item["primary"] and item["definition"] == self.rules.biometrics
        ]
        metric = LANDMARK_KINDS.get(self.kind, "")
        found = [item for item in found if not metric or item["metric_type"] == metric]
        return [item for item in found if self.measure in ("", item["key"])]

    def shows(self, kind: str) -> bool:
        return self.kind in ("", kind)

    def _of(self, row: Item, column: str, *kinds: str) -> list[Item]:
        wanted = not self.measure or column == "biometrics"
        return list(row.get(column) or ()) if wanted and (not self.kind or self.kind in kinds) else []

    def _labelled(self, item: Item) -> bool:
        return self.label is None or int(item["label"]) == self.label


def choose(
    row: Item, rules: str = "1.4.0", label: int | None = None, kind: str | None = None, measure: str | None = None
) -> Chosen:
    """Check a choice against the slice.

    Raises:
        ValueError: Unknown rules or kind, or a label or measure that the slice does not have.
    """
    if rules not in RULES:
        raise ValueError(f"rules {rules!r} are none of {', '.join(RULES)}")
    if kind and kind not in KINDS:
        raise ValueError(f"kind {kind!r} is none of {', '.join(KINDS)}")
    chosen = Chosen(RULES[rules], label, kind or "", measure or "")
    where = f"slice {row.get('slice_id')!r}"
    labels = {int(segment["label"]): segment["name"] for segment in row.get("segments") or ()}
    if label is not None and label not in labels:
        shown = ", ".join(f"{value} {name}".strip() for value, name in labels.items()) or "none"
        raise ValueError(f"label {label} is not on {where}; its labels: {shown}")
    if measure and not chosen.measures(row):
        keys = ", ".join(item["key"] for item in Chosen(chosen.rules).measures(row)) or "none"
        raise ValueError(f"measure {measure!r} is not on {where}; its measures: {keys}")
    return chosen
