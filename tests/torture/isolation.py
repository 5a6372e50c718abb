"""What it costs that a case may end its worker and the build goes on: the same shards with and without the notes."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from miniature import ellipsoid, random_of, stored_affine, write_nifti
from promises import racing
from torture.report import Section

from medvision.schemas.options import BuildOptions
from medvision.schemas.record import Shard
from medvision.transforms import shard as shard_module
from medvision.transforms.notes import CaseNotes
from medvision.transforms.warm import warm_up

TARGET_PERCENT = 3.0
ROUNDS = 9
SIZES = {"tiny": ((12, 10, 6), 24), "small": ((96, 96, 48), 6), "half the usual": ((256, 256, 60), 2)}
"""Shape in voxels and number of cases; the usual case of the 22 datasets has about 8 million voxels."""


def run_isolation(scale: float, seed: int = 0) -> Section:
    """Shards of equal cases built with notes and guard, and without, in turn; the quickest round of each counts."""
    section = Section(
        "What the isolation of cases costs",
        ("cases", "voxels", "rounds", "ms a case without", "ms more with it", "percent"),
    )
    rounds = max(2, round(ROUNDS * scale))
    with TemporaryDirectory() as folder:
        for name, (shape, count) in SIZES.items():
            if scale < 1 and name != "tiny":
                continue
            raw = Path(folder) / name
            _write_cases(raw, shape, count, seed)
            without, isolated = _measure(raw, count, rounds)
            base_ms, more_ms = 1e3 * min(without), 1e3 * (min(isolated) - min(without))
            percent, voxels = 100 * more_ms / base_ms, int(np.prod(shape))
            section.rows.append((name, voxels, rounds, round(base_ms, 1), round(more_ms, 2), round(percent, 2)))
        if scale >= 1 and percent > TARGET_PERCENT:
            section.failures.append(f"the isolation costs {percent:.1f} % of a case of {voxels:,} voxels")
    section.notes.append(
        "Seconds of the processor in building shards (read, measure, encode, write), with the note of the case in "
        "hand and its limits of time and memory, and without, in turn in one process; the quickest round of each. The "
        f"target of {TARGET_PERCENT:g} % is for the largest cases of the table; a note is one small file, written anew "
        "for each case."
    )
    return section


def _measure(raw: Path, cases: int, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds a case without the isolation and with it, of each round."""
    options = BuildOptions(raw=str(raw), out=str(raw / "out"), datasets=("KiTS23",), formats=("parquet",))
    warm_up(options)
    without, isolated = [], []
    _build(options, isolated=True)
    for turn in range(rounds):
        order = (False, True) if turn % 2 else (True, False)
        for with_it in order:
            (isolated if with_it else without).append(_build(options, with_it) / cases)
    return without, isolated


def _build(options: BuildOptions, isolated: bool) -> float:
    """Processor seconds of building all shards anew."""
    shutil.rmtree(options.out, ignore_errors=True)
    shards: list[Shard] = racing.plan(options, "KiTS23")
    with pytest.MonkeyPatch.context() as patch:
        if not isolated:
            patch.setattr(shard_module, "CaseNotes", _NoNotes)
        start = time.process_time()
        for shard in shards:
            racing.build(shard, replace(options, isolated=isolated))
        return time.process_time() - start


class _NoNotes(CaseNotes):
    def hold(self, case_id: str) -> None:
        """Nothing."""

    def release(self) -> None:
        """Nothing."""


def _write_cases(raw: Path, shape: tuple[int, ...], count: int, seed: int) -> None:
    affine = stored_affine("IPL", (1.0, 1.0, 2.0))
    for index in range(count):
        case, rng = raw / f"KiTS23/dataset/case_{index:05d}", random_of(seed, f"isolation {index}")
        labels = np.zeros(shape, np.uint8)
        labels[ellipsoid(shape, tuple(n / 2 for n in shape), tuple(n / 3 for n in shape))] = 1
        labels[ellipsoid(shape, tuple(n / 2 for n in shape), tuple(n / 6 for n in shape))] = 2
        write_nifti(case / "imaging.nii.gz", rng.integers(0, 900, shape).astype(np.int16), affine)
        write_nifti(case / "segmentation.nii.gz", labels, affine)
