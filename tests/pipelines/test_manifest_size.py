"""The manifest of a release of all datasets at full size stays under 1 MB: what grows with files stands in tables."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from medvision.pipelines import publish
from medvision.pipelines.lock import PublishLock
from medvision.schemas.faults import DeadLetter
from medvision.schemas.options import BuildOptions
from medvision.schemas.pairs import LANDMARK_KINDS, LESION_KINDS, config_name, kinds_of
from medvision.schemas.record import FILES_TABLE, MANIFEST, PublishedFile, Shard, ShardFile, ShardRecord
from medvision.sources.registry import DATASETS
from medvision.transforms.split import SIDES
from medvision.transforms.store import Store

SHA = "0123456789abcdef" * 4
REASONS = ("mask_missing", "image_missing", "shape_mismatch", "truncated", "duplicate_case", "too_many_components")
LETTERS_EACH = 200


def records() -> Iterator[ShardRecord]:
    """Every shard that the tables plan, with the files that the default formats have."""
    for name, dataset in DATASETS.items():
        for side in SIDES:
            for bucket in range(1 << dataset.bucket_bits):
                shard = Shard(name, side, bucket, 1 << dataset.bucket_bits, f"{name}-{side}-{bucket}", "", "plan", 9)
                files = [ShardFile(kind, f".shards/{kind}", 1 << 28, SHA, 9000) for kind in publish.PUBLISHED_KINDS]
                counts = {"cases": 9, "slices": 9000, "boxes": 9000, "image_bytes": 1 << 28}
                yield ShardRecord(shard, SHA, tuple(files), {**counts, **{f"dead.{reason}": 3 for reason in REASONS}})


def pairs_files() -> Iterator[PublishedFile]:
    """Five files of each config that a dataset's tasks make."""
    rules = BuildOptions("", "", ()).rule_table
    for name, dataset in DATASETS.items():
        for kind in kinds_of(dataset, rules):
            tasks = (
                dataset.landmark_tasks
                if kind in LANDMARK_KINDS
                else (dataset.lesion_tasks if kind in LESION_KINDS else dataset.tasks)
            )
            for task in tasks:
                for plane in ("axial", "coronal", "sagittal"):
                    for side in SIDES:
                        config = config_name(name, kind, task.number, plane, side)
                        for number in range(5):
                            path = f"pairs/{config}/{side}-{number:05d}.parquet"
                            yield PublishedFile(path, "pairs", name, 1 << 24, 2_000_000, SHA)


def test_the_manifest_of_all_datasets_is_under_a_megabyte(tmp_path: Path) -> None:
    options = BuildOptions(raw="raw", out=str(tmp_path), datasets=tuple(DATASETS))
    shards, pairs = list(records()), list(pairs_files())
    files = [
        PublishedFile(publish.shard_path(record, file.kind), file.kind, record.shard.dataset, file.bytes, 9000, SHA)
        for record in shards
        for file in record.files
    ]
    letters = [
        DeadLetter(name, f"case_{number:05d}", 0, "match", REASONS[number % len(REASONS)], "text", f"{number}.nii.gz")
        for name in DATASETS
        for number in range(LETTERS_EACH)
    ]
    PublishLock(Store(options.out), options.run_id).take()
    manifest = publish.finish(shards, [*files, *pairs], letters, tuple(DATASETS.values()), options)
    assert len(shards) > 4_000
    assert len(files) + len(pairs) > 20_000
    text = (tmp_path / MANIFEST).read_bytes()
    assert json.loads(text) == json.loads(json.dumps(manifest))
    assert len(text) < 1_000_000
    assert SHA.encode() not in text
    assert pq.read_metadata(tmp_path / FILES_TABLE).num_rows == len(files) + len(pairs) + len(DATASETS)
    assert sum(about["shards"] for about in manifest["datasets"].values()) == len(shards)  # type: ignore[attr-defined]
