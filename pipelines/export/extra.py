"""Libraries that only exports need."""

from __future__ import annotations

import importlib
from types import ModuleType

from medvision.pipelines.export.folder import ExportError


def need(module: str, form: str) -> ModuleType:
    """Import a library of the extra `export`. Raises ExportError that says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        library = module.partition(".")[0]
        raise ExportError(
            f"--to {form} needs {library}, which is not installed: pip install 'medvision-pipelines[export]'"
        ) from None
