"""Fixtures of the promises: one tiny raw archive of three datasets, and the release that an undisturbed build makes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from promises.tiny_raw import DATASETS, write_tiny_archive

from medvision.pipelines import run, steps
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import ShardRecord


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw root of ACDC, KiTS23 and MSD, six patients or cases each. Not to be changed: copy it."""
    return write_tiny_archive(tmp_path_factory.mktemp("archive") / "raw")


@pytest.fixture(scope="session")
def undisturbed(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Release of `raw`, built by one worker in one go. Not to be changed: copy it."""
    out = tmp_path_factory.mktemp("release") / "undisturbed"
    run.run_build(BuildOptions(raw=str(raw), out=str(out), datasets=DATASETS))
    return out


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[ShardRecord]:
    """Records of the shards that the in-memory runner built in this test, without those it only reused."""
    records: list[ShardRecord] = []
    build_shard: Callable[..., ShardRecord] = steps.build_shard

    def spy(*arguments: object) -> ShardRecord:
        record = build_shard(*arguments)
        if not record.reused:
            records.append(record)
        return record

    monkeypatch.setattr(steps, "build_shard", spy)
    return records
