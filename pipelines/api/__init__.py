"""MedVision: 2D medical image slices with measured annotations, from raw archives to a release.

Public names are loaded on first use, so that `import medvision` costs nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "build": "medvision.pipelines.quick_build",
    "count_release": "medvision.pipelines.stats",
    "definition": "medvision.schemas.definitions.lookup",
    "draw": "medvision.pipelines.picture.draw",
    "open_release": "medvision.pipelines.release",
    "render": "medvision.transforms.render",
    "stored_to_values": "medvision.transforms.windows",
    "validate_release": "medvision.pipelines.validate",
}
__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'medvision' has no attribute {name!r}")


def __dir__() -> list[str]:
    """So that a notebook completes the names that are not loaded yet."""
    return sorted({*globals(), *_PUBLIC})
