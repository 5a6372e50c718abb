"""The chart of scale: time a case as releases grow, and two workers against one, with and without Beam.

python benchmarks/scaling_chart.py docs/figures/scale.json docs/figures/workers.json docs/figures/scaling.svg
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

NAMES = {
    "pool 1": "a plain loop",
    "pool 2": "a pool of two",
    "build 1": "build, one worker",
    "build 2": "build, two workers",
}


def draw(scale: list[dict[str, Any]], workers: list[dict[str, Any]], path: Path) -> None:
    """Write an SVG from the rows of scale_cases.py and beam_overhead.py."""
    import matplotlib

    matplotlib.rcParams.update({"svg.hashsalt": "medvision", "svg.fonttype": "none", "font.size": 9})
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
    counts = [row["cases"] for row in scale]
    left.plot(counts, [row["whole"] for row in scale], "o-", color="#1f6fb4", label="whole build")
    left.plot(counts, [row["build_shard"] for row in scale], "o-", color="#2f2f2f", label="building shards alone")
    left.set_xscale("log")
    left.set_xticks(counts, [f"{count:,}" for count in counts])
    left.minorticks_off()
    left.set_ylim(0)
    left.set_xlabel("cases")
    left.set_ylabel("milliseconds a case")
    left.legend(frameon=False)
    shown = workers[::-1]
    right.barh(range(len(shown)), [row["building"] for row in shown], 0.6, color="#1f6fb4")
    for place, row in enumerate(shown):
        right.text(row["building"], place, f" {row['x over one']:.2f} x one", va="center", fontsize=8)
    right.set_yticks(range(len(shown)), [NAMES[row["way"]] for row in shown])
    right.set_xlim(0, 1.25 * max(row["building"] for row in shown))
    right.set_xlabel("seconds of building, start-up apart")
    for panel in (left, right):
        panel.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def main() -> None:
    """Draws what the two scripts wrote."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("scale", type=Path)
    parser.add_argument("workers", type=Path)
    parser.add_argument("svg", type=Path)
    options = parser.parse_args()
    rows = [json.loads(path.read_text())["rows"] for path in (options.scale, options.workers)]
    draw(rows[0], rows[1], options.svg)


if __name__ == "__main__":
    main()
