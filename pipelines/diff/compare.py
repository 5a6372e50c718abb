"""Compare one shard of two releases: match pairs, find what differs, and search a cause for each difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.diff.causes import CauseSearch, agrees
from medvision.pipelines.diff.changes import changes_of
from medvision.pipelines.diff.halves import Half
from medvision.pipelines.diff.meaning import SLICE, Meaning, same
from medvision.pipelines.diff.switches import bearing_on, flipped
from medvision.pipelines.diff.tally import ANY, CHANGED, ONLY_A, ONLY_B, UNEXPLAINED, Key, Tally
from medvision.pipelines.diff.witness import mask_differs
from medvision.schemas.pairs import LANDMARK_KINDS

NotBuilt = Callable[[str, tuple[str, int], str], str]
"""(name of the half that lacks it, case id and task of the image, plane) to a cause that is no rule, "" for none."""


@dataclass(frozen=True)
class Comparison:
    """How shards are compared.

    Attributes:
        forward: Switches that differ and can be tested on the rows of A; empty where nothing can be measured again.
        backward: Those that can be tested on the rows of B, by setting them back.
        not_built: Options of the builds that left a slice out of one of them.
        left_out: Dead letters that did.
    """

    forward: list[str]
    backward: list[str]
    not_built: NotBuilt
    left_out: NotBuilt


def compare_shard(first: Half, second: Half, kind: str, how: Comparison, tally: Tally) -> None:
    """Add every difference in pairs of one kind to the tally."""
    one, other = first.shown(kind), second.shown(kind)
    place = other.find(one.ids)
    both = np.flatnonzero(place >= 0)
    left, right = one.take(both), other.take(place[both])
    changed = ~same(left, right)
    dataset = _dataset(first, second)
    tally.pairs.update({(dataset, kind, "a"): len(one), (dataset, kind, "b"): len(other)})
    tally.pairs[dataset, kind, "both"] += len(both)
    lost = one.take(np.flatnonzero(place < 0))
    new = other.take(np.flatnonzero(one.find(other.ids) < 0))
    left, right = left.take(np.flatnonzero(changed)), right.take(np.flatnonzero(changed))
    seek = _Seeker(first, second, one, other, kind, how)
    for state, pairs in ((CHANGED, left), (ONLY_A, lost), (ONLY_B, new)):
        if len(pairs):
            _add(tally, dataset, state, pairs, seek.causes(state, pairs), right if state == CHANGED else None)


def _add(tally: Tally, dataset: str, state: str, pairs: Meaning, causes: list[str], after: Meaning | None) -> None:
    columns = [pairs.keys[name].to_pylist() for name in ("task", "plane", "target")]
    keys = [
        Key(dataset, pairs.kind, task, plane, target, state, cause, ANY)
        for task, plane, target, cause in zip(*columns, causes, strict=True)
    ]
    tally.add(keys)
    for pair_id, cause in zip(pairs.ids.to_pylist(), causes, strict=True):
        tally.example(dataset, pairs.kind, cause, pair_id)
    if after is not None:
        for quantity, (rows, values) in changes_of(pairs, after).items():
            tally.add([keys[row]._replace(quantity=quantity) for row in rows], values)


class _Seeker:
    """Finds the causes of differences of one kind in one shard."""

    def __init__(self, first: Half, second: Half, one: Meaning, other: Meaning, kind: str, how: Comparison) -> None:
        self.first, self.second, self.kind, self.how = first, second, kind, how
        self.one, self.other = one, other

    def causes(self, state: str, pairs: Meaning) -> list[str]:
        """A cause for each pair of A (of B for ONLY_B)."""
        slice_ids = pairs.keys["slice_id"].combine_chunks()
        holder, lacking = (self.second, self.first) if state == ONLY_B else (self.first, self.second)
        causes = [""] * len(pairs)
        if state != CHANGED:
            causes = _asked(self.how.not_built, holder, lacking, slice_ids, pairs.keys["plane"])
        # A pair of B alone: A's evidence must bring it forth, or B's make it vanish, since A may not hold its evidence.
        shown = self.first.has(slice_ids).to_numpy(zero_copy_only=False)
        for forward in (True, False) if state == ONLY_B else (True,):
            rows = np.flatnonzero((np.array(causes) == "") & (shown if forward else True))
            if len(rows):
                chosen = pa.array(rows)
                found = self._search(pairs.ids.take(chosen), slice_ids.take(chosen), forward)
                for row, cause in zip(rows, found, strict=True):
                    causes[row] = cause
        if state != CHANGED:
            absent = ~lacking.has(slice_ids).to_numpy(zero_copy_only=False)
            letters = _asked(self.how.left_out, holder, lacking, slice_ids, pairs.keys["plane"])
            causes = [c or (letter if gone else "") for c, letter, gone in zip(causes, letters, absent, strict=True)]
        if "" in causes and self.kind != SLICE:
            left = [row for row, cause in enumerate(causes) if not cause]
            differ = mask_differs(self.first, self.second, pairs.take(np.array(left)))
            evidence = "points" if self.kind in LANDMARK_KINDS else "masks"
            for row, is_other in zip(left, differ, strict=True):
                causes[row] = f"{UNEXPLAINED}: {evidence} differ" if is_other else ""
        return [cause or UNEXPLAINED for cause in causes]

    def _search(self, ids: pa.Array, slice_ids: pa.Array, forward: bool) -> list[str]:
        switches = bearing_on(self.kind, self.how.forward if forward else self.how.backward)
        if not switches:
            return [""] * len(ids)
        base, target = (self.first, self.second) if forward else (self.second, self.first)
        own, expected = (self.one, self.other) if forward else (self.other, self.one)
        evidence = base.only(slice_ids)

        def evaluate(names: frozenset[str], chosen: np.ndarray) -> Meaning:
            part = evidence if len(chosen) == len(ids) else evidence.only(slice_ids.take(pa.array(chosen)))
            return part.under(self.kind, flipped(base.rules, target.rules, names))

        search = CauseSearch(ids, expected, switches, evaluate)
        everything = np.arange(len(ids))
        return search.run(agrees(evaluate(frozenset(), everything), ids, own, own.find(ids)))


def _asked(ask: NotBuilt, holder: Half, lacking: Half, slice_ids: pa.Array, planes: pa.ChunkedArray) -> list[str]:
    place = pc.index_in(slice_ids, value_set=holder.rows["slice_id"].combine_chunks())
    found = (holder.rows[name].take(place).to_pylist() for name in ("case_id", "task"))
    asked = zip(*found, planes.to_pylist(), strict=True)
    return [ask(lacking.name, (case or "", task or 0), plane) for case, task, plane in asked]


def _dataset(first: Half, second: Half) -> str:
    rows = first.rows if first.rows.num_rows else second.rows
    return str(rows["dataset"][0].as_py()) if rows.num_rows else ""
