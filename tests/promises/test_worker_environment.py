"""The environment of Dataflow's workers, made afresh as the Dockerfile does: `make container-check`, 1 GB to download.

It holds the locked packages and the wheel alone, unpickles a launched pipeline, finds its kernels compiled, and builds
the bytes that this environment does.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from promises import gcs
from promises.dataflow import OUT, launch
from promises.kill.runs import CONSOLE_SCRIPT
from promises.release_bytes import release_bytes
from promises.tiny_raw import write_tiny_archive

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "runners/container/Dockerfile").read_text()
ROOMS = ("pipelines", "transforms", "schemas", "sources", "runners")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not os.environ.get("MEDVISION_CONTAINER_CHECK"), reason="downloads 1 GB: make container-check runs it"
    ),
]
IMPORT_ALL = """
import importlib, pkgutil, medvision
names = [module.name for module in pkgutil.walk_packages(medvision.__path__, "medvision.")]
for name in names: importlib.import_module(name)
assert "site-packages" in medvision.__file__, medvision.__file__
print(len(names))
"""
UNPICKLE = """
import sys
from apache_beam.internal import pickler
from apache_beam.portability.api import beam_runner_api_pb2
pipeline = beam_runner_api_pb2.Pipeline.FromString(open(sys.argv[1], "rb").read())
ours = set()
for step in pipeline.components.transforms.values():
    if step.spec.urn == "beam:transform:pardo:v1":
        do_fn = beam_runner_api_pb2.ParDoPayload.FromString(step.spec.payload).do_fn
        if not do_fn.payload: continue  # a primitive of Beam's, known by its name
        function = pickler.loads(do_fn.payload)[0]
        if type(function).__module__.startswith("medvision."): ours.add(type(function).__qualname__)
print(*sorted(ours))
"""


def run(*command: object, cwd: Path, **env: str) -> str:
    """What a command prints; it inherits nothing that could lend it a package."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    ran = subprocess.run(
        [str(word) for word in command], cwd=cwd, env={**clean, **env}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worker")


@pytest.fixture(scope="module")
def bin_folder(home: Path) -> Path:
    """Of a fresh environment with the worker's lock and the wheel."""
    checkout = home / "checkout"
    for room in ROOMS:
        shutil.copytree(ROOT / room, checkout / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    run(sys.executable, "-m", "build", "--no-isolation", "-x", "-w", "--outdir", home / "dist", checkout, cwd=home)
    (wheel,) = (home / "dist").glob("*.whl")
    run(sys.executable, "-m", "venv", home / "venv", cwd=home)
    python = home / "venv/bin/python"
    locked = ("--no-deps", "--require-hashes", "-r", ROOT / "requirements-worker.lock")
    run(python, "-m", "pip", "install", "-q", *locked, cwd=home)
    run(python, "-m", "pip", "install", "-q", "--no-deps", wheel, cwd=home)
    run(python, "-m", "pip", "check", cwd=home)
    run(python, "-c", "import importlib.util as i; assert not i.find_spec('pandas')", cwd=home)  # only tests have it
    return home / "venv/bin"


@pytest.fixture(scope="module")
def image_env(home: Path) -> dict[str, str]:
    """The variables that the image sets, with a cache of kernels here."""
    found = dict(re.findall(r"^(?:ENV|   ) (\w+)=(\S+?)(?: \\)?$", DOCKERFILE, re.MULTILINE))
    assert found["NUMBA_CPU_NAME"] == "generic"
    return {**{name: value.strip('"') for name, value in found.items()}, "NUMBA_CACHE_DIR": str(home / "numba")}


def kernels(home: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (home / "numba").rglob("*.nb?")}


def test_the_command_and_every_module_are_there(bin_folder: Path, home: Path) -> None:
    assert run(bin_folder / "medvision", "--version", cwd=home).startswith("medvision ")
    assert "--datasets" in run(bin_folder / "medvision-flex", "--help", cwd=home)
    assert int(run(bin_folder / "python", "-c", IMPORT_ALL, cwd=home)) > 100


def test_a_launched_pipeline_is_unpickled(bin_folder: Path, home: Path) -> None:
    places = ["--raw", f"gs://{gcs.BUCKET}/raw", "--out", OUT]
    launch([str(CONSOLE_SCRIPT), "build", "KiTS23", "MSD", *places, "--private", "--runner", "dataflow"], home)
    (pipeline,) = (home / "staging").rglob("pipeline.pb")
    ours = run(bin_folder / "python", "-c", UNPICKLE, pipeline, cwd=home).split()
    assert {"_Match", "_DropEmpty", "_NumberSplits", "_NameShard", "_Build", "_Begin", "_Link", "_Finish"} <= set(ours)


def test_kernels_are_compiled_once_and_build_the_same_bytes(
    bin_folder: Path, home: Path, image_env: dict[str, str]
) -> None:
    script = ROOT / "runners/container/compile_kernels"
    run(bin_folder / "python", script, cwd=home, **image_env)
    compiled = kernels(home)
    assert len(compiled) > 100
    write_tiny_archive(home / "tiny", cases=2)
    for name, command, env in (("image", bin_folder / "medvision", image_env), ("here", CONSOLE_SCRIPT, {})):
        places = ["--raw", home / "tiny", "--out", home / name, "--workers", "1"]
        run(command, "build", "ACDC", "KiTS23", "MSD", *places, "--private", cwd=home, **env)
    assert kernels(home) == compiled
    assert release_bytes(home / "image") == release_bytes(home / "here")
