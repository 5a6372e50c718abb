"""Text burned into pixels, as films and ultrasound carry it: names and dates that no header check can see."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from medvision.schemas.volume import Volume

FLAG = "text_burned_in"
MODALITIES = ("X Ray", "ultrasound")
"""Of the modalities that the tables name, those whose devices write into the picture."""
WHITE = 0.98
"""Share of the range that a letter reaches somewhere: overlays are white."""
FLOORS = (0.6, 0.9)
"""Shares from which pixels belong to it: the low one joins soft letters, the high one parts them from tissue."""
HEIGHT_PX = (7, 64)
"""Of a letter."""
COVERED = 0.15
"""Share of a picture that is bright beside its text, at most."""
LETTERS = 5
"""In a line, at least: a side marker is one."""
FRAMES = 3
MAX_PARTS = 20_000


def overlay_flags(volume: Volume, modality: str, planes: Sequence[int]) -> list[str]:
    """FLAG where the source says that text is burned into the pixels, or slices across one of `planes` look so."""
    seen = modality in MODALITIES and any(has_text(volume, across) for across in planes)
    return [FLAG] if volume.says_text or seen else []


def has_text(volume: Volume, across: int) -> bool:
    """Whether the first, the middle or the last slice across an axis shows what looks like a line of text.

    Args:
        volume: In RAS+.
        across: Axis of the slices that the device made.
    """
    count = volume.data.shape[across]
    chosen = sorted({round(place) for place in np.linspace(0, count - 1, FRAMES)})
    return any(looks_like_text(np.take(volume.data, index, axis=across)) for index in chosen)


def looks_like_text(pixels: np.ndarray) -> bool:
    """Whether a picture (H, W) holds a row or column of bright parts of about one height, close to one another.

    A guess, made to miss little: bright letters of 7 to 64 pixels, 5 of them in a line, along either axis.
    """
    low, high = float(pixels.min()), float(pixels.max())
    if not np.isfinite([low, high]).all() or high <= low:
        return False
    scaled = (pixels.astype(np.float32) - low) / (high - low)
    return any(_has_letters(scaled, floor) for floor in FLOORS)


def _has_letters(scaled: np.ndarray, floor: float) -> bool:
    """Whether parts above a floor, each white somewhere, make a line."""
    bright = (scaled >= floor).astype(np.uint8)
    if bright.mean() > COVERED:
        return False  # tissue, or noise
    count, labels, stats, centres = cv2.connectedComponentsWithStats(bright, connectivity=8)
    if not LETTERS < count <= MAX_PARTS:
        return False
    white = np.unique(labels[scaled >= WHITE])
    white = white[white > 0]
    boxes = stats[white][:, [cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH]].astype(float)
    places = centres[white][:, ::-1]
    return _has_line(boxes, places) or _has_line(boxes[:, ::-1], places[:, ::-1])


def _has_line(size: np.ndarray, place: np.ndarray) -> bool:
    """Of parts (N, 2) by size and centre (across, along a line): whether LETTERS of them stand in one line."""
    low, high = HEIGHT_PX
    fits = (size[:, 0] >= low) & (size[:, 0] <= high) & (size[:, 1] <= 1.5 * size[:, 0])
    size, place = size[fits], place[fits]
    for height, (across, _) in zip(size[:, 0], place, strict=True):
        near = (abs(place[:, 0] - across) <= 0.35 * height) & (abs(size[:, 0] - height) <= 0.35 * height)
        along = np.sort(place[near, 1])
        if len(along) >= LETTERS and _longest_run(np.diff(along) <= 2.5 * height) >= LETTERS - 1:
            return True
    return False


def _longest_run(steps: np.ndarray) -> int:
    """Length of the longest run of True."""
    best = now = 0
    for step in steps:
        now = now + 1 if step else 0
        best = max(best, now)
    return best
