"""One export while it runs: what the formats are given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from medvision.pipelines.export.folder import ExportFolder
from medvision.pipelines.export.select import Selection
from medvision.pipelines.release import Release
from medvision.schemas.rules import RULES, Rules


@dataclass(frozen=True)
class FormOptions:
    """What only some formats take; "" and False are their defaults.

    Attributes:
        images: coco: "none", "png8" (rendered) or "png16" (as stored).
        gzip: csv: pack each table.
        raw: dicom-sr: root of the raw series; plans: where the build's cases are listed.
        splits_from: plans: folder of published plans that the release took its sides from.
        keep_identity: dicom-sr: copy patient and study attributes of the series.
    """

    images: str = ""
    gzip: bool = False
    raw: str = ""
    splits_from: str = ""
    keep_identity: bool = False


@dataclass(frozen=True)
class ExportJob:
    """An open release, what is asked of it, and where it goes.

    Attributes:
        advance: Told how many slice rows were done.
        counts: What was written, by name; the format fills it.
        refused: Cases that the format cannot hold, with the reason.
    """

    release: Release
    selection: Selection
    folder: ExportFolder
    options: FormOptions
    advance: Callable[[int], None]
    counts: Counter[str] = field(default_factory=Counter)
    refused: list[dict[str, Any]] = field(default_factory=list)

    @property
    def rules(self) -> Rules:
        """Rules of the release."""
        return RULES[self.release.manifest["rules"]]
