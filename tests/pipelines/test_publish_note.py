"""A step of publish that runs late, after its own run or another one has published, harms no release."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from promises.release_bytes import release_bytes
from promises.tiny_raw import write_kits_case

from medvision.pipelines import publish, publish_steps, run
from medvision.pipelines.lock import LOCK, PublishLocked
from medvision.pipelines.release import open_release
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import MANIFEST, PUBLISHING, ShardRecord
from medvision.transforms.store import Store


class Published:
    """One release, and what its run's steps were given."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "out"
        self.options = BuildOptions(raw=str(folder / "raw"), out=str(self.out), datasets=("KiTS23",))
        write_kits_case(folder / "raw", 0)
        begun: list[tuple[list[ShardRecord], BuildOptions]] = []

        def begin(records: list[ShardRecord], options: BuildOptions) -> list[ShardRecord]:
            begun.append((list(records), options))
            return publish_begin(records, options)

        publish_begin = publish.begin
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(publish_steps.publish, "begin", begin)
            run.run_build(self.options)
        self.records, self.own = begun[0]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return Published(tmp_path_factory.mktemp("note"))


@pytest.fixture
def place(once: Published, tmp_path: Path) -> tuple[list[ShardRecord], BuildOptions, Path]:
    out = Path(shutil.copytree(once.out, tmp_path / "out"))
    return once.records, replace(once.own, out=str(out)), out


def test_a_late_begin_of_the_same_run_harms_nothing(place, once):
    records, own, out = place
    assert publish.begin(records, own) == records
    assert release_bytes(out) == release_bytes(once.out)
    open_release(str(out))


def test_a_begin_of_another_run_marks_the_folder(place):
    records, own, out = place
    publish.begin(records, replace(own, run_id="another"))
    assert (out / PUBLISHING).exists()
    assert not (out / MANIFEST).exists()


def finish_within(monkeypatch: pytest.MonkeyPatch, out: Path, once: Published, own: BuildOptions, name: str) -> None:
    """Between two requests of `begin`, before the removal or replacement of `name`, the run's publish finishes."""

    def finish() -> None:
        monkeypatch.undo()
        shutil.copytree(once.out, out, dirs_exist_ok=True)
        (out / PUBLISHING).unlink(missing_ok=True)
        (out / LOCK).unlink(missing_ok=True)

    for verb in ("remove", "replace"):
        whole = getattr(Store, verb)

        def late(self: Store, relative: str, *rest: bytes, whole=whole) -> None:
            if relative == name:
                finish()
            whole(self, relative, *rest)

        monkeypatch.setattr(Store, verb, late)


@pytest.mark.parametrize("name", [PUBLISHING, MANIFEST])
def test_a_begin_held_up_while_the_run_finishes_takes_back_what_it_did(place, once, monkeypatch, name):
    records, own, out = place
    for note in (out / ".shards").glob("published-*"):
        note.unlink()
    finish_within(monkeypatch, out, once, own, name)
    publish.begin(records, own)
    assert release_bytes(out) == release_bytes(once.out)
    open_release(str(out))


def test_steps_that_run_late_are_refused(place, once):
    records, own, out = place
    for late in (
        lambda: publish.publish_shard(records[0], own),
        lambda: publish.write_pairs("BoxSize", records, None, own),
    ):
        with pytest.raises(PublishLocked, match="has lost"):
            late()
    assert release_bytes(out) == release_bytes(once.out)


def test_a_run_whose_release_was_replaced_is_refused(place, once, tmp_path):
    records, own, out = place
    raw = Path(shutil.copytree(own.raw, tmp_path / "raw"))
    write_kits_case(raw, 1)
    run.run_build(replace(once.options, raw=str(raw), out=str(out)))
    newer = release_bytes(out)
    with pytest.raises(PublishLocked, match="replaced since"):
        publish.begin(records, own)
    assert release_bytes(out) == newer


def test_a_finish_that_runs_again_gives_the_same_answer(place, once):
    """As where an engine lost the answer of the last step, or submits the whole job again."""
    records, own, out = place
    standing = open_release(str(out)).manifest
    assert publish.finish(records, [], [], (), own) == standing
    assert publish.begin(records, own) == records
    for record in records:
        publish.publish_shard(record, own)
    assert publish.finish(records, [], [], (), own) == standing
    assert release_bytes(out) == release_bytes(once.out)
    assert not (out / LOCK).exists()
