"""BMP films: one bright pixel shows the orientation."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from miniature import write_bytes
from PIL import Image
from raw_sources import read, read_ras, reason_of


def bmp(pixels: np.ndarray, mode: str = "L") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, format="BMP")
    return buffer.getvalue()


MODES = ("L", "RGB", "P", "RGBA")


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_a_pixel_is_at_its_column_and_at_its_row_from_below(tmp_path: Path, mode: str) -> None:
    height, width, x, y = 12, 7, 2, 3
    pixels = np.zeros((height, width), np.uint8)
    pixels[y, x] = 200
    write_bytes(tmp_path / "001.bmp", bmp(pixels, mode))
    film = read(tmp_path, "001.bmp", spacing_mm=0.1)
    assert (film.data.shape, film.data.dtype) == ((1, width, height), np.uint8)
    assert np.argwhere(film.data == 200).tolist() == [[0, x, height - 1 - y]]
    assert (film.data > 0).sum() == 1
    np.testing.assert_array_equal(film.affine, np.diag([0.1, 0.1, 0.1, 1.0]))
    assert film.zooms_mm == (0.1, 0.1, 0.1)
    assert read_ras(tmp_path, "001.bmp", spacing_mm=0.1).grid.raw_axes == "RAS"


def test_a_film_is_its_gray_values_flipped_and_swapped(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 21)).astype(np.uint8)
    write_bytes(tmp_path / "a.bmp", bmp(pixels, "RGB"))
    film = read(tmp_path, "a.bmp")
    np.testing.assert_array_equal(film.data[0], np.swapaxes(np.flipud(pixels), 0, 1))
    assert film.zooms_mm == (1.0, 1.0, 1.0)


@given(shape=st.tuples(st.integers(1, 9), st.integers(1, 9)), seed=st.integers(0, 999), mode=st.sampled_from(MODES))
@settings(max_examples=40, deadline=None)
def test_colour_becomes_gray_as_pillow_makes_it(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, int], seed: int, mode: str
) -> None:
    root = tmp_path_factory.mktemp("colour")
    colours = np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype(np.uint8)
    film = Image.fromarray(colours).convert(mode)
    film.save(root / "a.bmp", format="BMP")
    with Image.open(root / "a.bmp") as again:
        expected = np.asarray(again.convert("L"))
    np.testing.assert_array_equal(read(root, "a.bmp").data[0], np.flipud(expected).T)
    flipped = bytearray((root / "a.bmp").read_bytes())
    struct.pack_into("<i", flipped, 22, -shape[0])
    write_bytes(root / "b.bmp", bytes(flipped))
    np.testing.assert_array_equal(read(root, "b.bmp").data[0], expected.T)


GOOD = bmp(np.ones((40, 40), np.uint8))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "bad_header", id="empty"),
        pytest.param(b"\x89PNG" + GOOD[4:], "bad_header", id="another format"),
        pytest.param(GOOD[:20], "bad_header", id="half a header"),
        pytest.param(GOOD[:-300], "truncated", id="cut"),
        pytest.param(GOOD[:-1], "truncated", id="one byte short"),
        pytest.param(GOOD[:18] + (9000).to_bytes(4, "little") * 2 + GOOD[26:], "truncated", id="lying size"),
        pytest.param(GOOD[:18] + (10**6).to_bytes(4, "little") * 2 + GOOD[26:], "truncated", id="bomb"),
        pytest.param(GOOD[:28] + b"\4" + GOOD[29:], "unsupported_encoding", id="four bits"),
        pytest.param(GOOD[:30] + b"\1" + GOOD[31:], "unsupported_encoding", id="run lengths"),
        pytest.param(GOOD[:26] + b"\2" + GOOD[27:], "bad_header", id="two planes"),
        pytest.param(GOOD[:18] + bytes(4) + GOOD[22:], "bad_header", id="no columns"),
        pytest.param(GOOD[:10] + b"\x36\0" + GOOD[12:], "bad_header", id="palette behind the pixels"),
        pytest.param(GOOD[:46] + b"\1\0\0\0" + GOOD[50:], "bad_voxels", id="colour that is not in the palette"),
    ],
)
def test_a_film_that_cannot_be_read_is_a_fault(tmp_path: Path, content: bytes, reason: str) -> None:
    write_bytes(tmp_path / "a.bmp", content)
    assert reason_of(tmp_path, "a.bmp") == reason
