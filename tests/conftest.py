"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder of the small real files: `$MEDVISION_REALDATA`, else `../shared/realdata` beside the checkout.

    Skips where it is absent.
    """
    folder = Path(os.environ.get("MEDVISION_REALDATA") or CHECKOUT.parent / "shared/realdata")
    if not folder.is_dir():
        pytest.skip(f"the small real files are absent: no folder {folder}")
    return folder


@pytest.fixture(autouse=True)
def _no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are as wide as a pipe's, whatever COLUMNS says here or in a library that sets it."""
    monkeypatch.delenv("COLUMNS", raising=False)
