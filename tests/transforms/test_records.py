"""Records decide which attempt at a shard counts, and when an earlier one still holds."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from miniature import write_miniature

from medvision.schemas.case import Case
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import Shard, ShardFile, ShardRecord
from medvision.sources.acdc import ACDC
from medvision.transforms.listing import list_sources
from medvision.transforms.match import match_cases
from medvision.transforms.plan import plan_shard
from medvision.transforms.records import adopt_record, commit_record, find_record
from medvision.transforms.shard import build_shard
from medvision.transforms.store import Store

SHARD = Shard("ACDC", "train", 0, 4, "k" * 32, "f" * 32, f".shards/{'k' * 32}/cases-{'f' * 32}.jsonl", 2)


def attempt(store: Store, name: str, shard: Shard = SHARD, sources: str = "one", **fields: object) -> ShardRecord:
    """The uncommitted record of an attempt whose file holds its name."""
    path = f".shards/{shard.key}/attempt-{name}/data.parquet"
    store.replace(path, name.encode())
    file = ShardFile("data", path, len(name), f"sha-of-{name}", 1)
    return ShardRecord(shard, sources, (file,), {"cases": 2}, **fields)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "out"))


def never() -> str:
    raise AssertionError("the sources need not be hashed")


def test_a_committed_record_is_found(store):
    record = attempt(store, "a", unbuilt=())
    assert find_record(store, SHARD) is None
    assert commit_record(store, record) == record
    assert find_record(store, SHARD) == record
    assert find_record(store, replace(SHARD, fingerprint="0" * 32)) is None
    assert find_record(store, replace(SHARD, key="0" * 32)) is None


def test_the_first_to_commit_wins(store):
    first, second = attempt(store, "a"), attempt(store, "another")
    assert commit_record(store, first) == first
    assert commit_record(store, second) == first
    assert find_record(store, SHARD) == first


def test_a_record_with_unbuilt_cases_is_not_trusted_and_gives_way(store):
    unbuilt = attempt(store, "a", unbuilt=("patient001_frame01",))
    assert commit_record(store, unbuilt) == unbuilt
    assert find_record(store, SHARD) is None
    assert adopt_record(store, replace(SHARD, fingerprint="0" * 32), never) is None
    whole = attempt(store, "b")
    assert commit_record(store, whole) == whole
    assert find_record(store, SHARD) == whole
    assert commit_record(store, unbuilt) == whole


def test_a_record_whose_file_is_gone_is_not_trusted_and_gives_way(store):
    first = attempt(store, "a")
    commit_record(store, first)
    store.remove(first.files[0].path)
    assert find_record(store, SHARD) is None
    assert adopt_record(store, replace(SHARD, fingerprint="0" * 32), never) is None
    second = attempt(store, "b")
    assert commit_record(store, second) == second
    assert find_record(store, SHARD) == second


def test_equal_content_under_other_stamps_is_adopted(store):
    first = attempt(store, "a")
    commit_record(store, first)
    touched = replace(SHARD, fingerprint="0" * 32, plan="another plan")
    assert adopt_record(store, touched, lambda: "one") == replace(first, shard=touched)
    assert find_record(store, touched) == replace(first, shard=touched)
    assert find_record(store, SHARD) == first


def test_other_content_is_not_adopted(store):
    commit_record(store, attempt(store, "a"))
    changed = replace(SHARD, fingerprint="0" * 32)
    assert adopt_record(store, changed, lambda: "two") is None
    assert find_record(store, changed) is None


def test_nothing_is_hashed_without_a_candidate(store):
    assert adopt_record(store, SHARD, never) is None
    commit_record(store, attempt(store, "a"))
    assert adopt_record(store, replace(SHARD, key="0" * 32), never) is None


def test_of_several_candidates_the_one_with_the_same_content_is_adopted(store):
    for name, fingerprint, sources in (("a", "1", "one"), ("b", "2", "two"), ("c", "3", "three")):
        commit_record(store, attempt(store, name, replace(SHARD, fingerprint=fingerprint), sources))
    adopted = adopt_record(store, SHARD, lambda: "two")
    assert adopted is not None
    assert adopted.files[0].sha256 == "sha-of-b"


# With real shards


class Raw:
    """A miniature ACDC of one patient, and its one shard."""

    def __init__(self, home: Path) -> None:
        write_miniature(home / "raw", ["ACDC"], cases=1)
        self.folder = home / "raw/ACDC"
        self.out = home / "out"
        self.options = BuildOptions(
            str(home / "raw"), str(self.out), ("ACDC",), planes=("axial",), formats=("parquet",)
        )

    def cases(self) -> list[Case]:
        return list(match_cases(ACDC, list_sources(Store(str(self.folder)).fs, str(self.folder))).cases)

    def build(self) -> ShardRecord:
        shard = plan_shard(("ACDC", "train", 0), self.cases(), ACDC, self.options)
        return build_shard(shard, ACDC, self.options)

    def image(self) -> Path:
        return self.folder / self.cases()[0].images[0].file.path


@pytest.fixture
def raw(tmp_path: Path) -> Raw:
    return Raw(tmp_path)


def touch(raw: Raw) -> None:
    for path in raw.folder.rglob("*.nii.gz"):
        os.utime(path, (1e9, 1e9))


def move(raw: Raw) -> None:
    moved = raw.folder.parents[1] / "moved"
    shutil.copytree(raw.folder.parent, moved)
    shutil.rmtree(raw.folder.parent)
    raw.folder = moved / "ACDC"
    raw.options = replace(raw.options, raw=str(moved))


@pytest.mark.parametrize("change", [lambda raw: None, touch, move], ids=["nothing", "touched", "moved"])
def test_a_shard_of_unchanged_content_is_not_built_again(raw, change: Callable[[Raw], None]):
    first = raw.build()
    change(raw)
    second = raw.build()
    assert (first.reused, second.reused) == (False, True)
    assert second.files == first.files
    assert len(list(raw.out.rglob("attempt-*"))) == 1
    third = raw.build()  # the adopted record now stands under the new stamps
    assert third == second


def test_a_shard_of_changed_content_is_built_again(raw):
    first = raw.build()
    content = raw.image().read_bytes()
    other = next(path for path in raw.folder.rglob("*_frame0[!1]*.nii.gz") if "_gt" not in path.name)
    raw.image().write_bytes(other.read_bytes())
    second = raw.build()
    assert not second.reused
    assert second.shard.key == first.shard.key
    assert second.sources_sha256 != first.sources_sha256
    before, after = ({file.kind: file.sha256 for file in record.files} for record in (first, second))
    assert (after["data"] != before["data"], after["sources"] != before["sources"]) == (True, True)
    raw.image().write_bytes(content)
    back = raw.build()
    assert back.reused
    assert back.files == first.files


def test_two_attempts_write_the_same_bytes(raw):
    first = raw.build()
    shutil.rmtree(raw.out)
    second = raw.build()
    assert [(f.kind, f.bytes, f.sha256, f.rows) for f in second.files] == [
        (f.kind, f.bytes, f.sha256, f.rows) for f in first.files
    ]
    assert first.files[0].path != second.files[0].path
