"""Fixtures shared by all tests."""

from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder of the small real files, `../shared/realdata` beside the checkout; skips where it is absent."""
    folder = CHECKOUT.parent / "shared/realdata"
    if not folder.is_dir():
        pytest.skip(f"the small real files are absent: no folder {folder}")
    return folder
