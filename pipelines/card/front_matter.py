"""The YAML front matter of a card: configs, features and sizes, as the Hugging Face library reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from medvision.pipelines.card.configs import Config
from medvision.schemas.dataset import Dataset
from medvision.schemas.features import features_of

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LARGER_SIZES = ((10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"))
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./*-]*")
WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
"""Texts that YAML 1.1 takes for something else."""
HUB_LICENCES = re.compile(r"cc-by(-nc)?(-sa|-nd)?-[234]\.0")
"""Licence ids that the hub knows and a dataset of ours has."""


def front_matter(datasets: Sequence[Dataset], configs: Sequence[Config], pairs: int) -> list[str]:
    """Lines from the first --- to the second.

    Features stand once for each schema and are named by YAML anchors: a full release has 820 configs of pairs.
    """
    lines = ["---", "pretty_name: MedVision", *_licence(datasets), "language:", "- en"]
    lines += ["task_categories:", "- object-detection", "- image-segmentation", "- visual-question-answering"]
    lines += ["tags:", "- medical", "- radiology", "size_categories:", f"- {_size(pairs)}", "configs:"]
    for config in configs:
        lines += [f"- config_name: {scalar(config.name)}", "  data_files:"]
        for split, part in config.splits.items():
            lines += [f"  - split: {split}", f"    path: {scalar(part.pattern)}"]
        lines += [f'  filters: [[plane, "==", {config.plane}]]'] if config.plane else []
    lines += ["dataset_info:"]
    anchors: dict[str, str] = {}
    for config in configs:
        lines += [f"- config_name: {scalar(config.name)}", *_features(config, anchors), *_splits(config)]
    return [*lines, "---"]


def scalar(text: str) -> str:
    """A YAML scalar that reads back as the text."""
    return text if PLAIN.fullmatch(text) and text.lower() not in WORDS else json.dumps(text)


def yaml_features(schema: pa.Schema) -> list[str]:
    """Features of a schema as the lines of a YAML list, in the spelling that every `datasets` from 2.x on reads."""
    return list(_fields(features_of(schema)))


def _licence(datasets: Sequence[Dataset]) -> list[str]:
    licences = sorted({dataset.spdx.lower() for dataset in datasets})
    if len(licences) == 1 and HUB_LICENCES.fullmatch(licences[0]):
        return [f"license: {licences[0]}"]
    return ["license: other", "license_name: per-source", "license_link: README.md"]


def _features(config: Config, anchors: dict[str, str]) -> Iterator[str]:
    key = config.kind or {"plane": "slices"}.get(config.family, config.family)
    if key in anchors:
        yield f"  features: *{anchors[key]}"
        return
    anchors[key] = f"features_of_{key}"
    yield f"  features: &{anchors[key]}"
    yield from (f"  {line}" for line in yaml_features(config.schema))


def _splits(config: Config) -> Iterator[str]:
    """Rows and bytes; a plane's rows are not known, and a number that is stated is held to."""
    if config.family == "plane":
        return
    yield "  splits:"
    for name, split in config.splits.items():
        yield from (f"  - name: {name}", f"    num_bytes: {split.bytes}", f"    num_examples: {split.rows}")
    total = sum(split.bytes for split in config.splits.values())
    yield from (f"  download_size: {total}", f"  dataset_size: {total}")


def _fields(features: Mapping[str, Any]) -> Iterator[str]:
    for name, feature in features.items():
        yield f"- name: {scalar(name)}"
        yield from (f"  {line}" for line in _type(feature))


def _type(feature: Any) -> Iterable[str]:
    if isinstance(feature, list):
        return ["list:", *_fields(feature[0])]
    kind = feature.get("_type")
    if kind == "Image":
        return ["dtype: image"]
    if kind == "Value":
        return [f"dtype: {feature['dtype']}"]
    if kind == "Sequence":
        return [f"sequence: {feature['feature']['dtype']}"]
    return ["struct:", *_fields(feature)]


def _size(count: int) -> str:
    for limit, name in (*SIZES, *LARGER_SIZES):
        if count < limit:
            return name
    return "100M<n<1B"
