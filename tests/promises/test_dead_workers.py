"""A worker that dies, at whatever step, ends the build within seconds; an error in a case is no death."""

import threading
from pathlib import Path

import pytest
from promises.kill import kill_points
from promises.release_bytes import release_bytes
from promises.tiny_raw import DATASETS

from medvision.pipelines.run import run_build
from medvision.schemas.case import Case
from medvision.schemas.failures import BuildFailed
from medvision.schemas.options import BuildOptions
from medvision.transforms import shard

SECONDS = 200
"""Beam's workers import it anew, twice: a second where nothing else runs, a quarter of a minute on a loaded machine."""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # Beam's streams say so, too
@pytest.mark.parametrize("stage", ["start", "before the manifest"])
def test_dead_worker_ends_the_build(
    stage: str, raw: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = BuildOptions(raw=str(raw), out=str(tmp_path / "out"), datasets=DATASETS)
    monkeypatch.setenv("PYTHONPATH", str(Path(kill_points.__file__).parent))
    monkeypatch.setenv("MEDVISION_TEST_KILL", stage)
    ended = threading.Event()

    def build() -> None:
        with pytest.raises(RuntimeError):
            run_build(options, workers=2)
        ended.set()

    threading.Thread(target=build, daemon=True).start()
    assert ended.wait(SECONDS)
    assert [thread for thread in threading.enumerate() if thread.name == "run_worker"] == []
    run_build(options)
    assert release_bytes(tmp_path / "out") == release_bytes(undisturbed)


def test_an_error_blames_no_case(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes of a case in hand are left by deaths alone."""

    def fail(case: Case, *_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(shard, "measure_case", fail)
    with pytest.raises(BuildFailed, match="no space"):
        run_build(BuildOptions(raw=str(raw), out=str(tmp_path / "out"), datasets=DATASETS))
    assert list(tmp_path.rglob("trying-*")) == []
    assert list(tmp_path.rglob("record-*")) == []
