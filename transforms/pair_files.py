"""The pairs files of one dataset and annotation kind, rolled at a row limit, with bounded rows in memory."""

from __future__ import annotations

import pyarrow as pa

from medvision.schemas.pairs import PAIR_SCHEMAS, config_name
from medvision.schemas.record import PublishedFile
from medvision.transforms.pairs import PairGroup
from medvision.transforms.store import Store
from medvision.transforms.write import ParquetFile

PAIRS_FILE_ROWS = 2_000_000
PAIRS_BUFFER_ROWS = 400_000


class PairFiles:
    """Pairs files of one dataset and kind, rolled at PAIRS_FILE_ROWS; holds at most PAIRS_BUFFER_ROWS in memory."""

    def __init__(self, store: Store, dataset: str, kind: str) -> None:
        self.store, self.dataset, self.kind = store, dataset, kind
        self.published: list[PublishedFile] = []
        self._buffers: dict[tuple[int, str, str], list[pa.Table]] = {}
        self._buffered = 0
        self._open: dict[tuple[int, str, str], _OpenPairs] = {}

    def __enter__(self) -> PairFiles:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._flush()
        for writer in self._open.values():
            writer.close(error)
        if error is None:
            self.published = sorted(file for writer in self._open.values() for file in writer.published)

    def add(self, group: PairGroup) -> None:
        self._buffers.setdefault((group.task, group.plane, group.side), []).append(group.table)
        self._buffered += group.table.num_rows
        if self._buffered >= PAIRS_BUFFER_ROWS:
            self._flush()

    def _flush(self) -> None:
        for (task, plane, side), tables in sorted(self._buffers.items()):
            key = (task, plane, side)
            if key not in self._open:
                config = config_name(self.dataset, self.kind, task, plane, side)
                self._open[key] = _OpenPairs(self.store, self.dataset, self.kind, f"pairs/{config}/{side}")
            self._open[key].write(pa.concat_tables(tables))
        self._buffers, self._buffered = {}, 0


class _OpenPairs:
    """The pairs files of one config, one open at a time."""

    def __init__(self, store: Store, dataset: str, kind: str, stem: str) -> None:
        self.store, self.dataset, self.kind, self.stem = store, dataset, kind, stem
        self.published: list[PublishedFile] = []
        self._file: ParquetFile | None = None

    def write(self, table: pa.Table) -> None:
        while table.num_rows:
            file = self._file or self._start()
            part = table.slice(0, PAIRS_FILE_ROWS - file.rows)
            file.write(part)
            table = table.slice(part.num_rows)
            if file.rows >= PAIRS_FILE_ROWS:
                self.close(None)

    def close(self, error: BaseException | None) -> None:
        """Finish the open file, or drop it because of `error`."""
        if self._file is None:
            return
        file, self._file = self._file, None
        if error is not None:
            self._context.__exit__(type(error), error, error.__traceback__)
            return
        file.close()
        self._context.__exit__(None, None, None)
        digest = self._out.digest.hexdigest()
        self.published.append(PublishedFile(self._path, "pairs", self.dataset, self._out.count, file.rows, digest))

    def _start(self) -> ParquetFile:
        self._path = f"{self.stem}-{len(self.published):05d}.parquet"
        self._context = self.store.writing(self._path)
        self._out = self._context.__enter__()
        self._file = ParquetFile(self._out, PAIR_SCHEMAS[self.kind])
        return self._file
