"""Which configs a release has for the Hugging Face library, and what each is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from medvision.schemas.pairs import LANDMARK_KINDS, PAIR_SCHEMAS, kind_of_config
from medvision.schemas.record import PublishedFile
from medvision.schemas.rows import ANNOTATION_SCHEMA, DATA_SCHEMA
from medvision.schemas.volumes import VOLUME_SCHEMA

FAMILIES = {"data": "slices", "annotations": "annotations", "volumes": "volumes", "pairs": "pairs"}
"""Kind of a published file to the family of configs that it belongs to; slices have one more, "plane"."""
SCHEMAS = {"slices": DATA_SCHEMA, "plane": DATA_SCHEMA, "annotations": ANNOTATION_SCHEMA, "volumes": VOLUME_SCHEMA}


@dataclass
class Split:
    """Files of one split of a config, and the pattern that finds them."""

    pattern: str
    files: list[PublishedFile] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Of all its files."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(file.bytes for file in self.files)


@dataclass
class Config:
    """One config.

    Attributes:
        name: As `load_dataset(OUT, name)` takes it.
        family: "slices", "plane", "annotations", "volumes" or "pairs".
        dataset: Dataset of its rows.
        kind: Annotation kind of pairs, else "".
        plane: Of the family "plane" the only plane that its rows show, else "".
        splits: By name, "train" before "test". Rows of a plane are not counted: they are those of all planes.
    """

    name: str
    family: str
    dataset: str
    kind: str = ""
    plane: str = ""
    splits: dict[str, Split] = field(default_factory=dict)

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of its rows."""
        return PAIR_SCHEMAS[self.kind] if self.kind else SCHEMAS[self.family]


def configs(files: Sequence[PublishedFile], planes: Sequence[str] = ()) -> list[Config]:
    """Configs of a release by name: its datasets, each with its `planes`, and pairs by upstream's names."""
    found: dict[str, Config] = {}
    for file in files:
        if file.kind not in FAMILIES:
            continue
        folder, name = file.path.rsplit("/", 1)
        family, last = FAMILIES[file.kind], folder.rsplit("/", 1)[-1]
        suffix = {"slices": "", "annotations": "_annotations", "volumes": "_volumes"}
        title = last if family == "pairs" else f"{file.dataset}{suffix[family]}"
        kind = kind_of_config(last) if family == "pairs" else ""
        config = found.setdefault(title, Config(title, family, file.dataset, kind))
        split = name.split("-", 1)[0]
        config.splits.setdefault(split, Split(f"{folder}/{split}-*.parquet")).files.append(file)
    for config in list(found.values()):
        config.splits = dict(sorted(config.splits.items(), reverse=True))
        for plane in planes if config.family == "slices" else ():
            name = f"{config.dataset}_{plane}"
            found[name] = Config(name, "plane", config.dataset, plane=plane, splits=config.splits)
    return sorted(found.values(), key=lambda config: config.name)


def pair_columns(pairs: Mapping[str, int]) -> list[int]:
    """Numbers of pairs on boxes, masks, lesions and landmarks."""
    landmarks = sum(count for kind, count in pairs.items() if kind in LANDMARK_KINDS)
    return [*(pairs.get(kind, 0) for kind in ("BoxSize", "MaskSize", "TumorLesionSize")), landmarks]


def slices_by_side(files: Sequence[PublishedFile]) -> dict[str, dict[str, int]]:
    """Slices of each dataset on each side of the patient-level split."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: {"train": 0, "test": 0})
    for file in files:
        if file.kind == "annotations":
            counts[file.dataset][file.path.rsplit("/", 1)[-1].split("-", 1)[0]] += file.rows
    return dict(counts)
