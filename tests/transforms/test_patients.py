"""Lists of patients: read as their publisher writes them, and refused as a whole where one is damaged."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem
from miniature import write_bytes

from medvision.schemas.case import Case, SourceFile
from medvision.schemas.dataset import Dataset
from medvision.sources.oaizib import OAIZIB_CM
from medvision.sources.skmtea import SKM_TEA
from medvision.transforms.patients import ListFileError, apply_lists

CSV = b"CMT-ID,SubjectID\n1,9001104\n2,9001400\n"
LIST = "subInfo_train_1.csv"


def apply(root: Path, dataset: Dataset, path: str, *case_ids: str) -> dict[str, str]:
    cases = [Case(dataset.name, case_id, "own", (), ()) for case_id in case_ids]
    found = apply_lists(dataset, cases, [SourceFile(path, 9, "")], LocalFileSystem(), str(root))
    return {case.case_id: case.patient for case in found}


def test_a_case_takes_the_patient_of_the_list_and_else_keeps_its_own(tmp_path: Path) -> None:
    write_bytes(tmp_path / LIST, CSV)
    found = apply(tmp_path, OAIZIB_CM, LIST, "oaizib_002", "oaizib_009")
    assert found == {"oaizib_002": "9001400", "oaizib_009": "own"}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(CSV[:20], id="header alone"),
        pytest.param(CSV.replace(b"SubjectID", b"Subject"), id="no column"),
        pytest.param(CSV.replace(b"2,", b"x,"), id="no number"),
        pytest.param(CSV.replace(b"9001400", b"90\r01400"), id="a line's end within a field"),
        pytest.param(b"\xff" + CSV, id="no text"),
    ],
)
def test_a_damaged_table_is_named(tmp_path: Path, content: bytes) -> None:
    write_bytes(tmp_path / LIST, content)
    with pytest.raises(ListFileError, match=f"OAIZIB-CM: {LIST}"):
        apply(tmp_path, OAIZIB_CM, LIST, "oaizib_002")


@pytest.mark.parametrize("content", [b"[" * 100_000, b"[]", b"{}", json.dumps({"images": [3]}).encode()])
def test_a_damaged_json_is_named(tmp_path: Path, content: bytes) -> None:
    path = SKM_TEA.patient_files[0]
    write_bytes(tmp_path / path, content)
    with pytest.raises(ListFileError, match=f"SKM-TEA: {path}"):
        apply(tmp_path, SKM_TEA, path, "MTR_001")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_a_list_that_is_no_file_is_named(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / LIST)
    with pytest.raises(ListFileError, match=f"OAIZIB-CM: {LIST} cannot be read: what stands there is no file"):
        apply(tmp_path, OAIZIB_CM, LIST, "oaizib_002")
