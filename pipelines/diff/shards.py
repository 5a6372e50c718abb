"""The shards of two releases, a pair at a time, and what the builds say of cases that one of them lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.release import Release
from medvision.schemas.dataset import PLANES
from medvision.schemas.record import SOURCES_TABLE
from medvision.schemas.rows import ANNOTATION_SCHEMA
from medvision.transforms.remeasure.spacing import VolumeKey, Voxels

Image = tuple[str, int]
"""Case id and task."""


@dataclass(frozen=True, eq=False)
class Build:
    """A release as one half of a comparison; `limit` takes the first cases of each dataset, 0 all."""

    name: str
    release: Release
    limit: int = 0

    @property
    def datasets(self) -> list[str]:
        return sorted(self.release.manifest["datasets"])

    @property
    def planes(self) -> tuple[str, ...]:
        return tuple(self.release.manifest.get("switches", {}).get("planes", PLANES))

    @cached_property
    def sources(self) -> pa.Table:
        return self.release.parquet(SOURCES_TABLE).read(["dataset", "case_id", "path", "bytes"])

    def cases(self, dataset: str) -> list[str]:
        """Ids of the cases that were built, also those without rows, sorted."""
        mine = self.sources.filter(pc.equal(self.sources["dataset"], dataset))
        return sorted(pc.unique(mine["case_id"]).to_pylist())

    def dead_letters(self, dataset: str) -> dict[Image, str]:
        """Reason why an image was left out, by case id and task; task 0 is that of a whole case."""
        found = {}
        for file in self.release.files("dead_letters", dataset):
            for row in self.release.parquet(file.path).read(["case_id", "task", "reason"]).to_pylist():
                found[row["case_id"], row["task"]] = row["reason"]
        return found

    def shards(self, dataset: str) -> dict[str, str]:
        """Name of each shard, such as "train-00003-of-00008", to its annotation file."""
        files = self.release.files("annotations", dataset)
        return {file.path.rsplit("/", 1)[-1].removesuffix(".parquet"): file.path for file in files}

    def rows(self, paths: list[str], taken: set[str] | None) -> pa.Table:
        """Annotation rows of files, of the cases `taken` where it is given."""
        tables = [self.release.parquet(path).read() for path in paths]
        table = pa.concat_tables(tables) if tables else ANNOTATION_SCHEMA.empty_table()
        if taken is not None:
            table = table.filter(pc.is_in(table["case_id"], value_set=pa.array(sorted(taken), pa.string())))
        return table.combine_chunks()

    def volumes(self, dataset: str) -> Mapping[VolumeKey, Voxels]:
        """Voxel sizes of every image, where the release has them."""
        found = {}
        names = ["case_id", "task", "mask_path", "landmark_path", "header_spacing_mm"]
        names += ["mask_header_spacing_mm", "mask_affine_ras"]
        for file in self.release.files("volumes", dataset):
            for row in self.release.parquet(file.path).read(names).to_pylist():
                mask = row["mask_affine_ras"] or []
                sides = np.sqrt((np.reshape(mask, (4, 4))[:3, :3] ** 2).sum(axis=0)) if mask else ()
                key = (row["case_id"], row["task"], row["mask_path"], row["landmark_path"])
                found[key] = Voxels(
                    tuple(row["header_spacing_mm"]),
                    tuple(row["mask_header_spacing_mm"] or ()),
                    tuple(float(side) for side in sides),
                )
        return found


class Absences:
    """Causes that are no rules: what the builds were asked for, and their dead letters."""

    def __init__(self, builds: tuple[Build, Build], dataset: str) -> None:
        self.builds = {build.name: build for build in builds}
        self.dataset = dataset
        self.cases = {build.name: set(build.cases(dataset)) for build in builds}
        self.letters = {build.name: build.dead_letters(dataset) for build in builds}

    def not_built(self, name: str, image: Image, plane: str) -> str:
        build = self.builds[name]
        if self.dataset not in build.datasets:
            return f"not built in {name}: dataset"
        if plane not in build.planes:
            return f"not built in {name}: plane"
        known = self.cases[name] | {case for case, _ in self.letters[name]}
        if build.release.manifest.get("limit") and image[0] not in known:
            return f"not built in {name}: limit"
        return ""

    def left_out(self, name: str, image: Image, plane: str) -> str:
        """A letter of the image, or of its whole case, that the other release does not have as well."""
        other = next((letters for held, letters in self.letters.items() if held != name), {})
        for key in (image, (image[0], 0)):
            reason = self.letters[name].get(key, "")
            if reason and other.get(key) != reason:
                return f"left out of {name}: {reason}"
        return ""


def shard_pairs(first: Build, second: Build, dataset: str) -> Iterator[tuple[str, pa.Table, pa.Table]]:
    """Name and rows of both releases, a shard at a time; "" and the whole dataset where the two cut it otherwise."""
    taken = None
    if first.limit:
        taken = set(sorted({*first.cases(dataset), *second.cases(dataset)})[: first.limit])
    one, other = first.shards(dataset), second.shards(dataset)
    if len({name.rsplit("-of-", 1)[-1] for name in (*one, *other)}) > 1:
        yield "", first.rows(sorted(one.values()), taken), second.rows(sorted(other.values()), taken)
        return
    for name in sorted({*one, *other}):
        left = first.rows([one[name]] if name in one else [], taken)
        yield name, left, second.rows([other[name]] if name in other else [], taken)
