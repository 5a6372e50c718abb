"""SIGKILL at any moment: the old release stands or is refused, and running again gives the undisturbed bytes."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from promises.kill import kill_points, runs
from promises.release_bytes import release_bytes
from promises.tiny_raw import DATASETS, write_acdc_case, write_kits_case, write_msd_case

from medvision.pipelines.release import ReleaseError, open_release
from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions

pytestmark = pytest.mark.slow

MOMENTS = 12
KILLED = -signal.SIGKILL
Bytes = dict[str, str]


@pytest.fixture(scope="module")
def new_raw(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The raw archive after a change: a case more of one dataset, other content in a case of two others."""
    changed = Path(shutil.copytree(raw, tmp_path_factory.mktemp("archive") / "new"))
    write_kits_case(changed, 6)
    write_acdc_case(changed, 2, seed=1)
    write_msd_case(changed, 3, seed=1)
    return changed


@pytest.fixture(scope="module")
def old(undisturbed: Path) -> Bytes:
    return release_bytes(undisturbed)


@pytest.fixture(scope="module")
def new(new_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Bytes:
    """Bytes of a build of the new archive into an empty folder, in one go."""
    out = tmp_path_factory.mktemp("release") / "new"
    resume(new_raw, out)
    return release_bytes(out)


@pytest.fixture
def out(undisturbed: Path, tmp_path: Path) -> Path:
    """A folder where the old release stands."""
    return Path(shutil.copytree(undisturbed, tmp_path / "out"))


def arguments(raw: Path, out: Path, workers: int = 1) -> list[str]:
    return ["build", *DATASETS, "--raw", str(raw), "--out", str(out), "--workers", str(workers), "--private"]


def resume(raw: Path, out: Path) -> None:
    run_build(BuildOptions(raw=str(raw), out=str(out), datasets=DATASETS))


def opens(out: Path) -> bool:
    try:
        open_release(str(out))
    except ReleaseError:
        return False
    return True


@pytest.mark.parametrize("stage", kill_points.BEFORE_PUBLISH)
def test_killed_before_publish_leaves_the_old_release(
    stage: str, new_raw: Path, out: Path, old: Bytes, new: Bytes
) -> None:
    process = runs.start(arguments(new_raw, out), stage)
    process.join()
    assert process.exitcode == KILLED
    assert release_bytes(out) == old
    assert opens(out)
    resume(new_raw, out)
    assert release_bytes(out) == new


@pytest.mark.parametrize("stage", kill_points.IN_PUBLISH)
def test_killed_in_publish_is_refused_until_resumed(stage: str, new_raw: Path, out: Path, new: Bytes) -> None:
    process = runs.start(arguments(new_raw, out), stage)
    process.join()
    assert process.exitcode == KILLED
    with pytest.raises(ReleaseError, match="interrupted publish"):
        open_release(str(out))
    resume(new_raw, out)
    assert opens(out)
    assert release_bytes(out) == new


def test_killed_before_garbage_is_a_whole_release(new_raw: Path, out: Path, new: Bytes) -> None:
    process = runs.start(arguments(new_raw, out), "before garbage")
    process.join()
    assert process.exitcode == KILLED
    assert {name: sha for name, sha in release_bytes(out).items() if name in new} == new
    assert opens(out)
    resume(new_raw, out)
    assert release_bytes(out) == new


@pytest.fixture(scope="module")
def seconds(new_raw: Path, undisturbed: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long the build of the new archive over the old release takes when nobody kills it."""
    out = Path(shutil.copytree(undisturbed, tmp_path_factory.mktemp("timed") / "out"))
    start = time.monotonic()
    process = runs.start(arguments(new_raw, out))
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - start


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_killed_at_a_random_moment(
    moment: int, seconds: float, new_raw: Path, out: Path, old: Bytes, new: Bytes
) -> None:
    process = runs.start(arguments(new_raw, out))
    process.join(seconds * (moment + random.random()) / MOMENTS)
    runs.kill(process)
    assert process.exitcode in (KILLED, 0)
    if opens(out):
        found = release_bytes(out)
        assert found == old or {name: sha for name, sha in found.items() if name in new} == new
    resume(new_raw, out)
    assert release_bytes(out) == new


def test_killed_with_its_workers(new_raw: Path, out: Path, new: Bytes) -> None:
    """The console script and its two worker processes, while the first new shard is being built."""
    process = subprocess.Popen(
        [runs.CONSOLE_SCRIPT, *arguments(new_raw, out, workers=2)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    standing = set(out.glob(".shards/*/attempt-*"))
    while process.poll() is None and not set(out.glob(".shards/*/attempt-*")) - standing:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == KILLED
    resume(new_raw, out)
    assert release_bytes(out) == new
