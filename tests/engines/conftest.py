"""Fixtures of the engines: the engines that `make engines` fetched, and one tiny release to compare with."""

import os
from pathlib import Path

import pytest
from promises.tiny_raw import DATASETS, write_tiny_archive

from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions

FOLDER = Path(os.environ.get("MEDVISION_ENGINES") or Path(__file__).resolve().parents[2] / ".engines")


def find_engine(name: str, stands: str) -> Path:
    """Path of what `make engines` fetched; skips with the reason where it did not."""
    path = FOLDER / stands
    if path.exists():
        return path
    note = FOLDER / f"{name}.missing"
    pytest.skip(note.read_text().strip() if note.exists() else f"{name} is not here: run `make engines`")


@pytest.fixture(scope="session")
def prism() -> Path:
    return find_engine("prism", "bin/prism")


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw root of ACDC, KiTS23 and MSD, six patients or cases each."""
    return write_tiny_archive(tmp_path_factory.mktemp("archive") / "raw")


@pytest.fixture(scope="session")
def direct(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Release of `raw`, built by the direct engine in one go."""
    out = tmp_path_factory.mktemp("release") / "direct"
    run_build(BuildOptions(raw=str(raw), out=str(out), datasets=DATASETS))
    return out
