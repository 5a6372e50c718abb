"""The size of a picture after a model's own image processor: what its encoder sees, and the picture's part of that.

Each rule is the public one of the processor named beside it; none needs the model. Where a processor pads, the canvas
is larger than the content.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

Size = tuple[int, int]
"""(height, width) in pixels."""
MOST_ASPECT = 200
"""Longer side over shorter, beyond which the smart resize of Qwen and GLM refuses a picture."""


class ProcessorError(ValueError):
    """A picture that the processor refuses."""


@dataclass(frozen=True)
class Resized:
    """What a processor makes of a picture.

    Attributes:
        canvas: (height, width) that the encoder sees, padding included.
        content: (height, width) of the picture on it.
    """

    canvas: Size
    content: Size


@dataclass(frozen=True)
class Processor:
    """A processor by the name that `--processor` takes.

    Attributes:
        models: Further names of models that share it.
        rule: In words, for tables.
        resize: From (height, width) to what it makes. Raises ProcessorError for a picture that it refuses.
        source: Class of the `transformers` library whose rule it is, or whose rule it is else.
    """

    name: str
    rule: str
    source: str
    resize: Callable[[Size], Resized]
    models: tuple[str, ...] = field(default=())


def smart_resize(size: Size, factor: int, min_pixels: int, max_pixels: int, frames: int = 1) -> Resized:
    """Both sides to the nearest multiple of `factor`, then scaled until the area keeps within the bounds (Qwen, GLM).

    Args:
        frames: How often a still counts against the bounds. GLM (2) also enlarges a side shorter than `factor`.
    """
    height, width = size
    if frames > 1 and min(size) < factor:
        scale = max(factor / height, factor / width)
        height, width = int(height * scale), int(width * scale)
    if max(height, width) / min(height, width) > MOST_ASPECT:
        raise ProcessorError(f"a picture of {size[1]} x {size[0]} pixels is refused: one side over {MOST_ASPECT} times")
    high, wide = round(height / factor) * factor, round(width / factor) * factor
    if frames * high * wide > max_pixels:
        shrink = math.sqrt((frames * height * width) / max_pixels)
        high, wide = (max(factor, math.floor(n / shrink / factor) * factor) for n in (height, width))
    elif frames * high * wide < min_pixels:
        grow = math.sqrt(min_pixels / (frames * height * width))
        high, wide = (math.ceil(n * grow / factor) * factor for n in (height, width))
    return Resized((high, wide), (high, wide))


def stretch(size: Size, side: int) -> Resized:
    """To a square, whatever the aspect."""
    return Resized((side, side), (side, side))


def pad_square(size: Size, side: int) -> Resized:
    """Padded to a square, then resized (CLIP behind LLaVA's `expand2square`)."""
    longer = max(size)
    height, width = (round(n * side / longer) for n in size)
    if not min(height, width):
        raise ProcessorError(f"a picture of {size[1]} x {size[0]} pixels is refused: nothing is left of one side")
    return Resized((side, side), (height, width))


def stretch_to_tiles(size: Size, tile: int, most: int) -> Resized:
    """To the grid of at most `most` tiles nearest in aspect, without padding (InternVL).

    Between grids of one aspect the one of more tiles wins while half its area is below the picture's.
    """
    height, width = size
    grids = [(columns, rows) for columns in range(1, most + 1) for rows in range(1, most + 1) if columns * rows <= most]
    best, best_off = (1, 1), math.inf
    for columns, rows in sorted(grids, key=lambda grid: grid[0] * grid[1]):
        off = abs(width / height - columns / rows)
        if off < best_off or (off == best_off and width * height > 0.5 * tile * tile * columns * rows):
            best, best_off = (columns, rows), off
    made = (tile * best[1], tile * best[0])
    return Resized(made, made)


def letterbox(size: Size, tile: int, most: int) -> Resized:
    """Resized into the canvas of 1 to `most` tiles a side that keeps most pixels and wastes fewest, then padded."""
    height, width = size
    best: Size = (tile, tile)
    best_score = (-1, -math.inf)
    for high in range(tile, tile * most + 1, tile):
        for wide in range(tile, tile * most + 1, tile):
            scale = min(wide / width, high / height)
            kept = min(int(width * scale) * int(height * scale), width * height)
            if (score := (kept, -(wide * high - kept))) > best_score:
                best, best_score = (high, wide), score
    scale_h, scale_w = best[0] / height, best[1] / width
    if scale_w < scale_h:
        return Resized(best, (min(math.ceil(height * scale_w), best[0]), best[1]))
    return Resized(best, (best[0], min(math.ceil(width * scale_h), best[1])))


def tiled_canvas(size: Size, tile: int, most: int) -> Resized:
    """Into the smallest canvas of at most `most` tiles that holds it, enlarged to one tile at least, padded (Llama)."""
    height, width = size
    canvases = [(h * tile, w * tile) for h in range(1, most + 1) for w in range(1, most + 1) if h * w <= most]
    scales = [min(high / height, wide / width) for high, wide in canvases]
    larger = [scale for scale in scales if scale >= 1]
    chosen = min(larger) if larger else max(scales)
    fitting = [canvas for canvas, scale in zip(canvases, scales, strict=True) if scale == chosen]
    high, wide = min(fitting, key=lambda canvas: canvas[0] * canvas[1])
    target_h, target_w = min(max(height, tile), high), min(max(width, tile), wide)
    scale_h, scale_w = target_h / height, target_w / width
    if scale_w < scale_h:
        return Resized((high, wide), (min(math.floor(height * scale_w) or 1, target_h), target_w))
    return Resized((high, wide), (target_h, min(math.floor(width * scale_h) or 1, target_w)))


QWEN2_5 = partial(smart_resize, factor=28, min_pixels=56 * 56, max_pixels=28 * 28 * 16_384)
QWEN3 = partial(smart_resize, factor=32, min_pixels=256 * 256, max_pixels=32 * 32 * 16_384)
GLM = partial(smart_resize, factor=28, min_pixels=112 * 112, max_pixels=14 * 14 * 2 * 2 * 2 * 6_144, frames=2)

_TABLE = (
    Processor(
        "qwen2.5-vl", "multiples of 28, 3,136 to 12,845,056 pixels", "Qwen2VLImageProcessor", QWEN2_5, ("lingshu",)
    ),
    Processor("qwen3-vl", "multiples of 32, 65,536 to 16,777,216 pixels", "Qwen2VLImageProcessor, patch 16", QWEN3),
    Processor("glm-4v", "multiples of 28, 6,272 to 4,816,896 pixels", "Glm4vImageProcessor", GLM),
    Processor("gemma3", "896 x 896", "Gemma3ImageProcessor", partial(stretch, side=896), ("medgemma",)),
    Processor("meddr", "448 x 448", "upstream's", partial(stretch, side=448)),
    Processor(
        "internvl3",
        "stretched to 1 to 13 tiles of 448",
        "GotOcr2ImageProcessor",
        partial(stretch_to_tiles, tile=448, most=13),
    ),
    Processor(
        "llava-onevision",
        "letterbox into 1 to 6 tiles of 384 a side",
        "LlavaOnevisionImageProcessor",
        partial(letterbox, tile=384, most=6),
    ),
    Processor(
        "clip-336",
        "padded to a square, 336 x 336",
        "CLIPImageProcessor",
        partial(pad_square, side=336),
        ("llava-med", "huatuogpt-vision", "healthgpt"),
    ),
    Processor(
        "llama-3.2-vision",
        "padded to at most 4 tiles of 560",
        "MllamaImageProcessor",
        partial(tiled_canvas, tile=560, most=4),
    ),
)
PROCESSORS: dict[str, Processor] = {name: entry for entry in _TABLE for name in (entry.name, *entry.models)}
"""Every processor by each of its names; the parameters are those of the models' published configurations."""
