"""The example notebook runs on a small release, and what it computes is true of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from miniature import write_miniature
from pages import DOCS

import medvision

NOTEBOOK = DOCS / "notebooks/tour.ipynb"


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert [cell["id"] for cell in cells] == [f"tour-{number:02d}" for number in range(len(cells))]
    for cell in cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    write_miniature(tmp_path / "raw", ["ACDC", "KiTS23"], cases=2)
    out = str(tmp_path / "release")
    raw = str(tmp_path / "raw")
    release = medvision.build("ACDC", "KiTS23", raw=raw, out=out, formats=["parquet"], private=True)
    monkeypatch.setenv("MEDVISION_RELEASE", out)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    NotebookClient(notebook, timeout=240, kernel_name="python3").execute(cwd=str(tmp_path))
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    shown = [kind for output in outputs for kind in output.get("data", {})]
    assert shown.count("image/png") == 3
    assert "text/html" in shown
    text = "".join(output.text for output in outputs if output.output_type == "stream")
    single = [
        lesion
        for row in release.rows("KiTS23_annotations")
        for lesion in row["lesions"]
        if len(lesion["ellipses"]) == 1 and len(lesion["regions"]) == 1
    ]
    gaps = [n["regions"][0]["major_axis"]["length_mm"] - n["ellipses"][0]["major_mm"] for n in single]
    assert len(gaps) > 50
    assert f"{len(gaps)} lesions: fitted axes are {np.median(gaps):.2f} mm shorter (median)" in text
