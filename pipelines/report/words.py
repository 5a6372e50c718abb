"""Names and numbers as the page writes them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from medvision.schemas.pairs import LANDMARK_KINDS

KIND_NAMES = {
    "BoxSize": "boxes",
    "MaskSize": "masks",
    "TumorLesionSize": "lesion axes",
    "LesionDiameter": "lesion diameters",
    "BiometricsFromLandmarks": "landmarks",
    "BiometricsFromLandmarks_Distance": "distances",
    "BiometricsFromLandmarks_Angle": "angles",
    "BiometricsFromLandmarks_Ratio": "ratios",
}
"""Short names of KINDS, for heads of columns."""
NAMELESS = "(unnamed)"
SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def byte_text(count: float) -> str:
    """A size in decimal units."""
    for size, unit in SIZES:
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count:,.0f} B"


def number(value: float) -> str:
    """A measured number in a table: three digits that count, whole from 100 on."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def web_address(url: str) -> str:
    """The address if a link may lead there, else "": `javascript:` and its like are no places to go."""
    return url if urlsplit(url).scheme in ("http", "https") else ""


def landmark_pairs(pairs: Mapping[str, int]) -> int:
    """Pairs on landmarks of every kind."""
    return sum(count for kind, count in pairs.items() if kind in LANDMARK_KINDS)
