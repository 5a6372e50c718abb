"""The README card of a folder of prompts."""

from __future__ import annotations

from typing import Any

from medvision.pipelines.card.front_matter import HUB_LICENCES, LARGER_SIZES, SIZES
from medvision.pipelines.export.folder import ExportFolder
from medvision.pipelines.prompts.ask import REASONS
from medvision.pipelines.prompts.options import PromptOptions
from medvision.pipelines.release import Release
from medvision.schemas.prompts import QUESTIONS
from medvision.sources.registry import DATASETS
from medvision.transforms.processor_sizes import PROCESSORS

README = "README.md"


def write_card(
    folder: ExportFolder, release: Release, options: PromptOptions, datasets: set[str], summary: dict[str, Any]
) -> None:
    """Write README.md: front matter for the hub, how to load, what targets mean, counts, licences."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("medvision.pipelines.prompts", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    counts = summary["counts"]
    tables = [DATASETS[name] for name in sorted(datasets) if name in DATASETS]
    text = environment.get_template("README.md.j2").render(
        options=options,
        rules=release.manifest["rules"],
        rows=summary["rows"],
        splits={name.split()[1]: count for name, count in counts.items() if name.startswith("split ")},
        kinds={kind: counts[kind] for kind in QUESTIONS if kind in counts},
        pictures=counts["pictures"],
        left_out=[{**item, "why": REASONS[item["reason"]]} for item in summary["left_out"]],
        datasets=tables,
        unlisted=sorted(datasets - {table.name for table in tables}),
        private=[table.name for table in tables if not table.redistribute],
        processor=PROCESSORS.get(options.processor),
        licence=_licence({table.spdx.lower() for table in tables}),
        size=_size(summary["rows"]),
    )
    with folder.open(README) as out:
        out.write(text.encode())


def _licence(ids: set[str]) -> str:
    """An id that the hub knows, "other" where sources differ."""
    found = next(iter(ids)) if len(ids) == 1 else ""
    return found if HUB_LICENCES.fullmatch(found) else "other"


def _size(count: int) -> str:
    return next((name for limit, name in (*SIZES, *LARGER_SIZES) if count < limit), "100M<n<1B")
