"""`Release.dataset`: the rows of a config by number, each as an image, a target and a pixel spacing."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from medvision.pipelines.release import Release, ReleaseError
from medvision.pipelines.training.groups import Groups, OpenFiles
from medvision.pipelines.training.index import (
    Index,
    batches,
    group_numbers,
    pair_groups,
    slice_groups,
    volume_numbers,
)
from medvision.pipelines.training.look import Look
from medvision.pipelines.training.pair_targets import PAIR_KINDS, PairGroup
from medvision.pipelines.training.raw_images import RawImages
from medvision.pipelines.training.recent import Recent
from medvision.pipelines.training.sampler import GroupSampler
from medvision.pipelines.training.slice_groups import LOOK, SOURCE, STORED, SliceGroup
from medvision.pipelines.training.slice_points import PointSource, point_source
from medvision.schemas.rules import RULES
from medvision.transforms.move import Move
from medvision.transforms.png import read_png

NESTED = ("segments", "lesions", "landmarks", "biometrics")
"""Annotations of a slice row."""
Sample = tuple[np.ndarray, dict[str, Any], np.ndarray]
Transform = Callable[[np.ndarray, dict[str, Any], np.ndarray], Any]


@dataclass(frozen=True)
class Plan:
    """What a dataset reads, and how it shows it; everything that another process is told of it.

    Attributes:
        slices: Files of the slices, `data/` or, where pixels are raw, `annotations/`.
        index: Files of the config's own rows: the same as `slices`, or those of its pairs.
        kind: Annotation kind of pairs, "" for slices.
        look: How images are made.
        most: Rows of a pair's padded arrays.
        columns: Further columns of the slice rows that go into the target.
        raw: Raw root, "" where the release has the images.
        transform: Applied to each sample; None for none.
        group_bytes, volume_bytes: Row groups and raw volumes kept, a process.
        open_files: Open at most, a process.
    """

    slices: Index
    index: Index
    kind: str
    look: Look
    most: int
    columns: tuple[str, ...]
    raw: str
    transform: Transform | None
    group_bytes: int
    volume_bytes: int
    open_files: int


class ReleaseDataset:
    """A config of a release as a map-style dataset: `len`, and samples by number or by a list of them.

    A sample is (image, target, mm), or what `transform` makes of these; docs/train.md says what each holds. It can be
    pickled, and forked: each process opens files of its own when it first needs them.
    """

    def __init__(self, release: Release, config: str, split: str, plan: Plan) -> None:
        self.release, self.config, self.split, self.plan = release, config, split, plan
        self._here: _Process | None = None

    def __len__(self) -> int:
        return len(self.plan.index)

    def __getitem__(self, number: int) -> Any:
        """The sample of a number; negative ones count from the end. Raises IndexError past either end."""
        return self._process().sample(self._row(number))

    def __getitems__(self, numbers: Sequence[int]) -> list[Any]:
        """Samples of several numbers, in their order; each row group is read once."""
        rows = [self._row(number) for number in numbers]
        process, found = self._process(), [None] * len(rows)
        for place in sorted(range(len(rows)), key=rows.__getitem__):
            found[place] = process.sample(rows[place])
        return found

    def sampler(
        self,
        *,
        seed: int = 0,
        window: int | None = None,
        shuffle: bool = True,
        rank: int = 0,
        world: int = 1,
        workers: int = 0,
        batch_size: int = 1,
    ) -> GroupSampler:
        """Numbers in a shuffled order that reads each row group, or each raw volume, once.

        Args:
            window: Row groups, or raw volumes, whose rows are mixed; None takes 8 groups or 2 volumes. Give the dataset
                room for as many: `group_bytes`, `volume_bytes`.
            seed, shuffle, rank, world, workers, batch_size: As `GroupSampler` takes them.
        """
        bounds, parts = self._process().bounds()
        return GroupSampler(
            bounds,
            parts,
            seed=seed,
            window=(2 if self.plan.raw else 8) if window is None else window,
            shuffle=shuffle,
            rank=rank,
            world=world,
            workers=workers,
            batch_size=batch_size,
        )

    def close(self) -> None:
        """Close this process's files and forget what it read; the next sample opens them again."""
        if self._here is not None:
            self._here.files.close()
        self._here = None

    def _row(self, number: int) -> int:
        count = len(self)
        place = int(number)
        if not -count <= place < count:
            raise IndexError(f"{number} of a dataset of {count} samples")
        return self.plan.index.row(place % count)

    def _process(self) -> _Process:
        if self._here is None or self._here.pid != os.getpid():
            self._here = _Process(self.release, self.plan)
        return self._here

    def __getstate__(self) -> dict[str, Any]:
        """Without what is open, in memory, or listed: each of many workers is sent it."""
        return {**self.__dict__, "release": replace(self.release), "_here": None}

    def __repr__(self) -> str:
        where = f", pixels from {self.plan.raw}" if self.plan.raw else ""
        return f"<{self.config} of release {self.release.url}, {self.split}: {len(self):,} samples{where}>"


class _Process:
    """What one process has open and in memory of a dataset."""

    def __init__(self, release: Release, plan: Plan) -> None:
        self.pid, self.plan = os.getpid(), plan
        # A file system object of before a fork may wait for a thread that is not in this process.
        self.release = replace(release, fs=pickle.loads(pickle.dumps(release.fs)))
        self.files = OpenFiles(self.release.fs, release.root, plan.open_files)
        self.lock = threading.RLock()
        # A room of its own for pairs: two kinds in one would drive each other out where it is small.
        kept, kept_pairs = Recent(plan.group_bytes * 4 // 5), Recent(plan.group_bytes // 5)
        self.points: PointSource | None = None
        columns = [*LOOK, *plan.columns, *(SOURCE if plan.raw else [STORED])]
        self.pairs: Groups[PairGroup] | None = None
        self.file_numbers = {path.split("/", 1)[1]: number for number, path in enumerate(plan.slices.paths)}
        if plan.kind:
            kind, numbers = PAIR_KINDS[plan.kind], self.file_numbers
            self.pairs = Groups(
                self.files,
                plan.index.paths,
                [*PairGroup.COLUMNS, *kind.columns],
                lambda table: PairGroup(table, kind, numbers),
                kept_pairs,
            )
            self.points = point_source(plan.kind, RULES[release.manifest["rules"]])
            columns += self.points.columns if self.points is not None else ()
        else:
            columns += NESTED
        self.slices = Groups(self.files, plan.slices.paths, list(dict.fromkeys(columns)), SliceGroup, kept)
        self.raw = RawImages(self.release, plan.raw, plan.volume_bytes) if plan.raw else None

    def sample(self, row: int) -> Any:
        """The sample of a row of the config's files, counted over all of them."""
        with self.lock:
            image, target, mm = self._sample(row)
        if self.plan.transform is not None:
            return self.plan.transform(image, target, mm)
        return image, target, mm

    def _sample(self, row: int) -> Sample:
        place = self.plan.index.place(row)
        pairs, pair, label, name = None, 0, 0, ""
        if self.pairs is not None:
            pairs, pair = self.pairs.at(*place)
            place = int(pairs.slice_file[pair]), int(pairs.slice_row[pair])
            label, name = int(pairs.label[pair]), pairs.text("label_name", pair)
        group, here = self.slices.at(*place)
        look = group.look(here)
        stored, look = self._stored(group, here, look)
        move = self.plan.look.move(look)
        image = self.plan.look.image(stored, look, move, label, name)
        if pairs is not None:
            points = self.points.points(group, here, pairs, pair) if self.points is not None else None
            target = pairs.target(pair, move, self.plan.most, points)
        else:
            target = slice_target(group, here, look["slice_id"], move)
        target |= {column: group.value(column, here) for column in self.plan.columns}
        return image, target, np.array(move.spacing(look["pixel_spacing_mm"]), np.float32)

    def _stored(self, group: SliceGroup, row: int, look: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """Codes of a slice, and the row with the columns that explain them."""
        if self.raw is not None:
            source = {name: group.value(name, row) for name in SOURCE}
            stored, encoding = self.raw.codes({**look, **source})
            explained = {"scale": encoding.scale, "offset": encoding.offset, "invalid": encoding.invalid}
            return stored, {**look, **{f"intensity_{name}": value for name, value in explained.items()}}
        try:
            stored = read_png(group.png(row))
        except ValueError as error:
            raise ReleaseError(f"the image of slice {look['slice_id']!r} is damaged: {error}") from None
        if stored.shape != (look["height"], look["width"]):
            shape = look["height"], look["width"]
            raise ReleaseError(f"the image of slice {look['slice_id']!r} is {stored.shape}, its row says {shape}")
        return stored, look

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the sampler: numbers at which another group of slices begins, and the part that each group is in."""
        plan, slices = self.plan, self.plan.slices
        firsts = (volume_numbers if plan.raw else group_numbers)(self.files, slices.paths)
        if self.pairs is None:
            bounds = plan.index.bounds(slice_groups(slices, firsts))
            return bounds, np.zeros(len(bounds) - 1, np.int64)
        tables = batches(self.files, plan.index.paths, ["slice_file", "slice_row"])
        bounds = plan.index.bounds(pair_groups(tables, self.file_numbers, firsts))
        pieces = [self.pairs.starts(number)[:-1] for number in range(len(plan.index.paths))]
        firsts_of_all = np.concatenate([start + piece for start, piece in zip(plan.index.starts, pieces, strict=False)])
        rows = bounds[:-1] if plan.index.chosen is None else plan.index.chosen[bounds[:-1]]
        return bounds, np.searchsorted(firsts_of_all, rows, "right")


def slice_target(group: SliceGroup, row: int, slice_id: str, move: Move) -> dict[str, Any]:
    """Annotations of a slice, every `_rc` in pixels of the image, as `medvision.render` moves them."""
    segments, lesions, landmarks, biometrics = (group.value(name, row) or [] for name in NESTED)
    return {
        "slice_id": slice_id,
        "segments": [move.segment(segment) for segment in segments],
        "lesions": [move.lesion(lesion) for lesion in lesions],
        "landmarks": [move.points(landmark) for landmark in landmarks],
        "biometrics": biometrics,
    }
