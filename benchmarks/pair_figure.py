"""The picture of the documentation's first page: one slice of a drawn phantom, its pairs, and their numbers.

    python benchmarks/pair_figure.py docs/figures/pair.png

The phantom is built as a case of KiTS23, and what the picture says is read from the release.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from cases import save, smooth_field, texture
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import medvision

mpl.use("Agg")
SHAPE = (420, 320, 9)
SPACING_MM = (0.85, 0.85, 5.0)
KIDNEY, TUMOUR = 1, 2
COLOURS = {KIDNEY: "#4fc3f7", TUMOUR: "#ffca28"}


def ellipse(center: tuple[float, float], radii: tuple[float, float], degrees: float = 0.0) -> np.ndarray:
    """(x, y) mask of an ellipse; center and radii are parts of the picture's sides."""
    x, y = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    x, y = x - center[0] * SHAPE[0], y - center[1] * SHAPE[1]
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    u, v = (x * cos + y * sin) / (radii[0] * SHAPE[0]), (y * cos - x * sin) / (radii[1] * SHAPE[1])
    return u**2 + v**2


def phantom(folder: Path) -> None:
    """Writes a CT and its mask in KiTS23's layout; the arrays are x to the right, y to the front."""
    rng = np.random.default_rng(4)
    uneven = 0.25 * smooth_field(SHAPE, 26, rng)[:, :, 4]
    plane, mask = np.full(SHAPE[:2], -1000.0), np.zeros(SHAPE[:2], np.uint8)
    organs = [
        ((0.5, 0.5), (0.46, 0.44), 0, -95, 0),  # fat
        ((0.5, 0.51), (0.42, 0.385), 0, 45, 0),  # wall
        ((0.5, 0.53), (0.39, 0.34), 0, -85, 0),  # fat between organs
        ((0.70, 0.60), (0.17, 0.22), 12, 65, 0),  # liver
        ((0.32, 0.68), (0.11, 0.12), -20, 52, 0),  # stomach and spleen
        ((0.5, 0.24), (0.085, 0.095), 0, 330, 0),  # spine
        ((0.5, 0.24), (0.055, 0.06), 0, 190, 0),
        ((0.54, 0.38), (0.03, 0.04), 0, 95, 0),  # vessels
        ((0.455, 0.37), (0.028, 0.037), 0, 110, 0),
        ((0.71, 0.33), (0.068, 0.095), 28, 125, KIDNEY),
        ((0.29, 0.33), (0.068, 0.095), -28, 125, KIDNEY),
        ((0.245, 0.40), (0.06, 0.048), 35, 78, TUMOUR),
    ]
    for center, radii, degrees, hu, label in organs:
        inside = ellipse(center, radii, degrees) < 1 + (0.5 * uneven if label else 0.3 * uneven)
        plane[inside] = hu
        if label:
            mask[inside] = label
    volume = np.repeat(plane[:, :, None], SHAPE[2], 2)
    volume = volume + np.where(volume > -900, 13.0, 4.0) * texture(SHAPE, 0.9, rng)
    labels = np.repeat(mask[:, :, None], SHAPE[2], 2)
    for name, data in (("imaging", np.rint(volume).astype(np.int16)), ("segmentation", labels)):
        stored = np.asfortranarray(data[::-1, ::-1])  # LPS
        save(folder / f"case_00000/{name}.nii.gz", stored, SPACING_MM)


def draw(axes: Axes, row: dict[str, Any]) -> None:
    view = medvision.render(row, label=KIDNEY, orientation="radiological")
    height, width = view.pixels.shape
    axes.imshow(view.pixels, cmap="gray", aspect=view.pixel_spacing_mm[0] / view.pixel_spacing_mm[1])
    for segment in view.segments:
        for box in segment["boxes"]:
            (r0, c0), (r1, c1) = box["min_rc"], box["max_rc"]
            corner, sides = (c0 - 0.5, r0 - 0.5), (c1 - c0 + 1, r1 - r0 + 1)
            axes.add_patch(Rectangle(corner, *sides, fill=False, lw=1.4, ec=COLOURS[segment["label"]]))
    for lesion in view.lesions:
        for ellipse_row in lesion["ellipses"]:
            for axis in ("major", "minor"):
                (r0, c0), (r1, c1) = ellipse_row[f"{axis}_start_rc"], ellipse_row[f"{axis}_end_rc"]
                axes.plot([c0, c1], [r0, r1], color="#ff5252", lw=1.6, solid_capstyle="butt")
    axes.text(3, height / 2, "R", color="w", ha="left", va="center")
    axes.text(width - 4, height / 2, "L", color="w", ha="right", va="center")
    axes.set_axis_off()


def texts(row: dict[str, Any]) -> list[tuple[str, str]]:
    """(colour, line) of what the release says of the slice."""
    lines = [("#444", f"{row['slice_id']}"), ("#444", f"{row['height']} x {row['width']} pixels of 0.85 mm")]
    for segment in row["segments"]:
        colour = {KIDNEY: "#0277bd", TUMOUR: "#b26a00"}[segment["label"]]
        lines.append((colour, f"{segment['name']}: {segment['area_mm2']:,.0f} mm²"))
        for box in segment["boxes"]:
            lines.append((colour, "   box {:.1f} x {:.1f} mm".format(*box["size_mm"])))
    (lesion,) = row["lesions"]
    fitted, region = lesion["ellipses"][0], lesion["regions"][0]
    lines.append(("#c62828", f"axes {fitted['major_mm']:.1f} and {fitted['minor_mm']:.1f} mm"))
    longest, short = region["longest"]["length_mm"], region["perpendicular"]["length_mm"]
    lines.append(("#c62828", f"RECIST {longest:.1f} x {short:.1f} mm"))
    return lines


def main() -> None:
    """Writes the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("png", type=Path)
    target = parser.parse_args().png
    with tempfile.TemporaryDirectory() as work:
        phantom(Path(work) / "raw/KiTS23")
        release = medvision.build("KiTS23", raw=f"{work}/raw", out=f"{work}/release", planes=["axial"], private=True)
        row = list(release.rows("KiTS23"))[4]
    figure = Figure(figsize=(9.2, 4.0), dpi=110)
    picture, words = figure.subplots(1, 2, width_ratios=[1.3, 1])
    draw(picture, row)
    words.set_axis_off()
    for number, (colour, line) in enumerate(texts(row)):
        words.text(0, 0.97 - 0.1 * number, line, color=colour, va="top", fontsize=11 if number else 9.5)
    figure.tight_layout()
    figure.savefig(target, metadata={"Software": None})


if __name__ == "__main__":
    main()
