"""Chromium for the tests that use a page as a reader would."""

import os
import shutil
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FOLDER = Path(os.environ.get("MEDVISION_ENGINES") or Path(__file__).resolve().parents[1] / ".engines")


def find_chromium() -> str:
    """Path of a Chromium: $CHROMIUM, of PATH, or as `make browser` fetched it; skips with the reason for none."""
    fetched = FOLDER / "chromium/chromium"
    for path in (os.environ.get("CHROMIUM"), *map(shutil.which, NAMES), str(fetched) if fetched.exists() else None):
        if path:
            return path
    note = FOLDER / "chromium.missing"
    pytest.skip(note.read_text().strip() if note.exists() else "no Chromium: set CHROMIUM, or run `make browser`")
