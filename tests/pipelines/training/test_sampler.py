"""The sampler: what every order must be, and the very order, by a twin in plain Python."""

import hashlib
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvision.pipelines.training.sampler import GroupSampler

SIZES = st.lists(st.integers(0, 9), min_size=1, max_size=30)
WINDOW = st.integers(1, 5)
SEED = st.integers(-(2**70), 2**70)


def bounds(sizes: list[int]) -> np.ndarray:
    return np.cumsum([0, *sizes])


def groups_of(numbers: list[int], sizes: list[int]) -> list[int]:
    """Group of each number, by counting."""
    owner = [group for group, size in enumerate(sizes) for _ in range(size)]
    return [owner[number] for number in numbers]


def mixed(text: str, number: int) -> int:
    """splitmix64, as its authors give it, of a start that is a hash."""
    mask = (1 << 64) - 1
    z = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
    z = (z + (number + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def twin(sizes: list[int], parts: list[int], seed: int, epoch: int, window: int) -> list[int]:
    """The order of one process, by plain sorts."""
    starts = bounds(sizes).tolist()
    key = [(mixed(f"{seed}/{epoch}/part", parts[g]), mixed(f"{seed}/{epoch}/group", g), g) for g in range(len(sizes))]
    kept = [g for _, _, g in sorted(key) if sizes[g]]
    found = []
    for first in range(0, len(kept), window):
        rows = [row for g in kept[first : first + window] for row in range(starts[g], starts[g + 1])]
        found += sorted(rows, key=lambda row: (mixed(f"{seed}/{epoch}/row", row), 0))
    return found


@given(SIZES, WINDOW, SEED, st.integers(0, 3), st.data())
@settings(max_examples=200, deadline=None)
def test_the_order_is_that_of_the_twin(sizes, window, seed, epoch, data):
    parts = data.draw(st.lists(st.integers(0, 3), min_size=len(sizes), max_size=len(sizes)))
    sampler = GroupSampler(bounds(sizes), np.array(parts), seed=seed, window=window)
    sampler.set_epoch(epoch)
    assert list(sampler) == twin(sizes, parts, seed, epoch, window)


def test_the_order_stays_what_it_was():
    """No later version may change it."""
    sampler = GroupSampler(np.array([0, 4, 8, 12]), seed=5, window=2)
    assert list(sampler) == twin([4, 4, 4], [0, 0, 0], 5, 0, 2)
    assert hashlib.sha256(str(list(GroupSampler(np.arange(0, 1001, 10), seed=1))).encode()).hexdigest()[:16] == GOLDEN


GOLDEN = "dc2c70032d264102"


@given(SIZES, WINDOW, SEED, st.booleans(), st.integers(0, 4), st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_a_permutation(sizes, window, seed, shuffle, workers, batch_size):
    chosen = {"seed": seed, "window": window, "shuffle": shuffle, "workers": workers, "batch_size": batch_size}
    sampler = GroupSampler(bounds(sizes), **chosen)
    numbers = list(sampler)
    assert sorted(numbers) == list(range(sum(sizes)))
    assert len(sampler) == len(numbers)
    assert all(type(number) is int for number in numbers), "torch collates them, and datasets index by them"
    assert list(sampler) == numbers, "the same epoch again"
    if not shuffle:
        assert numbers == sorted(numbers)


@given(SIZES.filter(sum), WINDOW, SEED, st.booleans(), st.integers(1, 7), st.integers(0, 3), st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_ranks_share_evenly(sizes, window, seed, shuffle, world, workers, batch_size):
    total = sum(sizes)
    chosen = {"seed": seed, "window": window, "shuffle": shuffle, "workers": workers, "batch_size": batch_size}
    ranks = [GroupSampler(bounds(sizes), rank=rank, world=world, **chosen) for rank in range(world)]
    shares = [list(rank) for rank in ranks]
    assert {len(share) for share in shares} == {len(rank) for rank in ranks} == {-(-total // world)}
    counts = Counter(number for share in shares for number in share)
    assert set(counts) == set(range(total))
    assert sum(counts.values()) - total < world, "only so many come twice as even lengths need"
    assert world > total or max(counts.values()) <= 2


@given(SIZES.filter(sum), WINDOW, SEED, st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_a_group_is_read_once_a_rank_while_a_window_is_in_memory(sizes, window, seed, world):
    for rank in range(world):
        numbers = list(GroupSampler(bounds(sizes), seed=seed, window=window, rank=rank, world=world))
        groups = groups_of(numbers, sizes)
        stretches = {group: [i for i, other in enumerate(groups) if other == group] for group in groups}
        open_at = [sum(found[0] <= i <= found[-1] for found in stretches.values()) for i in range(len(groups))]
        padded = rank * len(numbers) + len(numbers) > sum(sizes)  # begins again with the first group
        assert max(open_at) <= window + padded * (len(sizes) if world > 1 else 0)


@given(SIZES.filter(sum), SEED, st.integers(2, 4), st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_batches_are_dealt_so_that_each_worker_has_groups_of_its_own(sizes, seed, workers, batch_size):
    numbers = list(GroupSampler(bounds(sizes), seed=seed, window=1, workers=workers, batch_size=batch_size))
    batches = [numbers[i : i + batch_size] for i in range(0, len(numbers), batch_size)]
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    lanes = [groups_of([n for batch in batches[w::workers] for n in batch], sizes) for w in range(workers)]
    for lane in lanes:
        runs = [lane[0], *(b for a, b in pairwise(lane) if a != b)] if lane else []
        assert len(runs) == len(set(runs)), "a worker reads a group once"
    shared = sum(len(set(lane)) for lane in lanes) - len(set().union(*map(set, lanes)))
    assert shared < workers, "two workers share a group only where one's numbers end and the next one's begin"


@given(SIZES.filter(lambda sizes: sum(sizes) > 12 and len(sizes) > 6), SEED)
@settings(max_examples=50, deadline=None)
def test_epochs_and_seeds_differ(sizes, seed):
    sampler = GroupSampler(bounds(sizes), seed=seed)
    orders = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        orders.append(tuple(sampler))
    assert len({*orders, tuple(GroupSampler(bounds(sizes), seed=seed + 1))}) == 4


def test_groups_of_a_part_stay_together():
    parts = np.repeat([0, 1, 2, 3], 5)
    order = [parts[number // 2] for number in GroupSampler(np.arange(0, 41, 2), parts, seed=3, window=1)]
    assert [a for a, b in pairwise([*order, -1]) if a != b] in ([list(p) for p in _permutations(4)])


def _permutations(count: int) -> list[tuple[int, ...]]:
    from itertools import permutations

    return list(permutations(range(count)))


def test_an_empty_dataset():
    sampler = GroupSampler(np.array([0]), world=3)
    assert list(sampler) == []
    assert len(sampler) == 0


@pytest.mark.parametrize(
    "wrong", [{"rank": 2, "world": 2}, {"rank": -1}, {"world": 0}, {"window": 0}, {"workers": -1}, {"batch_size": 0}]
)
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match="must be"):
        GroupSampler(np.array([0, 3]), **wrong)
