"""DICOM reports read back by highdicom: values of the rows, lines at the same places in space, UIDs and no names."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pyarrow.parquet as pq
import pydicom
import pytest
from own_series import FILM_MM, FILMS, NAME, ORIENTATIONS, PATIENT, SHAPE, Own
from raw_sources import LOCAL

from medvision.pipelines.export import dicom_groups
from medvision.pipelines.export.dicom_series import NotOfSeries, read_series
from medvision.pipelines.export.folder import ExportError
from medvision.pipelines.export.job import FormOptions
from medvision.pipelines.export.run import export_release
from medvision.pipelines.main import main

Row = dict[str, Any]
CODES = {"103339001": "major", "103340004": "minor"}
DIAMETERS = {"103339001": "longest", "103340004": "perpendicular"}


def export(own: Own, out: Path, release: Path | None = None, **options: Any) -> Path:
    export_release(str(release or own.numbered), "dicom-sr", str(out), options=FormOptions(raw=str(own.raw), **options))
    return out


@pytest.fixture(scope="module")
def reports(own: Own, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("reports")
    return {rules: export(own, home / rules, getattr(own, rules)) for rules in ("numbered", "exact")}


def rows_of(release: Path, case: str) -> list[Row]:
    rows = [row for path in sorted(release.glob("annotations/*/*.parquet")) for row in pq.read_table(path).to_pylist()]
    return [row for row in rows if row["case_id"] == case]


def groups_of(report: Path) -> dict[str, Any]:
    read = hd.sr.srread(report)
    assert isinstance(read, hd.sr.ComprehensiveSR)
    found = read.content.get_image_measurement_groups()
    return {group.tracking_identifier: group for group in found}


def world_of(own: Own, case: str, instance: str, points: np.ndarray) -> np.ndarray:
    """RAS mm of image-relative (column, row) points, by PS3.3 C.7.6.2.1.1 on the file itself."""
    header = next(h for h in map(pydicom.dcmread, own.files(case)) if h.SOPInstanceUID == instance)
    along_row, along_column = np.split(np.array(header.ImageOrientationPatient, float), 2)
    between_rows, between_columns = map(float, header.PixelSpacing)
    centred = np.asarray(points, float) - 0.5
    lps = np.array(header.ImagePositionPatient, float) + np.outer(centred[:, 0] * between_columns, along_row)
    lps += np.outer(centred[:, 1] * between_rows, along_column)
    return lps * (-1, -1, 1)


def voxel_world(row: Row, points_rc: list[list[float]]) -> np.ndarray:
    """RAS mm by the release's affine."""
    axes = [axis for axis in range(3) if axis != row["slice_dim"]]
    voxels = np.full((len(points_rc), 4), 1.0)
    voxels[:, row["slice_dim"]] = row["slice_idx"]
    voxels[:, axes] = points_rc
    return (voxels @ np.array(row["affine_ras"]).reshape(4, 4).T)[:, :3]


def lines_of(measurement: Any) -> list[tuple[str, np.ndarray]]:
    """Instance and points of each line that a measurement is inferred from."""
    found = []
    for item in measurement[0].ContentSequence:
        if item.ValueType == "SCOORD":
            assert item.GraphicType == "POLYLINE"
            image = item.ContentSequence[0].ReferencedSOPSequence[0]
            found.append((image.ReferencedSOPInstanceUID, np.array(item.GraphicData).reshape(-1, 2)))
    return found


@pytest.mark.parametrize("case", ORIENTATIONS)
def test_lesion_axes_stand_where_the_affine_has_them(own: Own, reports: dict[str, Path], case: str) -> None:
    groups = groups_of(reports["numbered"] / NAME / f"{NAME}-{case}-t01.dcm")
    seen = 0
    for row in rows_of(own.numbered, case):
        for lesion in row["lesions"]:
            for number, ellipse in enumerate(lesion["ellipses"]):
                name = f"{row['slice_id']} lesion task 1 label 2 cluster {number}"
                if name not in groups:
                    continue
                assert groups[name].finding_type.meaning == "=tumour"
                for measurement in groups[name].get_measurements():
                    axis = CODES[measurement.name.value]
                    assert measurement.value == pytest.approx(ellipse[f"{axis}_mm"], rel=1e-6)
                    assert measurement.unit.value == "mm"
                    ((instance, points),) = lines_of(measurement)
                    ends = [ellipse[f"{axis}_start_rc"], ellipse[f"{axis}_end_rc"]]
                    found = world_of(own, case, instance, points)
                    np.testing.assert_allclose(found, voxel_world(row, ends), atol=1e-3)
                    length = np.linalg.norm(found[0] - found[1])
                    assert length == pytest.approx(ellipse[f"{axis}_mm"], abs=2e-3)
                    seen += 1
    assert seen >= 2 * 4


@pytest.mark.parametrize("case", ORIENTATIONS)
def test_areas_and_exact_diameters(own: Own, reports: dict[str, Path], case: str) -> None:
    groups = groups_of(reports["exact"] / NAME / f"{NAME}-{case}-t01.dcm")
    areas = diameters = 0
    for row in rows_of(own.exact, case):
        for segment in row["segments"]:
            group = groups.get(f"{row['slice_id']} label {segment['label']}")
            if group is not None:
                (area,) = group.get_measurements()
                assert (area.name.meaning, area.unit.value) == ("Area", "mm2")
                assert area.value == pytest.approx(segment["area_mm2"], rel=1e-9)
                areas += 1
        for lesion in row["lesions"]:
            for number, region in enumerate(lesion["regions"]):
                group = groups.get(f"{row['slice_id']} lesion task 1 label 2 cluster {number}")
                for measurement in group.get_measurements() if group else ():
                    line = region[DIAMETERS[measurement.name.value]]
                    assert measurement.value == pytest.approx(line["length_mm"], rel=1e-6)
                    ((instance, points),) = lines_of(measurement)
                    ends = np.array([line["start_mm"], line["end_mm"]])
                    np.testing.assert_allclose(world_of(own, case, instance, points), ends, atol=1e-3)
                    diameters += 1
    assert areas == 2 * 5 + 2  # of 7 slices with the organ, 5 with the lesion too
    assert diameters >= 2 * 5


@pytest.mark.parametrize("case", ORIENTATIONS)
def test_a_line_is_drawn_on_the_lesion_in_the_file_itself(own: Own, reports: dict[str, Path], case: str) -> None:
    """The middle of each exact diameter lies in a pixel of the mask as the raw files have it."""
    import nibabel as nib

    mask = np.asarray(nib.load(own.raw / NAME / case / "mask.nii.gz").dataobj)
    for group in groups_of(reports["exact"] / NAME / f"{NAME}-{case}-t01.dcm").values():
        for measurement in group.get_measurements():
            for instance, points in lines_of(measurement):
                column, row = np.floor(points.mean(axis=0)).astype(int)
                assert mask[column, row, int(instance.rsplit(".", 1)[1])] == 2


def test_nothing_of_the_patient_but_uids(own: Own, reports: dict[str, Path]) -> None:
    for path in reports["numbered"].rglob("*.dcm"):
        content = path.read_bytes()
        for secret in (b"Own^Secret", b"own-77", b"20210304", b"Do^Not^Tell"):
            assert secret not in content
    report = pydicom.dcmread(reports["numbered"] / NAME / f"{NAME}-case_1-t01.dcm")
    assert (report.PatientName, report.PatientID, report.StudyDate) == ("", "", "")
    assert report.StudyInstanceUID == "1.2.3.1.100"
    assert report.ContentDate == "19700101"
    referenced = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert referenced.SeriesInstanceUID == "1.2.3.1.101"
    uids = {item.ReferencedSOPInstanceUID for item in referenced.ReferencedSOPSequence}
    assert uids == {f"1.2.3.1.{number}" for number in range(1, 8)}  # those that show a label


def test_identity_is_kept_on_request(own: Own, tmp_path: Path) -> None:
    out = export(own, tmp_path / "kept", keep_identity=True)
    report = pydicom.dcmread(out / NAME / f"{NAME}-case_1-t01.dcm")
    assert (str(report.PatientName), report.PatientID) == (PATIENT, "own-77")
    assert (report.StudyDate, report.ContentDate) == ("20210304", "20210304")


def digest(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_reports_are_the_same_each_time(own: Own, reports: dict[str, Path], tmp_path: Path) -> None:
    assert digest(export(own, tmp_path / "again")) == digest(reports["numbered"])


def test_a_landmark_angle_and_distance(own: Own, reports: dict[str, Path]) -> None:
    groups = groups_of(reports["numbered"] / FILMS / f"{FILMS}-film_1-t01.dcm")
    (row,) = rows_of(own.numbered, "film_1")
    measures = {measure["key"]: measure for measure in row["biometrics"] if measure["definition"] == "upstream"}
    assert len(groups) == len(measures) == 2
    for key, measure in measures.items():
        group = groups[f"{row['slice_id']} landmark task 1 senior {key}"]
        (measurement,) = group.get_measurements()
        assert measurement.value == pytest.approx(measure["value"], rel=1e-6)
        assert (measurement.name.meaning, measurement.unit.value) in {("Angle", "deg"), ("Length", "mm")}
        texts = {"A-L_1_2-L_2_3": [(10, 12), (30, 9), (30, 9), (24, 50)], "L-1-4": [(10, 12), (12, 40)]}
        # The text counts pixels from 1, so that its (x, y) is the pixel whose centre is (x - 0.5, y - 0.5).
        drawn = np.concatenate([points for _, points in lines_of(measurement)])
        np.testing.assert_allclose(drawn, np.array(texts[key]) - 0.5, atol=1e-4)
    assert measures["L-1-4"]["value"] == pytest.approx(FILM_MM * np.hypot(2, 28))


def test_what_is_no_dicom_is_refused(built: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"no report can be made of \d+ images, such as ACDC .*nii.gz is no DICOM"):
        export_release(str(built.out), "dicom-sr", str(tmp_path / "o"), options=FormOptions(raw=built.options.raw))
    assert not (tmp_path / "o").exists()


def test_other_series_than_those_of_the_build_are_refused(own: Own, tmp_path: Path, capsys: Any) -> None:
    raw = shutil.copytree(own.raw, tmp_path / "raw")
    moved = sorted((raw / NAME / "case_1/ct").iterdir())[0]
    header = pydicom.dcmread(moved)
    header.PatientID = "another"
    header.save_as(moved)
    shutil.rmtree(raw / NAME / "case_2")
    assert (
        main(
            ["export", str(own.numbered), "--to", "dicom-sr", "--raw", str(raw), "--out", str(tmp_path / "o"), "--json"]
        )
        == 0
    )
    shown = json.loads(capsys.readouterr().out)
    reasons = {item["case_id"]: item["reason"] for item in shown["refused"]}
    assert reasons == {
        "case_1": "its files are not those that the release was built from (sha256)",
        "case_2": "its files are not below the raw folder",
    }
    assert shown["counts"]["reports"] == 2
    assert json.loads((tmp_path / "o/export.json").read_text())["refused"] == shown["refused"]


@pytest.mark.parametrize(("dataset", "path"), [("..", "ct/"), (NAME, "../../other/"), (NAME, "/etc/ct.dcm")])
def test_paths_that_leave_the_raw_folder(own: Own, dataset: str, path: str) -> None:
    with pytest.raises(NotOfSeries, match="its path leaves the raw folder"):
        read_series(LOCAL, str(own.raw), dataset, path, "", SHAPE, np.eye(4), False)


def test_a_series_of_another_grid(own: Own) -> None:
    place = LOCAL, str(own.raw), NAME, "case_3/ct/"
    (row,) = [r for r in rows_of(own.numbered, "case_3") if r["slice_dim"] == 2 and r["slice_idx"] == 3]
    affine = np.array(row["affine_ras"]).reshape(4, 4)
    assert len(read_series(*place, "", row["shape_xyz"], affine, False).headers) == SHAPE[2]
    affine[2, 3] += 0.1
    with pytest.raises(NotOfSeries, match=r"its files lie 0\.1 mm off the release's grid"):
        read_series(*place, "", row["shape_xyz"], affine, False)


def test_raw_is_needed(own: Own, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="pass --raw ROOT"):
        export_release(str(own.numbered), "dicom-sr", str(tmp_path / "o"))


def test_slices_across_the_files_are_counted_not_drawn(own: Own, tmp_path: Path) -> None:
    done = export_release(str(own.numbered), "dicom-sr", str(tmp_path / "o"), options=FormOptions(raw=str(own.raw)))
    rows = [row for case in ORIENTATIONS for row in rows_of(own.numbered, case)]
    planes = {"case_1": 2, "case_2": 0, "case_3": 2}
    assert done.counts["slices_across"] == sum(row["slice_dim"] != planes[row["case_id"]] for row in rows)
    assert SHAPE[2] == 9


def test_long_measure_keys_keep_codes_of_their_own() -> None:
    keys = ["A-L_10_11-L_12_13", "A-L_10_11-L_12_14", "SNA"]
    assert [dicom_groups._code(key, "an angle").value for key in keys] == keys
