"""MedVision: 2D medical image slices with measured annotations, from raw archives to a release.

Public names are loaded on first use, so that `import medvision` costs nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "render": "medvision.transforms.render",
    "open_release": "medvision.pipelines.release",
}
__all__ = ["__version__", "open_release", "render"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'medvision' has no attribute {name!r}")
