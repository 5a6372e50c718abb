"""The package on a remote worker: staged as Beam stages it, installed as Beam's workers install it, then used there.

A worker's container has the locked dependencies; here they are those of this environment, which the clean environment
of the "worker" sees by a path file. No network is used.
"""

import base64
import bz2
import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.stager import WORKFLOW_TARBALL_FILE, Stager
from apache_beam.transforms.environments import EmbeddedPythonEnvironment
from checkout import ROOMS, ROOT, copy_checkout
from miniature import write_miniature
from promises.release_bytes import release_bytes

import medvision
from medvision.pipelines.build import build_release
from medvision.pipelines.run import run_build
from medvision.runners.direct import direct_options
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import DATASETS, find_dataset

PIP = ("-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check")
"""As the boot program of Beam's worker calls it."""
OFFLINE = ("--no-index", "--no-build-isolation")
NAMES = ("ACDC",)

pytestmark = pytest.mark.heavy


def run(*command: str | Path, **more: str) -> str:
    """Standard output of a program that must end well; away from the checkout, whose modules it shall not see."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"PIP_CONFIG_FILE": os.devnull, **more}
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(sys.prefix).anchor, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# Staging


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What `--setup_file` stages, and a wheel."""
    top = tmp_path_factory.mktemp("staged")
    setup = copy_checkout(top / "checkout") / "setup.py"
    (top / "temp").mkdir()
    options = PipelineOptions([f"--setup_file={setup}", "--requirements_cache=skip"])
    resources = Stager.create_job_resources(options, str(top / "temp"), log_submission_env_dependencies=False)
    staged = {to: Path(path) for path, to, _ in Stager.extract_staging_tuple_iter(resources)}
    assert list(staged) == [WORKFLOW_TARBALL_FILE]  # no main session, no package list
    worker_name = staged[WORKFLOW_TARBALL_FILE].rename(top / WORKFLOW_TARBALL_FILE)  # staged under this name
    build = ("-m", "build", "--wheel", "--no-isolation", "-x", "--outdir", str(top), str(setup.parent))
    run(sys.executable, *build)
    (wheel,) = top.glob("*.whl")
    return {"sdist": worker_name, "wheel": wheel}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a new environment that sees the dependencies of this one, but not its editable install."""
    home = tmp_path_factory.mktemp("worker") / "venv"
    run(sys.executable, "-m", "venv", home)
    python = home / "bin/python"
    run(python, "-m", "pip", "uninstall", "--yes", "setuptools")  # that of Python 3.11 is too old to build with
    (site,) = home.glob("lib/*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    absent = "import importlib.util as u; print(u.find_spec('apache_beam') is not None, u.find_spec('medvision'))"
    assert run(python, "-c", absent).split() == ["True", "None"]
    return python


@pytest.fixture(scope="module")
def worker(clean: Path, packages: dict[str, Path]) -> Path:
    """Python of a worker that has installed what was staged; the dependencies must be there already."""
    told = run(clean, *PIP, *OFFLINE, packages["sdist"])
    assert "Successfully installed medvision-pipelines" in told
    return clean


def test_the_wheel_installs_the_same_files(worker: Path, packages: dict[str, Path]) -> None:
    """So all that holds of one below holds of both; unpacking installs a pure wheel."""
    (site,) = worker.parents[1].glob("lib/*/site-packages")
    with zipfile.ZipFile(packages["wheel"]) as archive:
        unpacked = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}
    assert len(unpacked) > len(DATASETS)
    assert [name for name, data in unpacked.items() if (site / name).read_bytes() != data] == []
    installed = {path.relative_to(site).as_posix() for path in site.glob("medvision/**/*") if path.suffix != ".pyc"}
    assert {name for name in installed if (site / name).is_file()} - set(unpacked) == set()


# On the worker


LOOK = """
import importlib, json, pkgutil, sys
from importlib.resources import files
import medvision
from medvision.pipelines import publish_steps, steps
from medvision.sources.registry import DATASETS
names = [module.name for module in pkgutil.walk_packages(medvision.__path__, "medvision.")]
print(json.dumps({
    "home": medvision.__file__,
    "prefix": sys.prefix,
    "modules": sorted(names),
    "outside": [n for n in names if not importlib.import_module(n).__file__.startswith(sys.prefix)],
    "datasets": list(DATASETS),
    "typed": files("medvision").joinpath("py.typed").is_file(),
    "do_fns": [steps._Build.__name__, publish_steps._Finish.__name__],
}))
"""


def test_everything_is_found(worker: Path) -> None:
    found: dict[str, Any] = json.loads(run(worker, "-c", LOOK))
    assert found["home"].startswith(found["prefix"])
    files = [path.relative_to(ROOT).with_suffix("") for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    names = {".".join(("medvision", *file.parts)).removesuffix(".__init__") for file in files}
    assert set(found["modules"]) == names - {"medvision.pipelines.api"}  # that one is `medvision` itself
    assert found["outside"] == []
    assert found["datasets"] == list(DATASETS)
    assert found["typed"]


def test_the_command_is_there(worker: Path) -> None:
    assert run(worker.with_name("medvision"), "--version") == f"medvision {medvision.__version__}\n"


RUN = """
import sys
from pathlib import Path
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from medvision.runners.direct import direct_options
proto = beam_runner_api_pb2.Pipeline.FromString(Path(sys.argv[1]).read_bytes())
FnApiRunner().run_via_runner_api(proto, direct_options(1)).wait_until_finish()
"""


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("raw")
    write_miniature(root, NAMES, cases=1)
    return root


def options_to(raw: Path, out: Path) -> BuildOptions:
    return BuildOptions(str(raw), str(out), NAMES, planes=("axial",), limit=1)


@pytest.fixture(scope="module")
def built_here(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("here") / "out"
    run_build(options_to(raw, out))
    return release_bytes(out)


def pickled(options: BuildOptions) -> Any:
    """The pipeline as it is sent to a runner: DoFns pickled by Beam, without the main session."""
    pipeline = beam.Pipeline(options=direct_options(1))
    build_release(pipeline, tuple(map(find_dataset, options.datasets)), options)
    return pipeline.to_runner_api(default_environment=EmbeddedPythonEnvironment.default())


def test_a_pipeline_pickled_here_builds_the_same_bytes_there(
    worker: Path, raw: Path, built_here: dict[str, str], tmp_path: Path
) -> None:
    out, file = tmp_path / "out", tmp_path / "pipeline.pb"
    file.write_bytes(pickled(options_to(raw, out)).SerializeToString())
    # Interpreted: compiling for a new place takes half a minute, and this is about another question.
    run(worker, "-c", RUN, file, NUMBA_DISABLE_JIT="1")
    assert release_bytes(out) == built_here
    assert any(name.startswith("annotations/") for name in built_here)


# No main session


def pickles(proto: Any) -> Iterator[bytes]:
    """Everything that Beam pickled into a pipeline: compressed, in base64."""
    for found in re.findall(rb"(?:QlpoO|eN)[A-Za-z0-9+/]{16,}={0,2}", proto.SerializeToString()):
        data = base64.b64decode(found[: len(found) // 4 * 4])
        yield bz2.BZ2Decompressor().decompress(data) if data[:2] == b"BZ" else zlib.decompressobj().decompress(data)


def test_no_step_needs_the_main_session(tmp_path: Path) -> None:
    names = tuple(DATASETS)
    found = list(pickles(pickled(BuildOptions(str(tmp_path), str(tmp_path), names))))
    assert sum(b"medvision.pipelines" in data for data in found) >= 15
    assert [data for data in found if b"__main__" in data] == []


def test_a_step_that_needs_it_is_found() -> None:
    def of_a_script(element: int) -> int:
        return element

    of_a_script.__module__ = "__main__"
    pipeline = beam.Pipeline(options=direct_options(1))
    _ = pipeline | beam.Create([1]) | beam.Map(of_a_script)
    assert any(b"__main__" in data for data in pickles(pipeline.to_runner_api()))
