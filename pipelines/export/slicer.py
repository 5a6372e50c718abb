"""3D Slicer markups: a folder an image, a file a kind of annotation, in RAS millimetres."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import groupby
from typing import Any

import numpy as np
import orjson

from medvision.pipelines.export.angles import arms, points_of_measure
from medvision.pipelines.export.boxes import ShownBox, shown_boxes
from medvision.pipelines.export.job import ExportJob
from medvision.pipelines.export.json_list import JsonList
from medvision.pipelines.export.markups import SCHEMA, Markup, angle, fiducials, line, outline
from medvision.pipelines.export.world import world_mm
from medvision.schemas.rules import Rules

COLUMNS = (
    *("slice_id", "dataset", "plane", "slice_dim", "slice_idx", "affine_ras", "flags", "space"),
    *("segments", "lesions", "landmarks", "biometrics"),
)
AXES = {"major": ("major_start_rc", "major_end_rc"), "minor": ("minor_start_rc", "minor_end_rc")}
CHORDS = {"major": "major_axis", "minor": "minor_axis", "longest": "longest", "perpendicular": "perpendicular"}
"""Lines of a region by what they are called in Slicer."""
OFF_GRID = "the mask's grid lies off the image's: drawn on the image's"
Row = Mapping[str, Any]


def write_slicer(job: ExportJob) -> None:
    """Write `<Dataset>/<volume id>/<plane>-boxes.mrk.json`, ... of every image that shows something."""
    for file in job.selection.files(job.release):
        rows = job.selection.rows(job.release, file, COLUMNS)
        for volume_id, shown in groupby(rows, lambda row: row["slice_id"].rsplit("-", 2)[0]):
            _write_image(job, file.dataset, volume_id, shown)


def _write_image(job: ExportJob, dataset: str, volume_id: str, rows: Iterator[Row]) -> None:
    points: dict[str, dict[int, Row]] = {}
    measures: list[tuple[Row, Mapping[int, Row]]] = []
    space = "native"
    with _Files(job, dataset, volume_id) as files:
        for row in rows:
            for markup in box_markups(row, job.rules):
                files.add("boxes", markup, row["plane"])
            for markup in lesion_markups(row, job.rules):
                files.add("lesions", markup, row["plane"])
            space = row["space"]
            for point in row["landmarks"]:
                points.setdefault(point["source"], {})[point["number"]] = point
            shown = [measure for measure in row["biometrics"] if measure["definition"] == job.rules.biometrics]
            measures += [(measure, points[measure["source"]]) for measure in shown]
            job.advance(1)
        for source, found in points.items():
            for kind, markup in point_markups(source, found, space):
                files.add(kind, markup)
        for measure, ends in measures:
            kind, drawn = measure_markup(measure, ends)
            if drawn is None:
                job.counts["measures_not_shown"] += 1
            else:
                files.add(kind, drawn)


def box_markups(row: Row, rules: Rules) -> Iterator[Markup]:
    """Each box that the release's box pairs show, as its outline through the outer edges of its pixels."""
    about = OFF_GRID if "grid_mismatch" in row["flags"] else ""
    for segment in row["segments"]:
        for number, box in enumerate(shown_boxes(segment, rules)):
            name = f"{_called(segment)} {row['slice_idx']:04d}-{number}"
            yield outline(name, world_mm(row, corners_rc(box)), segment["label"], about)


def corners_rc(box: ShownBox) -> list[tuple[float, float]]:
    """Corners in turn, on the outer edges of the corner pixels."""
    (top, left), (bottom, right) = box.min_rc, box.max_rc
    return [
        (top - 0.5, left - 0.5),
        (top - 0.5, right + 0.5),
        (bottom + 0.5, right + 0.5),
        (bottom + 0.5, left - 0.5),
    ]


def lesion_markups(row: Row, rules: Rules) -> Iterator[Markup]:
    """Axes of the conics by numbered rules; by `exact` the moment axes and diameters of the regions."""
    for lesion in row["lesions"]:
        stem = f"{_called(lesion)} {row['slice_idx']:04d}"
        if rules.lesion_axes == "conic":
            about = OFF_GRID if "grid_mismatch" in row["flags"] else ""
            for number, ellipse in enumerate(lesion["ellipses"]):
                for axis, ends in AXES.items():
                    start, end = world_mm(row, [ellipse[name] for name in ends])
                    yield line(f"{stem}-{number} {axis}", start, end, ellipse[f"{axis}_mm"], lesion["label"], about)
            continue
        for number, region in enumerate(lesion["regions"]):
            for axis, name in CHORDS.items():
                if (chord := region[name]) is not None:
                    ends_mm = chord["start_mm"], chord["end_mm"]  # by the mask's affine, as the length is
                    yield line(f"{stem}-{number} {axis}", *ends_mm, chord["length_mm"], lesion["label"])


def point_markups(source: str, points: Mapping[int, Row], space: str) -> Iterator[tuple[str, Markup]]:
    """The landmarks of one source; those of a realigned image in the native space too, for the file as published."""
    about = "" if space == "native" else f"in the {space} space, as the release's slices"
    numbered = [points[number] for number in sorted(points)]
    yield "landmarks", fiducials(source, {_numbered(p): p["world_mm"] for p in numbered}, about)
    native = {_numbered(p): p["native_mm"] for p in numbered if p["native_mm"]}
    if native:
        yield "landmarks-native", fiducials(source, native, "in the native space, as the image file is published")


def measure_markup(measure: Row, points: Mapping[int, Row]) -> tuple[str, Markup | None]:
    """Kind of file, and the markup of a measure; None for a ratio or a sum of angles, which have none."""
    name = f"{measure['name'] or measure['key']} ({measure['source']}, {measure['definition']})"
    if measure["metric_type"] == "distance":
        start, end = (points[number]["world_mm"] for number in points_of_measure(measure))
        return "distances", line(name, start, end, abs(measure["value"]))
    if measure["metric_type"] == "angle":
        places = {number: np.array(point["world_mm"], np.float64) for number, point in points.items()}
        found = arms(measure, places, {number: _numbered(point) for number, point in points.items()})
        if found is not None:
            return "angles", angle(name, found, measure["value"])
    return "", None


def _called(item: Row) -> str:
    return item["name"] or f"label {item['label']}"


def _numbered(point: Row) -> str:
    return f"{point['number']} {point['name']}"


class _Files:
    """The markup files of one image, as a context; each is begun with its first markup."""

    def __init__(self, job: ExportJob, dataset: str, volume_id: str) -> None:
        self.job, self.place = job, (dataset, volume_id)
        self._stack = ExitStack()
        self._open: dict[str, JsonList] = {}

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        for found in self._open.values():
            found.out.write(b"]}\n")
        self._stack.close()

    def add(self, kind: str, markup: Markup, plane: str = "") -> None:
        name = f"{plane}-{kind}" if plane else kind
        if name not in self._open:
            out = self._stack.enter_context(self.job.folder.open(*self.place, f"{name}.mrk.json"))
            out.write(b'{"@schema":' + orjson.dumps(SCHEMA) + b',\n"markups":[')
            self._open[name] = JsonList(out)
        self._open[name].add(markup)
        self.job.counts[kind.replace("-", "_")] += 1
