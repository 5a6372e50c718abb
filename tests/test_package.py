"""The package as a user gets it, and the rules of the house that hold for every module."""

import ast
import importlib.util
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from checkout import ROOMS, ROOT, copy_checkout

MAY_IMPORT = {
    "schemas": {"schemas"},
    "sources": {"sources", "schemas"},
    "transforms": {"transforms", "schemas"},
    "runners": {"runners", "transforms", "schemas"},
    "pipelines": {*ROOMS, "medvision"},
    "medvision": {*ROOMS, "medvision"},
}
"""Room to the rooms it may import; "medvision" is the top of the package (pipelines/api)."""
LAZILY = {("transforms/windows.py", "sources")}
"""Allowed inside a function only: the display window of a label depends on its dataset."""


@dataclass(frozen=True)
class Module:
    """A file of the checkout, and what it is called once installed."""

    path: Path
    installed: str

    @property
    def file(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def room(self) -> str:
        return "medvision" if self.file.startswith("pipelines/api/") else self.file.partition("/")[0]

    @property
    def package(self) -> str:
        return self.installed.rpartition("/")[0].replace("/", ".")


def all_modules(data: bool = False) -> list[Module]:
    """Python files of the rooms; with `data` what else is part of the package: templates and the like."""
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*")) if path.is_file()]
    paths = [path for path in paths if not {"__pycache__", "container"} & {*path.relative_to(ROOT).parts}]
    paths = [path for path in paths if (path.suffix != ".py") == data]
    files = [(path, path.relative_to(ROOT).as_posix()) for path in paths]
    return [Module(path, "medvision/" + file.removeprefix("pipelines/api/")) for path, file in files]


MODULES = all_modules()


# The wheel


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with an sdist made from a clean copy of the checkout, and a wheel made from that sdist."""
    top = tmp_path_factory.mktemp("package")
    checkout = copy_checkout(top / "checkout")
    # -x: the locked setuptools is near enough, and a development environment may hold a newer one.
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "-x",
        "--outdir",
        str(top / "dist"),
        str(checkout),
    ]
    built = subprocess.run(command, capture_output=True, text=True, cwd=top)
    assert built.returncode == 0, built.stdout + built.stderr
    return top / "dist"


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path


def test_wheel_holds_every_module_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {module.installed for module in [*MODULES, *all_modules(data=True)]}
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_sdist_holds_every_module(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    expected = {module.file for module in [*MODULES, *all_modules(data=True)]}
    assert expected | {"pipelines/api/py.typed", "pyproject.toml", "setup.py", "README.md", "LICENSE"} <= names


PROBE = """
import importlib, json, sys
from importlib.metadata import distribution
command = distribution("medvision-pipelines").entry_points["medvision"]
names = ["medvision", *("medvision." + room for room in sys.argv[1:]), command.module]
files = {name: importlib.import_module(name).__file__ for name in names}
assert callable(command.load())
print(json.dumps(files))
"""


def test_installed_wheel_imports_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    target, elsewhere = tmp_path / "target", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:  # a pure wheel is installed by unpacking it
        assert "Root-Is-Purelib: true" in next(
            archive.read(name).decode() for name in archive.namelist() if name.endswith(".dist-info/WHEEL")
        )
        archive.extractall(target)
    assert [path.name for path in target.iterdir() if path.suffix != ".dist-info"] == ["medvision"]

    command = [sys.executable, "-c", PROBE, *ROOMS]
    probe = subprocess.run(
        command, capture_output=True, text=True, cwd=elsewhere, env={**os.environ, "PYTHONPATH": str(target)}
    )
    assert probe.returncode == 0, probe.stderr
    files = json.loads(probe.stdout)
    assert len(files) == len(ROOMS) + 2
    assert {name: file for name, file in files.items() if not Path(file).is_relative_to(target)} == {}


# The rules of the house


def unwanted(tree: ast.AST) -> list[str]:
    """Printing, leaving the process and swallowing everything: "<line>: <what>" for each place."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            found.append(f"{node.lineno}: bare except")
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in {"print", "exit", "quit", "sys.exit", "os._exit", "os.chdir"}:
                found.append(f"{node.lineno}: {name}(")
        if isinstance(node, ast.ImportFrom) and node.module == "sys" and any(a.name == "exit" for a in node.names):
            found.append(f"{node.lineno}: sys.exit(")
    return found


def imported_rooms(tree: ast.AST, package: str) -> list[tuple[str, bool]]:
    """(room, inside a function) of each import of this project; a bare room's name is "<room> (bare)"."""
    found = []

    def visit(node: ast.AST, lazy: bool) -> None:
        for target in _targets(node, package):
            first, _, rest = target.partition(".")
            if first == "medvision":
                second = rest.partition(".")[0]
                found.append((second if second in ROOMS else "medvision", lazy))
            elif first in ROOMS:
                found.append((f"{first} (bare)", lazy))
        inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(tree, False)
    return found


def _targets(node: ast.AST, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
        return [f"{base}.{alias.name}" for alias in node.names]
    return []


def wrong_imports(tree: ast.AST, file: str, room: str, package: str) -> list[str]:
    return [
        target
        for target, lazy in imported_rooms(tree, package)
        if target not in MAY_IMPORT[room] and not (lazy and (file, target) in LAZILY)
    ]


def blind_beam(tree: ast.AST) -> bool:
    """Whether a module imports Beam and turns its own annotations into text, which Beam reads as Any."""
    targets = [target for node in ast.walk(tree) for target in _targets(node, "medvision")]
    beam = any(target.partition(".")[0] == "apache_beam" for target in targets)
    return beam and "__future__.annotations" in targets


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.file)
def test_module_keeps_the_rules(module: Module) -> None:
    tree = ast.parse(module.path.read_text(encoding="utf-8"))
    assert unwanted(tree) == []
    assert wrong_imports(tree, module.file, module.room, module.package) == []
    assert not blind_beam(tree)


@pytest.mark.parametrize(
    "code",
    [
        "print(1)",
        "import sys\nsys.exit(1)",
        "from sys import exit",
        "try:\n  pass\nexcept:\n  pass",
        "os.chdir('x')",
    ],
)
def test_unwanted_code_is_found(code: str) -> None:
    assert len(unwanted(ast.parse(code))) == 1


@pytest.mark.parametrize("code", ["console.print(1)", "try:\n  pass\nexcept OSError:\n  pass", "parser.exit(2)"])
def test_wanted_code_is_let_through(code: str) -> None:
    assert unwanted(ast.parse(code)) == []


@pytest.mark.parametrize(
    ("file", "code", "wrong"),
    [
        ("schemas/case.py", "from medvision.schemas.rules import Rules", []),
        ("schemas/case.py", "import medvision.transforms.read", ["transforms"]),
        ("schemas/case.py", "from ..sources import kits23", ["sources"]),
        ("schemas/case.py", "from . import rules", []),
        ("sources/acdc.py", "from medvision import transforms", ["transforms"]),
        ("transforms/boxes.py", "def f():\n  from medvision.sources import ACDC", ["sources"]),
        ("transforms/windows.py", "def f():\n  from medvision.sources import ACDC", []),
        ("transforms/windows.py", "from medvision.sources import ACDC", ["sources"]),
        ("transforms/boxes.py", "from medvision import render", ["medvision"]),
        ("runners/direct.py", "if True:\n  from medvision.pipelines import build", ["pipelines"]),
        ("runners/direct.py", "import medvision.sources", ["sources"]),
        (
            "pipelines/build.py",
            "from medvision.sources import ACDC\nimport schemas.rules",
            ["schemas (bare)"],
        ),
    ],
)
def test_wrong_imports_are_found(file: str, code: str, wrong: list[str]) -> None:
    room = file.partition("/")[0]
    assert wrong_imports(ast.parse(code), file, room, f"medvision.{room}") == wrong


@pytest.mark.parametrize(
    ("code", "blind"),
    [
        ("from __future__ import annotations\nimport apache_beam as beam", True),
        ("from __future__ import annotations\nfrom apache_beam.io import fileio", True),
        ("import apache_beam as beam", False),
        ("from __future__ import annotations\nimport numpy", False),
    ],
)
def test_blind_beam_module_is_found(code: str, blind: bool) -> None:
    assert blind_beam(ast.parse(code)) == blind
