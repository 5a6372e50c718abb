"""Slices for the gallery: one drawn for each plane, kind, label and measure of a dataset while rows stream by."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.report.batches import Batch
from medvision.pipelines.report.places import Lowest, Place, weighted_scores
from medvision.pipelines.report.quantities import flat
from medvision.schemas.pairs import LANDMARK_KINDS
from medvision.schemas.rules import Rules


class Facet(NamedTuple):
    """Something that a slice of a dataset can show: `what` is "plane", "kind", "label" or "measure"."""

    dataset: str
    what: str
    name: str


class Candidates:
    """The slice drawn for each facet, larger labels with a larger chance."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.best: Lowest[Facet] = Lowest()

    def add(self, batch: Batch) -> None:
        """Offer every row, with `slice_id`, `plane` and the columns of the quantities."""
        count = batch.rows.num_rows
        ids, row_ranks = batch.rows["slice_id"], batch.ranks("gallery", np.arange(count))
        rows, labels = flat(batch.rows["segments"])
        pixels = labels.field("pixel_count").to_numpy(zero_copy_only=False).astype(np.float64)
        self._offer(batch, "label", labels.field("name"), rows, pixels, row_ranks, ids)
        shown = np.bincount(rows, weights=pixels, minlength=count)
        everything = np.arange(count)
        self._offer(batch, "plane", batch.rows["plane"], everything, np.maximum(shown, 1.0), row_ranks, ids)
        for kind, with_kind in self._kinds(batch).items():
            names = pa.array([kind] * len(with_kind), pa.string())
            self._offer(batch, "kind", names, with_kind, np.maximum(shown[with_kind], 1.0), row_ranks, ids)
        of_row, measures = flat(batch.rows["biometrics"])
        self._offer(batch, "measure", measures.field("key"), of_row, np.ones(len(of_row)), row_ranks, ids)

    def _kinds(self, batch: Batch) -> dict[str, np.ndarray]:
        """Rows that have pairs of a kind."""
        segments, _ = flat(batch.rows["segments"])
        rows, lesions = flat(batch.rows["lesions"])
        shapes = lesions.field("ellipses" if self.rules.lesion_axes == "conic" else "regions")
        measured = rows[pc.list_value_length(shapes).to_numpy(zero_copy_only=False) > 0]
        found = {"BoxSize": segments, "MaskSize": segments, "TumorLesionSize": measured}
        if self.rules.lesion_axes == "moments":
            lines = pc.struct_field(pc.list_flatten(shapes).field("longest"), "length_mm")
            with_line = pc.list_parent_indices(shapes).filter(lines.is_valid()).to_numpy(zero_copy_only=False)
            found["LesionDiameter"] = rows[with_line.astype(np.int64)]
        of_row, measures = flat(batch.rows["biometrics"])
        metrics = np.array(measures.field("metric_type").to_pylist(), dtype=object)
        for kind, metric in LANDMARK_KINDS.items():
            if metric:
                found[kind] = of_row[metrics == metric] if len(of_row) else of_row
        return {kind: np.unique(with_kind) for kind, with_kind in found.items()}

    def _offer(
        self,
        batch: Batch,
        what: str,
        names: pa.Array,
        rows: np.ndarray,
        weights: np.ndarray,
        row_ranks: np.ndarray,
        ids: pa.Array,
    ) -> None:
        scores = weighted_scores(row_ranks[rows], weights)
        found = names.fill_null("").dictionary_encode()
        places = found.indices.to_numpy(zero_copy_only=False)
        for number, name in enumerate(found.dictionary.to_pylist()):
            mine = np.flatnonzero(places == number)
            lowest = mine[np.argmin(scores[mine])]
            facet, score, row = Facet(batch.dataset, what, name), float(scores[lowest]), int(rows[lowest])
            if self.best.beats(facet, score):
                self.best.offer(facet, score, Place(batch.path, batch.first + row, ids[row].as_py()))
