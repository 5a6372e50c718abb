"""Checks on pair rows: each points at the slice that it names, a batch of pairs at a time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.checks.findings import Findings
from medvision.pipelines.checks.landmarks import check_landmark_pairs
from medvision.pipelines.release import Release

BATCH = 1 << 17
COLUMNS = ["pair_id", "slice_id", "slice_file", "slice_row", "single_instance", "excluded_reason"]


class SliceIndex:
    """The slice ids of one dataset by file and row: about 40 bytes a slice.

    Attributes:
        files: Paths of the annotation files, then those of the data files, relative to the release root.
        file_of_path: For each of `files`, the number of the annotation file with the same rows.
        starts, lengths: First place in `ids`, and number of rows, of each annotation file.
    """

    def __init__(self, release: Release, dataset: str, sound: set[str]) -> None:
        annotations = [file.path for file in release.files("annotations", dataset) if file.path in sound]
        number = {path: i for i, path in enumerate(annotations)}
        data = {f.path: "annotations" + f.path.removeprefix("data") for f in release.files("data", dataset)}
        twins = [path for path in data if data[path] in number]
        self.files = pa.array([*annotations, *twins], pa.string())
        self.file_of_path = np.array([*number.values(), *(number[data[path]] for path in twins)], np.int64)
        columns = [release.parquet(path).read(["slice_id"])["slice_id"] for path in annotations]
        self.lengths = np.array([len(column) for column in columns], np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths
        chunks = [chunk.cast(pa.large_string()) for column in columns for chunk in column.chunks]
        self.ids = pa.chunked_array(chunks, pa.large_string()).combine_chunks()

    def points_at(self, files: pa.Array, rows: pa.Array, slice_ids: pa.Array) -> np.ndarray:
        """Whether row `rows[i]` of file `files[i]` is slice `slice_ids[i]`; boolean (N,)."""
        place = pc.index_in(files, value_set=self.files).fill_null(-1).to_numpy(zero_copy_only=False)
        row = rows.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        good = np.zeros(len(row), bool)
        known = np.flatnonzero((place >= 0) & (row >= 0))
        number = self.file_of_path[place[known]]
        inside = row[known] < self.lengths[number]
        known, number = known[inside], number[inside]
        if len(known):
            found = self.ids.take(pa.array(self.starts[number] + row[known]))
            same = pc.equal(found, slice_ids.take(pa.array(known))).fill_null(False)
            good[known] = same.to_numpy(zero_copy_only=False)
        return good


def check_pairs(release: Release, dataset: str, sound: set[str], findings: Findings) -> None:
    """`slice_file` and `slice_row` of each pair lead to its `slice_id`; only a pair left out has a reason.

    Pairs on landmarks hold the measures of their slice (`check_landmark_pairs`).
    """
    check_landmark_pairs(release, dataset, sound, findings)
    index = None
    for file in release.files("pairs", dataset):
        if file.path not in sound:
            continue
        with findings.guard("pair_rows", file.path), release.parquet(file.path, stream=True) as table:
            index = index or SliceIndex(release, dataset, sound)
            for batch in table.iter_batches(batch_size=BATCH, columns=COLUMNS):
                good = index.points_at(batch["slice_file"], batch["slice_row"], batch["slice_id"])
                findings.rows("pair_rows", good, batch["pair_id"])
                reasoned = pc.not_equal(batch["excluded_reason"], "")
                chosen = pc.xor(reasoned, batch["single_instance"]).fill_null(False)
                findings.rows("pair_reasons", chosen.to_numpy(zero_copy_only=False), batch["pair_id"])
