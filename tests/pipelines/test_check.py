"""`medvision check`: clean data is called clean, and each planted problem is found under its code."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import miniature
import nibabel as nib
import numpy as np
import pytest

from medvision.pipelines.check import check_raw
from medvision.pipelines.main import main
from medvision.schemas.options import BuildOptions

IMAGE = "KiTS23/dataset/case_00000/imaging.nii.gz"
MASK = "KiTS23/dataset/case_00000/segmentation.nii.gz"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("check") / "raw"
    miniature.write_miniature(root, ["ACDC", "KiTS23"], cases=2)
    return root


@pytest.fixture
def raw(clean: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean, tmp_path / "raw"))


def found(raw: Path, deep: bool = False) -> dict[str, tuple[str, int]]:
    check = check_raw((), BuildOptions(raw=str(raw), out="", datasets=()), deep)
    return {finding.code: (finding.severity, finding.count) for finding in check.findings}


def rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray], shift_mm: float = 0.0) -> None:
    image = nib.load(path)
    affine = image.affine.copy()
    affine[0, 3] += shift_mm
    made = nib.Nifti1Image(change(np.asarray(image.dataobj)), affine)
    made.header.set_sform(affine, 2)
    made.header.set_qform(None, 0)
    nib.save(made, path)


def same(data: np.ndarray) -> np.ndarray:
    return data


def test_clean_data_has_no_errors(clean: Path) -> None:
    codes = found(clean, deep=True)
    assert set(codes) == {"split_incomplete", "source_pool"}


def test_an_orphan_is_a_warning(raw: Path) -> None:
    (raw / MASK).unlink()
    assert found(raw)["mask_missing"] == ("warning", 1)


def test_another_shape_is_an_error(raw: Path) -> None:
    rewrite(raw / IMAGE, lambda data: data[:-1])
    assert found(raw)["shape_mismatch"] == ("error", 1)


def test_a_shifted_grid_is_a_warning(raw: Path) -> None:
    rewrite(raw / IMAGE, same, shift_mm=7.0)
    assert found(raw)["grid_mismatch"] == ("warning", 1)


def test_equal_content_in_two_places_is_a_warning(raw: Path) -> None:
    shutil.copy(raw / IMAGE, raw / "KiTS23/dataset/case_00001/imaging.nii.gz")
    assert found(raw)["duplicate_content"] == ("warning", 1)


def test_a_damaged_header_is_an_error(raw: Path) -> None:
    (raw / IMAGE).write_bytes(gzip.compress(b"\0" * 400))
    assert found(raw)["bad_header"] == ("error", 1)


def test_labels_are_looked_at_when_asked(raw: Path) -> None:
    rewrite(raw / MASK, lambda data: np.where(data == 2, 9, data).astype(np.uint8))
    assert "label_unknown" not in found(raw)
    assert found(raw, deep=True)["label_unknown"] == ("warning", 1)
    rewrite(raw / MASK, np.zeros_like)
    assert found(raw, deep=True)["mask_empty"] == ("warning", 1)


def test_the_command(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(raw), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"ok", "datasets", "findings"}
    assert [item["dataset"] for item in document["datasets"]] == ["ACDC", "KiTS23"]
    assert {"cases", "patients", "slices_at_most", "bytes_raw", "seconds"} <= set(document["datasets"][0])
    rewrite(raw / IMAGE, lambda data: data[:-1])
    assert main(["check", str(raw), "KiTS23"]) == 1
    text = capsys.readouterr().out
    assert "error   KiTS23 shape_mismatch (1)" in text
    assert str(raw) not in text
    assert main(["check", str(raw / "KiTS23")]) == 2
