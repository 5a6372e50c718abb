"""The dataset card: README.md with the Hugging Face front matter, made from what was published."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from medvision.schemas.dataset import Dataset
from medvision.schemas.options import BuildOptions
from medvision.schemas.pairs import LANDMARK_KINDS
from medvision.schemas.plans import PLANS
from medvision.schemas.record import CARD, PublishedFile
from medvision.transforms.store import Store

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LARGER_SIZES = ((10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"))


def write_card(
    store: Store,
    datasets: Sequence[Dataset],
    files: Sequence[PublishedFile],
    summary: dict[str, Any],
    options: BuildOptions,
) -> dict[str, object]:
    """Write README.md; returns its size and sha256 for the manifest."""
    text = "\n".join([*_front_matter(datasets, files, summary), *_body(datasets, summary, options)]) + "\n"
    data = text.encode()
    store.replace(CARD, data)
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def configs(files: Sequence[PublishedFile]) -> dict[str, dict[str, str]]:
    """Config name to {split: path pattern}: slices, annotations and volumes by dataset, pairs by upstream's name."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for file in files:
        folder, name = file.path.rsplit("/", 1)
        by_kind = {
            "data": file.dataset,
            "annotations": f"{file.dataset}_annotations",
            "volumes": f"{file.dataset}_volumes",
            "pairs": folder.rsplit("/", 1)[-1],
        }
        if file.kind not in by_kind:
            continue
        config, split = by_kind[file.kind], name.split("-", 1)[0]
        found[config][split] = f"{folder}/{split}-*.parquet"
    return {name: dict(sorted(splits.items(), reverse=True)) for name, splits in sorted(found.items())}


def pair_columns(pairs: Mapping[str, int]) -> list[int]:
    """Numbers of pairs on boxes, masks, lesions and landmarks."""
    landmarks = sum(count for kind, count in pairs.items() if kind in LANDMARK_KINDS)
    return [*(pairs.get(kind, 0) for kind in ("BoxSize", "MaskSize", "TumorLesionSize")), landmarks]


def _front_matter(datasets: Sequence[Dataset], files: Sequence[PublishedFile], summary: dict[str, Any]) -> list[str]:
    pairs = sum(sum(item["pairs"].values()) for item in summary.values())
    lines = ["---", "pretty_name: MedVision", "license: other", "license_name: per-source"]
    lines += ["task_categories:", "- object-detection", "- image-segmentation", "- visual-question-answering"]
    lines += ["tags:", "- medical", "size_categories:", f"- {_size(pairs)}"]
    lines += ["configs:"]
    for name, splits in configs(files).items():
        lines += [f"- config_name: {name}", "  data_files:"]
        for split, pattern in splits.items():
            lines += [f"  - split: {split}", f"    path: {pattern}"]
    return [*lines, "---"]


def _body(datasets: Sequence[Dataset], summary: dict[str, Any], options: BuildOptions) -> list[str]:
    lines, plans = ["# MedVision release", ""], PLANS in options.formats
    lines += [
        "2D slices of public medical images with bounding boxes, mask sizes and lesion axes in millimetres. "
        f"Rules: `{options.rules}`. Images: `{options.images}`. Planes: {', '.join(options.planes)}.",
        "",
        "Each slice stands once in `data/` (or `webdataset/`); each image-annotation pair is a row of `pairs/` that "
        "names its slice by `slice_file` and `slice_row`. The original intensity is "
        "`stored * intensity_scale + intensity_offset`, in the unit of the column `unit`.",
        *(["", "`plans/` holds the same pairs as upstream's plan files, for tools that read those."] if plans else []),
        "",
        "| dataset | cases | slices | box pairs | mask pairs | lesion pairs | landmark pairs | left out | licence |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for dataset in datasets:
        item = summary[dataset.name]
        pairs, dead = item["pairs"], sum(item["dead_letters"].values())
        counts = pair_columns(pairs)
        cells = [dataset.name, item["cases"], item["slices"], *counts, dead, dataset.licence or "see source"]
        lines.append("| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else cell for cell in cells) + " |")
    lines += ["", "## Sources", ""]
    for dataset in datasets:
        shared = "" if dataset.redistribute else " Its images may not be passed on."
        lines += [
            f"- **{dataset.name}** ({dataset.licence or 'licence: see source'}): {dataset.citation} "
            f"<{dataset.homepage}>{shared}"
        ]
    return [
        *lines,
        "",
        "## Splits",
        "",
        "`side` is a patient-level split: no patient stands on both sides. The `train` and `test` of the pairs "
        "follow the rules above; `split_source` says where each is from.",
    ]


def _size(count: int) -> str:
    for limit, name in (*SIZES, *LARGER_SIZES):
        if count < limit:
            return name
    return "100M<n<1B"
