"""Files of equal content within and across datasets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import fsspec

from medvision.pipelines.survey.findings import Found
from medvision.schemas.case import Case
from medvision.schemas.faults import DataFault
from medvision.schemas.options import BuildOptions
from medvision.transforms.streams import sha256_of


def find_doubles(cases: Sequence[Case], options: BuildOptions, found: Found) -> tuple[tuple[str, ...], ...]:
    """Groups of paths below the raw root whose files are equal, of the images and masks of `cases`.

    Only files of equal size are read. Folders and per-class masks (empty ones are alike everywhere) are left out.
    """
    fs, root = fsspec.core.url_to_fs(options.raw)
    images: set[str] = set()
    by_size: dict[int, set[str]] = defaultdict(set)
    for case in cases:
        for image in case.images:
            images.add(f"{case.dataset}/{image.file.path}")
        for file in {*(image.file for image in case.images), *(() if case.mask_labels else case.masks)}:
            if file.size and not file.path.endswith("/"):
                by_size[file.size].add(f"{case.dataset}/{file.path}")
    groups = []
    for paths in (paths for _, paths in sorted(by_size.items()) if len(paths) > 1):
        by_hash: dict[str, list[str]] = defaultdict(list)
        for path in sorted(paths):
            digest = _sha256(fs, root, path, found)
            if digest:
                by_hash[digest].append(path)
        groups += [tuple(alike) for alike in by_hash.values() if len(alike) > 1]
    for alike in sorted(groups):
        datasets = "+".join(sorted({path.split("/", 1)[0] for path in alike}))
        if images & set(alike):
            meaning = "images of equal content, maybe one subject on both sides of a split"
            found.add("warning", datasets, "duplicate_content", meaning, " = ".join(alike))
        else:
            found.add("info", datasets, "duplicate_mask", "masks of equal content", " = ".join(alike))
    return tuple(sorted(groups))


def _sha256(fs: fsspec.AbstractFileSystem, root: str, path: str, found: Found) -> str:
    try:
        return sha256_of(fs, f"{root.rstrip('/')}/{path}")
    except DataFault:
        return ""  # no file, which the look at its header says
    except OSError as error:
        dataset, _, below = path.partition("/")
        found.add_unreadable(dataset, error, below)
        return ""
