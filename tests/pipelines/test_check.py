"""`medvision check`: clean data is called clean, and each planted problem is found under its code."""

import errno
import gzip
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import miniature
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from fsspec.implementations.local import LocalFileSystem

from medvision.pipelines.check import Check, check_raw
from medvision.pipelines.main import main
from medvision.pipelines.survey import dataset as survey_module
from medvision.pipelines.survey.findings import Finding
from medvision.pipelines.survey.headers import read_header
from medvision.schemas.case import SourceFile
from medvision.schemas.faults import DataFault
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import DATASETS
from medvision.transforms.ranges import check_file
from medvision.transforms.read import CaseReader
from medvision.transforms.readers.opened import Opened
from medvision.transforms.readers.registry import find_reader
from medvision.transforms.select import find_cases

IMAGE = "KiTS23/dataset/case_00000/imaging.nii.gz"
MASK = "KiTS23/dataset/case_00000/segmentation.nii.gz"
CLEAN = {"split_incomplete", "published_count", "source_pool"}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("check") / "raw"
    miniature.write_miniature(root, ["ACDC", "KiTS23", "MSD"], cases=2)
    return root


@pytest.fixture(scope="module")
def all_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("check_all") / "raw"
    miniature.write_miniature(root, cases=2)
    return root


@pytest.fixture
def raw(clean: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean, tmp_path / "raw"))


def check(root: Path, *names: str, deep: bool = False, rules: str = "1.4.0") -> Check:
    return check_raw(names, BuildOptions(raw=str(root), out="", datasets=(), rules=rules), deep)


def found(root: Path, deep: bool = False, rules: str = "1.4.0") -> dict[str, Finding]:
    """The planted problems: findings by code, without those of clean miniature data."""
    findings = [finding for finding in check(root, deep=deep, rules=rules).findings if finding.code not in CLEAN]
    assert len({finding.code for finding in findings}) == len(findings)
    return {finding.code: finding for finding in findings}


def only(root: Path, code: str, severity: str, dataset: str = "KiTS23", deep: bool = False) -> Finding:
    """The one problem found, which must have this code and severity and be counted once."""
    findings = found(root, deep)
    assert list(findings) == [code]
    finding = findings[code]
    assert (finding.severity, finding.dataset, finding.count) == (severity, dataset, 1)
    return finding


def rewrite(
    path: Path, change: Callable[[np.ndarray], np.ndarray], shift_mm: float = 0.0, zooms_mm: float = 0.0
) -> None:
    image = nib.load(path)
    affine = image.affine.copy()
    affine[0, 3] += shift_mm
    made = nib.Nifti1Image(change(np.asarray(image.dataobj)), affine)
    made.header.set_sform(affine, 2)
    made.header.set_qform(None, 0)
    if zooms_mm:
        made.header.set_zooms((zooms_mm,) * 3)
    nib.save(made, path)


def same(data: np.ndarray) -> np.ndarray:
    return data


def only_background(data: np.ndarray) -> np.ndarray:
    return np.zeros_like(data)


# clean data


@pytest.mark.parametrize("deep", [False, True])
def test_clean_data_differs_from_the_published_in_counts_alone(clean: Path, deep: bool) -> None:
    result = check(clean, deep=deep)
    assert {finding.code for finding in result.findings} == CLEAN
    assert result.ok
    assert result.doubles == ()


def test_rules_whose_split_goes_by_patient_need_no_whole_list(clean: Path) -> None:
    codes = {finding.code for finding in check(clean, rules="exact").findings}
    assert codes == CLEAN - {"split_incomplete"}


def test_counts_stand_beside_the_published_ones(clean: Path) -> None:
    surveys = {survey.dataset: survey for survey in check(clean).surveys}
    acdc, msd = surveys["ACDC"], surveys["MSD"]
    assert (acdc.cases, acdc.patients, acdc.patients_with_several_cases) == (4, 2, 2)
    assert (acdc.images, acdc.images_published, acdc.tasks[0].published) == (4, 300, 300)
    assert (msd.images, msd.masks) == (28, 20)  # a channel of a 4D file is an image
    assert [count.images for count in msd.tasks] == [2] * 14
    assert {count.published for count in msd.tasks} == {None}  # only a total is known
    (finding,) = [f for f in check(clean, "ACDC").findings if f.code == "split_incomplete"]
    assert finding.examples == ("mask task 01: 4 of 300 images",)


def test_a_whole_list_is_not_incomplete(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "count_tasks", lambda dataset, cases: _as_published(dataset))
    codes = {finding.code for finding in check(clean, "ACDC").findings}
    assert "split_incomplete" not in codes


def _as_published(dataset):
    task = dataset.tasks[0]
    return (survey_module.TaskCount("mask", 1, task.image, dataset.images_published, dataset.masks_published),)


def test_slices_are_those_of_the_headers(clean: Path) -> None:
    (survey,) = check(clean, "KiTS23").surveys
    images = sorted((clean / "KiTS23").rglob("imaging.nii.gz"))
    assert survey.slices_at_most == sum(sum(nib.load(path).shape) for path in images)
    (msd,) = check(clean, "MSD").surveys
    shapes = [nib.load(path).shape for path in (clean / "MSD").glob("*/imagesTr/[!.]*.nii.gz")]
    assert msd.slices_at_most == sum(sum(shape[:3]) * (shape[3] if len(shape) == 4 else 1) for shape in shapes)
    assert survey.bytes_raw == sum(
        path.stat().st_size for path in (clean / "KiTS23").glob("dataset/*/*.nii.gz") if path.is_file()
    )


def test_no_voxel_is_unpacked_unless_asked(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr(CaseReader, "_read", fail)
    assert check(clean).ok
    with pytest.raises(AssertionError, match="read"):
        check(clean, deep=True)


def test_no_archive_as_published_holds_an_error(all_raw: Path) -> None:
    result = check(all_raw, deep=True)
    assert result.ok
    assert [survey.dataset for survey in result.surveys] == list(DATASETS)
    assert all(survey.slices_at_most for survey in result.surveys)
    codes = {(finding.dataset, finding.code) for finding in result.findings}
    assert {("ToothFairy2", "label_ignored"), ("TotalSegmentator", "mask_overlap")} <= codes
    assert ("autoPET-III", "mask_empty") in codes
    assert not {"header_unread", "label_unknown"} & {code for _, code in codes}


def test_masks_dropped_before_the_split_are_counted_when_read(all_raw: Path) -> None:
    (before,) = check(all_raw, "autoPET-III").surveys
    (after,) = check(all_raw, "autoPET-III", deep=True).surveys
    assert (before.masks, after.masks) == (3, 2)


# planted problems


def test_an_image_without_a_mask(raw: Path) -> None:
    (raw / MASK).unlink()
    assert only(raw, "mask_missing", "warning").examples == ("dataset/case_00000/imaging.nii.gz",)


def test_a_mask_without_an_image(raw: Path) -> None:
    (raw / IMAGE).unlink()
    assert only(raw, "image_missing", "warning").examples == ("dataset/case_00000/segmentation.nii.gz",)


def test_another_shape(raw: Path) -> None:
    rewrite(raw / IMAGE, lambda data: data[:-1])
    (example,) = only(raw, "shape_mismatch", "error").examples
    assert "image [78, 64, 33], mask [78, 64, 34]" in example


def test_a_shifted_grid_is_an_error_where_the_rules_reject_it(raw: Path) -> None:
    rewrite(raw / IMAGE, same, shift_mm=7.0)
    (example,) = only(raw, "grid_mismatch", "warning").examples
    assert "7 mm apart, the limit is 0.082 mm" in example
    assert found(raw, rules="exact")["grid_mismatch"].severity == "error"


def test_header_sizes_that_contradict_the_affine(raw: Path) -> None:
    rewrite(raw / MASK, same, zooms_mm=2.5)
    only(raw, "spacing_conflict", "warning")


def test_a_channel_that_is_not_there(raw: Path) -> None:
    path = next((raw / "MSD/Task05_Prostate/imagesTr").glob("prostate_00*"))
    rewrite(path, lambda data: data[..., 0])
    only(raw, "channel_missing", "error", "MSD")


def test_equal_images_in_two_datasets(raw: Path) -> None:
    copy = "MSD/Task09_Spleen/imagesTr/spleen_2.nii.gz"
    shutil.copy(raw / IMAGE, raw / copy)
    shutil.copy(raw / MASK, raw / copy.replace("imagesTr", "labelsTr"))
    result = check(raw)
    assert set(result.doubles) == {(IMAGE, copy), (MASK, copy.replace("imagesTr", "labelsTr"))}
    findings = {finding.code: finding for finding in result.findings}
    image, mask = findings["duplicate_content"], findings["duplicate_mask"]
    assert (image.severity, image.dataset, image.count) == ("warning", "KiTS23+MSD", 1)
    assert (mask.severity, mask.count) == ("info", 1)


def test_equal_size_alone_is_no_double(raw: Path) -> None:
    content = (raw / IMAGE).read_bytes()
    other = raw / IMAGE.replace("00000", "00001")
    shutil.copy(raw / MASK, raw / MASK.replace("00000", "00001"))
    other.write_bytes(content + b"\0")
    (raw / IMAGE).write_bytes(content + b"\1")
    assert set(found(raw)) == {"duplicate_mask"}


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08", b"\x1f\x8b\x08\0\0\0\0\0\0\3abc", b"no gzip at all"])
def test_a_truncated_or_damaged_file(raw: Path, content: bytes) -> None:
    (raw / IMAGE).write_bytes(content)
    (finding,) = found(raw).values()
    assert finding.code in ("bad_gzip", "bad_header")
    assert finding.severity == "error"


def test_a_header_that_stops_half_way(raw: Path) -> None:
    start = gzip.decompress((raw / IMAGE).read_bytes())[:200]
    (raw / IMAGE).write_bytes(gzip.compress(start))
    only(raw, "bad_header", "error")


def test_a_header_that_promises_more_than_the_file_can_hold(raw: Path) -> None:
    header = nib.Nifti1Header()
    header.set_data_shape((30000, 30000, 30000))
    (raw / IMAGE).write_bytes(gzip.compress(header.binaryblock + bytes(4)))
    only(raw, "dims_exceed_file", "error")


def test_a_file_that_the_system_does_not_give(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opening = LocalFileSystem.open

    def failing(self: LocalFileSystem, path: str, *args: Any, **options: Any) -> Any:
        if path.endswith(IMAGE):
            raise OSError(errno.EIO, "Input/output error", path)
        return opening(self, path, *args, **options)

    monkeypatch.setattr(LocalFileSystem, "open", failing)
    findings = check(raw).findings
    assert {f.code for f in findings if f.severity == "error"} == {"unreadable"}
    assert str(raw) not in check(raw).to_json()


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("nowhere"), os.mkfifo, Path.mkdir])
def test_what_is_no_file(raw: Path, make: Callable[[Path], None]) -> None:
    (raw / IMAGE).unlink()
    make(raw / IMAGE)
    if (raw / IMAGE).is_dir():
        assert "image_missing" in {f.code for f in check(raw).findings}
    else:
        only(raw, "not_a_file", "error")


def test_links_to_folders_are_named_once_each_and_are_no_doubles(raw: Path) -> None:
    for path in (IMAGE, MASK):
        (raw / path).unlink()
        (raw / path).symlink_to("..")  # of one size
    checked = check(raw)
    assert [f.code for f in checked.findings if f.severity == "error"] == ["not_a_file"]
    assert checked.doubles == ()


def test_a_file_that_the_system_does_not_give_any_more(raw: Path) -> None:
    with pytest.raises(FileNotFoundError):  # it was listed: the disk's fault, not the data's
        check_file(LocalFileSystem(), str(raw / "never there"))


def test_the_files_of_another_dataset(raw: Path) -> None:
    shutil.rmtree(raw / "ACDC")
    shutil.copytree(raw / "KiTS23", raw / "ACDC")
    (example,) = only(raw, "no_cases", "error", "ACDC").examples
    assert example == "images are expected as {case}.nii.gz"


def test_a_named_dataset_without_a_folder(raw: Path) -> None:
    findings = check(raw, "KiTS23", "CAMUS").findings
    assert [(f.dataset, f.code) for f in findings if f.severity == "error"] == [("CAMUS", "folder_missing")]


def test_a_folder_named_almost_like_a_dataset(raw: Path) -> None:
    (raw / "KiTS23").rename(raw / "kits_23")
    assert only(raw, "folder_misnamed", "warning").examples == ("kits_23, meant: KiTS23",)


def test_a_missing_list_of_patients(all_raw: Path, tmp_path: Path) -> None:
    root = tmp_path / "raw"
    shutil.copytree(all_raw / "OAIZIB-CM", root / "OAIZIB-CM")
    for path in root.rglob("subInfo*"):
        path.unlink()
    only(root, "list_file", "error", "OAIZIB-CM")


def test_a_label_outside_the_table(raw: Path) -> None:
    rewrite(raw / MASK, lambda data: np.where(data == 2, 9, data).astype(np.uint8))
    assert not found(raw)
    assert only(raw, "label_unknown", "warning", deep=True).examples == ("dataset/case_00000/segmentation.nii.gz: 9",)


def test_an_empty_mask(raw: Path) -> None:
    rewrite(raw / MASK, only_background)
    assert not found(raw)
    only(raw, "mask_empty", "warning", deep=True)


def test_labels_that_are_no_integers(raw: Path) -> None:
    rewrite(raw / MASK, lambda data: (data * 0.5).astype(np.float32))
    assert not found(raw)
    only(raw, "mask_not_integer", "error", deep=True)


def test_a_mask_cut_short_behind_its_header(raw: Path) -> None:
    content = (raw / MASK).read_bytes()
    (raw / MASK).write_bytes(content[: len(content) // 2])
    assert not found(raw)
    only(raw, "bad_gzip", "error", deep=True)


def test_a_shard_far_over_its_size(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "SHARD_BYTES", 1000.0)
    result = check(raw, "KiTS23")
    (finding,) = [finding for finding in result.findings if finding.code == "bucket_over_size"]
    assert finding.severity == "info"
    assert finding.count == result.surveys[0].shards  # even a miniature shard is larger than 2,000 bytes
    assert result.surveys[0].largest_shard_bytes > 2000


# headers


@pytest.mark.parametrize("name", ["ACDC", "KiTS23", "MSD", "ToothFairy2", "SKM-TEA", "Ceph-Biometrics-400"])
def test_a_header_tells_what_the_whole_file_does(all_raw: Path, name: str) -> None:
    dataset = DATASETS[name]
    options = BuildOptions(raw=str(all_raw), out="", datasets=(name,))
    for case in find_cases(dataset, options).cases[:2]:
        file = case.images[0].file
        member = dataset.task(1).member if dataset.tasks else ""
        film_mm = dataset.landmark_task(1).spacing_mm if case.landmarks else 0.0
        opened = Opened(local(), str(all_raw / name), file, member, spacing_mm=film_mm)
        whole = find_reader(file.path)(opened)
        with (all_raw / name / file.path).open("rb") as stream:
            header = read_header(stream, file.path, file.size, member, film_mm)
        assert header is not None
        assert header.shape == whole.data.shape
        np.testing.assert_allclose(header.affine, whole.affine, atol=1e-6)
        np.testing.assert_allclose(header.zooms_mm, whole.zooms_mm, rtol=1e-6)


def local():
    import fsspec

    return fsspec.filesystem("file")


def test_an_oblique_metaimage_header(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.zeros((4, 5, 6), np.int16))
    image.SetSpacing((0.4, 0.5, 2.0))
    image.SetOrigin((1.0, -2.0, 3.0))
    image.SetDirection((0.0, -0.6, -0.8, 1.0, 0.0, 0.0, 0.0, -0.8, 0.6))
    sitk.WriteImage(image, str(tmp_path / "a.mha"), useCompression=True)
    source = SourceFile("a.mha", (tmp_path / "a.mha").stat().st_size, "")
    whole = find_reader("a.mha")(Opened(local(), str(tmp_path), source))
    header = read_header(io.BytesIO((tmp_path / "a.mha").read_bytes()), "a.mha", source.size)
    assert header is not None
    assert header.shape == whole.data.shape
    np.testing.assert_allclose(header.affine, whole.affine, atol=1e-9)


META = (
    b"NDims = 3\nDimSize = %s\n%sElementSpacing = 1 1 1\nBinaryData = True\nElementType = MET_UCHAR\n"
    b"ElementDataFile = LOCAL\n"
)


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("a.mha", b"no header", "bad_header"),
        ("a.mha", b"DimSize = x 1 1\nElementDataFile = LOCAL\n", "bad_header"),
        ("a.mha", META % (b"0 1 1", b""), "bad_dims"),
        ("a.mha", META % (b"2 2 2", b"TransformMatrix = 1 0\n"), "bad_header"),
        ("a.mha", META.replace(b"LOCAL", b"../other.raw") % (b"2 2 2", b""), "external_file"),
        ("a.mha", META % (b"99999 99999 99999", b""), "dims_exceed_file"),
        ("a.h5", b"no HDF5", "bad_header"),
        ("a.bmp", b"no film", "bad_header"),
        ("a.nii", b"no volume", "bad_header"),
    ],
)
def test_a_bad_header_is_a_data_fault(path: str, content: bytes, reason: str) -> None:
    with pytest.raises(DataFault) as raised:
        read_header(io.BytesIO(content), path, len(content), "echo1")
    assert raised.value.reason == reason


def test_a_format_whose_header_is_not_looked_at() -> None:
    assert read_header(io.BytesIO(b"NRRD0004\n"), "a.nrrd", 9) is None


# the command

DOCUMENT = {"ok", "rules", "deep", "assumed", "datasets", "findings", "duplicates"}
DATASET = {
    *("dataset", "cases", "patients", "patients_with_several_cases", "images", "masks", "images_published"),
    *("masks_published", "tasks", "left_out", "slices_at_most", "shards", "largest_shard_bytes", "bytes_raw"),
    *("bytes_estimated", "seconds"),
}


def test_json_is_one_document_of_known_keys(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for case in range(2):
        (raw / f"KiTS23/dataset/case_{case:05d}/segmentation.nii.gz").unlink()
    shutil.copy(raw / IMAGE, raw / "KiTS23/dataset/case_00001/imaging.nii.gz")
    assert main(["check", str(raw), "ACDC", "KiTS23", "--json"]) == 1  # no case of KiTS23 is left
    text = capsys.readouterr().out
    document = json.loads(text)
    assert set(document) == DOCUMENT
    assert document["rules"] == "1.4.0"
    assert [set(item) for item in document["datasets"]] == [DATASET, DATASET]
    assert set(document["datasets"][0]["tasks"][0]) == {"kind", "task", "image", "images", "published"}
    assert document["datasets"][1]["left_out"] == {"mask_missing": 2}
    for finding in document["findings"]:
        assert set(finding) == {"severity", "dataset", "code", "meaning", "count", "examples"}
        assert len(finding["examples"]) == finding["count"]
    assert str(raw.parent) not in text


def test_the_table_groups_findings_and_shows_three_examples(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for mask in list((raw / "ACDC").rglob("*_gt.nii.gz")):
        rewrite(mask, lambda data: data[:-1])
    (raw / MASK).unlink()
    assert main(["check", str(raw)]) == 1
    text = capsys.readouterr().out
    lines = text.splitlines()
    heads = [line.split(" (")[0] for line in lines if line.startswith(("error ", "warning ", "info "))]
    assert heads == [
        *("error shape_mismatch", "warning mask_missing", "warning split_incomplete"),
        *("info published_count", "info source_pool"),
    ]
    (line,) = [line for line in lines if line.startswith("  ACDC (4): ACDC/database/")]
    assert line.count("_frame") == 3
    assert line.endswith("; and 1 more")
    assert "25 MB/s" in text
    assert lines[-1] == "errors: see above"
    assert str(raw.parent) not in text


def test_exit_codes(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(raw)]) == 0
    assert capsys.readouterr().out.endswith("no errors\n")
    assert main(["check", str(raw), "NoSuchSet"]) == 2
    assert main(["check", str(raw / "KiTS23")]) == 2
    assert main(["check", str(raw / "absent"), "KiTS23"]) == 2
    rewrite(raw / IMAGE, lambda data: data[:-1])
    assert main(["check", str(raw), "acdc"]) == 0
    assert main(["check", str(raw), "kits23"]) == 1
