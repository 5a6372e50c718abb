"""A thousand mutants of each format through a real build: refused by a reason, or built as another decoder reads it."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from torture.mutants.attack import NAME, Attack, Verdict, write_files
from torture.mutants.case_path import Built, build
from torture.mutants.truth import disagreement
from torture.pool import MIB, Fate, Limits, work_through
from torture.report import Section

MUTANTS = 1000
"""Of each reader at scale 1."""
LIMITS = Limits(seconds=60.0, memory_bytes=512 * MIB)
WHOLE = 8
"""Of each reader through a whole build at scale 1."""
RULES = ("1.4.0", "exact")
NOTES = (
    f"A mutant is a case listed, matched and built in a forked child that may take {LIMITS.seconds:g} s and"
    f" {LIMITS.memory_bytes // MIB} MiB of resident memory more than it held before. Built equal: each slice's pixels,"
    " labels, lesion masks, landmarks and affine are what another decoder reads in the same damaged files; where that"
    " one finds a checksum wrong or cannot read the file, a mutant that was built counts as built wrong.",
)
MEMORY = Path("/dev/shm")


def attacks() -> list[Attack]:
    """Every reader with its ways to be damaged."""
    from torture.mutants import biometry, films, hdf5, metaimage, nifti, nrrd, series

    return [attack for module in (nifti, metaimage, nrrd, series, hdf5, films, biometry) for attack in module.attacks()]


def run(scale: float, seed: int) -> list[Section]:
    """Mutants of every reader, and some of each through a whole build."""
    from torture.mutants import lists, whole

    found, count = attacks(), max(1, round(MUTANTS * scale))
    return [*readers(found, count, seed), lists.run(count, seed), whole.run(found, max(2, round(WHOLE * scale)), seed)]


def readers(found: list[Attack], count: int, seed: int) -> list[Section]:
    """A row a reader: what became of `count` mutants of each, and by which reasons they were refused."""
    columns = (
        "reader",
        "mutants",
        "built equal",
        "refused",
        "crashed",
        "hung",
        "over memory",
        "built wrong",
        "peak MiB",
    )
    table = Section("Corrupt input: mutants by reader", columns, notes=list(NOTES))
    reasons = Section("Corrupt input: reasons", ("reader", "refused as"))
    for attack, (verdicts, peak) in zip(found, assault(found, count, seed), strict=True):
        ends = Counter(verdict.outcome for verdict in verdicts)
        table.rows.append((attack.name, count, *(ends[column] for column in columns[2:8]), peak // MIB))
        table.failures += [f"{attack.name}: {verdict.what}: {verdict.broken}" for verdict in verdicts if verdict.broken]
        counted = Counter(reason for verdict in verdicts for reason in sorted(set(verdict.reasons)))
        said = ", ".join(f"`{reason}` {number}" for reason, number in counted.most_common())
        reasons.rows.append((attack.name, said))
    return [table, reasons]


def assault(
    found: list[Attack], count: int, seed: int, limits: Limits = LIMITS, builder: Callable[..., Built] = build
) -> list[tuple[list[Verdict], int]]:
    """Of each attack: the verdicts on its mutants, and the largest peak in bytes."""
    with _folder() as home:
        steps = partial(_work, found, count, Path(home), seed, builder), partial(_judge, found, count, Path(home), seed)
        fates = work_through(len(found) * count, *steps, limits, partial(_warm, found, Path(home)))
    told = []
    for index, attack in enumerate(found):
        own = fates[index * count : (index + 1) * count]
        told.append(([_verdict(attack, f, index * count, seed) for f in own], max(f.peak_bytes for f in own)))
    return told


def _folder() -> tempfile.TemporaryDirectory[str]:
    """In memory where the machine has such a place: tens of thousands of small files."""
    return tempfile.TemporaryDirectory(prefix="mutants-", dir=MEMORY if MEMORY.is_dir() else None)


def _work(found: list[Attack], count: int, home: Path, seed: int, builder: Callable[..., Built], piece: int) -> Built:
    attack, number, place = found[piece // count], piece % count, home / str(piece)
    files, _, _ = attack.mutant(number, seed)
    write_files(place / "raw" / NAME, files)
    return builder(place / "raw", place / "out", attack.dataset, *_how(attack, number))


def _how(attack: Attack, number: int) -> tuple[str, int]:
    """Rules and plane that a mutant is built by."""
    return RULES[number % 2], attack.dims[number // 2 % len(attack.dims)]


def _judge(found: list[Attack], count: int, home: Path, seed: int, piece: int, built: Built) -> Verdict:
    attack, place = found[piece // count], home / str(piece)
    _, what, harmless = attack.mutant(piece % count, seed)
    reasons = tuple(sorted(built.reasons))
    verdict = Verdict("refused", what, reasons=reasons)
    if built.slices or not reasons:
        try:
            truth = attack.truth(place / "raw" / NAME)
            broken = disagreement(built, truth)
        except Exception as error:  # noqa: BLE001 (a decoder may raise anything at a damaged file)
            broken = f"built, and unreadable by another decoder: {type(error).__name__}: {str(error)[:200]}"
        if not built.slices and broken:
            broken = f"neither rows nor a dead letter ({broken})"
        verdict = Verdict("built wrong" if broken else "built equal", what, broken, reasons)
    elif harmless:
        verdict = Verdict("refused", what, f"a harmless change is refused as {', '.join(reasons)}", reasons)
    shutil.rmtree(place)
    return verdict


def _warm(found: list[Attack], home: Path) -> None:
    """The sound cases: they must be built, and bring every library in."""
    for index, attack in enumerate(found):
        place = home / f"sound-{os.getpid()}-{index}"
        write_files(place / "raw" / NAME, attack.files)
        built = build(place / "raw", place / "out", attack.dataset, *_how(attack, 0))
        broken = disagreement(built, attack.truth(place / "raw" / NAME))
        assert built.slices, (attack.name, built.reasons)
        assert not broken, (attack.name, broken)


def _verdict(attack: Attack, fate: Fate, first: int, seed: int) -> Verdict:
    if fate.end == "done":
        assert isinstance(fate.result, Verdict)
        return fate.result
    number = fate.number - first
    return Verdict(fate.end, attack.mutant(number, seed)[1], f"mutant {number} {fate.end}: {fate.detail}")
