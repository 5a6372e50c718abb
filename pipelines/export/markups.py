"""Single markups of 3D Slicer, as plain dictionaries of its schema 1.0.3: RAS coordinates in millimetres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)
Point3 = Sequence[float]
Markup = dict[str, Any]
COLOURS = (
    *((0.89, 0.10, 0.11), (0.22, 0.49, 0.72), (0.30, 0.69, 0.29), (0.60, 0.31, 0.64)),
    *((1.00, 0.50, 0.00), (0.90, 0.80, 0.10), (0.65, 0.34, 0.16), (0.97, 0.51, 0.75)),
)
"""Of labels in turn."""


def line(name: str, start_mm: Point3, end_mm: Point3, length_mm: float, label: int = 0, about: str = "") -> Markup:
    """A Line with its length as the release states it; Slicer measures it anew where a point is moved."""
    points = [("start", start_mm), ("end", end_mm)]
    return _markup("Line", name, points, label, about, _measurement("length", length_mm, "mm", "%-#4.4gmm"))


def angle(name: str, points: Sequence[tuple[str, Point3]], degree: float) -> Markup:
    """An Angle at the second of three points, 0 to 180 degrees."""
    return _markup("Angle", name, points, 0, "", _measurement("angle", degree, "deg", "%3.1f%s"))


def fiducials(name: str, points_mm: Mapping[str, Point3], about: str = "") -> Markup:
    """A list of named points."""
    return _markup("Fiducial", name, list(points_mm.items()), 0, about, None)


def outline(name: str, corners_mm: Sequence[Point3], label: int, about: str = "") -> Markup:
    """A closed curve of straight lines through its corners."""
    points = [(str(number), corner) for number, corner in enumerate(corners_mm, start=1)]
    return {**_markup("ClosedCurve", name, points, label, about, None), "curveGenerator": {"type": "linear"}}


def _markup(
    kind: str, name: str, points: Sequence[tuple[str, Point3]], label: int, about: str, measurement: Markup | None
) -> Markup:
    controls = [
        {
            "id": str(number),
            "label": text,
            "description": "",
            "position": [float(value) for value in position],
            "positionStatus": "defined",
        }
        for number, (text, position) in enumerate(points, start=1)
    ]
    colour = list(COLOURS[(label - 1) % len(COLOURS)])
    return {
        "type": kind,
        "name": name,
        "description": about,
        "coordinateSystem": "RAS",
        "coordinateUnits": "mm",
        "locked": True,
        "fixedNumberOfControlPoints": True,
        "labelFormat": "%N-%d",
        "controlPoints": controls,
        "measurements": [measurement] if measurement else [],
        "display": {
            "visibility": True,
            "color": colour,
            "selectedColor": colour,
            "propertiesLabelVisibility": kind in ("Line", "Angle"),
            "pointLabelsVisibility": kind == "Fiducial",
        },
    }


def _measurement(name: str, value: float, unit: str, shown: str) -> Markup:
    return {"name": name, "enabled": True, "value": value, "units": unit, "printFormat": shown}
