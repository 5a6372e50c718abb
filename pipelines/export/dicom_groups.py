"""Measurement groups (TID 1501) of a slice: axes and diameters of lesions, areas of masks, distances and angles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medvision.pipelines.export.angles import lines_of, points_of_measure
from medvision.pipelines.export.dicom_series import Series
from medvision.pipelines.export.dicom_uids import uid_of
from medvision.schemas.rules import Rules

Row = Mapping[str, Any]
Rc = Sequence[float]
SCHEME = "99MEDVISION"
"""Of labels and definitions, which no public scheme has codes for."""
AXES = {"LongAxis": "major", "ShortAxis": "minor"}
DIAMETERS = {"LongAxis": "longest", "ShortAxis": "perpendicular"}


@dataclass(frozen=True)
class Picture:
    """A slice that is a file of its series."""

    row: Row
    series: Series
    frame: int

    @property
    def header(self) -> Any:
        return self.series.headers[self.frame]


def slice_groups(picture: Picture, rules: Rules) -> Iterator[Any]:
    """Groups of one slice: of each label its area, of each lesion its lines, of landmarks their measures."""
    yield from _areas(picture)
    yield from _lesions(picture, rules)
    yield from _landmarks(picture, rules)


def _areas(picture: Picture) -> Iterator[Any]:
    from pydicom.sr.codedict import codes

    for segment in picture.row["segments"]:
        area = _number(picture, codes.SCT.Area, segment["area_mm2"], codes.UCUM.SquareMillimeter, ())
        yield _group(picture, f"label {segment['label']}", [area], "mask", _label_code(picture, segment))


def _lesions(picture: Picture, rules: Rules) -> Iterator[Any]:
    conics = rules.lesion_axes == "conic"
    for lesion in picture.row["lesions"]:
        finding = _label_code(picture, lesion)
        for number, item in enumerate(lesion["ellipses"] if conics else lesion["regions"]):
            lines = _conic_lines(item) if conics else _diameters(item)
            measured = [_length(picture, name, mm, ends) for name, (mm, ends) in lines.items()]
            name = f"lesion task {lesion['lesion_task']} label {lesion['label']} cluster {number}"
            if measured:
                yield _group(picture, name, measured, "conic" if conics else "RECIST 1.1", finding)


def _conic_lines(ellipse: Row) -> dict[str, tuple[float, list[Rc]]]:
    return {
        code: (ellipse[f"{axis}_mm"], [ellipse[f"{axis}_start_rc"], ellipse[f"{axis}_end_rc"]])
        for code, axis in AXES.items()
    }


def _diameters(region: Row) -> dict[str, tuple[float, list[Rc]]]:
    lines = {code: region[name] for code, name in DIAMETERS.items()}
    return {code: (line["length_mm"], [line["start_rc"], line["end_rc"]]) for code, line in lines.items() if line}


def _length(picture: Picture, keyword: str, length_mm: float, ends_rc: list[Rc]) -> Any:
    from pydicom.sr.codedict import codes

    return _number(picture, getattr(codes.SCT, keyword), length_mm, codes.UCUM.Millimeter, [ends_rc])


def _landmarks(picture: Picture, rules: Rules) -> Iterator[Any]:
    for measure in picture.row["biometrics"]:
        if measure["definition"] != rules.biometrics:
            continue
        number = _landmark_number(picture, measure)
        if number is not None:
            name = f"landmark task {measure['landmark_task']} {measure['source']} {measure['key']}"
            yield _group(picture, name, [number], measure["definition"], _code(measure["key"], measure["name"]))


def _landmark_number(picture: Picture, measure: Row) -> Any | None:
    """A distance or an angle, with its lines where both ends lie on this slice; None for a ratio."""
    from pydicom.sr.codedict import codes

    points = {p["number"]: p for p in picture.row["landmarks"] if p["source"] == measure["source"]}
    if measure["metric_type"] == "distance":
        lines = _on_slice(picture, points, [points_of_measure(measure)])
        return _number(picture, codes.SCT.Length, measure["value"], codes.UCUM.Millimeter, lines)
    if measure["metric_type"] == "angle":
        ends = lines_of(measure)
        lines = _on_slice(picture, points, [ends[:2], ends[2:]] if ends else [])
        return _number(picture, codes.SCT.Angle, measure["value"], codes.UCUM.Degree, lines)
    return None


def _on_slice(picture: Picture, points: Mapping[int, Row], lines: list[tuple[int, ...]]) -> list[list[Rc]]:
    """Ends of those lines whose points lie on the slice, to half a voxel."""
    index = picture.row["slice_idx"]
    drawn = [[points[number] for number in line] for line in lines]
    flat = [line for line in drawn if all(round(point["slice_position"]) == index for point in line)]
    return [[point["position_rc"] for point in line] for line in flat]


def _number(picture: Picture, name: Any, value: float, unit: Any, lines_rc: Sequence[list[Rc]]) -> Any:
    """TID 300: a number, the lines that it is of, and the picture."""
    import highdicom as hd

    header = picture.header
    reference = header.SOPClassUID, header.SOPInstanceUID
    place = picture.row["slice_dim"], picture.row["slice_idx"]
    lines = [picture.series.pixels_xy(*place, ends) for ends in lines_rc]
    drawn = [
        hd.sr.CoordinatesForMeasurement(
            hd.sr.GraphicTypeValues.POLYLINE, line.astype(np.float32), hd.sr.SourceImageForRegion(*reference)
        )
        for line in lines
    ]
    images = None if drawn else [hd.sr.SourceImageForMeasurement(*reference)]
    return hd.sr.Measurement(name, value, unit, referenced_images=images, referenced_coordinates=drawn or None)


def _group(picture: Picture, name: str, measurements: list[Any], method: str, finding: Any) -> Any:
    import highdicom as hd

    tracking = f"{picture.row['slice_id']} {name}"
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        hd.sr.TrackingIdentifier(uid_of("finding", picture.header.SeriesInstanceUID, tracking), tracking),
        finding_type=finding,
        method=_code(method, method),
        measurements=measurements,
        source_images=[hd.sr.SourceImageForMeasurementGroup(picture.header.SOPClassUID, picture.header.SOPInstanceUID)],
    )


def _label_code(picture: Picture, item: Row) -> Any:
    return _code(f"{picture.row['task']}-{item['label']}", item["name"] or f"label {item['label']}")


def _code(value: str, meaning: str) -> Any:
    """A private code, over 16 characters as a long code value (PS3.3 8.1); its meaning has 64 at most (VR LO)."""
    from highdicom.sr import CodedConcept

    return CodedConcept(value.strip(), SCHEME, (meaning or value).replace("\\", "/")[:64])
