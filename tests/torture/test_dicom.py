"""The part `dicom` at a small scale, and what it must find."""

from pathlib import Path
from typing import Any

import pytest
from torture import dicom
from torture.mutants.case_path import Built, build

pytestmark = pytest.mark.heavy


def test_dicom_that_no_archive_should_hold_is_refused_or_built_as_pydicom_reads_it() -> None:
    tried = dicom.trials(0.2)
    section = dicom.judged("a title", tried)
    assert section.failures == []
    assert sum(row[1] for row in section.rows) == len(tried) > 60
    said = {row[0]: row[2] for row in section.rows}
    assert said["DICOMDIR beside a series"] == "built equal (15)"
    assert said["DICOMDIR alone"] == "dicom_no_image (15)"


def test_the_installed_pydicom_is_new_enough() -> None:
    import pydicom

    assert tuple(map(int, pydicom.__version__.split(".")[:3])) >= dicom.OLDEST_PYDICOM
    pins = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert '"pydicom>=3.0.2,<4"' in pins


@pytest.mark.realdata
def test_broken_files_of_pydicom(realdata: Path) -> None:
    tried = dicom.broken_files(realdata / "pydicom")
    section = dicom.judged("a title", tried)
    assert section.failures == []
    assert len(section.rows) == len(list((realdata / "pydicom").glob("*.dcm"))) >= 22
    built = {row[0] for row in section.rows if "built equal (1)" in row[2]}
    assert {"CT_small.dcm", "MR_small.dcm", "MR_small_bigendian.dcm", "MR_small_padded.dcm"} <= built


def planted(raw: Path, out: Path, *how: Any) -> Built:
    """A build with the defect of its trial's number."""
    built = build(raw, out, *how)
    defect = DEFECTS[int(raw.parent.name)][0]
    if defect == "followed":
        (out / dicom.SECRET).write_bytes(b"")
    if defect == "pixels":
        built.slices[0]["intensity_offset"] += 1
    if defect == "reason":
        built.reasons = ["bad_header"]
    if defect == "lost":
        built.reasons, built.slices = [], []
    return built


DEFECTS = (
    ("followed", "opened not-to-be-opened"),
    ("pixels", "pixels differ"),
    ("reason", "ended as bad_header, not as dicom_no_image"),
    ("lost", "neither rows nor a dead letter"),
)


def test_every_planted_defect_is_found() -> None:
    beside, alone, *_ = [trial for trial in dicom.trials(0.1) if trial.what.startswith("DICOMDIR")]
    failures = dicom.judged("a title", [beside, beside, alone, beside], planted).failures
    assert len(failures) == len(DEFECTS)
    for failure, (_, said) in zip(failures, DEFECTS, strict=True):
        assert said in failure
