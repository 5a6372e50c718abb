"""A case that ends its worker is given up after two deaths; the release says so, and the next build has it."""

import json
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from promises.kill import kill_points
from promises.release_bytes import release_bytes
from promises.tiny_raw import DATASETS

from medvision.pipelines.main import main
from medvision.pipelines.release import open_release

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),  # Beam's broken streams
]

KILL = Path(kill_points.__file__).parent
POISON = "case_00003"


def build(raw: Path, out: Path, workers: int) -> int:
    return main(["build", *DATASETS, "--raw", str(raw), "--out", str(out), "--workers", str(workers), "--private"])


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Workers started from now on die of the case POISON, until the patch is undone."""
    monkeypatch.setenv("PYTHONPATH", str(KILL))
    monkeypatch.setenv("MEDVISION_TEST_POISON", POISON)
    return monkeypatch


def test_poisoned_case_is_unbuilt_and_the_next_build_builds_it(
    poisoned: pytest.MonkeyPatch, raw: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert build(raw, out, workers=2) == 1
    assert [thread for thread in threading.enumerate() if thread.name == "run_worker"] == []
    manifest = open_release(str(out)).manifest
    assert manifest["complete"] is False
    assert manifest["unbuilt"] == [f"KiTS23/{POISON}"]
    letters = pq.read_table(out / "dead_letters/KiTS23.parquet").to_pylist()
    assert [(row["case_id"], row["reason"]) for row in letters] == [(POISON, "unbuilt")]
    assert manifest["datasets"]["ACDC"]["cases"] == 12
    built = pq.read_table(out / "sources.parquet", columns=["dataset", "case_id"]).to_pylist()
    cases = {row["case_id"] for row in built if row["dataset"] == "KiTS23"}
    assert cases == {f"case_{index:05d}" for index in range(6)} - {POISON}
    poisoned.undo()
    assert build(raw, out, workers=1) == 0
    assert json.loads((out / "manifest.json").read_text())["complete"] is True
    assert release_bytes(out) == release_bytes(undisturbed)
