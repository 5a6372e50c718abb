"""Fill in the card and write it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files as package_files
from typing import Any

from medvision.pipelines.card.configs import configs, pair_columns, slices_by_side
from medvision.pipelines.card.front_matter import front_matter
from medvision.pipelines.card.limits import known_limits, private_sources
from medvision.schemas.dataset import Dataset
from medvision.schemas.options import BuildOptions
from medvision.schemas.plans import PLANS
from medvision.schemas.record import PublishedFile

TEMPLATE = "README.md.j2"
RULES_TEXT = {
    "conic": "as upstream's release {} computes them, its known oddities included and flagged",
    "moments": "by this project's own definitions (`exact`): RECIST 1.1 diameters, moment axes, signed angles and "
    "8-connected instances",
}


def card_text(
    datasets: Sequence[Dataset], files: Sequence[PublishedFile], summary: dict[str, Any], options: BuildOptions
) -> str:
    """README.md of a release: a pure function of what was published."""
    from jinja2 import Environment, StrictUndefined

    found = configs(files, options.planes)
    totals = {name: pair_columns(summary[name]["pairs"]) for name in summary}
    pairs = sum(sum(item["pairs"].values()) for item in summary.values())
    first = {family: next((c for c in found if c.family == family), None) for family in ("slices", "plane", "pairs")}
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["cell"] = _cell
    environment.filters["megabytes"] = lambda count: f"{count / 1e6:,.1f}"
    template = environment.from_string(package_files("medvision.pipelines.card").joinpath(TEMPLATE).read_text("utf-8"))
    return (
        "\n".join(front_matter(datasets, found, pairs))
        + "\n"
        + template.render(
            datasets=datasets,
            summary=summary,
            totals=totals,
            sides=slices_by_side(files),
            options=options,
            rules=RULES_TEXT[options.rule_table.lesion_axes].format(options.rules),
            families=sorted({config.family for config in found}),
            first=first,
            tars=any(file.kind == "webdataset" for file in files),
            plans=PLANS in options.formats,
            private=private_sources(datasets, options),
            with_images=[d.name for d in datasets if options.of(d.name).images != "none"],
            limits=known_limits(datasets, summary, options),
        )
    )


def _cell(text: object) -> str:
    """Text that stays within a cell of a Markdown table."""
    return f"{text:,}" if isinstance(text, int) else str(text).replace("|", "\\|").replace("\n", " ")
