"""Build one shard: one case in memory, streaming to files, and a record that alone makes them count."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import fsspec

from medvision.schemas.case import Case
from medvision.schemas.dataset import Dataset
from medvision.schemas.faults import DEAD_LETTER_SCHEMA, DataFault, DeadLetter
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import SHARD_STORE, SOURCE_SCHEMA, Shard, ShardRecord, SourceHash
from medvision.schemas.volumes import VOLUME_SCHEMA
from medvision.transforms.columns import PlaneRows
from medvision.transforms.guard import guarded
from medvision.transforms.landmark_rows import landmark_rows
from medvision.transforms.notes import MAX_DEATHS, CaseNotes, note_progress
from medvision.transforms.plan import read_plan
from medvision.transforms.read import CaseReader
from medvision.transforms.records import adopt_record, commit_record, find_record
from medvision.transforms.retries import working
from medvision.transforms.rows import image_rows, lesion_volumes, mask_volume_row, measure_case
from medvision.transforms.stages import stage, staged
from medvision.transforms.store import Store
from medvision.transforms.volume_rows import acquisition_dim, volume_row
from medvision.transforms.write import ShardWriter, dead_letter_rows, source_rows

ONE_AT_A_TIME = threading.Lock()
"""One shard at a time in a process, whatever the runner's threads: one case in memory, not twelve."""


def build_shard(shard: Shard, dataset: Dataset, options: BuildOptions) -> ShardRecord:
    """Build a shard, or return the record of an earlier build that still holds.

    Data faults become dead letters in the shard; any other exception (I/O, memory) leaves no record and is raised,
    for the runner to try the shard again.
    """
    options = options.of(dataset.name)
    with ONE_AT_A_TIME:
        store = Store(options.out)
        cases = read_plan(store, shard)
        record = find_record(store, shard) or _adopt(store, shard, dataset, cases, options)
        if record is not None:
            note_progress(options.progress_dir, "c" * len(cases) + "r")
            return replace(record, reused=True)
        record = working(lambda: _Attempt(store, shard, dataset, options).run(cases))
        note_progress(options.progress_dir, "s")
        return record


def sources_digest(hashes: dict[str, SourceHash]) -> str:
    """One hash over the content of all sources, by path."""
    return hashlib.sha256(json.dumps(sorted(hashes.items())).encode()).hexdigest()


def _adopt(
    store: Store, shard: Shard, dataset: Dataset, cases: list[Case], options: BuildOptions
) -> ShardRecord | None:
    """A record of the same key whose sources have other stamps but the same content."""

    def digest() -> str:
        reader = _reader(dataset, options)
        return sources_digest({path: found for case in cases for path, found in reader.hashes(case).items()})

    return adopt_record(store, shard, digest)


def _reader(dataset: Dataset, options: BuildOptions) -> CaseReader:
    fs, root = fsspec.core.url_to_fs(options.raw)
    return CaseReader(fs, f"{root.rstrip('/')}/{dataset.name}", dataset, with_voxels=options.images != "none")


class _Attempt:
    """One try at a shard, under a name of its own."""

    def __init__(self, store: Store, shard: Shard, dataset: Dataset, options: BuildOptions) -> None:
        self.store, self.shard, self.dataset, self.options = store, shard, dataset, options
        self.name = uuid.uuid4().hex[:16]
        self.folder = f"{SHARD_STORE}/{shard.key}/attempt-{self.name}"
        self.notes = CaseNotes(store, shard.key, options.run_id, self.name)
        self.counts: Counter[str] = Counter()
        self.letters: list[DeadLetter] = []
        self.hashes: dict[str, SourceHash] = {}
        self.unbuilt: list[str] = []
        self.volumes: list[dict[str, Any]] = []

    def run(self, cases: list[Case]) -> ShardRecord:
        try:
            return commit_record(self.store, self._build(cases))
        finally:
            self.notes.release()  # an error is no death: only a dead worker leaves its note

    def _build(self, cases: list[Case]) -> ShardRecord:
        deaths = self.notes.deaths()
        sources = []
        with_images = self.options.images != "none"
        with stage("write"), ShardWriter(self.store, self.folder, self.options.shard_formats, with_images) as writer:
            for case in cases:
                if deaths[case.case_id] >= MAX_DEATHS:
                    self._give_up(case, deaths[case.case_id])
                    continue
                self.notes.hold(case.case_id)
                with guarded(self.options):
                    hashes = self._build_case(case, writer)
                self.hashes.update(hashes)
                sizes = {file.path: file.size for file in case.files}
                sources += source_rows(self.shard.dataset, case.case_id, sizes, hashes)
            writer.add_table("volumes", VOLUME_SCHEMA, self.volumes)
            writer.add_table("sources", SOURCE_SCHEMA, sources)
            writer.add_table("dead_letters", DEAD_LETTER_SCHEMA, dead_letter_rows(self.letters))
        return ShardRecord(
            shard=self.shard,
            sources_sha256=sources_digest(self.hashes),
            files=tuple(sorted(writer.files)),
            counts=dict(sorted(self.counts.items())),
            unbuilt=tuple(self.unbuilt),
        )

    def _build_case(self, case: Case, writer: ShardWriter) -> dict[str, SourceHash]:
        """Write a case's rows; returns the hash of each of its files, read or not."""
        reader = _reader(self.dataset, self.options)
        self.counts["cases"] += 1
        try:
            rows = (
                self._landmark_case(case, reader, writer) if case.landmarks else self._mask_case(case, reader, writer)
            )
        except DataFault as fault:
            self._bury(case, 0, fault, case.annotation_path)
            rows = 0
        note_progress(self.options.progress_dir, "c" if rows else "cd")
        with stage("read"):
            return reader.hashes(case)

    def _mask_case(self, case: Case, reader: CaseReader, writer: ShardWriter) -> int:
        """Rows of each image of a case with a mask; a damaged image is left out alone."""
        rows = 0
        with stage("read"):
            mask = reader.mask(case)
        with stage("measure"):
            labels = measure_case(case, mask, self.dataset, self.options)
        del mask  # the labels may be a copy of it
        for image, volume in staged("read", reader.images(case)):
            try:
                if isinstance(volume, DataFault):
                    raise volume
                with stage("measure"):
                    lesions = lesion_volumes(labels, image, self.dataset)
                about = labels, image, volume, lesions, self.dataset, self.options, self.shard.side
                found = self._write_all(image_rows(*about), writer)
                if found:
                    self.volumes.append(mask_volume_row(*about))
                rows += found
            except DataFault as fault:
                whole_case = len(case.images) == 1
                self._bury(case, 0 if whole_case else image.task, fault, image.file.path)
            del volume  # two images never stand in memory together
        return rows

    def _landmark_case(self, case: Case, reader: CaseReader, writer: ShardWriter) -> int:
        rows, image = 0, case.images[0]
        task = self.dataset.landmark_task(image.task)
        for plane in staged("read", landmark_rows(case, self.dataset, reader, self.options, self.shard.side)):
            if not rows:
                grid, side = plane.volume.grid, self.shard.side
                dim = acquisition_dim(grid, range(3))
                self.volumes.append(volume_row(case, image, grid, None, self.dataset, task, side, [], [], dim))
            self._write(plane, writer)
            rows += plane.batch.num_rows
        return rows

    def _write_all(self, planes: Iterator[PlaneRows], writer: ShardWriter) -> int:
        rows = 0
        for plane in staged("measure", planes):
            self._write(plane, writer)
            rows += plane.batch.num_rows
        return rows

    def _write(self, plane: PlaneRows, writer: ShardWriter) -> None:
        with stage("write"):
            self.counts["image_bytes"] += writer.write(plane)
        self.counts["slices"] += plane.batch.num_rows
        segments = plane.batch.column("segments").flatten()
        self.counts["boxes"] += len(segments.field("boxes").flatten())
        ellipses = plane.batch.column("lesions").flatten().field("ellipses")
        self.counts["ellipses"] += len(ellipses.flatten())
        self.counts["landmarks"] += len(plane.batch.column("landmarks").flatten())

    def _bury(self, case: Case, task: int, fault: DataFault, path: str) -> None:
        self.letters.append(
            DeadLetter(case.dataset, case.case_id, task, fault.stage, fault.reason, fault.message, fault.path or path)
        )
        self.counts[f"dead.{fault.reason}"] += 1

    def _give_up(self, case: Case, times: int) -> None:
        self.unbuilt.append(case.case_id)
        self._bury(case, 0, DataFault("build", "unbuilt", times=times), case.annotation_path)
