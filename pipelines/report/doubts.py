"""What about a release deserves a look: each doubt with its rule, its count and examples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from medvision.pipelines.report.batches import Batch
from medvision.pipelines.report.places import Place, weighted_scores

EXAMPLES = 6
ANISOTROPY = 6.0
SPACING_MM = (0.05, 12.0)
MISMATCH = 0.1
SPACINGS_APART = 1e-3
TINY_PIXELS = 10
FLAGS = {
    "spacing_conflict": "header voxel sizes and affine disagree by more than 0.1 %",
    "spacing_unusual": "a voxel side is over 20 mm",
    "sheared": "voxel axes are not at right angles",
    "plane_name_uncertain": "sheared, or more than 45 degrees oblique: the plane's name is only the nearest one",
    "grid_mismatch": "image and mask (or landmark mask) grids lie further apart than the rules' tolerance",
    "mask_overlap": "class files overlap; the first label kept the voxel",
    "suspect": "the dataset's table lists the case as doubtful",
    "not_spatial": "one of the plane's axes is no length (time): its numbers are not millimetres",
    "text_burned_in": "text may be burned into the pixels: look before you pass the images on",
    "spacing_made_up": "the voxel size of the case is known to be made up: no millimetre of it is true",
    "label_name_known_wrong": "upstream gives a label the name of another structure",
    "label_order_doubtful": "a label that must lie around another does not",
    "label_order_exchanged": "two landmark labels were exchanged by the publisher's table",
    "label_order_unchecked": "the publisher's table could not decide the order of two landmark labels",
    "landmarks_incomplete": "a measure lacks one of its points, or its points give no line; it is left out",
    "label_unknown": "the mask holds a value that the dataset's table does not name",
}
"""Meaning of the flags of slice rows, as docs/formats.md has it."""


@dataclass
class Doubt:
    """One thing to look at.

    Attributes:
        key: Names it in the page's address.
        title, rule: What it is, and when it holds.
        noun: What is counted.
        counts: By dataset.
        notes: By slice id what is said of an example.
    """

    key: str
    title: str
    rule: str
    noun: str = "slices"
    counts: Counter[str] = field(default_factory=Counter)
    lowest: dict[str, tuple[float, Place]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.counts.total()

    @property
    def examples(self) -> list[Place]:
        """Of as many datasets as can be shown, one each."""
        found = sorted((score, place) for score, place in self.lowest.values())
        return [place for _, place in found[:EXAMPLES]]

    def offer(self, dataset: str, score: float, place: Place) -> bool:
        """Take a row as its dataset's example where its score is the lowest so far."""
        if dataset in self.lowest and self.lowest[dataset][0] <= score:
            return False
        self.lowest[dataset] = score, place
        return True

    def add(self, batch: Batch, rows: np.ndarray) -> None:
        """Count the row numbers, which ascend and may repeat, and take an example of them."""
        if not len(rows):
            return
        self.counts[batch.dataset] += len(rows)
        scores = weighted_scores(batch.ranks(self.key, rows), np.ones(len(rows)))
        best = int(np.argmin(scores))
        row = int(rows[best])
        place = Place(batch.path, batch.first + row, batch.rows["slice_id"][row].as_py())
        self.offer(batch.dataset, float(scores[best]), place)
