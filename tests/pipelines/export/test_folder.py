"""Where exports are written: whole or not at all, never over what is not theirs, under safe names."""

import builtins
import json
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_release import TinyRelease

from medvision.pipelines.cli import export
from medvision.pipelines.export.folder import ExportError, export_folder, safe_name
from medvision.pipelines.export.run import FORMS, OPTIONS_OF, export_release
from medvision.pipelines.main import main
from medvision.pipelines.release import Release, open_release
from medvision.transforms.split import SIDES


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return open_release(str(TinyRelease.correct().write(tmp_path / "release")))


def write(release: Release, out: Path, content: bytes = b"x", replace: bool = False, note: bool = True) -> None:
    with export_folder(str(out), release, replace) as folder:
        for name in ["a", "export.json"] if note else ["a"]:
            with folder.open(name) as file:
                file.write(content)


def test_a_folder_appears_whole_or_not_at_all(release: Release, tmp_path: Path) -> None:
    out = tmp_path / "deep/out"

    def fail() -> None:
        with export_folder(str(out), release, False) as folder, folder.open("a") as file:
            file.write(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert list(out.parent.iterdir()) == []
    write(release, out)
    assert {path.name for path in out.iterdir()} == {"a", "export.json"}
    assert list(out.parent.iterdir()) == [out]


def test_only_exports_are_replaced(release: Release, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(release, out)
    with pytest.raises(ExportError, match="is not empty; choose another folder, or pass --replace"):
        write(release, out, b"y")
    write(release, out, b"y", replace=True)
    assert (out / "a").read_bytes() == b"y"
    (out / "export.json").unlink()
    with pytest.raises(ExportError, match=r"has no export\.json, so no export wrote it"):
        write(release, out, b"z", replace=True)
    assert (out / "a").read_bytes() == b"y"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "release"]
    (tmp_path / "empty").mkdir()
    write(release, tmp_path / "empty")


def test_an_export_that_fails_leaves_the_older_one(release: Release, tmp_path: Path) -> None:
    write(release, tmp_path / "out")

    def fail() -> None:
        with export_folder(str(tmp_path / "out"), release, True) as folder, folder.open("b"):
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail()
    assert (tmp_path / "out/a").read_bytes() == b"x"


@pytest.mark.parametrize("place", ["release", "release/sub", ".", "link"])
def test_the_release_is_never_written_to(release: Release, tmp_path: Path, place: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "release")
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises(ExportError, match="lie in one another; choose another folder"):
        write(release, tmp_path / place, replace=True)
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_a_url_or_a_file_is_no_folder(release: Release, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is a URL"):
        export_release(release.url, "csv", "memory://out")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ExportError, match="is a file; name a folder"):
        write(release, tmp_path / "file", replace=True)


@given(st.text(max_size=300))
def test_safe_names_stay_in_their_folder(text: str) -> None:
    name = safe_name(text)
    assert name not in ("", ".", "..")
    assert not set("/\\\0:\n") & set(name)
    assert not name.startswith(".")
    assert len(name.encode()) <= 150
    assert safe_name(name) == name


@given(st.text("cé", min_size=140, max_size=300), st.sampled_from(["-w400l40.png", "-p.png", ".mrk.json"]))
def test_long_names_keep_their_end_and_differ(text: str, end: str) -> None:
    assert safe_name(text + end).endswith(end)
    assert len({safe_name(text + end), safe_name(text + "c" + end), safe_name(text + "-q.png")}) == 3


def test_two_rows_of_one_name_are_an_error(release: Release, tmp_path: Path) -> None:
    def write_both() -> None:
        with export_folder(str(tmp_path / "o"), release, False) as folder:
            for name in ("a/b", "a b"):
                with folder.open("x", name):
                    pass

    with pytest.raises(ExportError, match="their ids are alike"):
        write_both()


@pytest.mark.parametrize("form", FORMS)
def test_options_of_other_formats_are_refused(release: Release, tmp_path: Path, form: str, capsys: Any) -> None:
    flags = {
        "images": ["--images", "png8"],
        "gzip": ["--gzip"],
        "raw": ["--raw", "r"],
        "splits_from": ["--splits-from", "d"],
    }
    flags |= {"keep_identity": ["--keep-identity"]}
    for name, asked in flags.items():
        if name not in OPTIONS_OF.get(form, set()):
            assert main(["export", release.url, "--to", form, "--out", str(tmp_path / "o"), *asked]) == 2
            assert f"{asked[0]} is for --to " in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(("form", "library"), [("coco", "pycocotools"), ("dicom-sr", "highdicom")])
def test_a_missing_library_is_named(
    release: Release, tmp_path: Path, form: str, library: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == library:
            raise ModuleNotFoundError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr("importlib.import_module", lambda name: without(name))
    assert main(["export", release.url, "--to", form, "--out", str(tmp_path / "o"), *raw_for(form)]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert f"needs {library}, which is not installed: pip install 'medvision-pipelines[export]'" in shown


def raw_for(form: str) -> list[str]:
    return ["--raw", "r"] if form == "dicom-sr" else []


def test_the_summary_counts_what_was_written(release: Release, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "o"
    asked = ["export", release.url, "--to", "csv", "--out", str(out), "--split", "test", "--json"]
    assert main(asked) == 0
    shown = json.loads(capsys.readouterr().out)
    files = [path for path in out.rglob("*") if path.is_file()]
    assert (shown["files"], shown["bytes"]) == (len(files), sum(path.stat().st_size for path in files))
    assert shown["counts"] == {"boxes": 9, "lesions": 6, "masks": 6, "slices": 3}
    note = json.loads((out / "export.json").read_text())
    assert note["selection"] == {
        "datasets": ["Tiny-Set.1"],
        "sides": ["test"],
        "planes": ["sagittal", "coronal", "axial"],
    }
    assert str(tmp_path) not in (out / "export.json").read_text()
    assert main(asked) == 2
    assert main([*asked, "--replace"]) == 0


def test_the_folder_is_named_after_release_and_format(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "release", "--to", "slicer", "--dataset", "Tiny-Set.1", "--plane", "axial"]) == 0
    assert (tmp_path / "release-slicer/export.json").is_file()
    assert "MB in release-slicer: 27 boxes, 18 lesions" in capsys.readouterr().out
    assert main(["export", "release", "--to", "slicer", "--dataset", "Other"]) == 2


def test_the_command_lists_the_formats() -> None:
    assert tuple(FORMS) == export.FORMS
    assert export.SIDES == SIDES


def test_a_remote_release_is_read(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(TinyRelease.correct().write(tmp_path / "release")), "/exported", recursive=True)
    try:
        done = export_release("memory://exported", "coco", str(tmp_path / "o"))
        assert done.counts["images"] == 9
    finally:
        memory.rm("/exported", recursive=True)
