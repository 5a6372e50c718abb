"""A process that builds holds every numeric library to one thread, by whatever runner."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from promises.tiny_raw import write_tiny_archive

TESTS = Path(__file__).resolve().parents[1]
LIMIT = "from medvision.transforms.threads import limit_threads; limit_threads()"
SETTINGS = """
import json, cv2, pyarrow, SimpleITK
print(json.dumps({
    "cv2": cv2.getNumThreads(),
    "pyarrow": [pyarrow.cpu_count(), pyarrow.io_thread_count()],
    "itk": SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads(),
}))
"""
ONE_EACH = {"cv2": 1, "pyarrow": [1, 1], "itk": 1}
BUILD = """
import sys, threading
from pathlib import Path
from medvision.pipelines import run, steps
from medvision.schemas.options import BuildOptions

spent = {"own": 0, "others": 0}

def nanoseconds():
    found = {}
    for task in Path("/proc/self/task").iterdir():
        found[int(task.name)] = int((task / "schedstat").read_text().split()[0])
    return found

build = steps.build_shard

def watched(*arguments):
    before = nanoseconds()
    record = build(*arguments)
    for task, end in nanoseconds().items():
        spent["own" if task == threading.get_native_id() else "others"] += end - before.get(task, 0)
    return record

steps.build_shard = watched
run.run_build(BuildOptions(raw=sys.argv[1], out=sys.argv[2], datasets=("ACDC", "KiTS23")))
"""


def python(code: str, *arguments: str, **environment: str) -> dict[str, object]:
    """The last line that a fresh interpreter prints, as JSON; no variable limits its threads yet."""
    unset = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env={**unset, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("before", ["", "import SimpleITK, numba, cv2, pyarrow; "])
def test_every_library_has_one_thread(before: str) -> None:
    assert python(before + LIMIT + SETTINGS) == ONE_EACH


def test_what_the_user_has_set_is_kept() -> None:
    asked = {"OMP_NUM_THREADS": "3", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "2"}
    shown = f"import os, json; print(json.dumps({{name: os.environ[name] for name in {list(asked)}}}))"
    assert python(f"{LIMIT}\n{shown}", **asked) == asked


def test_threads_of_another_user_of_numba_go_on() -> None:
    """numba refuses to compile once its variable differs from the threads that it has launched."""
    code = "import numba; numba.njit(parallel=True)(lambda x: x + 1)(2)\n"
    assert python(f"{code}{LIMIT}\nprint(int(numba.njit(lambda x: 2 * x)(21)) and '{{}}')") == {}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="only Linux tells the time of each thread")
def test_a_build_in_this_process_computes_in_one_thread(tmp_path: Path) -> None:
    raw = write_tiny_archive(tmp_path / "raw", 4)
    code = f"{BUILD}\nimport json; print(json.dumps(spent))"
    spent = python(code, str(raw), str(tmp_path / "out"))
    assert spent["own"] > 10 * spent["others"]  # type: ignore[operator]
    assert python(BUILD + SETTINGS, str(raw), str(tmp_path / "again")) == ONE_EACH
