"""Which rows of a release are exported: datasets, sides of the patient-level split, planes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.release import Release, ReleaseError
from medvision.schemas.dataset import PLANES
from medvision.schemas.record import PublishedFile
from medvision.transforms.split import SIDES

BATCH_ROWS = 512
"""Rows in memory at a time; with images some 100 MB at most."""


@dataclass(frozen=True)
class Selection:
    """What is asked for; of `datasets` none means all."""

    datasets: tuple[str, ...] = ()
    sides: tuple[str, ...] = SIDES
    planes: tuple[str, ...] = PLANES

    def names(self, release: Release) -> list[str]:
        """Datasets, sorted. Raises ReleaseError for one that the release does not hold."""
        held = sorted(release.manifest["datasets"])
        for name in self.datasets:
            if name not in held:
                raise ReleaseError(f"{release.url} has no dataset {name!r}; it holds {', '.join(held) or 'none'}")
        return sorted(set(self.datasets)) or held

    def files(self, release: Release, kind: str = "annotations") -> list[PublishedFile]:
        """Files of a kind that hold rows of the chosen datasets and sides, in order of path."""
        names = set(self.names(release))
        return [f for f in release.files(kind) if f.dataset in names and side_of(f) in self.sides]

    def batches(self, release: Release, file: PublishedFile, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Rows of the chosen planes of one file, in its order; `columns` name "plane"."""
        with release.parquet(file.path, stream=True) as table:
            for batch in table.iter_batches(batch_size=BATCH_ROWS, columns=list(columns)):
                if self.planes != PLANES:
                    batch = batch.filter(pc.is_in(batch["plane"], pa.array(self.planes)))
                if batch.num_rows:
                    yield batch

    def rows(self, release: Release, file: PublishedFile, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The same one by one."""
        for batch in self.batches(release, file, columns):
            yield from batch.to_pylist()

    def to_json(self, release: Release) -> dict[str, list[str]]:
        return {"datasets": self.names(release), "sides": list(self.sides), "planes": list(self.planes)}


def side_of(file: PublishedFile) -> str:
    """Side of the patient-level split that a file of rows holds."""
    return PurePosixPath(file.path).name.split("-")[0]
