"""Real image processors on the pictures of a folder of prompts; prints JSON. Needs torch, torchvision, transformers.

    python image_processor.py PROMPTS [RELEASE]

Processors are made from their published parameters, offline and without a model. For each: the size that it truly makes
of each picture beside the one that the package states, and the share of values of its tensor that lie at the black or
white end, beside that of the picture itself (`picture_black`: air below a CT window). With RELEASE the same of the
16-bit PNG of the slice, as who knows no better would feed it.
"""

import io
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image
from transformers import (
    CLIPImageProcessor,
    Gemma3ImageProcessor,
    Glm4vImageProcessor,
    GotOcr2ImageProcessor,
    LlavaOnevisionImageProcessor,
    MllamaImageProcessor,
    Qwen2VLImageProcessor,
)
from transformers.image_processing_utils import get_patch_output_size, select_best_resolution
from transformers.image_utils import ChannelDimension, SizeDict
from transformers.models.got_ocr2.image_processing_got_ocr2 import get_optimal_tiled_canvas

from medvision.transforms.processor_sizes import PROCESSORS

MOST = 60
"""Pictures of different sizes that are tried."""
SHAPES = ((31, 77), (256, 256), (512, 512), (320, 1000), (1000, 320), (2400, 1935), (97, 640), (45, 40), (1500, 200))
"""Further sizes, filled with noise: anisotropic slices and films."""
Size = tuple[int, int]
Made = tuple[Size, Size, torch.Tensor, Any]
"""Canvas and content (height, width), the tensor, and the processor for its mean and deviation."""


def qwen2_5(image: Image.Image) -> Made:
    return _by_grid(Qwen2VLImageProcessor(size={"shortest_edge": 3136, "longest_edge": 12845056}), image)


def qwen3(image: Image.Image) -> Made:
    half = [0.5, 0.5, 0.5]
    size = {"shortest_edge": 65536, "longest_edge": 16777216}
    return _by_grid(Qwen2VLImageProcessor(size=size, patch_size=16, image_mean=half, image_std=half), image)


def glm(image: Image.Image) -> Made:
    return _by_grid(Glm4vImageProcessor(size={"shortest_edge": 12544, "longest_edge": 9633792}), image)


def _by_grid(processor: Any, image: Image.Image) -> Made:
    made = processor(images=[image], return_tensors="pt")
    _, high, wide = made["image_grid_thw"][0].tolist()
    size = (high * processor.patch_size, wide * processor.patch_size)
    return (
        size,
        size,
        made["pixel_values"].reshape(-1, 3, processor.temporal_patch_size, processor.patch_size**2),
        processor,
    )


def gemma3(image: Image.Image) -> Made:
    processor = Gemma3ImageProcessor(size={"height": 896, "width": 896})
    tensor = processor(images=[image], return_tensors="pt")["pixel_values"]
    size = (tensor.shape[-2], tensor.shape[-1])
    return size, size, tensor, processor


def clip(image: Image.Image) -> Made:
    processor = CLIPImageProcessor(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336})
    side = max(image.size)
    grey = tuple(int(mean * 255) for mean in processor.image_mean)
    square = Image.new("RGB", (side, side), grey)
    left, top = (side - image.width) // 2, (side - image.height) // 2
    square.paste(image, (left, top))
    tensor = processor(images=[square], return_tensors="pt")["pixel_values"]
    scale = tensor.shape[-1] / side
    inner = (round(image.height * scale), round(image.width * scale))
    low, first = math.ceil(top * scale), math.ceil(left * scale)
    content = tensor[..., low : low + inner[0] - 1 or None, first : first + inner[1] - 1 or None]
    return (tensor.shape[-2], tensor.shape[-1]), inner, content, processor


def internvl3(image: Image.Image) -> Made:
    processor = GotOcr2ImageProcessor(
        size={"height": 448, "width": 448}, crop_to_patches=True, min_patches=1, max_patches=13
    )
    made = processor(images=[image], return_tensors="pt")
    columns, rows = get_optimal_tiled_canvas((image.height, image.width), (448, 448), 1, 13)
    tiles = made["pixel_values"].shape[0] - (columns * rows > 1)  # and a thumbnail
    size = (448 * rows, 448 * columns) if tiles == columns * rows else (0, tiles)
    return size, size, made["pixel_values"], processor


def llava_onevision(image: Image.Image) -> Made:
    pinpoints = [[h, w] for h in range(384, 2305, 384) for w in range(384, 2305, 384)]
    processor = LlavaOnevisionImageProcessor(size={"height": 384, "width": 384}, image_grid_pinpoints=pinpoints)
    made = processor(images=[image], return_tensors="pt")
    canvas = tuple(select_best_resolution((image.height, image.width), pinpoints))
    tiles = made["pixel_values"].shape[1] - 1
    content = get_patch_output_size(np.asarray(image), canvas, ChannelDimension.LAST)
    size = canvas if tiles * 384 * 384 == canvas[0] * canvas[1] else (0, tiles)
    return size, tuple(content), made["pixel_values"][:, :1], processor  # the whole picture, stretched


def llama(image: Image.Image) -> Made:
    side = SizeDict(height=560, width=560)
    processor = MllamaImageProcessor(size={"height": 560, "width": 560}, max_image_tiles=4)
    made = processor(images=[image], return_tensors="pt")
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    resized, (high, wide) = processor.resize(pixels, side, max_image_tiles=4)
    content = (resized.shape[-2], resized.shape[-1])
    assert int(made["num_tiles"][0][0]) == high * wide
    tile = made["pixel_values"][0, 0, 0, :, : min(content[0], 560), : min(content[1], 560)]
    return (560 * int(high), 560 * int(wide)), content, tile, processor


MAKERS: dict[str, Callable[[Image.Image], Made]] = {
    "qwen2.5-vl": qwen2_5,
    "qwen3-vl": qwen3,
    "glm-4v": glm,
    "gemma3": gemma3,
    "clip-336": clip,
    "internvl3": internvl3,
    "llava-onevision": llava_onevision,
    "llama-3.2-vision": llama,
}


def shares(tensor: torch.Tensor, processor: Any) -> dict[str, float]:
    """Share of values at the black and at the white end of what the processor can make."""
    axis = 1 if tensor.dim() == 4 else tensor.dim() - 3
    shape = [1] * tensor.dim()
    shape[axis] = 3
    mean, std = (torch.tensor(getattr(processor, name)).reshape(shape) for name in ("image_mean", "image_std"))
    grey = tensor * std + mean
    return {"black": float((grey <= 0.5 / 255).float().mean()), "white": float((grey >= 254.5 / 255).float().mean())}


def main(prompts: Path, release: str) -> dict[str, Any]:
    pictures: dict[str, tuple[Image.Image, dict[str, Any]]] = {}
    for path in sorted((prompts / "data").glob("*.parquet")):
        for row in pq.read_table(path).to_pylist():
            if len(pictures) < MOST and row["image"]["path"] not in pictures:
                pictures[row["image"]["path"]] = (Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB"), row)
    asked = json.loads((prompts / "prompts.json").read_text())["options"]["processor"]
    noise = np.random.default_rng(7)
    others = [Image.fromarray(noise.integers(0, 256, (*shape, 3), np.uint8)) for shape in SHAPES]
    found: dict[str, Any] = {}
    for name, make in MAKERS.items():
        report: dict[str, Any] = {"sizes": [], "clipped": []}
        for image, row in [*pictures.values(), *((image, None) for image in others)]:
            canvas, content, tensor, processor = make(image)
            stated = PROCESSORS[name].resize((image.height, image.width))
            size: dict[str, Any] = {
                "picture_wh": list(image.size),
                "stated_wh": [*stated.canvas[::-1], *stated.content[::-1]],
                "made_wh": [*map(int, canvas[::-1]), *map(int, content[::-1])],
            }
            if row is not None:
                levels = np.asarray(image)
                own = {"picture_black": float((levels == 0).mean()), "picture_white": float((levels == 255).mean())}
                report["clipped"].append({"picture": row["image"]["path"], **shares(tensor, processor), **own})
                if asked and PROCESSORS[asked] is PROCESSORS[name]:
                    size["row_wh"] = [*row["image_wh"], *row["content_wh"]]
            report["sizes"].append(size)
        if release:
            report["clipped_16_bit"] = clipped_16_bit(release, [row for _, row in pictures.values()], make)
        found[name] = report
    return found


def clipped_16_bit(release: str, rows: list[dict[str, Any]], make: Callable[[Image.Image], Made]) -> list[Any]:
    import medvision

    opened = medvision.open_release(release)
    found = []
    for row in rows:
        stored = Image.open(io.BytesIO(opened.find_row(row["slice_id"])["image"]["bytes"]))
        _, _, tensor, processor = make(stored.convert("RGB"))
        found.append({"picture": row["image"]["path"], "mode": stored.mode, **shares(tensor, processor)})
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")) + "\n")
