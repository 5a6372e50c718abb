"""The engines that `make engines` fetched."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("MEDVISION_ENGINES") or Path(__file__).resolve().parents[3] / ".engines")


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
