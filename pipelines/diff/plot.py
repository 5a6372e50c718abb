"""Two pictures of a comparison: how many pairs each cause changed, and by how many millimetres."""

from __future__ import annotations

from collections import defaultdict
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from medvision.pipelines.diff.report import Diff
from medvision.pipelines.diff.tally import ANY

DPI, INCHES = 120, (13.0, 6.0)
MOST_CAUSES = 12
STATES = {"changed": ("changed", "#4477aa"), "only_a": ("only in A", "#ee6677"), "only_b": ("only in B", "#228833")}


def plot_png(report: Diff) -> bytes:
    """PNG of 1560 x 720 pixels: a bar of pairs a cause, and the spread of changes in mm a cause.

    Boxes span p5 to p95 of B minus A with the median inside; whiskers reach the extremes.
    """
    figure = Figure(figsize=INCHES, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    counts, spread = figure.subplots(1, 2)
    causes = _causes(report)
    _bars(counts, report, causes)
    _boxes(spread, report, causes)
    figure.suptitle(f"A: rules {report.a.rules}    B: rules {report.b.rules}")
    out = BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _causes(report: Diff) -> list[str]:
    """The most frequent causes, the most frequent last (topmost in the picture)."""
    totals: dict[str, int] = defaultdict(int)
    for key in report.tally.listed():
        if key.quantity == ANY:
            totals[key.cause] += report.tally.count(key)
    return sorted(totals, key=lambda cause: (totals[cause], cause))[-MOST_CAUSES:]


def _bars(axes: Axes, report: Diff, causes: list[str]) -> None:
    left = np.zeros(len(causes))
    for state, (name, colour) in STATES.items():
        width = np.zeros(len(causes))
        for key in report.tally.listed():
            if key.quantity == ANY and key.state == state and key.cause in causes:
                width[causes.index(key.cause)] += report.tally.count(key)
        axes.barh(range(len(causes)), width, left=left, color=colour, label=name)
        left += width
    axes.set_yticks(range(len(causes)), causes)
    axes.set_xlabel("pairs and slices")
    if causes:
        axes.legend(loc="lower right")
    axes.set_title("by cause" if causes else "no differences")


def _boxes(axes: Axes, report: Diff, causes: list[str]) -> None:
    found: dict[str, list[np.ndarray]] = defaultdict(list)
    for key in report.tally.listed():
        if key.quantity.endswith("_mm") and key.cause in causes:
            found[key.cause].append(report.tally.changes(key))
    stats = []
    for cause in causes:
        values = np.concatenate(found.get(cause, [np.zeros(0, np.float32)])).astype(np.float64)
        if len(values):
            low, median, high = np.quantile(values, (0.05, 0.5, 0.95))
            item = {"label": cause, "q1": low, "med": median, "q3": high, "fliers": []}
            stats.append(item | {"whislo": values.min(), "whishi": values.max()})
    if stats:
        axes.bxp(stats, orientation="horizontal", showfliers=False)
    axes.axvline(0.0, color="0.7", linewidth=0.8, zorder=0)
    axes.set_xlabel("B minus A, mm")
    axes.set_title("change of lengths" if stats else "no length changed")
