"""Whose images enter a release, and what a release is where some may not."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from miniature import write_miniature

from medvision.pipelines.licences import LicenceError, annotations_only
from medvision.pipelines.main import main
from medvision.pipelines.release import open_release
from medvision.pipelines.run import run_build
from medvision.pipelines.validate import validate_release
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import DATASETS, find_dataset

MSD, KITS = find_dataset("MSD"), find_dataset("KiTS23")
OPEN = replace(MSD, name="Open", spdx="CC-BY-4.0")
NAMELESS = replace(MSD, name="Nameless", spdx="")
TABLES = (KITS, MSD, NAMELESS, OPEN)


@pytest.mark.parametrize(
    ("licences", "private", "withheld"),
    [
        ("any", False, ("KiTS23",)),
        ("any", True, ()),
        ("commercial", True, ("KiTS23", "Nameless")),
        ("commercial", False, ("KiTS23", "Nameless")),
        ("CC-BY-4.0", True, ("KiTS23", "MSD", "Nameless")),
        ("CC-BY-4.0, CC-BY-NC-SA-4.0", True, ("MSD", "Nameless")),
        ("CC-BY-4.0,CC-BY-NC-SA-4.0", False, ("KiTS23", "MSD", "Nameless")),
    ],
)
def test_whose_images_stay_out(licences: str, private: bool, withheld: tuple[str, ...]) -> None:
    assert annotations_only(TABLES, licences, private) == withheld


@pytest.mark.parametrize(("licences", "said"), [("CC-BY-5.0", "CC-BY-5.0"), ("", "empty"), (" ,", "empty")])
def test_a_licence_that_none_has_is_refused(licences: str, said: str) -> None:
    with pytest.raises(LicenceError, match=said):
        annotations_only(TABLES, licences)


def test_by_the_tables_only_msd_may_be_passed_on_unasked() -> None:
    """Read off the licence matrix: CC BY-SA without sign-up; others are non-commercial, gated or unclear."""
    assert set(DATASETS) - set(annotations_only(DATASETS.values())) == {"MSD"}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("licences")
    write_miniature(root / "raw", ["KiTS23", "MSD"], cases=1)
    return root / "raw", root / "out"


def asked(raw: Path, out: Path, *more: str) -> list[str]:
    return ["build", "KiTS23", "MSD", "--raw", str(raw), "--out", str(out), "--planes", "axial", "--limit", "2", *more]


def test_a_build_withholds_what_may_not_be_passed_on(
    places: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, out = places
    assert main(asked(raw, out, "--workers", "1")) == 0
    assert "annotations only, by licence: KiTS23 (a copy that you keep: --private)" in capsys.readouterr().out
    release = open_release(str(out))
    assert release.manifest["annotations_only"] == ["KiTS23"]
    for kind in ("annotations", "volumes", "pairs"):
        assert {f.dataset for f in release.files(kind)} == {"KiTS23", "MSD"}
    assert {f.dataset for kind in ("data", "webdataset") for f in release.files(kind)} == {"MSD"}
    assert not list(out.rglob("KiTS23*.png"))
    assert all(
        b"\x89PNG" not in path.read_bytes() for path in out.rglob("*") if path.is_file() and "KiTS23" in str(path)
    )
    pairs = [pair for path in out.glob("pairs/KiTS23_BoxSize_*/*") for pair in pq.read_table(path).to_pylist()]
    assert {pair["slice_file"].split("/")[0] for pair in pairs} == {"annotations"}
    assert pairs
    report = validate_release(str(out), "deep")
    assert report.ok, [check for check in report.checks if not check.ok]
    alone = BuildOptions(str(raw), str(tmp_path / "none"), ("KiTS23",), planes=("axial",), images="none", limit=2)
    run_build(alone)
    for path in sorted((out / "annotations/KiTS23").glob("*.parquet")):
        assert path.read_bytes() == (tmp_path / "none/annotations/KiTS23" / path.name).read_bytes()


def test_another_decision_on_licences_is_another_release(
    places: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    raw, out = places
    assert main(asked(raw, out, "--private", "--workers", "1")) == 2
    assert "licences" in capsys.readouterr().err
    kept = {path: path.stat().st_mtime_ns for path in (out / "data/MSD").iterdir()}
    assert main(asked(raw, out, "--private", "--replace", "--workers", "1")) == 0
    assert {f.dataset for f in open_release(str(out)).files("data")} == {"KiTS23", "MSD"}
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "MSD was built anew"


def test_an_image_that_should_not_be_there_is_found(places: tuple[Path, Path]) -> None:
    _, out = places
    manifest = out / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"annotations_only": []', '"annotations_only": ["MSD"]'))
    report = validate_release(str(out))
    assert [check.name for check in report.checks if not check.ok] == ["tar_members", "twins"]
