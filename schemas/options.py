"""What a user asks of a build; picklable, and the part that changes slice rows goes into every shard's key."""

from __future__ import annotations

from dataclasses import dataclass, replace

from medvision.schemas.dataset import PLANES
from medvision.schemas.plans import PLANS
from medvision.schemas.rules import RULES, Rules
from medvision.schemas.secrets import check_no_secrets

SHARD_FORMATS = ("parquet", "webdataset")
"""Formats of the slices themselves."""
FORMATS = (*SHARD_FORMATS, PLANS)
"""With upstream's plan files, which are made of the annotations alone when a release is published."""
IMAGES = ("png16", "png8", "none")
CASE_MINUTES = 30.0
"""Far more than any takes: seconds on a disk (docs/speed.md), minutes through a store that answers late."""


@dataclass(frozen=True)
class BuildOptions:
    """One build: where from, where to, and by which rules.

    Attributes:
        raw: Root that holds one folder a dataset; a local path or fsspec URL.
        out: Root of the release; a local path or fsspec URL.
        datasets: Names, sorted.
        rules: Key of `RULES`.
        planes: Subset of PLANES, in their order.
        formats: Subset of FORMATS, in their order; the annotation files are always Parquet. () stands for all that
            serve: plans need rules that upstream has plans of, and tars images.
        images: "png16" (exact where 16 bits can hold the values), "png8" (a window) or "none".
        annotations_only: Datasets that enter without images, whatever `images` says: pipelines/licences.py chooses.
        limit: Build only the first N cases of each dataset in case order; 0 builds all.
        splits_from: Folder of published plan files to take numbered splits from; "" recomputes them.
        case_minutes: Most that a case may take in a worker process before that is ended; 0 sets no limit.
        worker_gb: Most memory of a worker process in GB, on Linux; 0 sets no limit.
        isolated: Workers are processes of their own, which a case may end; an engine's launch says so.
        progress_dir: Local folder for progress notes of the workers; "" writes none.
        run_id: Names this run's attempts; never reaches a data file.
    """

    raw: str
    out: str
    datasets: tuple[str, ...]
    rules: str = "1.4.0"
    planes: tuple[str, ...] = PLANES
    formats: tuple[str, ...] = ()
    images: str = "png16"
    annotations_only: tuple[str, ...] = ()
    limit: int = 0
    splits_from: str = ""
    replace: bool = False
    case_minutes: float = CASE_MINUTES
    worker_gb: float = 0.0
    isolated: bool = False
    progress_dir: str = ""
    run_id: str = "run"

    def __post_init__(self) -> None:
        for name in ("raw", "out", "splits_from"):
            check_no_secrets(name, getattr(self, name))
        if not self.formats:
            left_out = {PLANS} if not self.rule_table.lesion_plan else set()
            left_out |= {"webdataset"} if self.images == "none" else set()
            object.__setattr__(self, "formats", tuple(name for name in FORMATS if name not in left_out))

    @property
    def rule_table(self) -> Rules:
        return RULES[self.rules]

    @property
    def shard_formats(self) -> tuple[str, ...]:
        """Formats that a shard's files have."""
        return tuple(name for name in self.formats if name in SHARD_FORMATS)

    def of(self, dataset: str) -> BuildOptions:
        """The options as they are for one dataset: without images and tars where it gives annotations only."""
        if dataset not in self.annotations_only or self.images == "none":
            return self
        formats = tuple(name for name in self.formats if name != "webdataset") or ("parquet",)
        return replace(self, images="none", formats=formats)

    def shard_switches(self) -> dict[str, object]:
        """Everything of the options that changes the bytes of a shard."""
        return {
            "planes": self.planes,
            "formats": self.shard_formats,
            "images": self.images,
            "rules": self.rule_table.slice_switches(),
        }
