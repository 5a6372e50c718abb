"""Releases of small row groups and files, with and without images."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from miniature import write_miniature
from training_release import Read

from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions
from medvision.transforms import pair_files, write

DATASETS = ("Ceph-Biometrics-400", "FeTA24", "KiTS23")
GROUP_ROWS = 7


@pytest.fixture(scope="session")
def training_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw root; not to be changed."""
    root = tmp_path_factory.mktemp("training raw")
    write_miniature(root, DATASETS, cases=3)
    return root


@contextmanager
def small_groups() -> Iterator[None]:
    """Files and row groups of a few rows, of what is built meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "DATA_GROUP_ROWS", GROUP_ROWS)
        patch.setattr(pair_files, "PAIRS_BUFFER_ROWS", 60)
        patch.setattr(pair_files, "PAIRS_FILE_ROWS", 50)
        yield


def _build(raw: Path, out: Path, rules: str, images: str) -> Read:
    with small_groups():
        run_build(BuildOptions(str(raw), str(out), DATASETS, rules, formats=("parquet",), images=images))
    return Read(out)


@pytest.fixture(scope="session")
def upstream(training_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """By rules 1.4.0, with images; not to be changed."""
    return _build(training_raw, tmp_path_factory.mktemp("training") / "upstream", "1.4.0", "png16")


@pytest.fixture(scope="session")
def exact(training_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """By rules exact, with images of 8 bits; not to be changed."""
    return _build(training_raw, tmp_path_factory.mktemp("training") / "exact", "exact", "png8")


@pytest.fixture(scope="session")
def bare(training_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """By rules 1.4.0, without images; not to be changed."""
    return _build(training_raw, tmp_path_factory.mktemp("training") / "bare", "1.4.0", "none")
