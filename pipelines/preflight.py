"""Checks before a build starts: the raw folders are there, the release folder fits, the disk is large enough."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from medvision.pipelines.standing import ReleaseStands, check_standing
from medvision.schemas.case import Case
from medvision.schemas.dataset import Dataset
from medvision.schemas.options import BuildOptions
from medvision.schemas.plans import PLANS
from medvision.sources.registry import DATASETS
from medvision.transforms.plan import bucket_of
from medvision.transforms.ranges import is_folder
from medvision.transforms.select import find_cases
from medvision.transforms.store import Store

IMAGE_SHARE = {"png16": 1.1, "png8": 0.5, "none": 0.02}
"""Bytes out a plane and format for each byte of a gzipped raw image (measured on CT and MRI, rounded up)."""
PLAIN_SHARE = 0.5
"""The same for an uncompressed raw file, per byte."""


class PreflightError(ValueError):
    """The build cannot start; the message says what to do."""


@dataclass(frozen=True)
class Preflight:
    """What the build is about to do.

    Attributes:
        cases, shards: Numbers to be built.
        bytes_estimated: Upper estimate of what the release will hold.
        largest: The case with the largest image file of each dataset.
    """

    cases: int
    shards: int
    bytes_estimated: int
    largest: tuple[Case, ...] = ()


def check_build(datasets: Sequence[Dataset], options: BuildOptions) -> Preflight:
    """Raises PreflightError when the build cannot succeed as asked."""
    if PLANS in options.formats and not options.rule_table.lesion_plan:
        raise PreflightError(f"upstream has no plans by rules {options.rules}; leave plans out of --formats")
    _check_places(options)
    try:
        check_standing(options)
    except ReleaseStands as error:
        raise PreflightError(str(error)) from error
    fs, root = fsspec.core.url_to_fs(options.raw)
    cases, buckets, estimate, largest = 0, set(), 0.0, []
    for dataset in datasets:
        folder = f"{root.rstrip('/')}/{dataset.name}"
        if not is_folder(fs, folder):
            raise PreflightError(f"{options.raw} has no folder {dataset.name}; unpack the dataset there")
        matched = find_cases(dataset, options).cases
        if not matched:
            raise PreflightError(
                f"no case of {dataset.name} found below {options.raw}/{dataset.name}; its images are expected as "
                f"{dataset.tasks[0].image}"
            )
        matched = matched[: options.limit or None]
        cases += len(matched)
        buckets |= {bucket_of(case, dataset.bucket_bits) for case in matched}
        estimate += sum(estimated_bytes(case, options.of(dataset.name)) for case in matched)
        largest.append(max(matched, key=lambda case: max(image.file.size for image in case.images)))
    _check_space(options, int(estimate))
    return Preflight(cases, len(buckets), int(estimate), tuple(largest))


def _check_places(options: BuildOptions) -> None:
    """Raises PreflightError for a path that is of another kind than asked for, or lies where it must not."""
    if options.splits_from and not is_folder(*fsspec.core.url_to_fs(options.splits_from)):
        raise PreflightError(f"--splits-from {options.splits_from} is not a folder")
    store = Store(options.out)
    if not store.local:
        return
    out = Path(store.root)
    standing = next(place for place in (out, *out.parents) if place.exists())
    if not standing.is_dir():
        inside = "" if standing == out else f" would lie in {standing}, which"
        raise PreflightError(f"--out {options.out}{inside} is a file; name a folder")
    if not os.access(standing, os.W_OK | os.X_OK):
        raise PreflightError(f"--out {options.out}: {standing} lets nothing be written; name another folder")
    fs, root = fsspec.core.url_to_fs(options.raw)
    if not isinstance(fs, LocalFileSystem):
        return
    out, raw = out.resolve(), Path(root).resolve()
    if raw.is_relative_to(out) or any(out.is_relative_to(raw / name) for name in DATASETS):
        raise PreflightError(
            f"--out {options.out} would mix with the raw data of --raw {options.raw}; choose another folder"
        )


def present_datasets(raw: str) -> tuple[str, ...]:
    """Supported datasets that have a folder in the raw root. Raises PreflightError for none."""
    fs, root = fsspec.core.url_to_fs(raw)
    present = tuple(name for name in DATASETS if is_folder(fs, f"{root.rstrip('/')}/{name}"))
    if not present:
        raise PreflightError(f"{raw} has no folder named like a dataset; `medvision datasets` lists the names")
    return present


def estimated_bytes(case: Case, options: BuildOptions) -> float:
    """Upper estimate of the bytes that a case takes in the release."""
    total = 0.0
    for image in {image.file for image in case.images}:
        share = IMAGE_SHARE[options.images] if image.path.endswith("gz") else PLAIN_SHARE
        total += image.size * share * len(options.planes) * len(options.shard_formats)
    return total


def _check_space(options: BuildOptions, estimate: int) -> None:
    store = Store(options.out)
    if not store.local:
        return
    place = Path(store.root)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free + _held(store)
    if estimate > free:
        raise PreflightError(
            f"the release may take {estimate / 1e9:.1f} GB and {options.out} has {free / 1e9:.1f} GB left; free some "
            "space, or build fewer planes, formats or datasets"
        )


def _held(store: Store) -> int:
    """Bytes already built, which need no further space."""
    base = Path(store.root) / ".shards"
    return sum(path.stat().st_size for path in base.rglob("*") if path.is_file()) if base.exists() else 0
