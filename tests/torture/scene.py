"""What every trial of a build needs: raw files, the folder it begins with, and the bytes it must end with."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
from promises.release_bytes import release_bytes
from promises.tiny_raw import write_kits_case, write_msd_case, write_tiny_archive

from medvision.pipelines.release import ReleaseError, open_release
from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import ShardRecord

DATASETS = ("KiTS23", "MSD")
CASES = 4
OLD, NEW, NONE = "the old release", "the new release", "refused"


@dataclass(frozen=True)
class Scene:
    """A build that is about to be disturbed.

    Attributes:
        raw: Its raw root.
        before: Release that stands in the folder when it begins, of other raw files; None for an empty folder.
        release: What an undisturbed build makes.
        want, old: SHA-256 of each file of `release` and of `before`.
        rows: How often each slice stands in `release`.
    """

    raw: Path
    before: Path | None
    release: Path
    want: dict[str, str]
    old: dict[str, str]
    rows: Counter[str]

    def options(self, out: Path | str, raw: Path | str = "") -> BuildOptions:
        return BuildOptions(raw=str(raw or self.raw), out=str(out), datasets=DATASETS)

    def arguments(self, out: Path | str, raw: Path | str = "", workers: int = 1) -> list[str]:
        """Of `medvision`, for the same build."""
        places = ["--raw", str(raw or self.raw), "--out", str(out)]
        return ["build", *DATASETS, *places, "--workers", str(workers), "--private"]

    def begin(self, out: Path) -> Path:
        """Make `out` the folder in which the build begins."""
        if self.before is None:
            out.mkdir(parents=True)
        else:
            shutil.copytree(self.before, out)
        return out


@dataclass
class Damage:
    """What is wrong with a folder that should hold a release. Nothing, one hopes."""

    lost: int = 0
    doubled: int = 0
    partial: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.partial or self.differing)

    def __str__(self) -> str:
        files = f"partial {self.partial[:3]}, other bytes {self.differing[:3]}"
        return f"{self.lost} slices lost, {self.doubled} doubled, {files}"


def write_scenes(root: Path) -> tuple[Scene, Scene]:
    """Two scenes below `root`: of an empty folder, and of an older release after raw files were added and changed."""
    raw = write_tiny_archive(root / "raw", CASES)
    first = _scene(raw, None, root / "release")
    changed = Path(shutil.copytree(raw, root / "raw-changed"))
    write_kits_case(changed, CASES)
    write_kits_case(changed, 0, seed=1)
    write_msd_case(changed, 0, seed=1)
    write_msd_case(changed, CASES)
    return first, _scene(changed, root / "release", root / "release-changed")


def _scene(raw: Path, before: Path | None, release: Path) -> Scene:
    run_build(BuildOptions(raw=str(raw), out=str(release), datasets=DATASETS))
    old = release_bytes(before) if before else {}
    return Scene(raw, before, release, release_bytes(release), old, slice_counts(release))


def slice_counts(out: Path) -> Counter[str]:
    """How often each slice stands in the tables and the tars of a folder, whatever its files are called."""
    found: Counter[str] = Counter()
    for kind in ("annotations", "data"):
        for path in sorted((out / kind).rglob("*.parquet")):
            found.update(f"{kind} {slice_id}" for slice_id in pq.read_table(path)["slice_id"].to_pylist())
    for path in sorted((out / "webdataset").rglob("*.tar")):
        with tarfile.open(path) as tar:
            found.update(f"webdataset {name}" for name in tar.getnames())
    return found


def damage(out: Path, scene: Scene) -> Damage:
    """How a folder differs from the undisturbed release."""
    found = release_bytes(out)
    if found == scene.want:
        return Damage(partial=partial_files(out))
    rows = slice_counts(out)
    differing = sorted(name for name in found.keys() | scene.want.keys() if found.get(name) != scene.want.get(name))
    return Damage((scene.rows - rows).total(), (rows - scene.rows).total(), partial_files(out), differing)


def partial_files(out: Path) -> list[str]:
    """Files that the release lists and that are absent or other than listed."""
    return [file.path for file in open_release(str(out)).files() if _sha256(out / file.path) != file.sha256]


def standing(out: Path, scene: Scene) -> tuple[str, list[str]]:
    """What readers find in a folder where a build was cut off, and what of it is broken.

    Returns:
        OLD, NEW or NONE (readers refuse it), and sentences.
    """
    try:
        open_release(str(out))
    except ReleaseError:
        return NONE, []
    if partial := partial_files(out):
        return NEW, [f"readers accept a release with partial files: {partial[:3]}"]
    found = release_bytes(out)
    if scene.old and found == scene.old:
        return OLD, []
    if {name: sha for name, sha in found.items() if name in scene.want} != scene.want:
        return NEW, ["readers accept a release that is neither the old nor the new one"]
    return NEW, []


def finished(out: Path) -> set[str]:
    """Records of shards that stand in the shard store, as "<key>/record-<fingerprint>.json"."""
    store = out / ".shards"
    return {path.relative_to(store).as_posix() for path in store.glob("*/record-*.json")}


def in_flight(out: Path) -> set[str]:
    """Attempts at shards that no record names: work that was lost, or is under way."""
    store = out / ".shards"
    records = [ShardRecord.from_json(path.read_text()) for path in store.glob("*/record-*.json")]
    named = {Path(file.path).parent.name for record in records for file in record.files}
    return {path.relative_to(store).as_posix() for path in store.glob("*/attempt-*") if path.name not in named}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
