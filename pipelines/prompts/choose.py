"""Which pairs of a release are asked: by config, split, kind and set, at most so many of a config."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.prompts.errors import PromptError
from medvision.pipelines.prompts.options import PromptOptions
from medvision.pipelines.release import Release
from medvision.schemas.pairs import LANDMARK_KINDS, kind_of_config
from medvision.schemas.prompts import questions_of
from medvision.schemas.record import PublishedFile

METRIC = "biometric_profile.metric_type"
OF_LINES = ("distance", "angle")
"""Questions of pairs on landmarks."""


@dataclass(frozen=True)
class PairsFile:
    """One chosen file of pairs; `config` and `split` are of its path, `kind` is the annotation kind."""

    file: PublishedFile
    config: str
    split: str
    kind: str


def pairs_files(release: Release, options: PromptOptions) -> list[PairsFile]:
    """Files that may hold chosen pairs, in order of path.

    Raises:
        PromptError: A glob names no config, or nothing is left.
    """
    every = [_parsed(file) for file in release.files("pairs")]
    for glob in options.configs:
        if not any(fnmatchcase(item.config, glob) for item in every):
            shown = sorted({item.config for item in every})[:3]
            raise PromptError(f"--config {glob!r} fits no config of {release.url}; there are {', '.join(shown)}, ...")
    chosen = [
        item
        for item in every
        if (not options.configs or any(fnmatchcase(item.config, glob) for glob in options.configs))
        and item.split in options.splits
        and set(questions_of(item.kind) or OF_LINES) & set(options.kinds)  # ratios are read to be told of, not dropped
    ]
    if not chosen:
        raise PromptError("no pairs are left by --config, --split and --kind together; `medvision stats` counts them")
    return chosen


def chosen_rows(table: pa.Table | pa.RecordBatch, item: PairsFile, options: PromptOptions) -> pa.Array:
    """Mask over rows of a pairs file: those of the kinds and the set that are asked for."""
    keep = table["single_instance"] if options.instances == "single" else pc.is_valid(table["pair_id"])
    if item.kind in LANDMARK_KINDS:
        types = pc.struct_field(table["biometric_profile"], "metric_type")
        asked = [kind for kind in options.kinds if kind in OF_LINES]
        keep = pc.and_(keep, pc.is_in(types, pa.array([*asked, "ratio"])))
    return keep


def limited(release: Release, files: list[PairsFile], options: PromptOptions) -> dict[str, set[str]] | None:
    """Pair ids by config where a config is limited: those with the lowest sha256; None where it is not.

    So the choice stays when pairs are added, and is contained in that of any higher limit.
    """
    if not options.per_config:
        return None
    return {
        config: set(heapq.nsmallest(options.per_config, _ids(release, items, options), key=_rank))
        for config, items in _by_config(files).items()
    }


def count_chosen(release: Release, files: list[PairsFile], options: PromptOptions) -> Counter[str]:
    """Pairs by dataset that these files are asked for."""
    found: Counter[str] = Counter()
    for items in _by_config(files).values():
        count = sum(1 for _ in _ids(release, items, options))
        found[items[0].file.dataset] += min(count, options.per_config or count)
    return found


def _by_config(files: list[PairsFile]) -> dict[str, list[PairsFile]]:
    found: dict[str, list[PairsFile]] = {}
    for item in files:
        found.setdefault(item.config, []).append(item)
    return found


def _ids(release: Release, items: list[PairsFile], options: PromptOptions) -> Iterator[str]:
    for item in items:
        columns = ["pair_id", "single_instance", *([METRIC] if item.kind in LANDMARK_KINDS else [])]
        with release.parquet(item.file.path, stream=True) as parquet:
            for batch in parquet.iter_batches(batch_size=1 << 14, columns=columns):
                yield from batch["pair_id"].filter(chosen_rows(batch, item, options)).to_pylist()


def _rank(pair_id: str) -> bytes:
    return hashlib.sha256(pair_id.encode()).digest()


def _parsed(file: PublishedFile) -> PairsFile:
    path = PurePosixPath(file.path)
    config = path.parent.name
    return PairsFile(file, config, path.name.split("-")[0], kind_of_config(config))
