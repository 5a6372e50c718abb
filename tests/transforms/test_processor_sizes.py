"""Sizes after a processor: worked out by hand, or as the classes of `transformers` 5.24 gave them.

tests/promises/readers/image_processor.py runs those classes themselves.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvision.transforms.processor_sizes import PROCESSORS, ProcessorError, Size

WHOLE = pytest.mark.parametrize("name", sorted(PROCESSORS))


@pytest.mark.parametrize(
    ("name", "size", "canvas", "content"),
    [
        ("qwen2.5-vl", (512, 512), (504, 504), None),  # 18.29 x 28
        ("qwen2.5-vl", (14, 42), (56, 112), None),  # 0.5 rounds to 0: too small, so 1.15 and 3.46 are rounded up
        ("qwen2.5-vl", (4_000, 4_000), (3_584, 3_584), None),  # at most 12,845,056 pixels: 128 x 28
        ("lingshu", (320, 1_000), (308, 1_008), None),
        ("qwen3-vl", (512, 300), (512, 288), None),
        ("qwen3-vl", (72, 12), (640, 128), None),  # at least 65,536 pixels
        ("glm-4v", (2_400, 1_935), (2_408, 1_932), None),
        ("glm-4v", (3_000, 3_000), (2_184, 2_184), None),  # a still counts as two frames: half of 9,633,792
        ("glm-4v", (10, 20), (56, 112), None),  # to 28 x 56, then twice that
        ("gemma3", (31, 77), (896, 896), None),
        ("medgemma", (2_400, 1_935), (896, 896), None),
        ("meddr", (31, 77), (448, 448), None),
        ("internvl3", (512, 512), (448, 448), None),
        ("internvl3", (700, 700), (896, 896), None),  # of 1:1 grids 2 x 2: half its area is below the picture's
        ("internvl3", (97, 640), (448, 3_136), None),
        ("internvl3", (10, 900), (448, 5_824), None),
        ("llava-onevision", (512, 512), (768, 768), (768, 768)),
        ("llava-onevision", (320, 1_000), (384, 1_152), (369, 1_152)),
        ("llava-onevision", (31, 77), (384, 384), (155, 384)),
        ("clip-336", (8, 10), (336, 336), (269, 336)),
        ("healthgpt", (2_400, 1_935), (336, 336), (336, 271)),
        ("llama-3.2-vision", (31, 77), (560, 560), (225, 560)),
        ("llama-3.2-vision", (512, 512), (560, 560), (560, 560)),
        ("llama-3.2-vision", (320, 1_000), (560, 1_120), (320, 1_000)),
        ("llama-3.2-vision", (2_400, 1_935), (1_120, 1_120), (1_120, 903)),
    ],
)
def test_known_sizes(name: str, size: Size, canvas: Size, content: Size | None) -> None:
    made = PROCESSORS[name].resize(size)
    assert (made.canvas, made.content) == (canvas, content or canvas)


@WHOLE
@given(height=st.integers(1, 3_000), width=st.integers(1, 3_000))
def test_a_content_fits_its_canvas(name: str, height: int, width: int) -> None:
    try:
        made = PROCESSORS[name].resize((height, width))
    except ProcessorError:
        assert max(height, width) > 200 * min(height, width)  # of CLIP 672
        return
    assert all(1 <= inner <= outer for inner, outer in zip(made.content, made.canvas, strict=True))
    if made.content != made.canvas:  # what pads keeps the aspect, to the rounding of a side
        scales = [inner / n for inner, n in zip(made.content, (height, width), strict=True)]
        assert abs(scales[0] - scales[1]) * min(height, width) <= 1


@pytest.mark.parametrize("name", ["qwen2.5-vl", "qwen3-vl", "glm-4v"])
def test_a_strip_is_refused(name: str) -> None:
    with pytest.raises(ProcessorError, match="2000 x 9 pixels is refused: one side over 200 times"):
        PROCESSORS[name].resize((9, 2_000))


def test_a_line_that_vanishes_is_refused() -> None:
    with pytest.raises(ProcessorError, match="3000 x 1 pixels"):
        PROCESSORS["clip-336"].resize((1, 3_000))


def test_bounds_of_ones_own() -> None:
    assert PROCESSORS["qwen2.5-vl"].resize((512, 512), max_pixels=100_352).canvas == (308, 308)  # type: ignore[call-arg]
