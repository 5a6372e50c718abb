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

from medvision.transforms.chords import recist_chords
from medvision.transforms.edges import edge_midpoints
from medvision.transforms.feret import max_feret, min_feret
from medvision.transforms.moments import region_moments, second_moment_axes

Axes = tuple[float, float]
Method = Callable[[DrawnEllipse], Axes | None]


def moments_with_pixel(drawn: DrawnEllipse) -> Axes | None:
    return region_moments(drawn.mask, drawn.spacing_rc_mm).lengths_mm


def moments_of_points(drawn: DrawnEllipse) -> Axes | None:
    major, minor = second_moment_axes(np.argwhere(drawn.mask) * np.array(drawn.spacing_rc_mm)).lengths_mm
    return major, minor


def conic_through_edges(drawn: DrawnEllipse) -> Axes | None:
    return conic(edge_midpoints(drawn.mask) / 2 * np.array(drawn.spacing_rc_mm))


def conic_through_centres(drawn: DrawnEllipse) -> Axes | None:
    return conic(outline_xy(drawn.mask)[:, ::-1] * np.array(drawn.spacing_rc_mm))


def conic(points_mm: np.ndarray) -> Axes | None:
    if len(points_mm) < 5:
        return None
    cv2.setRNGSeed(0)
    first, second = cv2.fitEllipse(points_mm.astype(np.float32))[1]
    return (max(first, second), min(first, second)) if np.isfinite([first, second]).all() else None


def outline_xy(mask: np.ndarray) -> np.ndarray:
    """(points, 2) column and row of the outer border's pixel centres."""
    return cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0][0].reshape(-1, 2)


def version_1_0_0(drawn: DrawnEllipse) -> Axes | None:
    """Upstream 1.0.0: spacing along the wrong axes, rounded ends, kept if its ends lie near the border of the box."""
    row_mm, column_mm = drawn.spacing_rc_mm
    points_xy = outline_xy(drawn.mask)
    if len(points_xy) < 5:
        return None
    cv2.setRNGSeed(0)
    center, axes, turn_deg = cv2.fitEllipse((points_xy * np.array([row_mm, column_mm])).astype(np.float32))
    if not np.isfinite([*center, *axes, turn_deg]).all():
        return None
    swapped = np.array([row_mm, column_mm])
    center_xy, (a, b) = np.array(center) / swapped, np.array(axes) / swapped / 2
    turn = np.radians(turn_deg)
    first, second = a * np.array([np.cos(turn), np.sin(turn)]), b * np.array([-np.sin(turn), np.cos(turn)])
    if np.linalg.norm(first) < np.linalg.norm(second):
        first, second = second, first
    ends_rc = [(center_xy + sign * half)[::-1] for half in (first, second) for sign in (1, -1)]
    if not passes_gate(ends_rc, drawn.mask.shape):
        return None
    ends_mm = [np.rint(end) * np.array([row_mm, column_mm]) for end in ends_rc]
    return float(np.linalg.norm(ends_mm[0] - ends_mm[1])), float(np.linalg.norm(ends_mm[2] - ends_mm[3]))


def passes_gate(ends_rc: list[np.ndarray], shape: tuple[int, ...]) -> bool:
    """All ends within 1.1 times the box, none within 0.9 times; the box stands far from the slice's borders."""
    sides, margin = np.array(shape), 1000
    center = margin + (sides - 1) / 2

    def scaled(factor: float) -> tuple[np.ndarray, np.ndarray]:
        half = (sides * factor).astype(int) / 2
        return (center - half).astype(int) - margin, (center + half).astype(int) - margin

    (outer_low, outer_high), (inner_low, inner_high) = scaled(1.1), scaled(0.9)
    within = all(((end >= outer_low) & (end <= outer_high)).all() for end in ends_rc)
    return within and all(((end <= inner_low) | (end >= inner_high)).any() for end in ends_rc)


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
    "conic through centres (upstream 1.1.1, 1.4.0)": conic_through_centres,
    "upstream 1.0.0": version_1_0_0,
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
