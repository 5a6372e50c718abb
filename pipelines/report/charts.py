"""The page's charts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medvision.pipelines.picture.numbers import plain
from medvision.pipelines.report.quantities import AREA, BOX, LONGEST, MAJOR, MINOR, PERPENDICULAR
from medvision.pipelines.report.survey import MOST_BOXES, PIXEL, Survey
from medvision.pipelines.report.svg import EMPTY, FIRST, PARAMETERS, SECOND, inline_svg
from medvision.pipelines.report.tables import DatasetRow, MeasureRow, Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, LINE, FRAME = 6.0, 0.25, 1.0
"""Inches: of a figure, of a row of it, and of what is above and below its rows."""
MOST_ROWS = 40
NAME = 26
"""Letters of a name beside a row."""
COLOURS = (FIRST, SECOND)


@dataclass(frozen=True)
class Chart:
    """A figure of the page: `svg` is an element, safe to stand there as it is; `caption` says how to read it."""

    key: str
    title: str
    caption: str
    svg: str


@dataclass(frozen=True)
class Ranges:
    """Rows of names with as many spreads as there are series, None where a row has none."""

    series: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Spread | None, ...]], ...]
    unit: str


def make_charts(datasets: Sequence[DatasetRow], measures: Sequence[MeasureRow], survey: Survey) -> list[Chart]:
    """Those that the release has values for."""
    found = [
        _by_dataset("boxes", "Longer side of boxes", datasets, (BOX,), "mm"),
        _by_dataset("areas", "Area of labels on a slice", datasets, (AREA,), "mm²"),
        _by_dataset("pixels", "Side of a pixel", datasets, (PIXEL,), "mm"),
        _by_dataset("lesions", "Axes of lesions", datasets, (MAJOR, MINOR), "mm"),
        _by_dataset("diameters", "Diameters of lesions", datasets, (LONGEST, PERPENDICULAR), "mm"),
        _boxes(survey),
        _sides(datasets),
        *(_of_measures(measures, unit) for unit in ("mm", "degree", "")),
    ]
    return [chart for chart in found if chart is not None]


def _by_dataset(
    key: str, title: str, datasets: Sequence[DatasetRow], quantities: Sequence[str], unit: str
) -> Chart | None:
    rows = [(row.name, tuple(row.spreads.get(quantity) for quantity in quantities)) for row in datasets]
    held = tuple(row for row in rows if any(row[1]))
    if not held:
        return None
    ranges = Ranges(tuple(quantities) if len(quantities) > 1 else (), held, unit)
    return Chart(key, title, "", _figure(key, len(held), lambda axes: _ranges(axes, ranges, log=True)))


def _of_measures(measures: Sequence[MeasureRow], unit: str) -> Chart | None:
    mine = [measure for measure in measures if measure.spread.unit == unit][:MOST_ROWS]
    names = Counter(measure.name or measure.key for measure in mine)
    rows = []
    for measure in mine:
        name = measure.name or measure.key
        rows.append((name if names[name] == 1 else f"{name}, {measure.dataset}", (measure.spread,)))
    if not rows:
        return None
    title = {"mm": "Landmarks: distances", "degree": "Landmarks: angles"}.get(unit, "Landmarks: ratios")
    ranges = Ranges((), tuple(rows), {"degree": "degrees"}.get(unit, unit))
    svg = _figure(f"landmarks-{unit}", len(rows), lambda axes: _ranges(axes, ranges, log=False))
    return Chart(f"landmarks-{unit or 'ratio'}", title, "", svg)


def _boxes(survey: Survey) -> Chart | None:
    if not survey.boxes:
        return None

    def paint(axes: Axes) -> None:
        heights = [survey.boxes[number] for number in range(MOST_BOXES + 1)]
        axes.bar(range(MOST_BOXES + 1), heights, color=FIRST, width=0.8)
        names = [*map(str, range(MOST_BOXES)), f"{MOST_BOXES}+"]
        axes.set_xticks(range(MOST_BOXES + 1), names)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.grid(axis="y")
        axes.set_xlabel("boxes on a slice")
        axes.set_ylabel("slices")

    return Chart("boxes-per-slice", "Boxes per slice", "All labels together.", _figure("per-slice", 10, paint))


def _sides(datasets: Sequence[DatasetRow]) -> Chart | None:
    rows = [row for row in datasets if sum(row.sides.values())]
    if not rows:
        return None

    def paint(axes: Axes) -> None:
        shares = [row.sides["train"] / sum(row.sides.values()) for row in rows]
        places = range(len(rows))
        axes.barh(places, shares, color=FIRST, height=0.66, label="train")
        axes.barh(places, [1 - share for share in shares], left=shares, color=SECOND, height=0.66, label="test")
        _name_rows(axes, [row.name for row in rows])
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_xlabel("share of slices, split by patient")
        _legend(axes, 2)

    return Chart(
        "sides", "Train and test", "Slices on each side of the patient-level split.", _figure("sides", len(rows), paint)
    )


def _figure(key: str, rows: int, paint: Callable[[Axes], None]) -> str:
    """A figure with room for the rows, as SVG."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    defaults: Any = matplotlib.rcParamsDefault  # whatever a user has set for plots of their own
    parameters: Any = {name: value for name, value in defaults.items() if not name.startswith("backend")} | PARAMETERS
    with matplotlib.rc_context(parameters):
        figure = Figure(figsize=(WIDTH, FRAME + LINE * max(rows, 4)), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        paint(axes)
        axes.tick_params(length=3)
        return inline_svg(figure, key)


def _ranges(axes: Axes, ranges: Ranges, log: bool) -> None:
    """A line and a dot a row and series."""
    shift = 0.34 / max(1, len(ranges.series))
    for number in range(max(1, len(ranges.series))):
        colour, up = COLOURS[number % 2], (number - (max(1, len(ranges.series)) - 1) / 2) * 2 * shift
        held = [(place + up, row[1][number]) for place, row in enumerate(ranges.rows) if row[1][number]]
        places, spreads = [place for place, _ in held], [spread for _, spread in held if spread]
        axes.hlines(places, [s.low for s in spreads], [s.high for s in spreads], color=colour, linewidth=2.4)
        dots: dict[str, Any] = {"label": ranges.series[number]} if ranges.series else {}
        medians = [s.median for s in spreads]
        axes.plot(medians, places, "o", color=colour, markersize=7, markeredgecolor=EMPTY, linestyle="none", **dots)
    _name_rows(axes, [name for name, _ in ranges.rows])
    axes.set_xlabel(ranges.unit or "ratio")
    axes.grid(axis="x")
    lowest = min(spread.low for _, spreads in ranges.rows for spread in spreads if spread)
    if log and lowest > 0:
        _decades(axes)
    if ranges.series:
        _legend(axes, len(ranges.series))


def _decades(axes: Axes) -> None:
    """A logarithmic axis whose numbers are written out, 1, 2 and 5 of each power of ten where few powers show."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 1e3 else (1.0,)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [plain(name, NAME) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", left=False)


def _legend(axes: Axes, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, borderaxespad=0.2, handletextpad=0.4)
