"""How an image is shown: from the codes that a release stores to the array that a model takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from medvision.transforms.move import Move, move_of
from medvision.transforms.resize import resize
from medvision.transforms.windows import Window, choose_window, stored_to_values, to_grey

PIXELS = ("picture", "values")


@dataclass(frozen=True)
class Look:
    """What is asked of an image; the arguments of `medvision.render`, and `pixels`.

    Attributes:
        pixels: "picture" (uint8, windowed) or "values" (float32, in the row's unit).
    """

    pixels: str = "picture"
    size: tuple[int, int] | None = None
    orientation: str = "array"
    window: Window = "upstream"

    def __post_init__(self) -> None:
        """Raises ValueError for an option that no image can be made with."""
        if self.pixels not in PIXELS:
            raise ValueError(f'pixels must be "picture" or "values", got {self.pixels!r}')
        move_of((2, 2), self.orientation, self.size)
        if self.window != "upstream":
            choose_window(self.window, {}, None)

    def move(self, row: Mapping[str, Any]) -> Move:
        """From pixels of the slice to pixels of the image."""
        return move_of((row["height"], row["width"]), self.orientation, self.size)

    def image(self, stored: np.ndarray, row: Mapping[str, Any], move: Move, label: int, name: str) -> np.ndarray:
        """(1, H, W): uint8 as `medvision.render(row, label)` shows, or float32 intensities.

        Args:
            stored: (rows, columns) codes, as the row's `intensity_` columns explain them.
            label, name: Of the target, which chooses the window of a CT; 0 for none.
        """
        values = resize(stored_to_values(stored, row), move.resized)
        if self.pixels == "values":
            return move.pixels(values)[None]
        shown = {**row, "segments": [{"label": label, "name": name}]}
        return move.pixels(to_grey(values, choose_window(self.window, shown, label or None))[0])[None]
