"""Readers that stand beside the checkout, as `make readers` puts them there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(os.environ.get("MEDVISION_READERS") or ROOT / ".readers")
SCRIPTS = ROOT / "tests/promises/readers"


def place_of(name: str) -> Path:
    """Folder of a reader; skips with the reason where it could not be had."""
    place = FOLDER / name
    if not place.is_dir():
        note = FOLDER / f"{name}.missing"
        pytest.skip(note.read_text().strip() if note.exists() else f"no {name}: run `make readers`")
    return place


@contextmanager
def upstream_package() -> Iterator[None]:
    """`medvision_bm` and `medvision_bm.utils` without their start-up files, which want more than their modules do."""
    folder = place_of("medvision_bm") / "medvision_bm"
    for name, path in (("medvision_bm", folder), ("medvision_bm.utils", folder / "utils")):
        module = ModuleType(name)
        module.__path__ = [str(path)]
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "medvision_bm"]:
            del sys.modules[name]


def read_with(name: str, script: str, *arguments: str | Path, alone: bool, seconds: float = 280) -> Any:
    """What a script says as JSON, run where reader `name` is.

    `alone` leaves nothing else to import: none of the packages of this environment.
    """
    environment = {**os.environ, "PYTHONPATH": str(place_of(name)), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    command = [sys.executable, *(["-S"] if alone else []), str(SCRIPTS / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environment)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)
