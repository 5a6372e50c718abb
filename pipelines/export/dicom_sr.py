"""DICOM structured reports (TID 1500): one of each image that a release read from a DICOM series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby
from typing import Any

import fsspec
import numpy as np
import pyarrow.compute as pc

import medvision
from medvision.pipelines.export.dicom_groups import Picture, slice_groups
from medvision.pipelines.export.dicom_series import NotOfSeries, Series, is_dicom, read_series
from medvision.pipelines.export.dicom_uids import uid_of
from medvision.pipelines.export.extra import need
from medvision.pipelines.export.folder import ExportError
from medvision.pipelines.export.job import ExportJob
from medvision.schemas.record import SOURCES_TABLE, PublishedFile

COLUMNS = (
    *("slice_id", "dataset", "case_id", "task", "plane", "slice_dim", "slice_idx", "shape_xyz", "affine_ras"),
    *("source_path", "source_channel", "space", "segments", "lesions", "landmarks", "biometrics"),
)
NO_DATE, NO_TIME = "19700101", "000000"
"""Of a report without an identity: its date would be one of the patient's."""
SERIES_NUMBER = 9000
Row = Mapping[str, Any]


def write_dicom_sr(job: ExportJob) -> None:
    """Write `<Dataset>/<volume id>.dcm` of every image that was read from DICOM; the others are refused.

    Raises:
        ExportError: No raw root, highdicom is missing, or none of the images was read from DICOM.
    """
    need("highdicom", "dicom-sr")
    if not job.options.raw:
        raise ExportError("--to dicom-sr reads the UIDs of the series, which a release does not hold; pass --raw ROOT")
    for file in job.selection.files(job.release):
        hashes = _hashes(job, file.dataset)
        for volume_id, shown in groupby(_rows(job, file), lambda row: row["slice_id"].rsplit("-", 2)[0]):
            rows = iter(shown)
            first = next(rows)
            try:
                series = _series_of(job, first, hashes.get(first["source_path"], ""))
                _write_report(job, volume_id, series, chain([first], rows))
            except NotOfSeries as reason:
                names = {name: first[name] for name in ("dataset", "case_id")}
                job.refused.append({**names, "volume_id": volume_id, "reason": str(reason)})
    if job.refused and not job.counts["reports"]:
        first, by_dataset = job.refused[0], Counter(item["dataset"] for item in job.refused)
        listed = ", ".join(f"{count} of {name}" for name, count in sorted(by_dataset.items()))
        raise ExportError(
            f"no report can be made of {len(job.refused)} images, such as {first['dataset']} {first['case_id']}: "
            f"{first['reason']}. Refused are {listed}"
        )


def _series_of(job: ExportJob, row: Row, sha256: str) -> Series:
    if not is_dicom(row["source_path"]):
        raise NotOfSeries(f"{row['source_path']} is no DICOM, so there is no series that a report could refer to")
    if row["space"] != "native":
        raise NotOfSeries(f"its slices lie in the {row['space']} space, not on the series")
    fs, root = fsspec.core.url_to_fs(job.options.raw)
    affine = np.array(row["affine_ras"], np.float64).reshape(4, 4)
    place = fs, root, row["dataset"], row["source_path"]
    return read_series(*place, sha256, row["shape_xyz"], affine, job.options.keep_identity)


def _write_report(job: ExportJob, volume_id: str, series: Series, rows: Iterable[Row]) -> None:
    groups, used = [], set()
    for row in rows:
        frame = series.frame_of(row["slice_dim"], row["slice_idx"])
        if frame is None:
            job.counts["slices_across"] += 1
            continue
        found = list(slice_groups(Picture(row, series, frame), job.rules))
        groups += found
        used |= {frame} if found else set()
        dataset = row["dataset"]
    if not groups:
        raise NotOfSeries("the chosen slices lie across its files, which hold no picture of them")
    report = _report(volume_id, [series.headers[frame] for frame in sorted(used)], groups, job)
    with job.folder.open(dataset, f"{volume_id}.dcm") as out:
        report.save_as(out, enforce_file_format=True)
    job.counts["reports"] += 1
    job.counts["groups"] += len(groups)


def _report(volume_id: str, headers: list[Any], groups: list[Any], job: ExportJob) -> Any:
    """A Comprehensive SR: its patient and study are those of the series, as far as they were read."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    rules = job.rules.name
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid_of("device", medvision.__version__), "MedVision pipelines", model_name=f"rules {rules}"
    )
    content = hd.sr.MeasurementReport(
        hd.sr.ObservationContext(observer_device_context=hd.sr.ObserverContext(codes.DCM.Device, device)),
        codes.SCT.ImagingProcedure,
        groups,
        codes.DCM.ImagingMeasurementReport,
    )
    first = headers[0]
    name = first.SeriesInstanceUID, volume_id, rules, *(header.SOPInstanceUID for header in headers)
    report = hd.sr.ComprehensiveSR(
        headers,
        content,
        uid_of("series", *name),
        SERIES_NUMBER,
        uid_of("report", *name),
        1,
        manufacturer="MedVision pipelines",
        is_complete=True,
        specific_character_set="ISO_IR 192",
        series_description=f"MedVision {volume_id}"[:64],
    )
    return _without_clock(report, first)


def _without_clock(report: Any, header: Any) -> Any:
    """Dates of the series where its identity is kept, else none of anybody's."""
    date = header.get("SeriesDate") or header.get("StudyDate") or NO_DATE
    time = header.get("SeriesTime") or NO_TIME
    for name in ("ContentDate", "InstanceCreationDate", "SeriesDate"):
        if name in report:
            setattr(report, name, date)
    for name in ("ContentTime", "InstanceCreationTime", "SeriesTime"):
        if name in report:
            setattr(report, name, time)
    for equipment in report.get("ContributingEquipmentSequence", ()):
        del equipment.ContributionDateTime
    return report


def _hashes(job: ExportJob, dataset: str) -> dict[str, str]:
    """sha256 of each raw file of a dataset as the build read it."""
    table = job.release.parquet(SOURCES_TABLE).read(["dataset", "path", "sha256"])
    mine = table.filter(pc.equal(table["dataset"], dataset))
    return dict(zip(mine["path"].to_pylist(), mine["sha256"].to_pylist(), strict=True))


def _rows(job: ExportJob, file: PublishedFile) -> Iterator[Row]:
    for row in job.selection.rows(job.release, file, COLUMNS):
        job.advance(1)
        yield row
