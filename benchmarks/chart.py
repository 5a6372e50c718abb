"""The chart of the benchmark: seconds of each case on all three sides, on a logarithmic axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

COLOURS = {"naive": "#b9b9b9", "ours": "#1f6fb4", "floor": "#2f2f2f"}
NAMES = {"naive": "naive", "ours": "this project", "floor": "floor"}


def draw(results: list[dict[str, Any]], path: Path) -> None:
    """Write an SVG with a panel a mode; the same bytes for the same results."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams.update({"svg.hashsalt": "medvision", "svg.fonttype": "none", "font.size": 9})
    modes = [mode for mode in ("png16", "none") if any(result["images"] == mode for result in results)]
    most = max(sum(result["images"] == mode for result in results) for mode in modes)
    figure, axes = plt.subplots(1, len(modes), figsize=(5.6 * len(modes), 1 + 0.55 * most), squeeze=False)
    for panel, mode in zip(axes[0], modes, strict=True):
        shown = [result for result in results if result["images"] == mode][::-1]
        for place, side in enumerate(("floor", "ours", "naive")):
            seconds = [result[side]["seconds"] for result in shown]
            heights = [row + 0.27 * (place - 1) for row in range(len(shown))]
            panel.barh(heights, seconds, 0.25, color=COLOURS[side], label=NAMES[side])
        for row, result in enumerate(shown):
            text = f" {result['ratio_to_floor']:.2f} x floor"
            panel.text(result["ours"]["seconds"], row, text, va="center", fontsize=8)
        panel.set_xscale("log")
        panel.set_xlabel("seconds, one core")
        panel.set_yticks(range(len(shown)), [result["title"] for result in shown])
        panel.set_title("images and annotations" if mode == "png16" else "annotations alone", fontsize=10)
        panel.spines[["top", "right"]].set_visible(False)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="upper center", ncol=3, frameon=False, bbox_to_anchor=(0.5, 1.0))
    figure.tight_layout(rect=(0, 0, 1, 0.95))
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)
