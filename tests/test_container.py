"""The image of Dataflow's workers, as far as its files say: versions that belong together, and nothing left out."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONTAINER = ROOT / "runners/container"
DOCKERFILE = (CONTAINER / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(lock: str) -> set[str]:
    """Lines of a lock, `name==version ; marker`, as they stand."""
    lines = (ROOT / lock).read_text().splitlines()
    return {line.removesuffix(" \\") for line in lines if line and not line.startswith(("#", " "))}


def copied() -> list[str]:
    """What the Dockerfile copies from the checkout."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    return [source for line in lines for source in line.split()]


def test_beam_of_the_image_is_that_of_the_package() -> None:
    (beam,) = (name for name in PROJECT["dependencies"] if name.startswith("apache-beam"))
    version = beam.partition("==")[2]
    assert f"ARG BEAM_IMAGE=apache/beam_python3.11_sdk:{version}\n" in DOCKERFILE
    assert f"apache-beam=={version}" in pins("requirements-worker.lock")


def test_one_python_runs_in_all_images() -> None:
    versions = re.findall(r"^ARG \w+_IMAGE=\S*?python-?(?::)?(3\.?\d+)", DOCKERFILE, re.MULTILINE)
    assert {version.replace(".", "") for version in versions} == {"311"}
    assert len(versions) == 3


def test_every_image_has_a_tag() -> None:
    images = re.findall(r"^ARG \w+_IMAGE=(\S+)", DOCKERFILE, re.MULTILINE)
    assert len(images) == 3
    assert all(re.search(r":[\w.-]*\d[\w.-]*$", image) for image in images)
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert all(stage.startswith("${") for stage in stages)


def test_workers_have_the_versions_that_the_tests_ran_with() -> None:
    """Versions, not markers: what more packages ask for is wanted on more platforms."""
    worker, tested = pins("requirements-worker.lock"), pins("requirements.lock")
    assert {pin.partition(" ;")[0] for pin in worker} <= {pin.partition(" ;")[0] for pin in tested}
    assert not any(re.match(r"(pytest|ruff|mypy|hypothesis|hadolint)", pin) for pin in worker)


def test_what_is_copied_is_there_and_let_through() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert all((ROOT / name).exists() for name in kept)
    for source in copied():
        assert source == "." or ((ROOT / source).exists() and source.partition("/")[0] in kept), source
    wheel_needs = {"pyproject.toml", "setup.py", "README.md", "LICENSE", "requirements.lock"}
    rooms = {"pipelines", "transforms", "schemas", "runners", "sources"}
    assert wheel_needs | rooms <= kept


def test_the_launcher_runs_our_entry() -> None:
    assert PROJECT["scripts"]["medvision-flex"] == "medvision.pipelines.flex:main"
    (entry,) = re.findall(r"^ENV FLEX_TEMPLATE_PYTHON_PY_FILE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert f'ln -s "$(command -v medvision-flex)" {entry}\n' in DOCKERFILE
    beside = {path.stem for path in (ROOT / "pipelines").glob("*.py")}
    assert beside & sys.stdlib_module_names  # why the launcher must not run the file in its place in the package


def test_cloud_build_builds_this_file() -> None:
    assert (ROOT / "runners/container/Dockerfile").exists()
    assert "--file, runners/container/Dockerfile, " in (CONTAINER / "cloudbuild.yaml").read_text()


def test_no_module_asks_for_pandas() -> None:
    """The tests' packages bring it, the workers' do not; pyarrow imports it behind `to_pandas_dtype` too."""
    assert not any(pin.startswith("pandas==") for pin in pins("requirements-worker.lock"))
    rooms = ("pipelines", "transforms", "schemas", "runners", "sources")
    modules = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    assert [path for path in modules if re.search(r"\.to_pandas|import pandas", path.read_text())] == []
