"""An order of a dataset's numbers that is shuffled and still reads each row group once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class GroupSampler:
    """Numbers of a dataset, shuffled in two steps: row groups, then rows within a window of several groups.

    Iterate it, or give it to `torch.utils.data.DataLoader(sampler=...)`. The order is a function of the arguments
    and the epoch alone, on every machine and with every version of Python and NumPy. Memory is that of one window.

    Args:
        bounds: (groups + 1,) rising: group g is the numbers from bounds[g] to bounds[g + 1].
        parts: (groups,) part of the dataset that a group is in; groups of a part stay together.
        seed: Any whole number.
        window: Groups whose rows are mixed: as many are in memory at a time.
        shuffle: Whether to; else numbers rise, and only `rank` and `world` count.
        rank, world: Of `world` processes this one is number `rank`, from 0. Each takes a stretch of the shuffled
            groups, all of the same length: up to world - 1 numbers come twice, none is left out.
        workers, batch_size: Those of the DataLoader. Batches are then dealt so that each worker has windows of its
            own: it reads other groups than its neighbours.

    Raises:
        ValueError: An argument out of range.
    """

    def __init__(
        self,
        bounds: np.ndarray,
        parts: np.ndarray | None = None,
        *,
        seed: int = 0,
        window: int = 8,
        shuffle: bool = True,
        rank: int = 0,
        world: int = 1,
        workers: int = 0,
        batch_size: int = 1,
    ) -> None:
        if not (world >= 1 and 0 <= rank < world):
            raise ValueError(f"rank must be from 0 to world - 1, got rank {rank} of world {world}")
        if window < 1 or workers < 0 or batch_size < 1:
            got = f"{window}, {batch_size} and {workers}"
            raise ValueError(f"window and batch_size must be 1 or more, workers 0 or more, got {got}")
        self.bounds = np.asarray(bounds, np.int64)
        self.parts = np.zeros(len(self.bounds) - 1, np.int64) if parts is None else np.asarray(parts, np.int64)
        self.seed, self.window, self.shuffle = int(seed), int(window), bool(shuffle)
        self.rank, self.world = int(rank), int(world)
        self.workers, self.batch_size = int(workers), int(batch_size)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Another order; call it before each epoch, in every process with the same number."""
        self.epoch = int(epoch)

    def __len__(self) -> int:
        return -(-int(self.bounds[-1]) // self.world)

    def __iter__(self) -> Iterator[int]:
        if not len(self):
            return
        stretches = _Stretches(*self._groups())
        start = self.rank * len(self)
        if not self.shuffle:
            for low, high in stretches.cut(start, start + len(self)):
                yield from range(low, high)
            return
        lanes = [self._mixed(stretches.cut(a, b)) for a, b in self._lanes(start)]
        for batch in range(-(-len(self) // self.batch_size)):
            lane = lanes[batch % len(lanes)]
            for _ in range(min(self.batch_size, len(self) - batch * self.batch_size)):
                yield next(lane)

    def _groups(self) -> tuple[np.ndarray, np.ndarray]:
        """First numbers and numbers past the last of all groups, in the order of this epoch."""
        starts, stops = self.bounds[:-1], self.bounds[1:]
        if not self.shuffle:
            return starts, stops
        groups = np.arange(len(starts))
        order = np.lexsort((groups, self._keys("group", groups), self._keys("part", self.parts)))
        return starts[order], stops[order]

    def _lanes(self, start: int) -> list[tuple[int, int]]:
        """Stretches of this process's numbers, one a worker, as long as what its batches take."""
        lanes, batches = max(1, self.workers), -(-len(self) // self.batch_size)
        lengths = [self.batch_size * len(range(lane, batches, lanes)) for lane in range(lanes)]
        lengths[(batches - 1) % lanes] -= batches * self.batch_size - len(self)  # the last batch is a short one
        ends = start + np.cumsum([0, *lengths])
        return [(int(a), int(b)) for a, b in pairwise(ends)]

    def _mixed(self, stretches: Iterator[tuple[int, int]]) -> Iterator[int]:
        held: list[np.ndarray] = []
        for low, high in stretches:
            held.append(np.arange(low, high))
            if len(held) == self.window:
                yield from self._shuffled(held)
                held = []
        if held:
            yield from self._shuffled(held)

    def _shuffled(self, held: list[np.ndarray]) -> list[int]:
        numbers = np.concatenate(held)
        order = np.argsort(self._keys("row", numbers), kind="stable")
        found: list[int] = numbers[order].tolist()
        return found

    def _keys(self, what: str, numbers: np.ndarray) -> np.ndarray:
        """A 64-bit key of each number, as splitmix64 has them: NumPy's own shuffles may change with its version."""
        text = f"{self.seed}/{self.epoch}/{what}".encode()
        start = np.uint64(int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big"))
        with np.errstate(over="ignore"):
            z = start + (numbers.astype(np.uint64) + np.uint64(1)) * _GOLDEN
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(z ^ (z >> np.uint64(31)))


class _Stretches:
    """Groups one after the other, again and again, to be cut anywhere."""

    def __init__(self, starts: np.ndarray, stops: np.ndarray) -> None:
        kept = stops > starts
        self.starts, self.stops = starts[kept], stops[kept]
        self.ends = np.cumsum(self.stops - self.starts)

    def cut(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """What lies from place `start` to place `stop`: parts of groups, as (first number, number past the last)."""
        total = int(self.ends[-1])
        while start < stop:
            place = start % total
            group = int(np.searchsorted(self.ends, place, "right"))
            left = int(self.ends[group]) - place
            taken = min(left, stop - start)
            first = int(self.stops[group]) - left
            yield first, first + taken
            start += taken
