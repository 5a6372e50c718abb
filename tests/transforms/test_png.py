"""PNG files read back by several decoders, and taken apart by hand."""

import io
import struct
import zlib

import cv2
import matplotlib.image
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from medvision.transforms.png import PngWriter, _own, read_png


def png_of(pixels: np.ndarray) -> bytes:
    return PngWriter(*pixels.shape, pixels.itemsize * 8).write(pixels)


def chunks_of(content: bytes) -> dict[bytes, bytes]:
    """Chunks by name, their CRC checked by zlib."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(content):
        length, name = struct.unpack(">I4s", content[at : at + 8])
        chunks[name] = content[at + 8 : at + 8 + length]
        (crc,) = struct.unpack(">I", content[at + 8 + length : at + 12 + length])
        assert crc == zlib.crc32(name + chunks[name])
        at += 12 + length
    return chunks


def filtered(pixels: np.ndarray) -> bytes:
    """Rows as the specification filters them with "Up", byte by byte."""
    rows = [row.astype(pixels.dtype.newbyteorder(">")).tobytes() for row in pixels]
    above = [bytes(len(rows[0])), *rows]
    return b"".join(
        b"\x02" + bytes((a - b) % 256 for a, b in zip(row, over, strict=True))
        for row, over in zip(rows, above, strict=False)
    )


def check(pixels: np.ndarray) -> None:
    content = png_of(pixels)
    assert content == png_of(pixels.copy())
    for decode in (
        lambda: np.asarray(Image.open(io.BytesIO(content))),
        lambda: cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED),
    ):
        shown = decode()
        assert (shown.dtype, shown.shape) == (pixels.dtype, pixels.shape)
        np.testing.assert_array_equal(shown, pixels)
    top = np.iinfo(pixels.dtype).max
    np.testing.assert_array_equal(np.rint(matplotlib.image.imread(io.BytesIO(content), "png") * top), pixels)
    chunks = chunks_of(content)
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    height, width = pixels.shape
    assert chunks[b"IHDR"] == struct.pack(">IIBBBBB", width, height, pixels.itemsize * 8, 0, 0, 0, 0)
    stream = zlib.decompressobj()
    assert stream.decompress(chunks[b"IDAT"]) == filtered(pixels)
    assert (stream.eof, stream.unused_data, chunks[b"IEND"]) == (True, b"", b"")


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.one_of(st.sampled_from([(1, 1), (1, 17), (17, 1)]), st.tuples(st.integers(1, 40), st.integers(1, 40))),
    )
)
@settings(max_examples=150, deadline=None)
def test_any_small_picture_comes_back(pixels: np.ndarray) -> None:
    check(pixels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 999), (999, 1), (64, 64), (257, 131), (301, 640)])
@pytest.mark.parametrize("kind", ["zero", "full", "noise", "narrow noise", "gradient", "runs"])
def test_pictures_of_every_texture_come_back(dtype: str, shape: tuple[int, int], kind: str) -> None:
    rng, top = np.random.default_rng(4), np.iinfo(dtype).max
    pixels = {
        "zero": lambda: np.zeros(shape),
        "full": lambda: np.full(shape, top),
        "noise": lambda: rng.integers(0, top, shape, endpoint=True),
        "narrow noise": lambda: rng.normal(top / 2, 9, shape).round(),
        "gradient": lambda: np.add.outer(np.arange(shape[0]) * 7, np.arange(shape[1]) * 300) % (top + 1),
        "runs": lambda: np.repeat(rng.integers(0, top, shape[0] * shape[1]), 37)[: shape[0] * shape[1]].reshape(shape),
    }[kind]()
    check(pixels.astype(dtype))


def test_a_writer_forgets_the_picture_before() -> None:
    rng = np.random.default_rng(8)
    first, second = rng.integers(0, 65536, (2, 33, 21)).astype(np.uint16)
    writer = PngWriter(33, 21, 16)
    assert [writer.write(p) for p in (first, second, first)] == [png_of(p) for p in (first, second, first)]


@given(hnp.arrays(st.sampled_from([np.uint8, np.uint16]), hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)))
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_read(pixels: np.ndarray) -> None:
    found = read_png(memoryview(png_of(pixels)))
    assert found.dtype == pixels.dtype
    np.testing.assert_array_equal(found, pixels)


@given(hnp.arrays(st.sampled_from([np.uint8, np.uint16]), hnp.array_shapes(min_dims=2, max_dims=2, max_side=20)))
@settings(max_examples=50, deadline=None)
def test_files_of_other_programs_are_read(pixels: np.ndarray) -> None:
    for content in (cv2.imencode(".png", pixels)[1].tobytes(), _pillow(pixels)):
        found = read_png(content)
        assert found.dtype == pixels.dtype
        np.testing.assert_array_equal(found, pixels)


def _pillow(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_a_flipped_bit_is_never_read_as_other_pixels() -> None:
    """It is refused, or left to OpenCV, which reads what libpng takes for sound."""
    pixels = np.random.default_rng(0).integers(0, 65536, (9, 11)).astype(np.uint16)
    content = png_of(pixels)
    refused = 0
    for bit in range(8 * 8, len(content) * 8):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            read_png(bytes(damaged))
        except ValueError:
            refused += 1
        assert _own(memoryview(bytes(damaged))) is None
    assert refused > 0


@pytest.mark.parametrize("length", [0, 1, 8, 33, 45, 60])
def test_a_cut_file_is_refused(length: int) -> None:
    content = png_of(np.zeros((5, 6), np.uint8))
    with pytest.raises(ValueError, match="no greyscale PNG"):
        read_png(content[:length])


def test_colours_and_other_formats_are_refused() -> None:
    colours = cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()
    bitmap = cv2.imencode(".bmp", np.zeros((4, 4), np.uint8))[1].tobytes()
    for content in (colours, bitmap, b"no picture at all"):
        with pytest.raises(ValueError, match="no greyscale PNG"):
            read_png(content)
