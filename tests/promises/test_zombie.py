"""The first attempt to commit a shard wins whole: what a later one wrote, other bytes even, has no effect."""

import hashlib
import shutil
from pathlib import Path

import pytest
from promises.kill.runs import CONTEXT
from promises.racing import build, plan, race, see_no_record, write_other_bytes
from promises.release_bytes import attempts, release_bytes
from promises.tiny_raw import DATASETS

from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions
from medvision.transforms.records import find_record
from medvision.transforms.store import Store


def test_zombie_after_the_winner_has_no_effect(
    raw: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Path(shutil.copytree(undisturbed, tmp_path / "out"))
    options = BuildOptions(raw=str(raw), out=str(out), datasets=DATASETS)
    winners = attempts(out)
    with monkeypatch.context() as patch:
        write_other_bytes(patch)
        see_no_record(patch)
        for shard in plan(options, "ACDC"):
            before = build(shard, options)
            assert {str(Path(file.path).parent.relative_to(".shards")) for file in before.files} <= winners
    assert attempts(out) > winners, "the zombies did write"
    assert release_bytes(out) == release_bytes(undisturbed)
    run_build(options)
    assert attempts(out) == winners
    assert release_bytes(out) == release_bytes(undisturbed)


def test_a_first_attempt_of_other_bytes_would_show(
    raw: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the zombies of the test above write is other than what the winner wrote."""
    options = BuildOptions(raw=str(raw), out=str(tmp_path / "out"), datasets=DATASETS)
    write_other_bytes(monkeypatch)
    shard = plan(options, "ACDC")[0]
    kept = find_record(Store(str(undisturbed)), shard)
    assert kept is not None
    other = build(shard, options)
    assert {f.sha256 for f in other.files if f.kind == "data"} != {f.sha256 for f in kept.files if f.kind == "data"}


def test_two_attempts_at_once_one_wins_whole(raw: Path, tmp_path: Path) -> None:
    options = BuildOptions(raw=str(raw), out=str(tmp_path / "out"), datasets=DATASETS)
    shards = [shard for name in DATASETS for shard in plan(options, name)]
    start, returned = CONTEXT.Barrier(2), CONTEXT.Queue()
    racers = [CONTEXT.Process(target=race, args=(options, shards, start, returned, other)) for other in (False, True)]
    for racer in racers:
        racer.start()
    first, second = returned.get(timeout=60), returned.get(timeout=60)
    for racer in racers:
        racer.join()
    assert len(shards) > 6
    assert first == second
    for shard, record in zip(shards, first, strict=True):
        assert record == find_record(Store(options.out), shard)
        assert len(list((tmp_path / "out/.shards" / shard.key).glob("attempt-*"))) == 2
        assert len({Path(file.path).parent for file in record.files}) == 1
        for file in record.files:
            assert hashlib.sha256((tmp_path / "out" / file.path).read_bytes()).hexdigest() == file.sha256
