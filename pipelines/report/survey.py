"""The first pass over a release's annotation rows: counts, samples of sizes, doubts and slices for the gallery."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.release import Release
from medvision.pipelines.report.batches import Batch, batches
from medvision.pipelines.report.candidates import Candidates
from medvision.pipelines.report.doubts import Doubt
from medvision.pipelines.report.outliers import find_outliers
from medvision.pipelines.report.quantities import AREA, BOX, LENGTHS, Key, columns_of, flat, quantities
from medvision.pipelines.report.row_doubts import COLUMNS, RowDoubts
from medvision.pipelines.report.sample import Sample
from medvision.schemas.rules import Rules

PIXEL = "pixel side"
MOST_BOXES = 12
"""Slices with more boxes are counted together."""


@dataclass
class Survey:
    """What the page says of the rows.

    Attributes:
        slices: By (dataset, side, plane).
        labels: Slices by (dataset, label name).
        boxes: Slices by how many boxes they have, MOST_BOXES standing for more too.
        sizes: Samples by label and quantity, and measures of landmarks by their key.
        of_datasets: Samples by (dataset, quantity) over all its labels; PIXEL is of the image's pixels.
        measure_names: (dataset, key) to what the field calls a measure.
        doubts: Those that the release raises.
    """

    candidates: Candidates
    slices: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    labels: Counter[tuple[str, str]] = field(default_factory=Counter)
    boxes: Counter[int] = field(default_factory=Counter)
    sizes: dict[Key, Sample] = field(default_factory=dict)
    of_datasets: dict[tuple[str, str], Sample] = field(default_factory=dict)
    measure_names: dict[tuple[str, str], str] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)


def survey(release: Release, rules: Rules) -> Survey:
    """Read the annotation files twice, batch by batch; memory does not grow with their rows."""
    found, row_doubts = Survey(Candidates(rules)), RowDoubts()
    columns = list(dict.fromkeys(["side", "plane", *COLUMNS, *columns_of(rules)]))
    for batch in batches(release, columns):
        _count(batch, found)
        row_doubts.add(batch)
        found.candidates.add(batch)
        boxes = np.zeros(batch.rows.num_rows, np.int64)
        for values in quantities(batch, rules):
            value_ranks = batch.ranks(" ".join(values.key), values.rows)
            found.sizes.setdefault(values.key, Sample()).add(values.values, value_ranks)
            if values.key.quantity in (AREA, *LENGTHS):
                whole = found.of_datasets.setdefault((batch.dataset, values.key.quantity), Sample())
                whole.add(values.values, value_ranks)
            if values.key.quantity == BOX:
                boxes += np.bincount(values.rows, minlength=len(boxes))
        found.boxes.update(np.minimum(boxes, MOST_BOXES).tolist())
    outliers = find_outliers(release, rules, found.sizes)
    found.doubts = [*([outliers] if outliers.total else []), *row_doubts.found()]
    return found


def _count(batch: Batch, found: Survey) -> None:
    for row in (
        pa.table({name: batch.rows[name] for name in ("side", "plane")})
        .group_by(["side", "plane"])
        .aggregate([([], "count_all")])
        .to_pylist()
    ):
        found.slices[batch.dataset, row["side"], row["plane"]] += row["count_all"]
    rows, segments = flat(batch.rows["segments"])
    shown = pa.table({"row": rows, "name": segments.field("name").fill_null("")})
    once = shown.group_by(["row", "name"]).aggregate([])  # a slice may show several labels without a name
    for item in pc.value_counts(once["name"]).to_pylist():
        found.labels[batch.dataset, item["values"]] += item["counts"]
    sides_mm = batch.pairs("pixel_spacing_mm")
    of_sides = np.repeat(np.arange(len(sides_mm)), 2)
    pixels = found.of_datasets.setdefault((batch.dataset, PIXEL), Sample())
    pixels.add(sides_mm.reshape(-1), batch.ranks(PIXEL, of_sides))
    measures = pc.list_flatten(batch.rows["biometrics"])
    for key, name in zip(measures.field("key").to_pylist(), measures.field("name").to_pylist(), strict=True):
        found.measure_names.setdefault((batch.dataset, key), name)
