"""Publishing: names, order of writing, garbage, interruption; pairs in files of bounded length."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from miniature import write_miniature

from medvision.pipelines import garbage, preflight, publish, publish_steps
from medvision.pipelines.lock import LOCK, PublishLocked
from medvision.pipelines.release import ReleaseError, open_release
from medvision.pipelines.run import run_build
from medvision.pipelines.validate import report_lines, validate_release
from medvision.schemas.failures import BuildFailed
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import MANIFEST, PUBLISHING
from medvision.transforms import pair_files
from medvision.transforms.notes import CaseNotes
from medvision.transforms.store import Store

LESION_CONFIG = "KiTS23_TumorLesionSize_Task01_Axial_Train"


def published(out: Path) -> dict[str, bytes]:
    """Content of every published file by its path."""
    paths = sorted(path for path in out.rglob("*") if path.is_file())
    named = {path.relative_to(out).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in named.items() if not name.startswith(".shards/")}


@pytest.fixture
def own(built, tmp_path: Path) -> BuildOptions:
    """A copy of the release that a test may change, with the options to build it again."""
    shutil.copytree(built.out, tmp_path / "release")
    return replace(built.options, out=str(tmp_path / "release"))


def test_published_paths_are_those_of_the_manifest(built):
    files = published(built.out)
    release = open_release(str(built.out))
    listed = {file.path: file for file in release.files()}
    assert set(files) == {*listed, "README.md", "croissant.json", "files.parquet", "manifest.json", "sources.parquet"}
    shards = sorted((built.out / ".shards").glob("*/record-*.json"))
    assert len({path.parent for path in shards}) >= 4
    for path in shards:
        shard = json.loads(path.read_text())["shard"]
        name = f"{shard['side']}-{shard['bucket']:05d}-of-{shard['buckets']:05d}"
        for kind, ending in (("data", "parquet"), ("annotations", "parquet"), ("webdataset", "tar")):
            assert f"{kind}/{shard['dataset']}/{name}.{ending}" in listed
    for path, file in listed.items():
        assert (file.bytes, file.sha256) == (len(files[path]), hashlib.sha256(files[path]).hexdigest())


def test_a_finished_release_has_no_marks_of_work(built):
    assert not (built.out / PUBLISHING).exists()
    assert not (built.out / LOCK).exists()
    assert not list(built.out.rglob("*.partial"))
    assert not list(built.out.rglob("trying-*"))
    report = validate_release(str(built.out), "deep")
    assert report.ok, report_lines(report)


def test_the_manifest_is_small_and_names_no_place(built, raw):
    text = (built.out / MANIFEST).read_text()
    assert json.loads(text) == built.manifest
    assert len(text) < 1_000_000
    assert str(raw) not in text
    assert str(built.out) not in text
    assert built.manifest["complete"] is True
    assert built.manifest["datasets"]["ACDC"]["cases"] == 4


def test_the_manifest_is_written_last(own, monkeypatch):
    written: list[str] = []
    seen: list[bool] = []
    writing = Store.writing

    def watched(self: Store, relative: str) -> object:
        written.append(relative)
        if relative == MANIFEST:
            seen.append(self.exists(PUBLISHING))
        return writing(self, relative)

    monkeypatch.setattr(Store, "writing", watched)
    run_build(own)
    assert written[-1] == MANIFEST
    assert seen == [True]
    assert written.index(PUBLISHING) < written.index("files.parquet")
    assert not (Path(own.out) / PUBLISHING).exists()


def test_publishing_again_restores_the_same_bytes_after_an_interruption(own, built):
    out = Path(own.out)
    (out / MANIFEST).unlink()
    (out / PUBLISHING).write_text("interrupted")
    for name in ("data/ACDC/train-00000-of-00004.parquet", "sources.parquet", MANIFEST):
        (out / f"{name}.0123.partial").write_bytes(b"half")
    next((out / "annotations/ACDC").glob("*.parquet")).unlink()
    next((out / "pairs").rglob("*.parquet")).unlink()
    with pytest.raises(ReleaseError, match="interrupted publish"):
        open_release(own.out)
    run_build(own)
    assert published(out) == published(built.out)


def test_an_interrupted_publish_is_finished_by_the_same_process(own, built, monkeypatch):
    def stop(*arguments: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(publish, "card_text", stop)
        with pytest.raises(BuildFailed, match="no space left"):
            run_build(own)
    with pytest.raises(ReleaseError, match="interrupted publish"):
        open_release(own.out)
    run_build(own)
    assert published(Path(own.out)) == published(built.out)


def test_building_again_reuses_every_shard(own, built):
    before = sorted((Path(own.out) / ".shards").rglob("attempt-*"))
    run_build(own)
    assert sorted((Path(own.out) / ".shards").rglob("attempt-*")) == before
    assert published(Path(own.out)) == published(built.out)


def test_garbage_of_an_older_release_is_removed(own):
    out = Path(own.out)
    old = time.time() - garbage.GARBAGE_SECONDS - 3600
    for name, age in ((".shards/oldkey/attempt-1/data.parquet", old), (".shards/newkey/attempt-1/x", time.time())):
        (out / name).parent.mkdir(parents=True)
        (out / name).write_bytes(b"")
        os.utime(out / name, (age, age))
    loser = next((out / ".shards").glob("*/attempt-*")).parent / "attempt-lost"
    loser.mkdir()
    (loser / "data.parquet").write_bytes(b"half")
    run_build(replace(own, datasets=("ACDC",), formats=("parquet",), replace=True))
    left = published(out)
    assert not [name for name in left if "KiTS23" in name or name.startswith("webdataset")]
    assert any(name.startswith("data/ACDC/") for name in left)
    assert not (out / ".shards/oldkey/attempt-1/data.parquet").exists()
    assert (out / ".shards/newkey/attempt-1/x").exists(), "another build may be using it"
    assert validate_release(own.out).ok


def test_attempts_that_no_record_names_are_removed(own):
    loser = next((Path(own.out) / ".shards").glob("*/attempt-*")).parent / "attempt-lost/data.parquet"
    loser.parent.mkdir()
    loser.write_bytes(b"half")
    run_build(own)
    assert not loser.exists()


def test_dead_letters_are_published_and_counted(tmp_path):
    write_miniature(tmp_path / "raw", ["ACDC"], cases=2)
    home = tmp_path / "raw/ACDC/ACDC/database/training/patient001"
    image = home / "patient001_frame01.nii.gz"
    image.write_bytes(image.read_bytes()[:500])
    (home / "patient001_frame05_gt.nii.gz").unlink()
    options = BuildOptions(str(tmp_path / "raw"), str(tmp_path / "out"), ("ACDC",), planes=("axial",))
    manifest = run_build(options).manifest
    assert manifest["datasets"]["ACDC"]["dead_letters"] == {"bad_gzip": 1, "mask_missing": 1}
    rows = pq.read_table(tmp_path / "out/dead_letters/ACDC.parquet").to_pylist()
    assert [(row["case_id"], row["reason"]) for row in rows] == [
        ("patient001_frame01", "bad_gzip"),
        ("patient001_frame05", "mask_missing"),
    ]
    assert all(row["path"].startswith("ACDC/database/training/patient001/") for row in rows)
    assert validate_release(options.out).ok


# Pairs


def pairs_of(out: Path, config: str) -> Iterator[dict[str, object]]:
    for path in sorted((out / "pairs" / config).glob("*.parquet")):
        yield from pq.read_table(path).to_pylist()


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pairs_roll_over_at_the_limit_and_keep_every_row_in_order(own, built, monkeypatch, limit):
    configs = sorted(path.name for path in (built.out / "pairs").iterdir())
    whole = {config: list(pairs_of(built.out, config)) for config in configs}
    assert len(whole[LESION_CONFIG]) > 14
    monkeypatch.setattr(pair_files, "PAIRS_FILE_ROWS", limit)
    monkeypatch.setattr(pair_files, "PAIRS_BUFFER_ROWS", 5)
    run_build(own)
    out = Path(own.out)
    for config in configs:
        sizes = [pq.read_metadata(path).num_rows for path in sorted((out / "pairs" / config).iterdir())]
        full, rest = divmod(len(whole[config]), limit)
        assert sizes == [limit] * full + [rest] * bool(rest)
        assert list(pairs_of(out, config)) == whole[config]
    assert (out / "pairs" / LESION_CONFIG / "train-00000.parquet").exists()
    assert validate_release(own.out).ok


def test_no_pairs_file_is_empty_at_the_exact_limit(tmp_path, monkeypatch, built):
    config = built.out / "pairs" / LESION_CONFIG
    table = pq.read_table(config)
    monkeypatch.setattr(pair_files, "PAIRS_FILE_ROWS", table.num_rows)
    store = Store(str(tmp_path))
    writer = pair_files._OpenPairs(store, "KiTS23", "TumorLesionSize", "pairs/c/train")
    writer.write(table)
    writer.close(None)
    assert store.names("") == ["pairs/c/train-00000.parquet"]
    assert [file.rows for file in writer.published] == [table.num_rows]


def test_a_failed_pass_over_pairs_leaves_no_file_and_its_own_error(tmp_path, built):
    group = pair_files.PairGroup(1, "axial", "train", pq.read_table(built.out / "pairs" / LESION_CONFIG))

    def fail() -> None:
        with pair_files.PairFiles(Store(str(tmp_path)), "KiTS23", "TumorLesionSize") as files:
            files.add(group)
            files._flush()
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left") as raised:
        fail()
    assert raised.traceback[-1].name == "fail"
    assert Store(str(tmp_path)).names("") == []


def test_an_attempt_of_another_build_is_left_while_its_case_is_in_hand(own):
    key = next((Path(own.out) / ".shards").glob("*/attempt-*")).parent.name
    notes = CaseNotes(Store(own.out), key, "other", "busy")
    half = Path(own.out) / f".shards/{key}/attempt-busy/data.parquet.1.partial"
    half.parent.mkdir()
    half.write_bytes(b"half")
    notes.hold("case")
    run_build(own)
    assert half.exists()
    notes.release()
    run_build(own)
    assert not half.exists()


def test_what_another_build_takes_back_while_garbage_is_collected_ends_no_publish(own, built, monkeypatch):
    """A build notes each case that it has in hand, and takes the note back, many times a second."""
    notes, names = CaseNotes(Store(own.out), "0" * 16, "other", "busy"), Store.names

    def listed(store, folder, partial=False):
        found = names(store, folder, partial)
        if any("trying-other" in name for name in found):
            notes.release()
        return found

    real = publish.collect_garbage

    def collect(*arguments):
        notes.hold("case")
        monkeypatch.setattr(Store, "names", listed)
        real(*arguments)

    monkeypatch.setattr(publish, "collect_garbage", collect)
    run_build(own)
    assert published(Path(own.out)) == published(built.out)
    assert not (Path(own.out) / LOCK).exists()


def test_a_build_whose_shards_are_cleared_away_says_so_and_harms_nothing(own, built, monkeypatch):
    begin = publish.begin

    def late(records, options):
        shutil.rmtree(next((Path(own.out) / ".shards").glob("*/attempt-*")))
        return begin(records, options)

    monkeypatch.setattr(publish_steps.publish, "begin", late)
    with pytest.raises(PublishLocked, match=r"cleared away 1 shards of this one; run this one again if its raw files"):
        run_build(own)
    assert published(Path(own.out)) == published(built.out)
    assert not (Path(own.out) / LOCK).exists()
    monkeypatch.undo()
    run_build(own)
    assert published(Path(own.out)) == published(built.out)


def test_a_build_that_another_one_was_faster_than_replaces_nothing(own, built, monkeypatch):
    """Both began in an empty folder, where no check could tell."""
    monkeypatch.setattr(preflight, "check_standing", lambda _: None)
    with pytest.raises(PublishLocked, match=r"^another build was first: .* holds a release by rules 1.4.0, not exact;"):
        run_build(replace(own, rules="exact", formats=("parquet",)))
    assert published(Path(own.out)) == published(built.out)
