"""A clean copy of what a package is made from: building one leaves traces in its folder."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("pipelines", "transforms", "schemas", "sources", "runners")


def copy_checkout(target: Path) -> Path:
    """Copies to `target`, and returns it."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, target / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, target)
    return target
