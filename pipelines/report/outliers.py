"""Sizes that lie far from the others of their label: a second pass, once the middles are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from medvision.pipelines.picture.numbers import measured
from medvision.pipelines.release import Release
from medvision.pipelines.report.batches import Batch, batches
from medvision.pipelines.report.doubts import Doubt
from medvision.pipelines.report.places import Place
from medvision.pipelines.report.quantities import AREA, LENGTHS, Key, columns_of, quantities
from medvision.pipelines.report.sample import Sample
from medvision.schemas.rules import Rules

LIMIT, LEAST = 6.0, 30
NORMAL = 0.6745
"""Median absolute deviation of a normal distribution, in standard deviations."""
RULE = (
    f"robust z beyond {LIMIT:g}: {NORMAL} x (value - median) / median absolute deviation, by dataset, label and "
    f"quantity, of the logarithm for sizes; only where there are {LEAST} values"
)


def find_outliers(release: Release, rules: Rules, samples: Mapping[Key, Sample]) -> Doubt:
    """Count values far from their quantity's median; the farthest of each dataset is its example."""
    doubt = Doubt("outliers", "Outlying sizes", RULE, "values")
    middles = {key: _middle(key, sample) for key, sample in samples.items() if sample.count >= LEAST}
    for batch in batches(release, ["slice_id", *columns_of(rules)]):
        for found in quantities(batch, rules):
            middle, spread = middles.get(found.key, (0.0, 0.0))
            if spread > 0.0:
                with np.errstate(divide="ignore", invalid="ignore"):
                    far = np.abs(NORMAL * (_scaled(found.key, found.values) - middle) / spread)
                _count(doubt, batch, found.key, found.values, found.rows, far, samples[found.key])
    return doubt


def _count(
    doubt: Doubt, batch: Batch, key: Key, values: np.ndarray, rows: np.ndarray, far: np.ndarray, sample: Sample
) -> None:
    beyond = np.flatnonzero(far > LIMIT)
    if not len(beyond):
        return
    doubt.counts[batch.dataset] += len(beyond)
    best = int(beyond[np.argmax(far[beyond])])
    row = int(rows[best])
    place = Place(batch.path, batch.first + row, batch.rows["slice_id"][row].as_py())
    if doubt.offer(batch.dataset, -float(far[best]), place):
        value, median = (measured(number, key.unit) for number in (float(values[best]), sample.quantiles(0.5)[0]))
        doubt.notes[place.slice_id] = f"{key.name or 'unnamed'}, {key.quantity}: {value}, median {median}"


def _middle(key: Key, sample: Sample) -> tuple[float, float]:
    """Median and median absolute deviation of what is compared."""
    with np.errstate(divide="ignore"):
        values = _scaled(key, sample.values)
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 0.0
    median = float(np.median(values))
    return median, float(np.median(np.abs(values - median)))


def _scaled(key: Key, values: np.ndarray) -> np.ndarray:
    return np.log(values) if key.quantity in (AREA, *LENGTHS) else values
