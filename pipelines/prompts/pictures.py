"""The 8-bit pictures of a slice: one for each window that its questions are shown under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from medvision.pipelines.prompts.options import PromptOptions
from medvision.schemas.pairs import LANDMARK_KINDS
from medvision.transforms.move import Move
from medvision.transforms.png import PngWriter
from medvision.transforms.render import values_of
from medvision.transforms.windows import to_grey, upstream_window

Window = tuple[float, float] | None
"""(width, level), None for percentiles."""


@dataclass
class Pictures:
    """Pictures of one slice, each made once. `move` takes its pixels to those of a picture."""

    row: Mapping[str, Any]
    values: np.ndarray
    move: Move
    made: dict[Window, bytes] = field(default_factory=dict)

    @staticmethod
    def of(row: Mapping[str, Any], options: PromptOptions) -> Pictures:
        """Decode and resize. Raises ValueError for an image that is not what its row says."""
        values, move = values_of(row, options.orientation, options.image_size)
        return Pictures(row, values, move)

    def window(self, kind: str, pair: Mapping[str, Any]) -> Window:
        """Window that a pair is shown under: by its label, for landmarks by none."""
        return upstream_window(self.row, None if kind in LANDMARK_KINDS else pair["label"])

    def png(self, window: Window) -> bytes:
        """A grey PNG of 8 bits, the pixels of `render`."""
        if window not in self.made:
            pixels = self.move.pixels(to_grey(self.values, window)[0])
            height, width = pixels.shape
            self.made[window] = PngWriter(height, width, 8).write(np.ascontiguousarray(pixels))
        return self.made[window]

    def name(self, window: Window) -> str:
        """Without its ending: the slice's id and what it is stretched between."""
        shown = "p" if window is None else f"w{window[0]:g}l{window[1]:g}"
        return f"{self.row['slice_id']}-{shown}"
