"""This project's build of a shard, with its steps timed from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from steps import Steps

from medvision.transforms import rows, shard
from medvision.transforms.columns import PlaneRows
from medvision.transforms.read import CaseReader
from medvision.transforms.shard import build_shard as build
from medvision.transforms.write import ShardWriter

__all__ = ["build", "timed_steps"]

STEPS: tuple[tuple[str, Any, str], ...] = (
    ("read mask", CaseReader, "mask"),
    ("read image", CaseReader, "images"),
    ("boxes", shard, "measure_case"),
    ("boxes", shard, "image_rows"),
    ("lesions", shard, "lesion_volumes"),
    ("lesions", shard, "mask_volume_row"),
    ("lesions", rows, "lesions_column"),
    ("encode", rows, "plan_encoding"),
    ("encode", PlaneRows, "pictures"),
    ("write", ShardWriter, "write"),
    ("write", ShardWriter, "add_table"),
    ("write", ShardWriter, "__exit__"),
)
"""Step, and where the function stands that takes its time."""


@contextmanager
def timed_steps() -> Iterator[Steps]:
    """While the block runs, the build's functions add to the steps' seconds."""
    steps = Steps()
    patches = [patch.object(place, name, steps.timed(step, getattr(place, name))) for step, place, name in STEPS]
    for change in patches:
        change.start()
    try:
        yield steps
    finally:
        for change in patches:
            change.stop()
