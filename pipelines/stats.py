"""Counts of a release as upstream's dataset-info gives them, streamed from the release's own files."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.release import Release, open_release
from medvision.schemas.dataset import PLANES
from medvision.schemas.pairs import KINDS, kind_of_config

FORMAT, VERSION = "medvision-stats", 1
BATCH = 1 << 17
SETS, SPLITS = ("multi", "single"), ("train", "test")
IMAGE_COLUMNS = ["case_id", "patient", "task", "source_path", "source_channel", "mask_path"]
AXIS = "biometric_profile.list.element.metric_unit"
"""A leaf of the list of ellipses: enough to count them without reading the values."""

PairKey = tuple[str, str, str]
"""Annotation kind, "multi" or "single", "train" or "test"."""


@dataclass
class DatasetStats:
    """Counts of one dataset.

    Attributes:
        images: 3D images; one of a mask and of landmarks counts once. Where a release has no `volumes/`, only those
            with a labelled slice or a landmark are known.
        masks: Their 3D masks.
        patients: Of both.
        slices: Slices that show a label, of every image, by plane.
        pairs: Pairs by kind, set and split.
        ellipses: Lesion clusters that were measured, by split.
        parts: Pairs by the asked label or plane, then as `pairs`.
    """

    images: int = 0
    masks: int = 0
    patients: int = 0
    slices: Counter[str] = field(default_factory=Counter)
    pairs: Counter[PairKey] = field(default_factory=Counter)
    ellipses: Counter[str] = field(default_factory=Counter)
    parts: dict[str, Counter[PairKey]] = field(default_factory=lambda: defaultdict(Counter))

    def to_json(self) -> dict[str, Any]:
        slices = {plane: self.slices[plane] for plane in PLANES}
        ellipses = {split: self.ellipses[split] for split in SPLITS}
        return {
            "images": self.images,
            "masks": self.masks,
            "patients": self.patients,
            "slices": slices | {"total": sum(slices.values())},
            "pairs": pair_tree(self.pairs),
            "ellipses": ellipses | {"total": sum(ellipses.values())},
            **({"parts": {part: pair_tree(pairs) for part, pairs in sorted(self.parts.items())}} if self.parts else {}),
        }

    def __iadd__(self, other: DatasetStats) -> DatasetStats:
        for name in ("images", "masks", "patients"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("slices", "pairs", "ellipses"):
            getattr(self, name).update(getattr(other, name))
        return self


@dataclass(frozen=True)
class Stats:
    """Counts of a release by dataset. `by` is "", "label" or "plane": what `parts` are."""

    url: str
    rules: str
    by: str
    datasets: dict[str, DatasetStats]

    @property
    def total(self) -> DatasetStats:
        """Sums over the datasets; a patient of two datasets counts twice."""
        total = DatasetStats()
        for stats in self.datasets.values():
            total += stats
        return total

    def to_json(self) -> str:
        document = {
            "format": FORMAT,
            "version": VERSION,
            "rules": self.rules,
            "by": self.by,
            "datasets": {name: stats.to_json() for name, stats in self.datasets.items()},
            "total": self.total.to_json(),
        }
        return json.dumps(document, indent=1, sort_keys=True) + "\n"


def pair_tree(pairs: Counter[PairKey]) -> dict[str, Any]:
    """{kind: {set: {train, test, total}}} of the kinds that have pairs."""
    found: dict[str, Any] = {}
    for kind in KINDS:
        if any(pairs[kind, which, split] for which in SETS for split in SPLITS):
            counts = {which: {split: pairs[kind, which, split] for split in SPLITS} for which in SETS}
            found[kind] = {which: by | {"total": sum(by.values())} for which, by in counts.items()}
    return found


def count_release(url: str, by: str = "") -> Stats:
    """Count a release; memory grows with the number of images, not of slices or pairs.

    Args:
        url: Local path or fsspec URL.
        by: "label" or "plane" to count pairs by these too.

    Raises:
        ReleaseError: No readable release.
    """
    release = open_release(url)
    names = sorted(release.manifest["datasets"])
    return Stats(url, release.manifest["rules"], by, {name: _count(release, name, by) for name in names})


def _count(release: Release, name: str, by: str) -> DatasetStats:
    stats = DatasetStats()
    _count_images(release, name, stats)
    for file in release.files("pairs", name):
        config, part = file.path.split("/")[1:3]
        kind, split, plane = kind_of_config(config), part.split("-")[0], config.split("_")[-2].lower()
        lesions = kind == "TumorLesionSize"
        columns = ["single_instance", *(["label_name"] if by == "label" else []), *([AXIS] if lesions else [])]
        with release.parquet(file.path, stream=True) as table:
            for batch in table.iter_batches(batch_size=BATCH, columns=columns):
                single = pc.sum(batch["single_instance"]).as_py() or 0
                _add(stats.pairs, kind, split, batch.num_rows, single)
                if by == "plane":
                    _add(stats.parts[plane], kind, split, batch.num_rows, single)
                elif by == "label":
                    _by_label(stats, kind, split, batch)
                if lesions:
                    stats.ellipses[split] += pc.sum(pc.list_value_length(batch["biometric_profile"])).as_py() or 0
    return stats


def _count_images(release: Release, name: str, stats: DatasetStats) -> None:
    masks, patients = set(), set()
    of_masks: set[tuple[str, int, int]] = set()
    of_landmarks: set[tuple[str, int]] = set()
    for plane, row, slices in _images(release, name):
        stats.slices[plane] += slices if row["mask_path"] else 0
        patients.add(row["patient"])
        image = (row["source_path"], row["source_channel"])
        if row["mask_path"]:
            masks.add(row["case_id"])
            of_masks.add((*image, row["task"]))
        else:
            of_landmarks.add(image)
    # Two images of one file (arrays of an HDF5) are told apart by their tasks, which landmarks number otherwise.
    alone = of_landmarks - {(path, channel) for path, channel, _ in of_masks}
    stats.images, stats.masks, stats.patients = len(of_masks) + len(alone), len(masks), len(patients)


def _images(release: Release, name: str) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Plane, columns and number of slices of each image, batch by batch; of `volumes/` without plane and slices."""
    for kind in ("annotations", "volumes"):
        columns = [*IMAGE_COLUMNS, *(["plane"] if kind == "annotations" else [])]
        for file in release.files(kind, name):
            with release.parquet(file.path, stream=True) as table:
                for batch in table.iter_batches(batch_size=BATCH, columns=columns):
                    rows = pa.Table.from_batches([batch]).group_by(columns).aggregate([([], "count_all")])
                    for row in rows.to_pylist():
                        yield row.get("plane", ""), row, row["count_all"] if "plane" in row else 0


def _by_label(stats: DatasetStats, kind: str, split: str, batch: pa.RecordBatch) -> None:
    table = pa.table({"label": batch["label_name"], "single": batch["single_instance"].cast(pa.int64())})
    found = table.group_by("label").aggregate([("single", "sum"), ("single", "count")])
    for row in found.to_pylist():
        _add(stats.parts[row["label"]], kind, split, row["single_count"], row["single_sum"])


def _add(pairs: Counter[PairKey], kind: str, split: str, multi: int, single: int) -> None:
    pairs[kind, "multi", split] += multi
    pairs[kind, "single", split] += single
