"""One of 200 cases added, removed or changed: the published files of one shard change, all others stay."""

import shutil
from pathlib import Path

import pytest
from promises.release_bytes import release_bytes
from promises.tiny_raw import write_kits_case

from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions

CASES = 200
SHARD_KINDS = ("annotations", "data", "webdataset")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw root of 200 KiTS23 cases with its release beside it, as `raw` and `out`."""
    home = tmp_path_factory.mktemp("kidneys")
    for index in range(CASES):
        write_kits_case(home / "raw", index)
    build(home)
    return home


@pytest.fixture
def home(archive: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(archive, tmp_path / "home"))


def build(home: Path) -> dict[str, str]:
    """Build and return what of the release are shard files."""
    run_build(BuildOptions(raw=str(home / "raw"), out=str(home / "out"), datasets=("KiTS23",)))
    files = release_bytes(home / "out")
    return {name: sha256 for name, sha256 in files.items() if name.startswith(SHARD_KINDS)}


def changed_shards(before: dict[str, str], after: dict[str, str]) -> dict[str, set[str]]:
    """Shard name to the kinds of its files that are new, gone or other than before."""
    shards: dict[str, set[str]] = {}
    for name in before | after:
        if before.get(name) != after.get(name):
            kind, _, shard = name.split("/")
            shards.setdefault(shard.split(".")[0], set()).add(kind)
    return shards


def published(archive: Path) -> dict[str, str]:
    files = release_bytes(archive / "out")
    found = {name: sha256 for name, sha256 in files.items() if name.startswith(SHARD_KINDS)}
    assert len(found) > 3 * 50, "so many shards that one is a small part"
    return found


def test_one_case_added(archive: Path, home: Path) -> None:
    write_kits_case(home / "raw", CASES)
    assert list(changed_shards(published(archive), build(home)).values()) == [set(SHARD_KINDS)]


def test_one_case_removed(archive: Path, home: Path) -> None:
    shutil.rmtree(home / "raw/KiTS23/dataset/case_00077")
    assert list(changed_shards(published(archive), build(home)).values()) == [set(SHARD_KINDS)]


def test_one_case_changed(archive: Path, home: Path) -> None:
    write_kits_case(home / "raw", 123, seed=1)
    assert list(changed_shards(published(archive), build(home)).values()) == [set(SHARD_KINDS)]
