"""Checks on one shard of a release: its annotation file with the volume file, data file and tar of the same name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from medvision.pipelines.checks.findings import Findings
from medvision.pipelines.checks.grids import match_volumes
from medvision.pipelines.checks.images import check_images, data_images
from medvision.pipelines.checks.lesions import check_lesions
from medvision.pipelines.checks.measures import check_measures
from medvision.pipelines.checks.slices import DatasetTally, check_rows, check_twin
from medvision.pipelines.checks.tars import tar_images
from medvision.pipelines.checks.volumes import check_volumes
from medvision.pipelines.release import Release, keeps_images
from medvision.schemas.dataset import PLANES
from medvision.schemas.record import PublishedFile
from medvision.schemas.rules import RULES, Rules
from medvision.transforms.content import row_digest

ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class ShardChecks:
    """How the shards of a release are checked.

    Attributes:
        release: The release.
        sound: Paths of its files that are fit to read.
        deep: Whether to decode images and digest rows.
        findings: Where failures go.
    """

    release: Release
    sound: set[str]
    deep: bool
    findings: Findings

    @cached_property
    def rules(self) -> Rules | None:
        """Rules of the release; None, and a failure, for a name that none has."""
        name = self.release.manifest.get("rules")
        self.findings.count("rules")
        if name not in RULES:
            self.findings.fail("rules", f"{name!r} is none of {', '.join(RULES)}")
        return RULES.get(str(name))

    @cached_property
    def planes(self) -> frozenset[int]:
        """Axes across the planes that every labelled volume has, where its sides allow a slice."""
        if self.rules is None or self.rules.physical_planes_only:
            return frozenset()
        return frozenset(PLANES.index(plane) for plane in self._switches.get("planes", []) if plane in PLANES)

    @property
    def _switches(self) -> Mapping[str, Any]:
        switches: Mapping[str, Any] = self.release.manifest.get("switches", {})
        return switches

    def run(self, file: PublishedFile, tallies: Mapping[str, DatasetTally]) -> Iterator[bytes]:
        """Check an annotation file and what belongs to it; yields the digest of each row when `deep`."""
        if file.path not in self.sound:
            return
        with self.findings.guard("annotation_files", file.path):
            self.findings.count("annotation_files")
            table = self.release.parquet(file.path).read().combine_chunks()
            check_rows(file.path, file.dataset, table, tallies[file.dataset], self.findings)
            stem = file.path.removeprefix("annotations/").removesuffix(".parquet")
            yield from self._volumes(f"volumes/{stem}.parquet", table)
            yield from self._images(file.dataset, f"data/{stem}.parquet", f"webdataset/{stem}.tar", table)

    def _volumes(self, path: str, table: pa.Table) -> Iterator[bytes]:
        found = None
        with self.findings.guard("volume_files", path):
            if path in self.sound and self.rules is not None:
                self.findings.count("volume_files")
                rows = self.release.parquet(path).read()
                found = match_volumes(table, rows, self.rules, self.findings)
                if found is not None:
                    check_volumes(table, found, self.planes, self.findings)
                    check_lesions(table, found, self.rules, self.findings)
                for row in _rows(rows) if self.deep else ():
                    self.findings.count("content_rows")
                    yield row_digest(row, None)
        unknown = np.full((table.num_rows, 2), np.nan)
        check_measures(table, unknown if found is None else found.exact_rc_mm(), self.findings)

    def _images(self, dataset: str, data: str, tar: str, table: pa.Table) -> Iterator[bytes]:
        kept = keeps_images(self.release, dataset)
        if data in self.sound:
            check_twin(self.release, data, table, self.findings)
        members = None
        if tar in self.sound:
            members = tar_images(self.release, tar, _rows(table), kept, self.findings)
        if self.deep:
            images = data_images(self.release, data, self.findings) if data in self.sound else None
            yield from check_images(_rows(table), images, members, kept, self.findings)
        for _ in members or ():
            continue


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
        yield from batch.to_pylist()
