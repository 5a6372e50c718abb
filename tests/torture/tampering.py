"""Ways to tamper with a release, with and without making its listing true again: `validate` must name each."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from edited import Row, copy_of, edit_rows
from miniature import write_miniature
from torture.report import Section
from torture.sealed import edit_manifest, edit_tar, reseal

from medvision.pipelines.run import run_build
from medvision.pipelines.validate import validate_release
from medvision.schemas.options import BuildOptions

DATASETS = ("Ceph-Biometrics-400", "KiTS23")
PARQUET, TARS = "**/*.parquet", "webdataset/**/*.tar"


@dataclass(frozen=True)
class Tampering:
    """`work` changes a release below its root; `sealed` says whether hashes and counts are then stated anew."""

    name: str
    work: Callable[[Path], None]
    sealed: bool = False
    level: str = "normal"


def first(root: Path, pattern: str) -> Path:
    return sorted(root.glob(pattern))[0]


def flip(pattern: str) -> Callable[[Path], None]:
    """One bit in the middle of the first file."""

    def work(root: Path) -> None:
        path = first(root, pattern)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 4
        path.write_bytes(content)

    return work


def remove(pattern: str) -> Callable[[Path], None]:
    return lambda root: first(root, pattern).unlink()


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def work(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)

    return work


def manifest(**changes: Any) -> Callable[[Path], None]:
    return lambda root: edit_manifest(root, **changes)


def exchange(root: Path, pattern: str = "data/KiTS23/*.parquet") -> None:
    one, other, *_ = sorted(root.glob(pattern))
    spare = one.with_suffix(".spare")
    shutil.move(one, spare)
    shutil.move(other, one)
    shutil.move(spare, other)


def stale(root: Path) -> None:
    """The manifest of an earlier release, with a dataset less."""
    path = root / "manifest.json"
    document = json.loads(path.read_text())
    del document["datasets"][DATASETS[0]]
    document["tables"]["files.parquet"]["sha256"] = "0" * 64
    path.write_text(json.dumps(document))


def counts(root: Path) -> None:
    path = root / "manifest.json"
    document = json.loads(path.read_text())
    document["datasets"]["KiTS23"]["slices"] += 1
    path.write_text(json.dumps(document))


def rows(pattern: str, edit: Callable[[Row], Row | None]) -> Callable[[Path], None]:
    """The first row that `edit` changes, in the tables alone."""
    return lambda root: (edit_rows(root, pattern, edit), None)[1]


def everywhere(edit: Callable[[Row], Row | None]) -> Callable[[Path], None]:
    """The same edit of one slice in its annotations, its data and its tar."""

    def work(root: Path) -> None:
        (before,) = edit_rows(root, "annotations/KiTS23/*.parquet", edit)
        name = before["slice_id"]

        def same(row: Row) -> Row | None:
            return edit(row) if row["slice_id"] == name else None

        edit_rows(root, "data/KiTS23/*.parquet", same)

        def member(path: str, content: bytes) -> tuple[str, bytes]:
            if path != f"{name}.json":
                return path, content
            changed = edit(json.loads(content))
            assert changed is not None
            return path, json.dumps(changed).encode()

        for tar in root.glob("webdataset/KiTS23/*.tar"):
            edit_tar(tar, member)

    return work


def segment(change: Callable[[Row], None]) -> Callable[[Row], Row | None]:
    def edit(row: Row) -> Row | None:
        if not row["segments"]:
            return None
        change(row["segments"][0])
        return row

    return edit


def box(name: str, by: int) -> Callable[[Row], Row | None]:
    def change(item: Row) -> None:
        item["boxes"][0][name][0] += by

    return segment(change)


def ellipse(name: str, factor: float) -> Callable[[Row], Row | None]:
    def edit(row: Row) -> Row | None:
        for lesion in row["lesions"]:
            for item in lesion["ellipses"]:
                item[name] *= factor
                return row
        return None

    return edit


def column(name: str, change: Callable[[Any], Any]) -> Callable[[Row], Row | None]:
    return lambda row: {**row, name: change(row[name])} if row.get("segments", True) else None


def angle(row: Row) -> Row | None:
    for measure in row["biometrics"]:
        measure["value"] += 0.5
        return row
    return None


def value(row: Row) -> Row:
    profile = row["biometric_profile"]
    return {**row, "biometric_profile": {**profile, "metric_value": profile["metric_value"] + 0.5}}


def of_kits(row: Row) -> Row | None:
    return {} if row["dataset"] == "KiTS23" else None


def other_box(row: Row) -> Row:
    row["bounding_boxes"][0]["max_coords"][0] += 1
    return row


def other_axis(row: Row) -> Row:
    row["biometric_profile"][0]["metric_value_minor_axis"] *= 1.01
    return row


def other_config(root: Path) -> None:
    """The pairs of one plane under the name of another and the reverse, rows and counts as they were."""
    one, other = (first(root, f"pairs/KiTS23_MaskSize_Task01_{plane}_Train/*") for plane in ("Axial", "Sagittal"))
    tables = [pq.read_table(path, partitioning=None) for path in (one, other)]
    pq.write_table(tables[1], one)
    pq.write_table(tables[0], other)


def other_image(row: Row) -> Row:
    blank = cv2.imencode(".png", np.zeros((row["height"], row["width"]), np.uint16))[1].tobytes()
    return {**row, "image": {**row["image"], "bytes": blank}}


def broken_image(row: Row) -> Row:
    content = bytearray(row["image"]["bytes"])
    content[len(content) // 2] ^= 1
    return {**row, "image": {**row["image"], "bytes": bytes(content)}}


def renamed_member(root: Path) -> None:
    done: list[str] = []

    def member(path: str, content: bytes) -> tuple[str, bytes]:
        done.append(path)
        return (f"x{path}" if len(done) <= 2 else path), content

    edit_tar(first(root, TARS), member)


def other_tar_image(root: Path) -> None:
    blank = cv2.imencode(".png", np.zeros((3, 4), np.uint16))[1].tobytes()
    seen: list[str] = []

    def member(path: str, content: bytes) -> tuple[str, bytes]:
        if path.endswith(".png"):
            seen.append(path)
        return path, blank if path.endswith(".png") and len(seen) == 1 else content

    edit_tar(first(root, TARS), member)


def without_column(root: Path) -> None:
    path = first(root, "annotations/KiTS23/*.parquet")
    pq.write_table(pq.read_table(path, partitioning=None).drop_columns(["flags"]), path)


def doubled_row(root: Path) -> None:
    path = first(root, "annotations/KiTS23/*.parquet")
    table = pq.read_table(path, partitioning=None)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)


def doubled_shard(root: Path) -> None:
    path = first(root, "annotations/KiTS23/*.parquet")
    shutil.copy(path, path.with_name(f"copy-{path.name}"))


def whole_shard_out(root: Path) -> None:
    """A shard removed with all that belongs to it; the listing made true."""
    name = first(root, "annotations/KiTS23/*.parquet").stem
    for path in root.glob(f"*/KiTS23/{name}.*"):
        path.unlink()


KITS, ROWS, PAIRS = "annotations/KiTS23/*.parquet", "data/KiTS23/*.parquet", "pairs/KiTS23_{}_*/*.parquet"
BOXES = PAIRS.format("BoxSize")
KINDS = (
    *(Tampering(f"a flipped bit in {kind}", flip(f"{kind}/{PARQUET}")) for kind in ("data", "annotations", "volumes")),
    *(Tampering(f"a flipped bit in {kind}", flip(f"{kind}/{PARQUET}")) for kind in ("pairs", "dead_letters")),
    Tampering("a flipped bit in a tar", flip(TARS)),
    Tampering("a flipped bit in a plan", flip("plans/**/*.gz")),
    Tampering("a flipped bit in the list of files", flip("files.parquet")),
    Tampering("a flipped bit in the list of sources", flip("sources.parquet")),
    Tampering("a flipped bit in the card", flip("README.md")),
    Tampering("a flipped bit in the Croissant description", flip("croissant.json")),
    Tampering("a shard missing", remove(ROWS)),
    Tampering("a tar missing", remove(TARS)),
    Tampering("annotations missing", remove(KITS)),
    Tampering("the card missing", remove("README.md")),
    Tampering("the manifest missing", remove("manifest.json")),
    Tampering("the list of files missing", remove("files.parquet")),
    Tampering("a file cut short", lambda root: first(root, ROWS).write_bytes(first(root, ROWS).read_bytes()[:-9])),
    Tampering("a file emptied", lambda root: first(root, KITS).write_bytes(b"")),
    Tampering("two files exchanged", exchange),
    Tampering("a file more", write("data/KiTS23/more.parquet", b"PAR1")),
    Tampering("a file more at the root", write("more.parquet", b"PAR1")),
    Tampering("a folder more at the root", write("data2/KiTS23/train.parquet", b"PAR1")),
    Tampering("a shard twice under two names", doubled_shard),
    Tampering("a mark of unfinished publishing", write(".publishing", b"{}")),
    Tampering("a stale manifest", stale),
    Tampering("a wrong count in the manifest", counts),
    Tampering("a manifest that says incomplete", manifest(complete=False)),
    Tampering("a manifest with other rules", manifest(rules="1.0.0")),
    Tampering("a manifest with unknown rules", manifest(rules="9.9.9")),
    Tampering("a manifest that is no JSON", write("manifest.json", b"{")),
    Tampering("two files exchanged", exchange, sealed=True),
    Tampering("pixels of a box counted anew", everywhere(segment(lambda s: s.update(pixel_count=1))), sealed=True),
    Tampering("a box moved", everywhere(box("min_rc", 1)), sealed=True),
    Tampering("a box in other mm", everywhere(box("size_mm", 2)), sealed=True),
    Tampering("a lesion's axis made longer", everywhere(ellipse("major_mm", 1.02)), sealed=True),
    Tampering("another pixel size", everywhere(column("pixel_spacing_mm", lambda mm: mm[::-1])), sealed=True),
    Tampering("a row edited in the annotations alone", rows(KITS, box("min_rc", 1)), sealed=True),
    Tampering("a row edited in the data alone", rows(ROWS, column("patient", lambda _: "else")), sealed=True),
    Tampering("a row taken out", rows(KITS, lambda _: {}), sealed=True),
    Tampering("a row twice", doubled_row, sealed=True),
    Tampering("a column taken out", without_column, sealed=True),
    Tampering("another id", everywhere(column("slice_id", lambda text: f"{text}0")), sealed=True),
    Tampering("a whole shard taken out", whole_shard_out, sealed=True),
    Tampering("another image", rows(ROWS, other_image), sealed=True, level="deep"),
    Tampering("a broken image", rows(ROWS, broken_image), sealed=True, level="deep"),
    Tampering("another image in a tar", other_tar_image, sealed=True, level="deep"),
    Tampering("a tar's member renamed", renamed_member, sealed=True),
    Tampering("a landmark's angle", rows("annotations/Ceph*/*.parquet", angle), sealed=True),
    Tampering("a pair's angle", rows("pairs/Ceph*Angle*/*.parquet", value), sealed=True),
    Tampering("a pair's area", rows(PAIRS.format("MaskSize"), column("ROI_area", lambda v: v + 1)), sealed=True),
    Tampering("a pair of another slice", rows(BOXES, column("slice_row", lambda n: n + 1)), sealed=True),
    Tampering("a pair taken out", rows(BOXES, lambda _: {}), sealed=True),
    Tampering("a pair's box", rows(BOXES, other_box), sealed=True),
    Tampering("a pair's lesion axis", rows(PAIRS.format("TumorLesionSize"), other_axis), sealed=True),
    Tampering("pairs of two configs exchanged", other_config, sealed=True),
    Tampering("a volume's grid", rows("volumes/KiTS23/*.parquet", column("shape_xyz", lambda n: n[::-1])), sealed=True),
    Tampering("a source taken out", rows("sources.parquet", of_kits), sealed=True),
    Tampering("a dead letter taken out", rows("dead_letters/*.parquet", lambda _: {}), sealed=True),
)


def run(scale: float, seed: int) -> list[Section]:
    """All kinds, whatever the scale."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        return [try_all(KINDS, release_of(home), home)]


def release_of(home: Path) -> Path:
    write_miniature(home / "raw", DATASETS, cases=4)
    run_build(BuildOptions(str(home / "raw"), str(home / "release"), DATASETS, planes=("sagittal", "axial")))
    return home / "release"


def try_all(kinds: tuple[Tampering, ...], release: Path, home: Path) -> Section:
    """The table of tamperings with the checks that name each, and a failure for each that none names."""
    section = Section("Tampering with a release", ("what was done", "listing made true again", "level", "found by"))
    if not validate_release(str(release), "deep").ok:
        section.failures.append("the release is refused as it is")
    for kind in kinds:
        copy = copy_of(release, home)
        kind.work(copy)
        if kind.sealed:
            reseal(copy)
        found = [check.name for check in validate_release(str(copy), kind.level).checks if not check.ok]
        section.rows.append((kind.name, "yes" if kind.sealed else "no", kind.level, ", ".join(found) or "nothing"))
        if not found:
            section.failures.append(f"validate does not find {kind.name}")
        shutil.rmtree(copy)
    return section
