"""Fill in the page."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from typing import Any
from urllib.parse import urlsplit

from medvision.pipelines.picture.numbers import plain
from medvision.pipelines.picture.styles import Style
from medvision.pipelines.report.cards import Card
from medvision.pipelines.report.charts import Chart
from medvision.pipelines.report.doubts import Doubt
from medvision.pipelines.report.letters import Letters
from medvision.pipelines.report.tables import DatasetRow, LabelRow, LicenceRow, MeasureRow
from medvision.pipelines.report.words import KIND_NAMES, NAMELESS, byte_text, number, web_address

STYLES = ("colours.css", "page.css", "cards.css", "print.css")
SCRIPTS = ("state.js", "filters.js", "tables.js", "cards.js", "start.js")


@dataclass(frozen=True)
class Content:
    """What the page shows. `manifest` is the release's; `bytes_by_kind` sums `files.parquet`."""

    manifest: dict[str, Any]
    bytes_by_kind: dict[str, int]
    datasets: Sequence[DatasetRow]
    labels: Sequence[LabelRow]
    measures: Sequence[MeasureRow]
    licences: Sequence[LicenceRow]
    charts: Sequence[Chart]
    doubts: Sequence[Doubt]
    letters: Letters
    cards: Sequence[Card]


def render_page(content: Content) -> bytes:
    """The page in UTF-8. Everything of the release is escaped; only our own style, script and charts are not."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("medvision.pipelines.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "bytes": byte_text,
        "number": number,
        "plain": plain,
        "web": web_address,
        "json": lambda value: json.dumps(list(value), ensure_ascii=False),
        "kind": lambda kind: KIND_NAMES.get(kind, kind),
        "format_mm": lambda quantity: quantity.removeprefix("box, ") + " mm",
        "quoted": shlex.quote,
        "host": lambda url: urlsplit(url).hostname or "",
        "named": lambda name: plain(name, 128) if name else NAMELESS,
    }
    style, script = _asset(STYLES), "(() => {\n" + _asset(SCRIPTS) + "})();\n"
    policy = f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
    text = environment.get_template("page.html.j2").render(
        page=content,
        totals=_totals(content),
        facets=_facets(content),
        swatch=_swatch,
        style=style,
        script=script,
        policy=policy + "base-uri 'none'; form-action 'none'",
    )
    return text.encode()


def _asset(names: Sequence[str]) -> str:
    folder = package_files("medvision.pipelines.report").joinpath("templates")
    return "".join(folder.joinpath(name).read_text("utf-8") for name in names)


def _hash(text: str) -> str:
    """What a content security policy calls a text that may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _totals(content: Content) -> dict[str, Any]:
    rows = content.datasets
    kinds = [kind for kind in KIND_NAMES if any(kind in row.pairs for row in rows)]
    return {
        "cases": sum(row.cases for row in rows),
        "patients": sum(row.patients for row in rows),
        "images": sum(row.images for row in rows),
        "slices": sum(sum(row.slices.values()) for row in rows),
        "left_out": sum(row.left_out for row in rows),
        "bytes": sum(content.bytes_by_kind.values()),
        "kinds": kinds,
        "pairs": {kind: sum(row.pairs.get(kind, 0) for row in rows) for kind in kinds},
        "single": {kind: sum(row.single.get(kind, 0) for row in rows) for kind in kinds},
        "planes": {plane: sum(row.slices[plane] for row in rows) for plane in content.manifest["switches"]["planes"]},
        "imageless": [row.name for row in rows if not row.has_images],
    }


def _facets(content: Content) -> dict[str, list[tuple[str, str]]]:
    """(value, text) of the options of each filter."""
    labels = {row.name for row in content.labels} | {row.name or row.key for row in content.measures}
    kinds = [kind for kind in KIND_NAMES if any(kind in row.pairs for row in content.datasets)]
    return {
        "dataset": [(row.name, plain(row.name)) for row in content.datasets],
        "label": [(name, plain(name) or NAMELESS) for name in sorted(labels, key=lambda n: (n.casefold(), n))],
        "plane": [(plane, plane) for plane in content.manifest["switches"]["planes"]],
        "kind": [(kind, KIND_NAMES[kind]) for kind in kinds],
    }


def _swatch(style: Style) -> dict[str, str]:
    """Attributes of a line that looks like a label's."""
    return {
        "stroke": "#{:02x}{:02x}{:02x}".format(*style.colour),
        "dashes": " ".join(map(str, style.dash)) or "none",
    }
