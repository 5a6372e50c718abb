"""From a config's name and options to the dataset of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import pyarrow.compute as pc

from medvision.pipelines.card.configs import Config, configs
from medvision.pipelines.release import Release, ReleaseError
from medvision.pipelines.training.dataset import Plan, ReleaseDataset, Transform
from medvision.pipelines.training.groups import OpenFiles
from medvision.pipelines.training.index import Index, batches
from medvision.pipelines.training.look import Look
from medvision.pipelines.training.pair_targets import PAIR_KINDS
from medvision.schemas.record import PublishedFile
from medvision.schemas.rows import DATA_SCHEMA, SCHEMA_VERSION

SLICES = ("slices", "plane")


def open_dataset(
    release: Release,
    config: str,
    split: str,
    look: Look,
    *,
    single_instance: bool,
    instances: int | None,
    columns: Sequence[str],
    transform: Transform | None,
    raw: str | os.PathLike[str],
    group_bytes: int,
    volume_bytes: int,
    open_files: int,
) -> ReleaseDataset:
    """The dataset of a config; arguments as of `Release.dataset`."""
    if (version := release.manifest["schema_version"]) != SCHEMA_VERSION:
        raise ReleaseError(f"{release.url} has schema version {version}, this reads {SCHEMA_VERSION}; build it again")
    if open_files < 1 or (instances is not None and instances < 1):
        raise ValueError(f"open_files and instances must be 1 or more, got {open_files} and {instances}")
    found = _find(release, config)
    files = _files(found, split)
    slices = _slices(release, found, split, with_raw=bool(raw))
    index = Index.of(files) if found.kind else slices
    _check_columns(columns, found.name)
    opened = OpenFiles(release.fs, release.root, open_files)
    try:
        if found.kind and single_instance:
            index = index.where(_flags(opened, index))
        if found.plane:
            index = slices.where(_on_plane(opened, slices, found.plane))
        most = instances or (_most(opened, index, found.kind) if found.kind else 0)
    finally:
        opened.close()
    plan = Plan(
        slices=slices,
        index=index,
        kind=found.kind,
        look=look,
        most=most,
        columns=tuple(columns),
        raw=os.fspath(raw),
        transform=transform,
        group_bytes=group_bytes,
        volume_bytes=volume_bytes,
        open_files=open_files,
    )
    return ReleaseDataset(release, found.name, split, plan)


def known_configs(release: Release) -> dict[str, Config]:
    """Configs with slices or pairs, by name; a dataset without images has the names that it would have with them."""
    planes = release.manifest["switches"]["planes"]
    found = {config.name: config for config in configs(release.files(), planes) if config.family != "volumes"}
    for config in [config for config in found.values() if config.family == "annotations"]:
        for name, plane in [(config.dataset, ""), *((f"{config.dataset}_{plane}", plane) for plane in planes)]:
            family = "plane" if plane else "slices"
            found.setdefault(name, Config(name, family, config.dataset, plane=plane, splits=config.splits))
    return found


def _find(release: Release, name: str) -> Config:
    known = known_configs(release)
    if name in known:
        return known[name]
    if str(name).removesuffix("_volumes") in {config.dataset for config in known.values()}:
        raise ReleaseError(f"config {name!r} has a row a volume, not an image; release.rows({name!r}) reads it")
    by_lower = {known_name.lower(): known_name for known_name in known}
    close = [by_lower[lower] for lower in get_close_matches(str(name).lower(), by_lower, n=5, cutoff=0.5)]
    meant = f"; near it are {', '.join(close)}" if close else f"; it has {', '.join(sorted(known)[:5])}, ..."
    raise ReleaseError(f"{release.url} has no config {name!r}{meant}; configs() lists all")


def _files(config: Config, split: str) -> list[PublishedFile]:
    if split not in config.splits:
        other = " and ".join(map(repr, config.splits))
        raise ReleaseError(f"config {config.name} has no split {split!r}; it has {other}")
    return sorted(config.splits[split].files, key=lambda file: file.path)


def _slices(release: Release, config: Config, split: str, with_raw: bool) -> Index:
    """Slice files that the config's images are in: of pairs all of its dataset, as their split is not the slices'."""
    data = release.files("data", config.dataset)
    if not with_raw and not data:
        raise ReleaseError(_no_images(release, config))
    kind = "annotations" if with_raw else "data"
    files = release.files(kind, config.dataset)
    if not config.kind:
        files = [file for file in files if file.path.rsplit("/", 1)[1].split("-", 1)[0] == split]
    return Index.of(files)


def _no_images(release: Release, config: Config) -> str:
    if release.files("webdataset", config.dataset) and release.manifest["switches"]["images"] != "none":
        return (
            f"{release.url} has the images of {config.dataset} in tars alone, which have no order of numbers: iterate "
            f"them with webdataset, build it with --formats parquet, or read the raw volumes: raw='ROOT'"
        )
    return (
        f"{release.url} has no images of {config.dataset} (it was built with --images none, or its licence keeps them "
        f"out): give the raw files it was built from, dataset({config.name!r}, ..., raw='ROOT'), or build it with "
        "images (--private where the copy is not passed on)"
    )


def _check_columns(columns: Sequence[str], config: str) -> None:
    names = [name for name in DATA_SCHEMA.names if name != "image"]
    for column in columns:
        if column not in names:
            near = get_close_matches(str(column), names) or names
            raise ReleaseError(f"slice rows of {config} have no column {column!r}; they have {', '.join(near)}")


def _flags(files: OpenFiles, index: Index) -> Iterator[np.ndarray]:
    for table in batches(files, index.paths, ["single_instance"]):
        yield table["single_instance"].chunk(0).to_numpy(zero_copy_only=False)


def _on_plane(files: OpenFiles, slices: Index, plane: str) -> Iterator[np.ndarray]:
    """Of annotation files: the same rows in far fewer bytes."""
    paths = ["annotations/" + path.split("/", 1)[1] for path in slices.paths]
    for table in batches(files, paths, ["plane"]):
        yield pc.equal(table["plane"].chunk(0), plane).to_numpy(zero_copy_only=False)


def _most(files: OpenFiles, index: Index, kind: str) -> int:
    """Most annotations that a pair has; 1 at least."""
    leaf = PAIR_KINDS[kind].listed
    if not leaf:
        return 1
    most, start = 1, 0
    for table in batches(files, index.paths, [leaf]):
        lengths: Any = pc.list_value_length(table[leaf.split(".")[0]].chunk(0)).to_numpy(zero_copy_only=False)
        if index.chosen is not None:
            lengths = lengths[index.within(start, start + len(lengths))]
        start += table.num_rows
        most = max(most, int(lengths.max(initial=1)))
    return most
