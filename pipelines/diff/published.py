"""Whether the pairs files of a release say what its annotation rows give: both are what a user sees."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.diff.halves import Half
from medvision.pipelines.diff.meaning import Meaning, meaning_of_pairs, same
from medvision.pipelines.release import Release
from medvision.schemas.pairs import PAIR_SCHEMAS, kind_of_config

BATCH = 1 << 14


class PublishedPairs:
    """The pairs files of one dataset, read along with its shards: each file is in the order of the shards.

    Attributes:
        disputed: Pairs that files and rows do not have alike, by kind.
        first: The first of them, by kind.
    """

    def __init__(self, release: Release, dataset: str) -> None:
        self.disputed: Counter[str] = Counter()
        self.first: dict[str, str] = {}
        configs: dict[str, list[str]] = defaultdict(list)
        for file in release.files("pairs", dataset):
            configs[file.path.rsplit("/", 1)[0]].append(file.path)
        self._cursors = [_Cursor(release, folder, paths) for folder, paths in sorted(configs.items())]

    def check(self, shard: str, half: Half, kinds: list[str]) -> None:
        """Compare the pairs of one shard, such as "train-00000-of-00008", with what the rows of `half` give."""
        for kind in kinds:
            if kind not in PAIR_SCHEMAS:
                continue
            found = [(c.plane, table) for c in self._cursors if c.kind == kind for table in c.take(shard)]
            pairs = pa.concat_tables([table for _, table in found]) if found else PAIR_SCHEMAS[kind].empty_table()
            planes = [pa.array([plane] * table.num_rows, pa.string()) for plane, table in found]
            in_files = meaning_of_pairs(pairs, pa.chunked_array(planes, pa.string()), kind)
            self._settle(kind, in_files, half)

    def finish(self) -> None:
        """Count the pairs that led to no shard."""
        for cursor in self._cursors:
            for table in cursor.rest():
                self._dispute(cursor.kind, table["pair_id"].combine_chunks())

    def _settle(self, kind: str, in_files: Meaning, half: Half) -> None:
        in_rows = half.shown(kind)
        place = in_rows.find(in_files.ids)
        both = np.flatnonzero(place >= 0)
        good = np.zeros(len(in_files), bool)
        good[both] = same(in_files.take(both), in_rows.take(place[both]))
        missing = np.flatnonzero(in_files.find(in_rows.ids) < 0)
        self._dispute(kind, in_files.ids.filter(pa.array(~good)))
        self._dispute(kind, in_rows.ids.take(pa.array(missing)))

    def _dispute(self, kind: str, ids: pa.Array) -> None:
        if len(ids):
            self.disputed[kind] += len(ids)
            self.first.setdefault(kind, ids[0].as_py())


class _Cursor:
    """The rows of one config in order; `plane` and `kind` are those of its name."""

    def __init__(self, release: Release, folder: str, paths: list[str]) -> None:
        config = folder.split("/")[1]
        self.kind, self.plane = kind_of_config(config), config.split("_")[-2].lower()
        self._batches = self._read(release, paths)
        self._held: pa.Table | None = next(self._batches, None)

    def take(self, shard: str) -> Iterator[pa.Table]:
        """The next rows as far as they lie in this shard."""
        while self._held is not None:
            files = self._held["slice_file"]
            inside = pc.match_substring(files, f"/{shard}.").to_numpy(zero_copy_only=False)
            count = len(inside) if inside.all() else int(np.argmin(inside))
            if count:
                yield self._held.slice(0, count)
            if count < len(inside):
                self._held = self._held.slice(count)
                return
            self._held = next(self._batches, None)

    def rest(self) -> Iterator[pa.Table]:
        while self._held is not None:
            yield self._held
            self._held = next(self._batches, None)

    @staticmethod
    def _read(release: Release, paths: list[str]) -> Iterator[pa.Table]:
        for path in sorted(paths):
            with release.parquet(path, stream=True) as table:
                for batch in table.iter_batches(batch_size=BATCH):
                    if batch.num_rows:
                        yield pa.Table.from_batches([batch])
