"""A release, and its rows as pyarrow reads whole tables: the oracle of the dataset that is trained on."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from medvision.pipelines.release import Release, open_release

Row = dict[str, Any]


@dataclass(frozen=True)
class Read:
    """A release, and the oracle of its rows."""

    root: Path

    @cached_property
    def release(self) -> Release:
        return open_release(str(self.root))

    def rows(self, pattern: str) -> list[Row]:
        """Rows of files in order of path, read whole."""
        return [row for path in sorted(self.root.glob(pattern)) for row in pq.read_table(path).to_pylist()]

    @cached_property
    def slices(self) -> dict[str, list[Row]]:
        """Rows of each file of slices, by its path."""
        paths = sorted(self.root.glob("data/*/*.parquet"))
        return {path.relative_to(self.root).as_posix(): pq.read_table(path).to_pylist() for path in paths}

    def slice_of(self, pair: Row) -> Row:
        return self.slices[pair["slice_file"]][pair["slice_row"]]

    def pairs(self, config: str) -> list[Row]:
        return self.rows(f"pairs/{config}/*.parquet")

    def configs(self, kind: str) -> list[str]:
        return sorted(path.name for path in self.root.glob(f"pairs/*_{kind}_Task*"))
