"""Sources of more than one file: folders that a pattern ends in "/" for, and headers whose voxels stand beside them."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from medvision.schemas.case import SourceFile
from medvision.schemas.dataset import Dataset


def add_folders(dataset: Dataset, files: list[SourceFile]) -> list[SourceFile]:
    """`files`, and if a pattern of the dataset ends in "/" every folder that holds files directly, sorted.

    A folder's path ends in "/", its size is the sum of its files' sizes and its stamp a hash of their stamps.
    """
    patterns = [pattern for task in dataset.tasks for pattern in (task.image, task.mask)]
    patterns += [task.image for task in dataset.landmark_tasks]
    if not any(pattern.endswith("/") for pattern in patterns):
        return files
    members: dict[str, list[SourceFile]] = defaultdict(list)
    for file in files:
        folder, slash, _ = file.path.rpartition("/")
        if slash:
            members[f"{folder}/"].append(file)
    folders = [SourceFile(path, sum(f.size for f in inside), stamp_of(inside)) for path, inside in members.items()]
    return sorted([*files, *folders])


def stamp_data_files(files: list[SourceFile]) -> list[SourceFile]:
    """The .mhd headers take on the stamps of the files of their stem (x.raw of x.mhd): without reading, the usual
    place of their voxels.
    """
    if not any(file.path.lower().endswith(".mhd") for file in files):
        return files
    beside: dict[str, list[SourceFile]] = defaultdict(list)
    for file in files:
        beside[_stem(file.path)].append(file)
    return [
        replace(file, stamp=stamp_of(beside[_stem(file.path)])) if file.path.lower().endswith(".mhd") else file
        for file in files
    ]


def stamp_of(files: Iterable[SourceFile]) -> str:
    """One change mark for many files: changes with any name, size or stamp; "" where a file has none."""
    marks = sorted((file.path.rsplit("/", 1)[-1], file.size, file.stamp) for file in files)
    if not all(stamp for _, _, stamp in marks):
        return ""
    return f"files:{hashlib.sha256(json.dumps(marks).encode()).hexdigest()}"


def _stem(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0] or name}"
