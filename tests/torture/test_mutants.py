"""A short assault on every reader, and planted defects that it must find."""

import os
import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torture.mutants import assault, lists, nifti, whole
from torture.mutants.attack import Attack, Files, Rng, Way
from torture.mutants.case_path import Built, build
from torture.pool import MIB, Limits

pytestmark = pytest.mark.heavy
COUNT = 36
SEED = 2


@pytest.fixture(scope="module")
def attacks() -> list[Attack]:
    return assault.attacks()


def test_no_mutant_ends_a_build_and_each_is_refused_or_built_as_another_reads_it(attacks: list[Attack]) -> None:
    table, reasons = assault.readers(attacks, COUNT, SEED)
    assert table.failures == []
    assert len(table.rows) == len(reasons.rows) == 12
    for name, count, built, refused, *broken, _ in table.rows:
        assert (count, built + refused, sum(broken)) == (COUNT, COUNT, 0), name
        assert built >= 2, name
        assert refused >= 10, name


def test_mutants_are_the_same_for_a_seed_and_others_for_another(attacks: list[Attack]) -> None:
    for attack in attacks:
        first, again, other = ([attack.mutant(n, seed)[:2] for n in range(COUNT)] for seed in (SEED, SEED, SEED + 1))
        assert [repr(what) for _, what in first] == [repr(what) for _, what in again]
        assert {n for n in range(COUNT) if _plain(first[n][0]) != _plain(again[n][0])} == set(), attack.name
        assert sum(_plain(a) != _plain(b) for (a, _), (b, _) in zip(first, other, strict=True)) > COUNT / 3, attack.name


def _plain(files: Files) -> dict[str, Any]:
    return {path: content if isinstance(content, bytes) else type(content).__name__ for path, content in files.items()}


def test_every_way_of_every_reader_is_tried_at_scale_1(attacks: list[Attack]) -> None:
    for attack in attacks:
        assert len((*attack.ways, *attack.harmless)) * 10 < assault.MUTANTS, attack.name


def test_the_wide_ways_of_damage_are_among_them(attacks: list[Attack]) -> None:
    said = Counter(attack.mutant(number, 0)[1].split(" of ")[0] for attack in attacks for number in range(300))
    for what in (
        *("bit flips", "truncation", "wrong or huge dims", "NaN, infinite, zero or negative spacing", "axis"),
        *("lying vox_offset", "multi-member gzip", "trailing garbage after gzip", "CRC or length error"),
        *(
            "gzip bomb as voxels",
            "gzip bomb after the voxels",
            "65k labels",
            "swapped image and mask",
            "2D",
            "4D",
            "5D",
        ),
        *("a very long name", "a name that is no UTF-8", "empty file", "directory as file", "dangling link"),
        *("named pipe as file", "link to itself", "deep sequences", "damaged zlib stream"),
    ):
        assert said[what], what


# The detector detects


LIMITS = Limits(seconds=20, memory_bytes=128 * MIB)
DEFECTS = {
    **{"none": "built equal", "crash": "crashed", "error": "crashed", "hang": "hung", "memory": "over memory"},
    **dict.fromkeys(("lost", "slice", "pixels", "label", "box", "lesion", "affine"), "built wrong"),
    "nothing": "built equal",
}
"""What is done to the build of each mutant in turn, and the verdict that must come of it."""


def sound_attack(way: Way | None = None) -> Attack:
    """NIfTI files changed in ways that no decoder minds."""
    attack = nifti.attacks()[0]
    return replace(attack, ways=(way,) if way else (), harmless=() if way else attack.harmless)


def planted(raw: Path, out: Path, *how: Any) -> Built:
    """A build with the defect of its mutant's number."""
    built = build(raw, out, *how)
    defect = list(DEFECTS)[int(raw.parent.name)]
    row = built.slices[0]
    if defect == "crash":
        os.kill(os.getpid(), signal.SIGABRT)
    if defect == "error":
        raise OSError("the disk")
    if defect == "hang":
        time.sleep(600)
    if defect == "memory":
        np.ones(200 * MIB, np.uint8)
    if defect == "lost":
        built.slices.clear()
    if defect == "slice":
        built.slices.pop()
    if defect == "pixels":
        row["intensity_offset"] += 1
    if defect == "label":
        row["segments"][0]["pixel_count"] += 1
    if defect == "box":
        row["segments"][0]["boxes"][0]["min_rc"][0] -= 1
    if defect == "lesion":
        runs = next(row for row in built.slices if row["lesions"])["lesions"][0]["runs"]
        runs[-2:] = [runs[-2] - 1, runs[-1] + 1]
    if defect == "affine":
        row["affine_ras"][3] += 0.1
    return built


def test_every_defect_of_a_build_is_found() -> None:
    limits = replace(LIMITS, seconds=6)
    ((verdicts, _),) = assault.assault([sound_attack()], len(DEFECTS), SEED, limits, planted)
    assert dict(zip(DEFECTS, (verdict.outcome for verdict in verdicts), strict=True)) == DEFECTS
    assert [bool(verdict.broken) for verdict in verdicts] == [outcome != "built equal" for outcome in DEFECTS.values()]


def test_a_mutant_that_only_we_read_is_found() -> None:
    def unreadable(files: Files, rng: Rng) -> tuple[Files, str]:
        return {**files, "another/image.nii": b""}, "a file that the other decoder stumbles over"

    ((verdicts, _),) = assault.assault([sound_attack(unreadable)], 2, SEED, LIMITS)
    assert all("unreadable by another decoder" in verdict.broken for verdict in verdicts)


def test_a_refused_harmless_change_is_found() -> None:
    def refusing(raw: Path, out: Path, *how: Any) -> Built:
        built = build(raw, out, *how)
        return Built(built.rules, built.dim, reasons=["bad_header"])

    ((verdicts, _),) = assault.assault([sound_attack()], 2, SEED, LIMITS, refusing)
    assert all("a harmless change is refused as bad_header" in verdict.broken for verdict in verdicts)


def test_lists_of_patients_are_read_or_refused() -> None:
    section = lists.run(60, SEED)
    assert section.failures == []
    assert all(read + refused == count == 60 and not crashed for _, count, read, refused, crashed in section.rows)


def test_a_list_that_is_read_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    name, dataset, content, read = lists.lists()[0]
    monkeypatch.setattr(
        lists, "lists", lambda: [(name, dataset, content, lambda text: {**read(text), "oaizib_002": "other"})]
    )
    assert any("another patient of ['oaizib_002']" in failure for failure in lists.run(3, SEED).failures)


def test_a_whole_build_takes_mutants_of_every_reader(attacks: list[Attack]) -> None:
    section = whole.run(attacks, 1, SEED)
    assert section.failures == []
    ((mutants, built, left_out, complete, valid),) = section.rows
    assert (mutants, complete, valid) == (12, "complete", "valid")
    assert built >= 12
    assert left_out >= 1
