"""Worker count, listing order, place, dates and store of the raw files leave no trace and rebuild nothing."""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pytest
from promises.release_bytes import release_bytes
from promises.tiny_raw import DATASETS, write_kits_case

from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import ShardRecord
from medvision.transforms import walk


@pytest.fixture
def out(undisturbed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(undisturbed, tmp_path / "out"))


@pytest.fixture
def own_raw(raw: Path, tmp_path: Path) -> Path:
    """A copy of the raw archive with the same dates."""
    return Path(shutil.copytree(raw, tmp_path / "raw"))


def build(raw: object, out: Path, workers: int = 1) -> None:
    run_build(BuildOptions(raw=str(raw), out=str(out), datasets=DATASETS), workers)


@pytest.mark.slow
def test_two_workers_give_the_bytes_of_one(raw: Path, undisturbed: Path, tmp_path: Path) -> None:
    build(raw, tmp_path / "out", workers=2)
    assert release_bytes(tmp_path / "out") == release_bytes(undisturbed)


def test_listing_order_leaves_no_trace(
    raw: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = []

    @contextmanager
    def shuffled(path: str) -> Iterator[list[os.DirEntry[str]]]:
        with os.scandir(path) as entries:
            items = sorted(entries, key=lambda entry: entry.name)
        random.Random(len(orders)).shuffle(items)
        orders.append([entry.name for entry in items])
        yield items

    monkeypatch.setattr(walk, "os", SimpleNamespace(**{**vars(os), "scandir": shuffled}))
    build(raw, tmp_path / "out")
    assert any(order != sorted(order) for order in orders)
    assert release_bytes(tmp_path / "out") == release_bytes(undisturbed)


def test_a_second_build_builds_nothing(raw: Path, undisturbed: Path, out: Path, built: list[ShardRecord]) -> None:
    build(raw, out)
    assert built == []
    assert release_bytes(out) == release_bytes(undisturbed)


def test_moved_raw_rebuilds_nothing(
    own_raw: Path, undisturbed: Path, out: Path, tmp_path: Path, built: list[ShardRecord]
) -> None:
    build(own_raw.rename(tmp_path / "elsewhere"), out)
    assert built == []
    assert release_bytes(out) == release_bytes(undisturbed)


def test_touched_raw_rebuilds_nothing(own_raw: Path, undisturbed: Path, out: Path, built: list[ShardRecord]) -> None:
    for path in own_raw.rglob("*.nii.gz"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    build(own_raw, out)
    assert built == []
    assert release_bytes(out) == release_bytes(undisturbed)


def test_raw_in_another_store_rebuilds_nothing(
    raw: Path, undisturbed: Path, out: Path, built: list[ShardRecord]
) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(f"{raw}/", "/identity-raw/", recursive=True)
    try:
        build("memory://identity-raw", out)
    finally:
        memory.rm("/identity-raw", recursive=True)
    assert built == []
    assert release_bytes(out) == release_bytes(undisturbed)


def test_changed_content_is_rebuilt(own_raw: Path, undisturbed: Path, out: Path, built: list[ShardRecord]) -> None:
    """What the tests above count does happen when there is cause."""
    write_kits_case(own_raw, 0, seed=1)
    build(own_raw, out)
    assert len(built) == 1
    assert release_bytes(out) != release_bytes(undisturbed)
