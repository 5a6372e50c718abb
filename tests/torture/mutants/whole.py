"""Some mutants of every reader as cases of one build by the whole pipeline: checked, built, published, validated."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
from torture.mutants.attack import Attack, write_files
from torture.pool import Limits, work_through
from torture.report import Section

from medvision.pipelines.check import check_raw
from medvision.pipelines.run import run_build
from medvision.pipelines.validate import validate_release
from medvision.schemas.dataset import Dataset
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import DATASETS

SECONDS = 400.0
"""For all of it; one that hangs is a build that hangs."""


def run(attacks: list[Attack], each: int, seed: int) -> Section:
    """One build with `each` mutants of every reader, beside its sound case."""
    columns = ("mutants", "cases with rows", "cases left out", "exit", "release")
    section = Section("Corrupt input: one whole build with mutants of every reader", columns)
    limits = Limits(seconds=SECONDS, memory_bytes=4 << 30, children=1)
    (fate,) = work_through(1, partial(_build, attacks, each, seed), lambda number, made: made, limits)
    if fate.end != "done":
        section.failures.append(f"the build {fate.end}: {fate.detail}")
        return section
    built, left_out, complete, failed, lost = fate.result
    valid = "valid" if not failed else f"fails {', '.join(failed)}"
    section.rows.append((each * len(attacks), built, left_out, "complete" if complete else "incomplete", valid))
    section.failures += [f"the release {valid}"] if failed else []
    section.failures += [] if complete else ["the build calls itself incomplete"]
    section.failures += [f"neither rows nor a dead letter of {name}" for name in lost]
    return section


def _build(attacks: list[Attack], each: int, seed: int, number: int) -> tuple[int, int, bool, list[str], list[str]]:
    tables = {f"Mutants{n:02d}": replace(attack.dataset, name=f"Mutants{n:02d}") for n, attack in enumerate(attacks)}
    with tempfile.TemporaryDirectory(prefix="mutants-") as home, _known(tables):
        raw, out = Path(home) / "raw", Path(home) / "out"
        expected = [
            (name, case)
            for name, attack in zip(tables, attacks, strict=True)
            for case in _write(raw / name, attack, each, seed)
        ]
        check_raw(tuple(tables), BuildOptions(str(raw), str(out), tuple(tables)), deep=True)
        manifest = run_build(BuildOptions(str(raw), str(out), tuple(tables))).manifest
        assert manifest is not None
        failed = [check.name for check in validate_release(str(out), "deep").checks if not check.ok]
        slices = pq.read_table(out / "annotations", columns=["dataset", "case_id"]).to_pylist()
        letters = pq.read_table(out / "dead_letters").to_pylist()
    built = {(row["dataset"], row["case_id"]) for row in slices}
    left_out = {(row["dataset"], row["case_id"]) for row in letters}
    lost = [f"{name}: {case}" for name, case in expected if (name, case) not in built | left_out]
    return len(built), len(left_out - built), bool(manifest["complete"]), failed, lost


def _write(root: Path, attack: Attack, each: int, seed: int) -> list[str]:
    """The sound case and some mutants below a dataset's folder; returns the cases that must turn up."""
    write_files(root, {path.replace("case_1", "case_sound"): content for path, content in attack.files.items()})
    cases = ["case_sound"]
    count = len((*attack.ways, *attack.harmless))
    for turn in range(each):
        number = turn * count // each + turn  # of different ways
        files, _, _ = attack.mutant(number, seed)
        if not all("case_1/" in path for path in files):
            continue  # a name of its own, which another mutant may have
        write_files(root / f"m{turn}", {path.replace("case_1/", f"case_m{turn}/"): c for path, c in files.items()})
        cases.append(f"case_m{turn}")
    return cases


@contextmanager
def _known(tables: dict[str, Dataset]) -> Iterator[None]:
    """Have tables in the registry for a while."""
    DATASETS.update(tables)
    try:
        yield
    finally:
        for name in tables:
            del DATASETS[name]
