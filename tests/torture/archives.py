"""Hostile and damaged archives: each is refused by name, and nothing is left of it."""

import hashlib
import random
import tempfile
from collections import Counter
from pathlib import Path

from hostile_archives import FORMATS, GOOD_ENTRIES, HOSTILE, encrypted, lying_zip, odd_tars, overlapping_zip, write
from torture.report import Section

from medvision.pipelines.fetch.unpack.refusals import Refused
from medvision.pipelines.fetch.unpack.run import unpack

MUTANTS = 1000
"""Of each format at scale 1."""
CHECKED = tuple(form for form in FORMATS if form != "tar")
"""Formats with a check sum over what they hold."""
EXPECTED = {entry.name: entry.data for entry in GOOD_ENTRIES}


def run(scale: float, seed: int) -> list[Section]:
    with tempfile.TemporaryDirectory() as folder:
        return [hostile_members(Path(folder)), mutants(Path(folder), max(1, int(MUTANTS * scale)), seed)]


class Arena:
    """A folder with a canary on each level; `attempt` unpacks in its middle and says what became of all of it."""

    def __init__(self, folder: Path) -> None:
        self.top = Path(tempfile.mkdtemp(dir=folder))
        self.work = self.top / "one" / "two" / "work"
        self.work.mkdir(parents=True)
        for level in (self.top, self.top / "one", self.top / "one" / "two", self.work):
            (level / "canary").write_bytes(b"alive")

    def attempt(self, archive: Path) -> str:
        """Code of the refusal, or "" where it was unpacked. Raises AssertionError where anything else has changed."""
        target, before = self.work / "target", self._state()
        try:
            unpack(archive, target)
        except Refused as refused:
            assert not target.exists(), "a refused archive left its folder"
            assert self._state() == before, f"a refused archive left something: {self._state() ^ before}"
            return refused.code
        outside = {item for item in self._state() if not item[0].startswith(str(target))}
        assert outside == before, f"something outside of the folder has changed: {outside ^ before}"
        assert not any(path.is_symlink() for path in target.rglob("*")), "a link was made"
        return ""

    def content(self) -> dict[str, bytes]:
        """Of the target, which is then removed."""
        target = self.work / "target"
        found = {path.relative_to(target).as_posix(): path for path in target.rglob("*") if path.is_file()}
        content = {name: path.read_bytes() for name, path in found.items()}
        for path in sorted(target.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        target.rmdir()
        return content

    def _state(self) -> set[tuple[str, str]]:
        return {
            (str(path), hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder")
            for path in self.top.rglob("*")
        }


def hostile_members(folder: Path) -> Section:
    """The table of hostile members by format."""
    section = Section("Hostile members of archives, by format", ("what", *FORMATS))
    archive, arena = folder / "archive", Arena(folder)
    for hostile in HOSTILE:
        cells = []
        for form in FORMATS:
            if form in hostile.formats:
                write(form, hostile.entries, archive)
                cells.append(_judged(section, arena, archive, f"{hostile.what} in {form}", hostile.code))
            else:
                cells.append("")
        section.rows.append((hostile.what, *cells))
    special: dict[str, dict[str, tuple[str, Path]]] = {
        "encrypted": {form: ("encrypted", encrypted(form, folder / f"encrypted.{form}")) for form in ("zip", "7z")},
        "shared bytes": {"zip": ("overlapping_members", overlapping_zip(folder / "overlap.zip"))},
        "promises too little": {"zip": ("damaged", lying_zip(folder / "little.zip", 10))},
        "promises too much": {"zip": ("size_lies", lying_zip(folder / "much.zip", 100_000))},
    }
    for number, (what, (code, data)) in enumerate(odd_tars().items()):
        path = folder / f"odd{number}"
        path.write_bytes(data)
        special[what] = {"tar.gz" if data.startswith(b"\x1f\x8b") else "tar": (code, path)}
    for what, by_form in special.items():
        found = {
            form: _judged(section, arena, path, f"{what} in {form}", code) for form, (code, path) in by_form.items()
        }
        section.rows.append((what, *(found.get(form, "") for form in FORMATS)))
    for what, data, code in (
        ("RAR", b"Rar!\x1a\x07\x01\x00" + bytes(100), "rar"),
        ("a web page", b"<!DOCTYPE html><html>log in</html>" + b" " * 1000, "not_an_archive"),
        ("nothing", b"", "not_an_archive"),
    ):
        archive.write_bytes(data)
        cell = _judged(section, arena, archive, what, code)
        section.rows.append((what, *(cell for _ in FORMATS)))
    tried = sum(bool(cell) for row in section.rows for cell in row[1:])
    section.notes.append(
        f"{tried} archives. A cell is the code by which the archive was refused; empty where the format cannot hold "
        "such a member. Beside each attempt lie canaries, on four levels, and after it the whole folder is as before."
    )
    return section


def _judged(section: Section, arena: Arena, archive: Path, what: str, expected: str) -> str:
    try:
        code = arena.attempt(archive)
    except AssertionError as error:
        section.failures.append(f"{what}: {error}")
        return "BROKEN"
    except Exception as error:  # noqa: BLE001 - whatever else comes out is a defect to report
        section.failures.append(f"{what}: {type(error).__name__}: {error}")
        return "CRASHED"
    if code != expected:
        section.failures.append(f"{what}: {code or 'unpacked'}, not {expected}")
    if not code:
        arena.content()
    return code or "unpacked"


def mutants(folder: Path, count: int, seed: int) -> Section:
    """Good archives with flipped, cut, moved and doubled bytes: refused, or unpacked to what was packed."""
    columns = ("format", "mutants", "refused", "unpacked, all as it was", "unpacked, changed", "codes")
    section = Section("Damaged archives", columns)
    draw, arena, path = random.Random(seed), Arena(folder), folder / "mutant"
    for form in FORMATS:
        whole = write(form, GOOD_ENTRIES, folder / f"good.{form}").read_bytes()
        if arena.attempt(folder / f"good.{form}") or arena.content() != EXPECTED:
            section.failures.append(f"{form}: the good archive does not come out as it went in")
        codes: Counter[str] = Counter()
        same = changed = 0
        for number in range(count):
            path.write_bytes(mutant(whole, draw))
            what = f"mutant {number} of {form} by seed {seed}"
            try:
                code = arena.attempt(path)
            except AssertionError as error:
                section.failures.append(f"{what}: {error}")
            except Exception as error:  # noqa: BLE001 - as above
                section.failures.append(f"{what}: {type(error).__name__}: {error}")
            else:
                if code:
                    codes[code] += 1
                elif arena.content() == EXPECTED:
                    same += 1
                else:
                    changed += 1
                    if form in CHECKED:
                        section.failures.append(f"{what}: unpacked to something else")
        told = ", ".join(f"{number} {code}" for code, number in codes.most_common())
        section.rows.append((form, count, sum(codes.values()), same, changed, told))
    section.notes.append(
        "A plain tar has check sums of its headers only: what is changed inside of a file shows by the sha256 of the "
        "archive, which `medvision fetch` asks for before it unpacks. Elsewhere a changed byte is refused, or was one "
        "that means nothing."
    )
    return section


def mutant(data: bytes, draw: random.Random) -> bytes:
    """A copy with one to three small damages."""
    damaged = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 3))):
        at = draw.randrange(len(damaged))
        kind = draw.randrange(6)
        if kind <= 1:
            damaged[at] ^= 1 << draw.randrange(8)
        elif kind == 2:
            damaged[at] = draw.randrange(256)
        elif kind == 3:
            del damaged[max(1, at) :]
        elif kind == 4:
            del damaged[at : at + draw.randrange(1, 64)]
        else:
            damaged[at:at] = damaged[at : at + draw.randrange(1, 64)]
        if not damaged:
            damaged = bytearray(b"\0")
    return bytes(damaged)
