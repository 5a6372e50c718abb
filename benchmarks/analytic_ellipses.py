"""How far each definition of a lesion's axes lies from the axes of ellipses that are known exactly.

python benchmarks/analytic_ellipses.py
python benchmarks/analytic_ellipses.py --count 2000 --json errors.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from drawn_ellipses import DrawnEllipse, draw_many
from rich.console import Console
from rich.table import Table

from medvision.schemas.rules import RULES
from medvision.transforms.conics import Frame, fit_conic
from medvision.transforms.shapes.chords import recist_chords
from medvision.transforms.shapes.edges import edge_midpoints
from medvision.transforms.shapes.feret import max_feret, min_feret
from medvision.transforms.shapes.moments import region_moments, second_moment_axes

Axes = tuple[float, float]
Method = Callable[[DrawnEllipse], Axes | None]


def moments_with_pixel(drawn: DrawnEllipse) -> Axes | None:
    return region_moments(drawn.mask, drawn.spacing_rc_mm).lengths_mm


def moments_of_points(drawn: DrawnEllipse) -> Axes | None:
    major, minor = second_moment_axes(np.argwhere(drawn.mask) * np.array(drawn.spacing_rc_mm)).lengths_mm
    return major, minor


def conic_through_edges(drawn: DrawnEllipse) -> Axes | None:
    return conic(edge_midpoints(drawn.mask) / 2 * np.array(drawn.spacing_rc_mm))


def conic(points_mm: np.ndarray) -> Axes | None:
    if len(points_mm) < 5:
        return None
    cv2.setRNGSeed(0)
    first, second = cv2.fitEllipse(points_mm.astype(np.float32))[1]
    return (max(first, second), min(first, second)) if np.isfinite([first, second]).all() else None


def by_rules(name: str) -> Method:
    """Upstream's conic as a version has it, on a slice whose borders are far."""

    def measure(drawn: DrawnEllipse) -> Axes | None:
        frame = Frame((4000, 4000), drawn.spacing_rc_mm, drawn.spacing_rc_mm)
        ellipse, _ = fit_conic(drawn.mask, (1000, 1000), frame, RULES[name])
        return (ellipse.major_mm, ellipse.minor_mm) if ellipse else None

    return measure


def feret_of_edges(drawn: DrawnEllipse) -> Axes | None:
    points = edge_midpoints(drawn.mask)
    return max_feret(points, drawn.spacing_rc_mm)[0], min_feret(points, drawn.spacing_rc_mm)[0]


def feret_of_centres(drawn: DrawnEllipse) -> Axes | None:
    points = 2 * np.argwhere(drawn.mask)
    return max_feret(points, drawn.spacing_rc_mm)[0], min_feret(points, drawn.spacing_rc_mm)[0]


def recist(drawn: DrawnEllipse) -> Axes | None:
    longest, across = recist_chords(drawn.mask, (0, 0), drawn.spacing_rc_mm)
    return longest.length_mm, across.length_mm if across else float("nan")


METHODS: dict[str, Method] = {
    "second moments + pixel term": moments_with_pixel,
    "conic through edge midpoints": conic_through_edges,
    "second moments of points (PyRadiomics)": moments_of_points,
    "conic through centres (rules 1.4.0)": by_rules("1.4.0"),
    "the same with the gate (rules 1.1.1)": by_rules("1.1.1"),
    "rules 1.0.0, 1.1.0": by_rules("1.0.0"),
    "Feret through edge midpoints": feret_of_edges,
    "Feret through centres": feret_of_centres,
    "RECIST chords": recist,
}


def errors(method: Method, ellipses: list[DrawnEllipse]) -> dict[str, float]:
    """Signed mean and median, and 95th percentile without sign, in % of the true axis, over the ellipses measured."""
    method(ellipses[0])  # compiled before the clock starts
    started = time.perf_counter()
    axes = [method(drawn) for drawn in ellipses]
    micros = (time.perf_counter() - started) / len(ellipses) * 1e6
    kept = [(found, drawn) for found, drawn in zip(axes, ellipses, strict=True) if found is not None]
    report = {"kept_share": len(kept) / len(ellipses), "us_each": micros}
    for index, name in enumerate(("major", "minor")):
        truth = np.array([(drawn.major_mm, drawn.minor_mm)[index] for _, drawn in kept])
        percent = 100 * (np.array([found[index] for found, _ in kept]) / truth - 1)
        percent = percent[np.isfinite(percent)]
        report[f"{name}_mean"] = float(percent.mean())
        report[f"{name}_median"] = float(np.median(percent))
        report[f"{name}_p95"] = float(np.percentile(np.abs(percent), 95))
    return report


def show(console: Console, title: str, rows: dict[str, dict[str, float]]) -> None:
    table = Table(title=title)
    table.add_column("definition")
    for heading in ("kept %", "major mean %", "median", "p95", "minor mean %", "median", "p95", "us"):
        table.add_column(heading, justify="right")
    for name, row in rows.items():
        figures = [f"{row[f'{axis}_{kind}']:.2f}" for axis in ("major", "minor") for kind in ("mean", "median", "p95")]
        table.add_row(name, f"{100 * row['kept_share']:.1f}", *figures, f"{row['us_each']:.0f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="ellipses in each table (10000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    options = parser.parse_args()
    console = Console(width=140)
    bins = {"minor axis 10-30 pixels": (10.0, 30.0), "minor axis 2-10 pixels": (2.0, 10.0)}
    report = {}
    for title, minor_pixels in bins.items():
        ellipses = draw_many(options.count, options.seed, minor_pixels)
        report[title] = {name: errors(method, ellipses) for name, method in METHODS.items()}
        show(console, f"{options.count} ellipses, {title} of the coarser side", report[title])
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
