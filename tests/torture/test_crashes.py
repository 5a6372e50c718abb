"""A few of the kills and faults of `make torture`, and that damage would be seen."""

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from promises.release_bytes import release_bytes
from torture import faults, kills
from torture.faulted import how_it_ended
from torture.scene import NEW, NONE, OLD, Scene, damage, in_flight, standing, write_scenes
from torture.warm import CRASHED, Ended, Forked, warm_pool

from medvision.schemas.record import PUBLISHING

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, Scene]:
    return write_scenes(tmp_path_factory.mktemp("crashes"))


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with warm_pool(1) as pool:
        yield pool


@pytest.fixture
def out(scenes: tuple[Scene, Scene], tmp_path: Path) -> Path:
    """A copy of the release of the second scene's older raw files."""
    return scenes[1].begin(tmp_path / "out")


def test_killed_builds_lose_nothing(scenes: tuple[Scene, Scene], pool: ProcessPoolExecutor) -> None:
    section = kills.run_kills(pool, scenes, 4, random.Random(1))
    assert section.failures == []
    assert sum(row[1] for row in section.rows) >= 4


def test_a_build_killed_before_its_first_line_said_nothing(tmp_path: Path) -> None:
    for turn in range(20):
        process = Forked(["datasets"], tmp_path / f"log{turn}")
        process.kill()
        assert process.wait() == Ended(kills.KILLED)


def test_faulty_disks_lose_nothing(scenes: tuple[Scene, Scene], pool: ProcessPoolExecutor) -> None:
    section = faults.run_faults(pool, scenes[:1], 2, random.Random(1))
    assert section.failures == []
    assert sum(row[1] for row in section.rows) >= 2
    assert sum(row[2] for row in section.rows) >= 2


def test_what_stands_is_told_apart(scenes: tuple[Scene, Scene], out: Path) -> None:
    scene = scenes[1]
    assert standing(out, scene) == (OLD, [])
    assert standing(scene.release, scene) == (NEW, [])
    (out / PUBLISHING).write_text("")
    assert standing(out, scene) == (NONE, [])


def test_a_file_cut_short_is_seen(scenes: tuple[Scene, Scene], out: Path) -> None:
    path = sorted(out.glob("data/*/*.parquet"))[0]
    data = path.read_bytes()
    path.unlink()  # else the shard store's name for it would change, too
    path.write_bytes(data[:-1])
    assert "partial files" in standing(out, scenes[1])[1][0]


def test_lost_and_doubled_slices_are_counted(scenes: tuple[Scene, Scene], out: Path) -> None:
    scene = Scene(scenes[0].raw, None, scenes[1].before, scenes[0].want, {}, scenes[0].rows)
    assert not damage(out, scene)
    first, second = sorted(out.glob("annotations/*/*.parquet"))[:2]
    rows, doubled = pq.read_metadata(first).num_rows, pq.read_metadata(second).num_rows
    first.unlink()
    (second.with_name("again.parquet")).write_bytes(second.read_bytes())
    found = damage(out, scene)
    assert (found.lost, found.doubled) == (rows, doubled)
    assert found.partial == [first.relative_to(out).as_posix()]
    assert str(first.relative_to(out)) in found.differing


def test_a_build_over_another_release_is_damage(scenes: tuple[Scene, Scene], out: Path) -> None:
    assert release_bytes(out) != scenes[1].want
    assert damage(out, scenes[1])


def test_attempts_without_a_record_are_in_flight(out: Path) -> None:
    assert in_flight(out) == set()
    record = sorted(out.glob(".shards/*/record-*.json"))[0]
    attempts = {path.relative_to(out / ".shards").as_posix() for path in record.parent.glob("attempt-*")}
    record.unlink()
    assert in_flight(out) == attempts != set()


@pytest.mark.parametrize(
    ("ended", "clear"),
    [
        (Ended(0), True),
        (Ended(1, "3/8 cases\nmedvision build: stopped by OSError\n"), True),
        (Ended(1, "Traceback (most recent call last):\nmedvision build: stopped by OSError\n"), False),
        (Ended(1, ""), False),
        (Ended(CRASHED, "medvision build: stopped by OSError\n"), False),
    ],
)
def test_an_end_without_one_line_is_seen(ended: Ended, clear: bool) -> None:
    assert (how_it_ended(ended) == []) is clear


def test_work_that_is_done_twice_is_seen(
    scenes: tuple[Scene, Scene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, trial = scenes[0].begin(tmp_path / "out"), kills.Killed("never")
    record = "key/record-1.json"
    (out / ".shards/key").mkdir(parents=True)
    (out / ".shards" / record).write_text("{}")
    monkeypatch.setattr(kills, "build", lambda *_: Ended(1, "no", [record]))
    kills.resume(scenes[0], out, tmp_path / "log", trial)
    assert (trial.finished, trial.rebuilt) == (1, 1)
    assert trial.broken == ["1 finished shards were built again", "the next build ended with 1: no"]
