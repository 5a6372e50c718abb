"""Datasets of other installed packages: known like this project's own, and named where they are wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from medvision.sources.acdc import ACDC
from medvision.sources.installed import installed_tables

TABLES = """
from dataclasses import replace
from medvision.sources.acdc import ACDC
OWN, SAME, NUMBER = replace(ACDC, name="Own CT"), replace(ACDC, name="acdc"), 7
OTHER = replace(ACDC, name="Another")
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes an installed package of the entry points given."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(**points: str) -> Path:
        (tmp_path / "own_tables.py").write_text(TABLES)
        info = tmp_path / "own_tables-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-tables\nVersion: 1\n")
        lines = [f"{name} = own_tables:{value}" for name, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[medvision.datasets]", *lines]) + "\n")
        return tmp_path

    return installed


def test_tables_come_in_order_of_their_names(install) -> None:
    install(b="OWN", a="OTHER")
    assert [table.name for table in installed_tables([ACDC.name])] == ["Another", "Own CT"]


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ({"x": "SAME"}, "entry point x = 'own_tables:SAME' .* is a second dataset named 'acdc'"),
        ({"x": "OWN", "y": "OWN"}, "entry point y .* second dataset named 'Own CT'"),
        ({"x": "NUMBER"}, "is a int, not a medvision.schemas.dataset.Dataset"),
        ({"x": "MISSING"}, "does not load: .*MISSING.*; repair or uninstall that package"),
    ],
)
def test_a_wrong_table_is_named(install, points: dict[str, str], said: str) -> None:
    install(**points)
    with pytest.raises(ValueError, match=said):
        installed_tables([ACDC.name])


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); from medvision.pipelines.main import main; sys.exit(main())"
    )
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120)


def test_commands_know_an_installed_dataset(install) -> None:
    listed = run(install(own="OWN"), "datasets", "--json")
    assert listed.returncode == 0, listed.stderr
    assert '"name": "Own CT"' in listed.stdout
    assert '"name": "KiTS23"' in listed.stdout


def test_a_wrong_table_ends_a_command_with_one_line(install) -> None:
    listed = run(install(own="NUMBER"), "datasets")
    assert listed.returncode == 2
    assert listed.stdout == ""
    (line,) = " ".join(listed.stderr.split()).split(" medvision datasets: ")[-1:]
    assert line.startswith("medvision datasets: entry point own = 'own_tables:NUMBER'")
